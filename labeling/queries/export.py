"""Why: read a project as the writers of `exchange` want it, without a long snapshot.

In keyset batches of items, three short queries each: a long transaction would halve the
desks' throughput. What is read is frozen all the same, by an `Extent` taken at the
start: of each assignment the newest response up to its id, so answers and amendments that
come meanwhile are not seen, and consensus is added up here from exactly those responses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max

from labeling.agreement.answers import Answer, BadAnswer
from labeling.agreement.consensus import question_consensus
from labeling.exchange.records import (
    ConsensusView,
    ExportCandidate,
    ExportItem,
    ExportQuestion,
    ExportResponse,
)
from labeling.exchange.rows import Turn, split_at_open_turns
from labeling.exchange.splits import prompt_hash, split_of
from labeling.models import Candidate, GuidelinesVersion, Item, Project, QuestionSet, Response
from labeling.queries.ratings import (
    TIE_POLICY,
    CountedResponse,
    QuestionSets,
    Wire,
    answers_by_question,
    load_question_sets,
)
from labeling.rules.keys import candidate_keys, with_ids
from labeling.rules.question_types import Per, QuestionType
from labeling.rules.states import ItemState

BATCH = 200

LEFT_OUT = {
    "unfinished": "not all answers are there yet (include_unfinished takes them)",
    "dispute": "their answers are in dispute",
    "blocked": "they left the queue for the manager",
    "withdrawn": "they were withdrawn",
    "practice": "they are for practice",
}
"""Why an item is not looked at for a training set; a raw export takes them all."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Up to which ids of items and responses an export reads."""

    items: int
    responses: int


