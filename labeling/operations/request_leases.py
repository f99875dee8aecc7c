"""Why: the generation requests' leases: claimed by pumps, renewed, given back, swept.

The row is the queue: what is leased is what is in flight, over all workers. Nothing
here calls a model server or stores an answer (operations/candidates.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from labeling.events import bus
from labeling.events.types import RequestsAdded
from labeling.models import GenerationRequest
from labeling.operations.sql import statements
from labeling.rules.states import GateMode, RequestState

logger = logging.getLogger(__name__)

CLAIM_LOCK = 0x51C1
"""First key of the advisory locks that put an endpoint's claims in a row."""

SWEEP_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class ClaimedRequest:
    """What a pump needs to answer a request, leased to it.

    `draws` counts earlier samplings that the gate refused; `turns_so_far` holds the
    answers that a former holder of the lease already got for this draw.
    """

    id: int
    uid: UUID
    lease: UUID
    project_id: int
    item_id: int
    policy_id: int
    sample: int
    draws: int
    messages: Sequence[Mapping[str, Any]]
    turns_so_far: Sequence[Mapping[str, Any]]
    gate_mode: GateMode
    resample_limit: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of the leases that were to be renewed: ids of those not renewed.

    `lost` went back to the queue (an answer that still comes may still be stored);
    `unwanted` were cancelled or are done: abort the call.
    """

    lost: frozenset[int]
    unwanted: frozenset[int]


def claim_requests(
    *, endpoint_id: int, worker: str, n: int, lease_s: float
) -> list[ClaimedRequest]:
    """Lease up to `n` due requests of an endpoint to a worker; [] when there are none.

    Only of active projects and policies, and never more than leave the endpoint
    within its `max_in_flight` over all workers. Four queries.
    """
    if n < 1:
        return []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CLAIM_LOCK, endpoint_id])
            cursor.execute(
                statements("generation")["claim"],
                {"endpoint_id": endpoint_id, "worker": worker[:120], "n": n, "lease_s": lease_s},
            )
            ids = [row[0] for row in cursor.fetchall()]
        return _claimed(ids) if ids else []


def _claimed(ids: Sequence[int]) -> list[ClaimedRequest]:
    rows = GenerationRequest.objects.filter(id__in=ids).select_related("item", "project")
    return [
        ClaimedRequest(
            id=row.id,
            uid=row.uid,
            lease=row.lease,
            project_id=row.project_id,
            item_id=row.item_id,
            policy_id=row.policy_id,
            sample=row.sample,
            draws=row.draws,
            messages=row.item.messages,
            turns_so_far=row.turns_so_far,
            gate_mode=GateMode(row.project.gate_mode),
            resample_limit=row.project.resample_limit,
        )
        for row in rows.only(*_CLAIMED_COLUMNS).order_by("-priority", "id")
        if row.lease is not None
    ]


_CLAIMED_COLUMNS = (
    *("uid", "lease", "policy_id", "sample", "draws", "turns_so_far", "priority"),
    *("item__messages", "project__gate_mode", "project__resample_limit"),
)


@transaction.atomic
def renew_leases(*, leases: Mapping[int, UUID], lease_s: float) -> Renewal:
    """Prolong leases by (request id, lease). A lease that ran out and that nobody
    swept yet is taken up again. Two queries.
    """
    if not leases:
        return Renewal(frozenset(), frozenset())
    ids = list(leases)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_generationrequest request
            SET leased_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
            FROM unnest(%(ids)s::bigint[], %(leases)s::uuid[]) AS held(id, lease)
            WHERE request.id = held.id AND request.lease = held.lease AND request.state = 'leased'
            RETURNING request.id
            """,
            {"lease_s": lease_s, "ids": ids, "leases": [leases[key] for key in ids]},
        )
        renewed = {row[0] for row in cursor.fetchall()}
    gone = set(ids) - renewed
    still_wanted = set(
        GenerationRequest.objects.filter(
            id__in=gone, state__in=[RequestState.PENDING, RequestState.LEASED]
        ).values_list("id", flat=True)
    )
    return Renewal(lost=frozenset(still_wanted), unwanted=frozenset(gone - still_wanted))


@transaction.atomic
def return_leases(*, worker: str, request_ids: Iterable[int] | None = None) -> int:
    """Give back what a worker holds (or only these of it), due at once: it drains or stops.

    Turns that it already got are kept with the request.
    """
    held = GenerationRequest.objects.filter(state=RequestState.LEASED, worker=worker[:120])
    if request_ids is not None:
        held = held.filter(id__in=list(request_ids))
    endpoints = set(held.values_list("endpoint_id", flat=True))
    n_returned = held.update(
        state=RequestState.PENDING, lease=None, leased_until=None, worker="", next_attempt_at=None
    )
    bus.publish(*(RequestsAdded(endpoint_id) for endpoint_id in sorted(endpoints)))
    return n_returned


@transaction.atomic
def sweep_expired_leases(*, limit: int = SWEEP_LIMIT) -> int:
    """Put requests back into the queue whose worker fell silent; returns how many.

    Idempotent, and harmless when two run at once. The requests keep their draws and
    turns; whoever of the dead still answers is heard (`store_candidate`).
    """
    with connection.cursor() as cursor:
        cursor.execute(statements("generation")["sweep"], {"limit": limit})
        freed: dict[int, int] = dict(cursor.fetchall())
    bus.publish(*(RequestsAdded(endpoint_id) for endpoint_id in sorted(freed)))
    return sum(freed.values())
