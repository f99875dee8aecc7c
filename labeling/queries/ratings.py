"""Why: stored responses become the plain answers that `agreement` reads.

Only what counts: current, not surplus, no self-consistency repeats. A response is read
with the questions it was given under; where versions of a question differ in what a value
means, the newest meaning counts and the others are left out. No maths here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from labeling.agreement.answers import Answer
from labeling.agreement.majority import TiePolicy
from labeling.models import QuestionSet, Response
from labeling.rules.keys import ids_by_key
from labeling.rules.questions import parse_questions, to_wire

TIE_POLICY = TiePolicy.SPLIT
"""Everywhere: a tied vote decides nothing, two middle ratings are averaged, a label that
exactly half chose is left out."""

BATCH = 5_000
MEANING = ("type", "per", "min", "max")

Wire = Mapping[str, Any]
QuestionSets = Mapping[int, tuple[Wire, ...]]


@dataclass(frozen=True, slots=True)
class CountedResponse:
    """A response that counts; `shown` are candidate ids in the order of their keys."""

    id: int
    item_id: int
    annotator_id: int
    questions_id: int
    values: Mapping[str, Any]
    shown: Sequence[int]


@dataclass(slots=True)
class QuestionAnswers:
    """A question as it is asked now, with its answers, oldest first.

    `n_left_out` counts answers to a version of the question that meant something else.
    """

    question: Wire
    answers: list[Answer] = field(default_factory=list)
    n_left_out: int = 0


def counted_responses() -> QuerySet[Response]:
    """Return the responses that overlap and consensus count; scope it before use."""
    return Response.objects.filter(is_current=True, is_surplus=False, assignment__repeat=0)


def responses_of_items(item_ids: Sequence[int]) -> dict[int, list[CountedResponse]]:
    """Return what counts for each of some items, oldest first. One query."""
    found: dict[int, list[CountedResponse]] = {}
    for response in _read(counted_responses().filter(item_id__in=item_ids).order_by("id")):
        found.setdefault(response.item_id, []).append(response)
    return found


def newest_responses(
    project_id: int, *, limit: int, batch: int = BATCH
) -> Iterator[list[CountedResponse]]:
    """Give a project's newest responses that count, newest first, in keyset batches.

    One query per batch, each its own short snapshot. Served by response_by_project.
    """
    rows = counted_responses().filter(project_id=project_id).order_by("-id")
    before: int | None = None
    while limit > 0:
        page = rows if before is None else rows.filter(id__lt=before)
        found = list(_read(page[: min(batch, limit)]))
        if found:
            yield found
        if len(found) < min(batch, limit):
            return
        limit -= len(found)
        before = found[-1].id


def _read(rows: QuerySet[Response]) -> Iterator[CountedResponse]:
    columns = ("id", "item_id", "annotator_id", "questions_id", "values", "assignment__shown")
    return (CountedResponse(*row) for row in rows.values_list(*columns))


def load_question_sets(ids: Iterable[int]) -> dict[int, tuple[Wire, ...]]:
    """Return the questions of some question sets, as on the wire. One query."""
    rows = QuestionSet.objects.filter(id__in=set(ids)).values_list("id", "questions")
    return {pk: tuple(to_wire(q) for q in parse_questions(raw)) for pk, raw in rows}


def answers_by_question(
    responses: Sequence[CountedResponse], question_sets: QuestionSets
) -> dict[str, QuestionAnswers]:
    """Arrange responses by question name, in the order of the newest question set.

    Items, annotators and candidates are named by their ids. Questions that nobody was
    asked are not there; unanswered ones are, without answers.
    """
    found: dict[str, QuestionAnswers] = {}
    used = {response.questions_id for response in responses}
    for pk in sorted(used, reverse=True):
        for question in question_sets[pk]:
            found.setdefault(str(question["name"]), QuestionAnswers(question))
    fitting = {
        pk: {q["name"] for q in question_sets[pk] if _means_the_same(q, found[q["name"]].question)}
        for pk in used
    }
    for response in sorted(responses, key=lambda one: one.id):
        ids = ids_by_key(response.shown)
        for name, value in response.values.items():
            if name not in found or value is None:
                continue
            if name not in fitting[response.questions_id]:
                found[name].n_left_out += 1
                continue
            answer = Answer(str(response.item_id), str(response.annotator_id), value, ids)
            found[name].answers.append(answer)
    return found


def _means_the_same(one: Wire, other: Wire) -> bool:
    return all(one.get(key) == other.get(key) for key in MEANING)
