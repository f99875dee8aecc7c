"""Why: judgments that come with a file are responses like any others, of external annotators.

They take slots (an item that brings more than its project's overlap gets as many), so
agreement, consensus and exports need not know where a response comes from. What marks
them: the annotator's kind `external`, the response's source `import`, `order_seed` 0 (the
order shown is the file's), and no guidelines, for nobody here gave them any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from labeling.errors import Conflict
from labeling.exchange.rows import ItemRow, n_open_turns
from labeling.models import Annotator, Assignment, Enrolment, Project, Response
from labeling.operations.sql import statements
from labeling.rules.answers import InvalidValues, validate_values
from labeling.rules.keys import candidate_keys
from labeling.rules.question_types import Question, QuestionType
from labeling.rules.states import AnnotatorKind, AssignmentState, ResponseSource

MAX_PSEUDONYM_CHARS = 80
NUMBERED = re.compile(r"(?<=[A-Za-z])(?=\d+$)")
UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class PseudonymTaken(Conflict):
    """Somebody of this workspace already goes by the name of a file's annotator."""


@dataclass(frozen=True, slots=True)
class Judging:
    """Which question a file's judgments answer: the first preference that is always asked."""

    question: Question | None
    judged_by: str

    @classmethod
    def of(cls, questions: Sequence[Question], judged_by: str) -> Judging:
        found = (q for q in questions if q.type is QuestionType.PREFERENCE and q.show_if is None)
        return cls(next(found, None), judged_by)

    def fitting(self, row: ItemRow) -> dict[str, Any]:
        """Return the row's judgments that answer the question, by pseudonym.

        Others are left out: a tie where the question offers none, or a second judgment of
        the same annotator.
        """
        found: dict[str, Any] = {}
        if self.question is None:
            return found
        for judgment in row.judgments:
            try:
                valid = validate_values(
                    [self.question],
                    {self.question.name: judgment.value},
                    candidate_keys=candidate_keys(len(row.candidates)),
                    n_turns_open=n_open_turns(row.messages),
                )
            except InvalidValues:
                continue
            pseudonym = pseudonym_of(self.judged_by, judgment.annotator)
            found.setdefault(pseudonym, valid.values[self.question.name])
        return found


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """A new item, its candidates in the order of the file, and its judgments by pseudonym."""

    item_id: int
    candidate_ids: tuple[int, ...]
    values: Mapping[str, Any]


def store_judgments(
    *, project: Project, question: Question | None, judged: Sequence[JudgedItem]
) -> int:
    """Store the judgments of items just inserted, whose counts include them; returns how many.

    The caller is in the transaction that inserted the items. Locks enrolments by id.
    """
    names = sorted({name for item in judged for name in item.values})
    if question is None or not names:
        return 0
    enrolments = _enrolments(project, names)
    now = timezone.now()
    pairs = [
        (_assignment(project, item, enrolments[name], now), {question.name: value})
        for item in judged
        for name, value in item.values.items()
    ]
    Assignment.objects.bulk_create(assignment for assignment, _ in pairs)
    Response.objects.bulk_create(_response(assignment, values, now) for assignment, values in pairs)
    _count([assignment for assignment, _ in pairs], now)
    return len(pairs)


def pseudonym_of(judged_by: str, annotator: str) -> str:
    """Return a name such as `pandalm-annotator-1` for a file's `annotator1`."""
    name = NUMBERED.sub("-", UNFIT.sub("-", f"{judged_by}-{annotator}").strip("-"))
    return name[:MAX_PSEUDONYM_CHARS]


def _enrolments(project: Project, pseudonyms: Sequence[str]) -> dict[str, Enrolment]:
    """Return the enrolments of a file's annotators, locked, made where there are none."""
    Annotator.objects.bulk_create(
        (
            Annotator(workspace_id=project.workspace_id, pseudonym=p, kind=AnnotatorKind.EXTERNAL)
            for p in pseudonyms
        ),
        ignore_conflicts=True,
    )
    annotators = Annotator.objects.filter(
        workspace_id=project.workspace_id, pseudonym__in=pseudonyms
    )
    people = {annotator.pk: annotator for annotator in annotators}
    for annotator in people.values():
        if annotator.kind != AnnotatorKind.EXTERNAL:
            raise PseudonymTaken(f"{annotator.pseudonym} is the pseudonym of somebody else here.")
    Enrolment.objects.bulk_create(
        (Enrolment(project=project, annotator=annotator) for annotator in people.values()),
        ignore_conflicts=True,
    )
    locked = Enrolment.objects.select_for_update(no_key=True).filter(
        project=project, annotator__in=people
    )
    return {people[e.annotator_id].pseudonym: e for e in locked.order_by("id")}


def _assignment(
    project: Project, item: JudgedItem, enrolment: Enrolment, now: datetime
) -> Assignment:
    return Assignment(
        project=project,
        item_id=item.item_id,
        annotator_id=enrolment.annotator_id,
        enrolment=enrolment,
        state=AssignmentState.ANSWERED,
        lease=uuid4(),
        expires_at=now,
        claimed_at=now,
        acted_at=now,
        closed_at=now,
        counted_on=now.date(),
        order_seed=0,
        shown=list(item.candidate_ids),
        questions=project.questions,
    )


def _response(assignment: Assignment, values: dict[str, Any], now: datetime) -> Response:
    return Response(
        project_id=assignment.project_id,
        item_id=assignment.item_id,
        annotator_id=assignment.annotator_id,
        assignment=assignment,
        lease=assignment.lease,
        values=values,
        questions_id=assignment.questions_id,
        source=ResponseSource.IMPORT,
        submitted_at=now,
    )


def _count(assignments: Sequence[Assignment], now: datetime) -> None:
    counts: dict[int, int] = {}
    for assignment in assignments:
        counts[assignment.enrolment_id] = counts.get(assignment.enrolment_id, 0) + 1
    params: dict[str, Any] = {
        "enrolments": list(counts),
        "counts": list(counts.values()),
        "on_date": now.date(),
    }
    with connection.cursor() as cursor:
        cursor.execute(statements("items")["count_judgments"], params)
