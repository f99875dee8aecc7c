"""Why: how far people agree in a project, per question and between any two of them.

The maths is `agreement`'s. Here it is decided how much is read: the newest `MAX_RESPONSES`
(two seconds' work with four questions), which every entry says under `responses`; and how
often: what was found is remembered in the process (it can be had again at any time) for as
long as no response is added, and, for pages, for a while longer that grows with its cost.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection

from labeling.agreement.answers import Answer, BadAnswer, QuestionType, resolve
from labeling.agreement.from_values import ratings_for
from labeling.agreement.majority import majority_by_unit
from labeling.agreement.pairwise import agreement_matrix, agreement_with_others
from labeling.agreement.question import MEASURES, QuestionAgreement, question_agreement
from labeling.agreement.ratings import Rating
from labeling.models import Annotator, Project
from labeling.queries.ratings import (
    TIE_POLICY,
    CountedResponse,
    QuestionAnswers,
    answers_by_question,
    load_question_sets,
    newest_responses,
)

MAX_RESPONSES = 20_000
MAX_HEATMAP = 40  # annotators: more cannot be read as a picture
N_RESAMPLES = 200
RESAMPLED_UP_TO = 5_000  # ratings; beyond, an interval is narrow and costs seconds
SHARE_OF_TIME = 30  # a page may spend one part in so many on agreement
MAX_REMEMBERED = 200

COUNTED_TYPES = (QuestionType.LABEL, QuestionType.RATING, QuestionType.PREFERENCE)
"""Types whose majorities are counted by value; a candidate is `#n` of its item."""

Fingerprint = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ProjectAgreement:
    """What was found when the project's responses were `fingerprint` (number, newest id)."""

    fingerprint: Fingerprint
    questions: dict[str, dict[str, Any]]
    heatmaps: dict[str, dict[str, Any]]
    computed_at: float = field(default_factory=time.monotonic)
    took_s: float = 0.0

    def is_good(self, fingerprint: Fingerprint, *, may_be_stale: bool) -> bool:
        age_s = time.monotonic() - self.computed_at
        return self.fingerprint == fingerprint or (
            may_be_stale and age_s < self.took_s * SHARE_OF_TIME
        )


_remembered: dict[tuple[int, int], ProjectAgreement] = {}


def project_agreement(
    project_id: int, *, may_be_stale: bool = False, limit: int = MAX_RESPONSES
) -> dict[str, dict[str, Any]]:
    """Return the agreement on each question of a project, by name, in the order asked.

    Per question: `alpha`, `level`, `percent`, `n_units`, `n_ratings`, `n_annotators`,
    `interval`, `extras` (see `agreement.question.QuestionAgreement`); `majority`:
    `{"counts": {value: units}, "undecided": units}` (null for types that cannot be
    counted); `tie_policy`; `responses`: `{"read", "of"}`; `n_left_out`: answers to a
    version of the question that meant something else; `n_unreadable`.

    One query when nothing changed; else five, and one per 5,000 responses.
    """
    return _found(project_id, may_be_stale=may_be_stale, limit=limit).questions


def annotator_agreement(project_id: int, *, may_be_stale: bool = False) -> dict[str, Any]:
    """Return, per question, who agrees with whom: `annotators` (pseudonyms), `n`, `percent`
    and `kappa` as square tables, and `with_others`, worst first.

    At most the 40 who answered most. Read together with `project_agreement`.
    """
    return _found(project_id, may_be_stale=may_be_stale, limit=MAX_RESPONSES).heatmaps


def _found(project_id: int, *, may_be_stale: bool, limit: int) -> ProjectAgreement:
    fingerprint = _fingerprint(project_id)
    before = _remembered.get((project_id, limit))
    if before is not None and before.is_good(fingerprint, may_be_stale=may_be_stale):
        return before
    start = time.monotonic()
    found = _compute(project_id, fingerprint, limit)
    found = replace(found, took_s=time.monotonic() - start)
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[project_id, limit] = found
    return found


