"""Why: the reads that only these screens need; each starts at the project it was given.

No writes, no words. What the API or a command shares belongs in labeling/queries.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Count, QuerySet

from generation.kinds import PolicyState
from generation.models import Policy
from labeling.errors import NotFound
from labeling.models import (
    Annotator,
    Candidate,
    Enrolment,
    Flag,
    GenerationRequest,
    GuidelinesVersion,
    ImportRun,
    PolicyAccess,
    Project,
    QuestionSet,
    Response,
    SlateEntry,
    Snapshot,
    Workspace,
)
from labeling.queries.ratings import load_question_sets
from labeling.rules.states import FlagState, RequestState, RunState

MAX_LISTED = 50
N_STEPS = 60

Row = TypeVar("Row")


class NoSuchRow(NotFound):
    """The project has nothing of this id."""


@dataclass(frozen=True, slots=True)
class Burn:
    """How many answers there were at equal steps of time, from the first one until now."""

    counts: tuple[int, ...]
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DeadRequests:
    """Generation requests that ended with the same permanent error."""

    error_class: str
    n: int
    example: str


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Requests of a project that ended with the same permanent error."""

    project_id: int
    project: str
    error_class: str
    n: int
    example: str


@dataclass(frozen=True, slots=True)
class ResponseLine:
    """A response with what is needed to read it: its questions and candidates' numbers."""

    response: Response
    questions: Sequence[Mapping[str, Any]]
    numbers: Mapping[int, str]


def burn_of(project_id: int, *, steps: int = N_STEPS) -> Burn:
    """Return how answers added up over time. Two queries, both on response_by_time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(submitted_at), now() FROM labeling_response WHERE project_id = %s",
            [project_id],
        )
        since, until = cursor.fetchone()
        if since is None:
            return Burn((), None, None)
        span = max(until - since, timedelta(seconds=1))
        cursor.execute(_BURN, {"project": project_id, "since": since, "step": span / steps})
        found = dict(cursor.fetchall())
    counts, total = [0], 0
    for step in range(steps):
        total += found.get(step, 0)
        counts.append(total)
    counts[-1] += found.get(steps, 0)
    return Burn(tuple(counts), since, until)


_BURN = """
SELECT floor(extract(epoch FROM submitted_at - %(since)s)
             / extract(epoch FROM %(step)s))::int AS step, count(*)
  FROM labeling_response
 WHERE project_id = %(project)s AND is_current AND NOT is_surplus
 GROUP BY 1
"""


def endpoints_waited_for(project_id: int) -> list[tuple[str, str, str, str, int]]:
    """Return the servers of a project's open requests: name, state, health, breaker, how many."""
    rows = GenerationRequest.objects.filter(
        project_id=project_id, state__in=[RequestState.PENDING, RequestState.LEASED]
    )
    named = ("endpoint__name", "endpoint__state", "endpoint__health", "endpoint__breaker_state")
    return list(rows.values_list(*named).annotate(n=Count("id")).order_by("endpoint__name"))


def dead_requests(project_id: int) -> list[DeadRequests]:
    """Return the requests that failed for good, by class of error. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT error_class, count(*), min(last_error) FROM labeling_generationrequest"
            " WHERE project_id = %s AND state = 'dead' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
            [project_id],
        )
        return [DeadRequests(*row) for row in cursor.fetchall()]


def dead_by_project() -> list[DeadGroup]:
    """Return the requests that failed for good, the largest groups first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, p.slug, r.error_class, count(*), min(r.last_error)"
            "  FROM labeling_generationrequest r JOIN labeling_project p ON p.id = r.project_id"
            " WHERE r.state = 'dead' GROUP BY p.id, p.slug, r.error_class"
            " ORDER BY 4 DESC, 1, 3 LIMIT 50"
        )
        return [DeadGroup(*row) for row in cursor.fetchall()]


def list_responses(
    project: Project, *, annotator: str = "", before: str = "", limit: int = MAX_LISTED
) -> tuple[list[ResponseLine], str | None]:
    """Return responses, newest first, and the cursor of what follows. Four queries."""
    rows = Response.objects.filter(project=project).select_related(
        "annotator", "item", "assignment", "questions", "guidelines"
    )
    if annotator:
        rows = rows.filter(
            annotator__pseudonym=annotator, annotator__workspace_id=project.workspace_id
        )
    if before.isdecimal():
        rows = rows.filter(id__lt=min(int(before), 2**62))
    rows = rows.defer("item__messages", "item__rendered", "item__metadata", "item__context")
    page = list(rows.order_by("-id")[: limit + 1])
    more = str(page[limit - 1].pk) if len(page) > limit else None
    page = page[:limit]
    questions = load_question_sets(row.questions_id for row in page)
    numbers = candidate_numbers([row.item_id for row in page])
    return [
        ResponseLine(row, questions[row.questions_id], numbers.get(row.item_id, {})) for row in page
    ], more


