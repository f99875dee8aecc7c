"""Why: the rows through which processes tell how they are, and ops tell what they want.

Pages, API and commands steer the fleet without Celery: they write `wanted`, and every
process reads it with its next beat.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from labeling.errors import NotFound
from labeling.models import Process, QueueDepth
from labeling.operations.audit import Actor, record
from labeling.operations.sql import statements
from labeling.queries.fleet import ALIVE_S
from labeling.rules.states import ProcessKind, WantedState

logger = logging.getLogger(__name__)

FORGET_AFTER_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ops want of a process: its own state, and the queues it should not serve."""

    state: WantedState
    paused_queues: frozenset[str]


@transaction.atomic
def beat_process(
    *,
    name: str,
    kind: ProcessKind,
    version: str = "",
    queues: Sequence[str] = (),
    n_in_flight: int = 0,
    n_desks: int = 0,
    facts: Mapping[str, Any] | None = None,
    is_start: bool = False,
) -> Wanted:
    """Write that a process is alive, and return what is wanted of it. Two queries.

    `is_start`: a process that begins is wanted to run, whatever was wanted of the
    last one of its name.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            statements("fleet")["beat"],
            {
                "name": name[:160],
                "kind": kind.value,
                "version": version[:40],
                "queues": list(queues),
                "n_in_flight": n_in_flight,
                "n_desks": n_desks,
                "facts": Process._meta.get_field("facts").get_db_prep_value(
                    dict(facts or {}), connection
                ),
                "is_start": is_start,
            },
        )
        state = WantedState(cursor.fetchone()[0])
    held_back = QueueDepth.objects.exclude(wanted=WantedState.RUN)
    return Wanted(state, frozenset(held_back.values_list("queue", flat=True)))


@transaction.atomic
def set_wanted(
    *, actor: Actor, wanted: WantedState, process: str | None = None, queue: str | None = None
) -> None:
    """Say what is wanted of a process or of a queue: run, drain or pause.

    Raises: NotFound; ValueError, unless exactly one of them is named.
    """
    if (process is None) == (queue is None):
        raise ValueError("set_wanted needs a process or a queue")
    row: Process | QueueDepth | None
    if process is not None:
        row = Process.objects.select_for_update().filter(name=process).first()
    else:
        row = QueueDepth.objects.select_for_update().filter(queue=queue).first()
    if row is None:
        raise NotFound(f"There is no such {'process' if process is not None else 'queue'}.")
    before, row.wanted = row.wanted, wanted.value
    row.save(update_fields=["wanted"])
    record(
        actor=actor,
        action="fleet.wanted",
        subject=row,
        before={"wanted": before},
        after={"wanted": wanted.value},
    )


@transaction.atomic
def end_process(*, name: str) -> None:
    """Write that a process ended in order: nobody needs to wonder where it is."""
    Process.objects.filter(name=name).delete()


@transaction.atomic
def record_queue_depths(
    *, depths: Mapping[str, int], oldest_s: Mapping[str, float | None] | None = None
) -> None:
    """Store how many messages each queue held just now; what is wanted of it stays."""
    QueueDepth.objects.bulk_create(
        (
            QueueDepth(queue=queue, depth=depth, oldest_s=(oldest_s or {}).get(queue))
            for queue, depth in sorted(depths.items())
        ),
        update_conflicts=True,
        unique_fields=["queue"],
        update_fields=["depth", "oldest_s", "measured_at"],
    )


@transaction.atomic
def forget_processes(*, older_than_s: float = FORGET_AFTER_S) -> int:
    """Delete the rows of processes that have been silent for long; returns how many.

    A silent process stays visible for a day, so that ops see who is missing.
    """
    limit = Now() - timedelta(seconds=max(older_than_s, ALIVE_S))
    n_gone, _ = Process.objects.filter(seen_at__lt=limit).delete()
    return n_gone
