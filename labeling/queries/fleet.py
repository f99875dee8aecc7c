"""Why: how the fleet is: processes, queues, endpoints, generation requests. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q
from django.db.models.functions import Now
from django.db.models.query import QuerySet

from generation.queries import list_endpoints
from generation.specs import EndpointStatus
from labeling.models import GenerationRequest, ImportRun, Process, QueueDepth, Snapshot
from labeling.rules.states import ProcessKind, ProjectState, RequestState, RunState

ALIVE_S = 15.0
"""A process beats every 5 s; three beats missed and it counts as gone."""

LOST_BELL_S = 10.0
LOST_WORKER_S = 60.0
"""After so long without a beat of its run, a worker counts as dead."""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    name: str
    kind: str
    version: str
    queues: tuple[str, ...]
    wanted: str
    is_alive: bool
    silent_s: float
    n_in_flight: int
    n_desks: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """A Celery queue. `has_worker`: an alive worker that may serve it."""

    name: str
    depth: int
    oldest_s: float | None
    wanted: str
    has_worker: bool
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Generation requests by state. `dead` are those with permanent errors."""

    pending: int = 0
    leased: int = 0
    done: int = 0
    dead: int = 0
    cancelled: int = 0

    @property
    def requested(self) -> int:
        return self.pending + self.leased + self.done + self.dead

    @property
    def open(self) -> int:
        return self.pending + self.leased


@dataclass(frozen=True, slots=True)
class EndpointLoad:
    """An endpoint with its requests; `oldest_due_s`: how long the oldest due one has waited."""

    endpoint: EndpointStatus
    n_pending: int
    n_leased: int
    oldest_due_s: float | None


def list_processes(*, kind: ProcessKind | None = None) -> list[ProcessStatus]:
    """Return all processes, by kind and name. One query."""
    silent = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    rows = Process.objects.annotate(silent=silent).order_by("kind", "name")
    if kind is not None:
        rows = rows.filter(kind=kind)
    return [
        ProcessStatus(
            name=row.name,
            kind=row.kind,
            version=row.version,
            queues=tuple(row.queues),
            wanted=row.wanted,
            is_alive=row.silent.total_seconds() < ALIVE_S,
            silent_s=round(max(row.silent.total_seconds(), 0.0), 1),
            n_in_flight=row.n_in_flight,
            n_desks=row.n_desks,
            started_at=row.started_at,
        )
        for row in rows
    ]


def has_worker(queue: str) -> bool:
    """Say whether an alive worker serves a queue. One query."""
    alive = Process.objects.filter(seen_at__gt=Now() - timedelta(seconds=ALIVE_S))
    return alive.filter(kind=ProcessKind.WORKER, queues__contains=[queue]).exists()


def list_queues(names: Sequence[str]) -> list[QueueStatus]:
    """Return these queues and those that were ever measured. Two queries."""
    served = {
        queue
        for process in list_processes(kind=ProcessKind.WORKER)
        if process.is_alive
        for queue in process.queues
    }
    rows = {row.queue: row for row in QueueDepth.objects.all()}
    return [
        QueueStatus(
            name=name,
            depth=row.depth if row else 0,
            oldest_s=row.oldest_s if row else None,
            wanted=row.wanted if row else "run",
            has_worker=name in served,
            measured_at=row.measured_at if row else None,
        )
        for name in sorted({*names, *rows})
        for row in [rows.get(name)]
    ]


def list_endpoint_loads() -> list[EndpointLoad]:
    """Return every endpoint with its open requests, by name. Two queries."""
    age = ExpressionWrapper(Now() - F("created_at"), output_field=DurationField())
    is_pending = Q(state=RequestState.PENDING)
    due = is_pending & (Q(next_attempt_at=None) | Q(next_attempt_at__lte=Now()))
    counts = {
        row["endpoint_id"]: row
        for row in GenerationRequest.objects.filter(
            state__in=[RequestState.PENDING, RequestState.LEASED]
        )
        .values("endpoint_id")
        .annotate(
            n_pending=Count("id", filter=is_pending),
            n_leased=Count("id", filter=Q(state=RequestState.LEASED)),
            oldest=Max(age, filter=due & Q(project__state=ProjectState.ACTIVE)),
        )
        .order_by("endpoint_id")
    }
    return [
        EndpointLoad(
            endpoint=endpoint,
            n_pending=row["n_pending"] if row else 0,
            n_leased=row["n_leased"] if row else 0,
            oldest_due_s=round(row["oldest"].total_seconds(), 1) if row and row["oldest"] else None,
        )
        for endpoint in list_endpoints()
        for row in [counts.get(endpoint.id)]
    ]


def request_counts(*, project_id: int | None = None) -> RequestCounts:
    """Return the generation requests by state, of a project or of all. One query."""
    rows = GenerationRequest.objects.all()
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    by_state = rows.values("state").annotate(n=Count("id")).order_by("state")
    return RequestCounts(**{row["state"]: row["n"] for row in by_state})


def endpoints_with_work() -> list[int]:
    """Return the active endpoints that have a due request of an active project. One query.

    Cheap with any number of requests: one look into the index per endpoint × project.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WITH_WORK)
        return [row[0] for row in cursor.fetchall()]


def lost_import_runs() -> list[int]:
    """Return the import runs whose doorbell was lost or whose worker died. One query."""
    return _lost(ImportRun.objects.all())


def lost_snapshots() -> list[int]:
    """Return the snapshots whose doorbell was lost or whose worker died. One query."""
    return _lost(Snapshot.objects.all())


def _lost(runs: QuerySet[Any]) -> list[int]:
    waited = Q(state=RunState.PENDING, created_at__lt=Now() - timedelta(seconds=LOST_BELL_S))
    silent = Q(state=RunState.RUNNING, beat_at__lt=Now() - timedelta(seconds=LOST_WORKER_S))
    return list(runs.filter(waited | silent).order_by("id").values_list("id", flat=True)[:100])


_WITH_WORK = """
SELECT endpoint.id
FROM generation_endpoint endpoint
WHERE endpoint.state = 'active' AND EXISTS (
    SELECT 1 FROM labeling_project project
    CROSS JOIN LATERAL (
        SELECT 1 FROM labeling_generationrequest request
        JOIN generation_policy policy
          ON policy.id = request.policy_id AND policy.state = 'active'
        WHERE request.endpoint_id = endpoint.id AND request.project_id = project.id
          AND request.state = 'pending'
          AND (request.next_attempt_at IS NULL OR request.next_attempt_at <= clock_timestamp())
        ORDER BY request.priority DESC, request.id
        LIMIT 1
    ) due
    WHERE project.state = 'active'
)
ORDER BY endpoint.id
"""