def candidate_numbers(item_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """Return candidate id → `#n` for each item, as its page numbers them. One query."""
    found: dict[int, dict[int, str]] = {}
    rows = Candidate.objects.filter(item_id__in=set(item_ids)).order_by("item_id", "id")
    for item_id, pk in rows.values_list("item_id", "id"):
        numbers = found.setdefault(item_id, {})
        numbers[pk] = f"#{len(numbers) + 1}"
    return found


def question_sets_of(responses: Sequence[str]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Return the questions that responses (by uid) were given under. Two queries."""
    rows = Response.objects.filter(uid__in=responses).values_list("uid", "questions_id")
    used = {str(uid): pk for uid, pk in rows}
    sets = load_question_sets(used.values())
    return {uid: sets[pk] for uid, pk in used.items()}


def response_versions(item_id: int) -> dict[str, str]:
    """Return the guidelines version each response of an item was given under. One query."""
    rows = Response.objects.filter(item_id=item_id).select_related("guidelines")
    return {
        str(row.uid): row.guidelines.label if row.guidelines else ""
        for row in rows.only("uid", "guidelines__major", "guidelines__minor")
    }


def import_runs(project: Project) -> list[ImportRun]:
    """Return the newest import runs."""
    rows = ImportRun.objects.filter(project=project).select_related("created_by").defer("bad")
    return list(rows.order_by("-id")[:MAX_LISTED])


def import_run(project: Project, uid: uuid.UUID) -> ImportRun:
    """Return an import run of the project. Raises: NoSuchRow."""
    rows = ImportRun.objects.select_related("created_by").filter(project=project, uid=uid)
    return _found(rows.first())


def has_waiting_run(project: Project) -> bool:
    """Tell whether an import or an export waits for a worker."""
    waiting = [RunState.PENDING, RunState.RUNNING]
    return (
        ImportRun.objects.filter(project=project, state__in=waiting).exists()
        or Snapshot.objects.filter(project=project, state__in=waiting).exists()
    )


def snapshots(project: Project) -> list[Snapshot]:
    """Return the newest snapshots."""
    rows = Snapshot.objects.filter(project=project).select_related("created_by", "archive")
    return list(rows.order_by("-id")[:MAX_LISTED])


def snapshot(project: Project, uid: uuid.UUID) -> Snapshot:
    """Return a snapshot of the project. Raises: NoSuchRow."""
    rows = Snapshot.objects.select_related("created_by", "archive")
    return _found(rows.filter(project=project, uid=uid).first())


def policies_for(workspace: Workspace) -> list[Policy]:
    """Return the active policies that a workspace may use, by name."""
    granted = PolicyAccess.objects.filter(workspace=workspace).values("policy")
    rows = Policy.objects.select_related("endpoint").filter(
        pk__in=granted, state=PolicyState.ACTIVE
    )
    return list(rows.order_by("name"))


def slate_of(project: Project) -> list[SlateEntry]:
    """Return the lines of a project's slate in their order."""
    rows = SlateEntry.objects.filter(slate_id=project.slate_id).select_related("policy__endpoint")
    return list(rows.order_by("position", "id"))


def question_versions(project: Project) -> list[QuestionSet]:
    """Return the versions of a project's questions, newest first."""
    return list(project.question_sets.order_by("-version")[:MAX_LISTED])


def guidelines_versions(project: Project) -> list[GuidelinesVersion]:
    """Return the versions of a project's guidelines, newest first."""
    rows = project.guidelines_versions.select_related("created_by").defer("text", "html")
    return list(rows.order_by("-major", "-minor")[:MAX_LISTED])


def guidelines_version(project: Project, label: str) -> GuidelinesVersion:
    """Return a version by its label (`2.1`). Raises: NoSuchRow."""
    major, _, minor = label.partition(".")
    if not (major.isdecimal() and minor.isdecimal()) or len(label) > 16:
        raise NoSuchRow("There is no such version.")
    rows = project.guidelines_versions.filter(major=int(major), minor=int(minor))
    return _found(rows.first())


def enrolment(project: Project, uid: uuid.UUID) -> Enrolment:
    """Return an annotator's place in the project. Raises: NoSuchRow."""
    rows = Enrolment.objects.select_related("annotator")
    return _found(rows.filter(project=project, uid=uid).first())


def annotators_outside(project: Project) -> QuerySet[Annotator]:
    """Return the people of the workspace who have no place in the project yet."""
    inside = Enrolment.objects.filter(project=project).values("annotator_id")
    rows = Annotator.objects.filter(workspace_id=project.workspace_id, user__is_active=True)
    return rows.exclude(pk__in=inside).order_by("pseudonym", "id")


def annotator_outside(project: Project, uid: str) -> Annotator:
    """Return somebody who has no place in the project yet. Raises: NoSuchRow."""
    try:
        found = annotators_outside(project).filter(uid=uuid.UUID(uid)).first()
    except ValueError:
        found = None
    return _found(found)


def flags(project: Project) -> list[Flag]:
    """Return the flags of a project, open ones first, newest first."""
    rows = Flag.objects.filter(assignment__project=project).select_related(
        "assignment__annotator", "assignment__item", "answered_by"
    )
    return list(rows.order_by("-state", "-id")[:MAX_LISTED])


def n_open_flags(project: Project) -> int:
    """Count the questions from desks that wait for an answer."""
    return Flag.objects.filter(assignment__project=project, state=FlagState.OPEN).count()


def _found(row: Row | None) -> Row:
    if row is None:
        raise NoSuchRow("There is no such row in this project.")
    return row