def extent_of(project_id: int) -> Extent:
    """Return what there is of a project now. Two queries."""
    items = Item.objects.filter(project_id=project_id).aggregate(at=Max("id"))["at"]
    responses = Response.objects.filter(project_id=project_id).aggregate(at=Max("id"))["at"]
    return Extent(items or 0, responses or 0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a project is read, and how it is split."""

    extent: Extent
    everything: bool = False
    include_unfinished: bool = False
    names_strength: bool = False
    seed: int | str = 0
    shares: Mapping[str, float] = field(default_factory=lambda: {"train": 1.0})


@dataclass(slots=True)
class Seen:
    """What went by while reading: `n_items = read + sum(left_out)`."""

    n_items: int = 0
    n_responses: int = 0
    n_surplus: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    policies: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def export_questions(project: Project) -> tuple[ExportQuestion, ...]:
    """Return the questions that the project asks or once asked, newest meaning first. One query."""
    sets = QuestionSet.objects.filter(project=project).order_by("-version")
    ids = list(sets.values_list("id", flat=True))
    ids.sort(key=lambda pk: pk != project.questions_id)
    found: dict[str, ExportQuestion] = {}
    loaded = load_question_sets(ids)
    for pk in ids:
        for q in loaded[pk]:
            question = ExportQuestion(q["name"], q["type"], q["per"], q.get("min"), q.get("max"))
            found.setdefault(question.name, question)
    return tuple(found.values())


class ProjectReader:
    """Gives a project's items in the order of their ids; `seen` is counted up meanwhile."""

    def __init__(self, project_id: int, wanted: Wanted) -> None:
        self.project_id = project_id
        self.wanted = wanted
        self.seen = Seen()
        self._question_sets: dict[int, tuple[Wire, ...]] = {}
        self._versions: dict[int, str] = {}
        rows = GuidelinesVersion.objects.filter(project_id=project_id)
        self._guidelines = {g.pk: g.label for g in rows.only("major", "minor")}

    def batches(self) -> Iterator[list[ExportItem]]:
        """Give the items in batches; four queries for each at most."""
        after = 0
        extent = self.wanted.extent
        items = Item.objects.filter(project_id=self.project_id, id__lte=extent.items).defer(
            "rendered"
        )
        while rows := list(items.filter(id__gt=after).order_by("id")[:BATCH]):
            after = rows[-1].pk
            self.seen.n_items += len(rows)
            yield self._read(rows)

    def _read(self, rows: Sequence[Item]) -> list[ExportItem]:
        # Responses first: the candidates that they were shown are there then.
        responses = self._responses([item.pk for item in rows])
        used = {r.questions_id for of_item in responses.values() for r in of_item}
        self._load(used - self._question_sets.keys())
        kept = []
        for item in rows:
            reason = self._why_left_out(item, responses.get(item.pk, []))
            if reason is None:
                kept.append(item)
            else:
                self.seen.left_out[reason] += 1
        candidates = self._candidates([item.pk for item in kept])
        return [
            self._item(item, candidates.get(item.pk, []), responses.get(item.pk, []))
            for item in kept
        ]

    def _responses(self, item_ids: Sequence[int]) -> dict[int, list[Response]]:
        """Return, per item, the newest response up to the extent of each assignment."""
        rows = (
            Response.objects.filter(item_id__in=item_ids, id__lte=self.wanted.extent.responses)
            .select_related("assignment", "annotator")
            .only(
                *("uid", "item_id", "annotator_id", "annotator__pseudonym", "questions_id"),
                *("values", "guidelines_id", "spent_ms", "submitted_at", "is_surplus"),
                *("assignment__shown", "assignment__repeat", "assignment__item_id"),
            )
            .order_by("id")
        )
        newest = {response.assignment_id: response for response in rows}
        found: dict[int, list[Response]] = {}
        for response in sorted(newest.values(), key=lambda r: r.pk):
            found.setdefault(response.item_id, []).append(response)
        return found

    def _load(self, ids: set[int]) -> None:
        if ids:
            self._question_sets |= load_question_sets(ids)
            versions = QuestionSet.objects.filter(id__in=ids).values_list("id", "version")
            self._versions |= {pk: str(version) for pk, version in versions}

    def _candidates(self, item_ids: Sequence[int]) -> dict[int, list[Candidate]]:
        rows = Candidate.objects.filter(item_id__in=item_ids).defer("rendered").order_by("id")
        found: dict[int, list[Candidate]] = {}
        for candidate in rows:
            found.setdefault(candidate.item_id, []).append(candidate)
        return found

    def _why_left_out(self, item: Item, responses: Sequence[Response]) -> str | None:
        if self.wanted.everything:
            return None
        if item.is_training:
            return "practice"
        if item.state == ItemState.WITHDRAWN:
            return "withdrawn"
        if self.wanted.include_unfinished:
            return None
        if item.state in (ItemState.DISPUTE, ItemState.BLOCKED):
            return str(item.state)
        n_counted = sum(is_counted(response) for response in responses)
        is_finished = item.state == ItemState.DONE and n_counted >= item.overlap
        return None if is_finished else "unfinished"

    def _item(
        self, item: Item, candidates: Sequence[Candidate], responses: Sequence[Response]
    ) -> ExportItem:
        uids = {candidate.pk: str(candidate.uid) for candidate in candidates}
        prompt, following = split_at_open_turns(item.messages)
        for one in candidates:
            self.seen.policies[one.policy_name, one.model, one.model_revision] += 1
        self.seen.n_responses += len(responses)
        self.seen.n_surplus += sum(not is_counted(response) for response in responses)
        return ExportItem(
            id=str(item.uid),
            prompt_messages=prompt,
            following_user_turns=following,
            external_id=item.external_id,
            context=item.context or None,
            metadata=item.metadata,
            candidates=tuple(_candidate(one) for one in candidates),
            responses=tuple(self._response(response, uids) for response in responses),
            consensus=self._consensus(responses, uids),
            split=split_of(prompt_hash(prompt), self.wanted.seed, self.wanted.shares),
        )

    def _response(self, response: Response, uids: Mapping[int, str]) -> ExportResponse:
        questions = {q["name"]: q for q in self._question_sets[response.questions_id]}
        ids = _ids_by_key(response, uids)
        named = {
            name: with_ids(
                value,
                kind=QuestionType(questions[name]["type"]),
                per=Per(questions[name]["per"]),
                ids=ids,
            )
            for name, value in response.values.items()
            if name in questions
        }
        return ExportResponse(
            id=str(response.uid),
            annotator=response.annotator.pseudonym,
            values=named,
            created_at=response.submitted_at.isoformat(),
            question_types={name: questions[name]["type"] for name in named},
            questions_version=self._versions[response.questions_id],
            guidelines_version=self._guidelines.get(response.guidelines_id or 0),
            spent_ms=response.spent_ms,
            surplus=not is_counted(response),
        )

    def _consensus(
        self, responses: Sequence[Response], uids: Mapping[int, str]
    ) -> dict[str, ConsensusView]:
        counted = [_counted(response) for response in responses if is_counted(response)]
        names = {str(pk): uid for pk, uid in uids.items()}
        return consensus_views(
            counted, self._question_sets, names, names_strength=self.wanted.names_strength
        )


def consensus_views(
    responses: Sequence[CountedResponse],
    question_sets: QuestionSets,
    names: Mapping[str, str],
    *,
    names_strength: bool,
) -> dict[str, ConsensusView]:
    """Return what the responses to one item add up to, candidates by the given names.

    Without `names_strength` a preference has no strength of its own: the writers then take
    the mean over all responses as margin, those for the other candidate counting negative.
    """
    found = {}
    for name, asked in answers_by_question(responses, question_sets).items():
        answers = [
            Answer(
                a.item, a.annotator, a.value, {k: names.get(i, i) for k, i in a.candidates.items()}
            )
            for a in asked.answers
        ]
        try:
            verdict = question_consensus(asked.question, answers, tie_policy=TIE_POLICY)
        except BadAnswer:
            continue  # counted by the writers as an item without consensus
        value = verdict.value
        if asked.question["type"] == QuestionType.PREFERENCE and value and not names_strength:
            value = {key: one for key, one in value.items() if key != "strength"}
        if verdict.n:
            found[name] = ConsensusView(value, verdict.confidence, verdict.n)
    return found


def is_counted(response: Response) -> bool:
    """Tell whether overlap and consensus count a response (which is the newest of its kind)."""
    return not response.is_surplus and response.assignment.repeat == 0


def _counted(response: Response) -> CountedResponse:
    return CountedResponse(
        id=response.pk,
        item_id=response.item_id,
        annotator_id=response.annotator_id,
        questions_id=response.questions_id,
        values=response.values,
        shown=response.assignment.shown,
    )


def _ids_by_key(response: Response, uids: Mapping[int, str]) -> dict[str, str]:
    shown = response.assignment.shown
    keys = candidate_keys(len(shown))
    return {key: uids.get(pk, str(pk)) for key, pk in zip(keys, shown, strict=True)}


def _candidate(candidate: Candidate) -> ExportCandidate:
    lineage: dict[str, Any] = {
        "sample": candidate.sample,
        "seed": candidate.seed,
        "tokens_in": candidate.tokens_in,
        "tokens_out": candidate.tokens_out,
        "finish_reason": candidate.finish_reason or None,
        "latency_ms": candidate.latency_ms,
        "server_request_id": candidate.server_request_id or None,
        "draws": candidate.draws,
        "rejections": candidate.rejections or None,
    }
    return ExportCandidate(
        id=str(candidate.uid),
        turns=tuple(
            Turn(
                t["text"],
                t.get("reasoning"),
                tuple(t["tool_calls"]) if t.get("tool_calls") else None,
            )
            for t in candidate.turns
        ),
        policy=candidate.policy_name or None,
        model=candidate.model or None,
        model_revision=candidate.model_revision or None,
        parameters=candidate.parameters,
        marks=tuple(candidate.marks),
        lineage={name: value for name, value in lineage.items() if value is not None},
    )