def _fingerprint(project_id: int) -> Fingerprint:
    """Return the number and newest id of a project's responses, from response_by_project."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(max(id), 0) FROM labeling_response WHERE project_id = %s",
            [project_id],
        )
        n, newest = cursor.fetchone()
    return n, newest


def _compute(project_id: int, fingerprint: Fingerprint, limit: int) -> ProjectAgreement:
    responses: list[CountedResponse] = []
    for batch in newest_responses(project_id, limit=limit):
        responses += [_shortened(response) for response in batch]
    of_now = Project.objects.filter(pk=project_id).values_list("questions_id", flat=True).first()
    question_sets = load_question_sets(
        {r.questions_id for r in responses} | ({of_now} if of_now else set())
    )
    answered = answers_by_question(responses, question_sets)
    asked = [str(question["name"]) for question in question_sets.get(of_now or 0, ())]
    for question in question_sets.get(of_now or 0, ()):
        answered.setdefault(str(question["name"]), QuestionAnswers(question))
    people = Annotator.objects.filter(id__in={r.annotator_id for r in responses})
    names = {str(pk): pseudonym for pk, pseudonym in people.values_list("id", "pseudonym")}
    questions, heatmaps = {}, {}
    for name in dict.fromkeys([*asked, *answered]):
        said = {"read": len(responses), "of": fingerprint[0]}
        questions[name], heatmaps[name] = _of_question(answered[name], names, said)
    return ProjectAgreement(fingerprint, questions, heatmaps)


def _of_question(
    asked: QuestionAnswers, names: Mapping[str, str], responses: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    answers = asked.answers
    try:
        found = _agreement(asked.question, answers)
    except BadAnswer:
        answers = [answer for answer in answers if _is_readable(asked.question, answer)]
        found = _agreement(asked.question, answers)
    ratings = [
        Rating(rating.unit, names[rating.annotator], rating.value)
        for rating in ratings_for(asked.question, answers)
    ]
    entry = {
        **found.as_dict(),
        "type": asked.question["type"],
        "title": asked.question["title"],
        "majority": _majorities(asked.question, ratings),
        "tie_policy": TIE_POLICY.value,
        "responses": dict(responses),
        "n_left_out": asked.n_left_out,
        "n_unreadable": len(asked.answers) - len(answers),
    }
    return entry, _heatmap(asked.question, ratings)


def _is_readable(question: Mapping[str, Any], answer: Answer) -> bool:
    """Tell whether an answer has its question's shape; one odd one must not hide the rest."""
    try:
        resolve(question, answer)
    except BadAnswer:
        return False
    return True


def _agreement(question: Mapping[str, Any], answers: Sequence[Answer]) -> QuestionAgreement:
    n_resamples = N_RESAMPLES if len(answers) <= RESAMPLED_UP_TO else 0
    return question_agreement(question, answers, n_resamples=n_resamples)


def _majorities(question: Mapping[str, Any], ratings: Sequence[Rating]) -> dict[str, Any] | None:
    if question["type"] not in COUNTED_TYPES:
        return None
    votes = majority_by_unit(ratings, tie_policy=TIE_POLICY).values()
    counts: Counter[Hashable] = Counter(vote.value for vote in votes if vote.value is not None)
    return {
        "counts": {str(value): counts[value] for value in sorted(counts, key=str)},
        "undecided": sum(vote.value is None for vote in votes),
    }


def _heatmap(question: Mapping[str, Any], ratings: Sequence[Rating]) -> dict[str, Any]:
    distance = MEASURES[QuestionType(question["type"])].distance
    busiest = Counter(rating.annotator for rating in ratings).most_common(MAX_HEATMAP)
    shown = {name for name, _ in busiest}
    kept = [rating for rating in ratings if rating.annotator in shown]
    others = agreement_with_others(kept, distance=distance)
    return {
        **agreement_matrix(kept, distance=distance).as_dict(),
        "with_others": [
            {"annotator": o.annotator, "percent": o.percent, "n_units": o.n_units} for o in others
        ],
    }


def _shortened(response: CountedResponse) -> CountedResponse:
    """Replace long texts by their hashes: only their equality is measured, and 20,000
    edited answers are not held in memory."""
    return replace(response, values={n: _short(v) for n, v in response.values.items()})


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > 64:
        return hashlib.blake2b(value.encode(), digest_size=16).hexdigest()
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [_short(one) for one in value]
    return value
