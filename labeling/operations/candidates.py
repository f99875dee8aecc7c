"""Why: every write that turns generation requests into candidates, one transaction each.

A request ends *done* (its candidate is stored), *dead* (asking again cannot help) or
*cancelled*. Passing errors are retried without end, with a delay capped at five
minutes: an outage of any length kills nothing. UNIQUE (item, policy, sample) decides
between two answers to one request: the first that arrives is kept, whoever holds the
lease by then, for it was paid for. Lock order: item, request, usage.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.query import QuerySet

from generation import retry
from generation.models import Policy
from generation.specs import AnswerTurn
from labeling.errors import NotFound
from labeling.events import bus
from labeling.events.types import RequestsAdded
from labeling.models import Candidate, GenerationAttempt, GenerationRequest, Item
from labeling.operations.settling import settle_items
from labeling.operations.sql import statements
from labeling.rules.rendering import RENDERER_VERSION, render_markdown
from labeling.rules.states import ItemState, RequestState

logger = logging.getLogger(__name__)

REQUEST_BATCH = 1000
OPEN_STATES = (RequestState.PENDING, RequestState.LEASED)
_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a model server: how it ended and what it cost. No texts."""

    started_at: datetime
    outcome: str
    latency_ms: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    detail: str = ""
    worker: str = ""


@dataclass(frozen=True, slots=True)
class CandidateDraft:
    """An answer with its lineage, before it is a row.

    `parameters` as they were sent; `draw`: which sampling it is (None: the last one).
    """

    turns: Sequence[AnswerTurn]
    parameters: Mapping[str, Any]
    model: str = ""
    model_revision: str = ""
    seed: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    finish_reason: str = ""
    latency_ms: int | None = None
    server_request_id: str = ""
    marks: Sequence[str] = field(default=())
    draw: int | None = None


def request_candidates(*, project_id: int, item_ids: Sequence[int] | None = None) -> int:
    """Make the generation requests that waiting items lack; returns how many were made.

    For each waiting item (of the project, or those of the ids that are in it) × slate
    entry × sample, as operations/sql/generation.sql says. Idempotent; one transaction per
    thousand items, so a huge import is not one lock.
    """
    n_made, after = 0, 0
    while batch := _next_items(project_id=project_id, item_ids=item_ids, after=after):
        n_made += _request(batch)
        after = batch[-1]
    return n_made


def _next_items(*, project_id: int, item_ids: Sequence[int] | None, after: int) -> list[int]:
    waiting = Item.objects.filter(project_id=project_id, state=ItemState.WAITING, id__gt=after)
    if item_ids is not None:
        waiting = waiting.filter(id__in=item_ids)
    return list(waiting.order_by("id").values_list("id", flat=True)[:REQUEST_BATCH])


@transaction.atomic
def _request(item_ids: Sequence[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statements("generation")["request"], {"item_ids": list(item_ids)})
        endpoints = [row[0] for row in cursor.fetchall()]
    bus.publish(*(RequestsAdded(endpoint_id) for endpoint_id in sorted(set(endpoints))))
    return len(endpoints)


def store_candidate(
    *,
    request_id: int,
    lease: UUID,
    candidate: CandidateDraft,
    calls: Sequence[CallRecord] = (),
) -> bool:
    """Store an answer; True if it became the request's candidate now.

    Idempotent. A late answer, whose lease somebody else holds or nobody, is stored too
    as long as the request has none: it was paid for. It is refused when the request is
    done or cancelled, or its item is no longer waiting (people may see it already; its
    candidates must not change under them). Calls and usage are written down in any case.

    Raises: NotFound.
    """
    rendered = _rendered(candidate.turns)
    with transaction.atomic():
        request, item = _locked(request_id)
        is_wanted = request.state not in (RequestState.DONE, RequestState.CANCELLED)
        is_stored = False
        if is_wanted and item.state in (ItemState.WAITING, ItemState.BLOCKED):
            is_stored = _insert(request, candidate, rendered)
            _finish(request, RequestState.DONE)
            settle_items(project_id=item.project_id, item_ids=[item.id])
        elif is_wanted and request.lease == lease:
            _finish(request, RequestState.CANCELLED)
        _record_calls(request, calls)
        if is_wanted and request.lease != lease:
            logger.info("late answer", extra={"request_id": request_id, "is_stored": is_stored})
        return is_stored


@transaction.atomic
def save_turn(
    *, request_id: int, lease: UUID, turns: Sequence[Mapping[str, Any]], calls: Sequence[CallRecord]
) -> bool:
    """Keep the first answers of a conversation that has more open turns; True under the lease.

    Whoever gets the request after this worker goes on from here: what was paid for is
    not asked twice.
    """
    request = _locked_request(request_id)
    is_ours = request.state == RequestState.LEASED and request.lease == lease
    if is_ours:
        request.turns_so_far = list(turns)
        request.save(update_fields=["turns_so_far"])
    _record_calls(request, calls)
    return is_ours


@transaction.atomic
def reject_draw(
    *,
    request_id: int,
    lease: UUID,
    rejection: Mapping[str, Any],
    calls: Sequence[CallRecord] = (),
) -> bool:
    """Write down a draw that the gate refused; True under the lease: draw again.

    `rejection`: `{marks, seed, finish_reason, turns}`; `draw` is added. Kept with the
    candidate that comes in the end, never shown to annotators.

    Raises: NotFound.
    """
    request = _locked_request(request_id)
    is_ours = request.state == RequestState.LEASED and request.lease == lease
    if is_ours:
        request.rejections = [*request.rejections, {"draw": request.draws, **rejection}]
        request.draws += 1
        request.turns_so_far = []
        request.save(update_fields=["rejections", "draws", "turns_so_far"])
    _record_calls(request, calls)
    return is_ours


@transaction.atomic
def fail_request(
    *,
    request_id: int,
    lease: UUID,
    error_class: str,
    detail: str = "",
    permanent: bool,
    retry_after_s: float | None = None,
    base_delay_s: float = retry.BASE_DELAY_S,
    calls: Sequence[CallRecord] = (),
) -> bool:
    """Write down that a request could not be answered; True under the lease.

    A permanent error makes it dead, and its item ready with fewer candidates or, with
    too few, blocked. A passing one puts it back, due after a back-off with full jitter
    (by the failures of the last hour) on top of what the server asked for.

    Raises: NotFound.
    """
    request, item = _locked(request_id)
    n_failures = request.attempt_rows.exclude(outcome="ok").filter(
        started_at__gt=Now() - timedelta(hours=1)
    )
    delay_s = retry.delay_s(n_failures.count() + 1, _jitter, base_s=base_delay_s)
    is_ours = request.state == RequestState.LEASED and request.lease == lease
    if not is_ours:
        _record_calls(request, calls)
        return False
    request.error_class, request.last_error = error_class[:40], detail[:500]
    request.first_error = request.first_error or request.last_error
    request.save(update_fields=["error_class", "first_error", "last_error"])
    if permanent:
        _finish(request, RequestState.DEAD)
        settle_items(project_id=item.project_id, item_ids=[item.id])
    else:
        wait = timedelta(seconds=delay_s + (retry_after_s or 0.0))
        _all([request.id]).update(**_FREE, state=RequestState.PENDING, next_attempt_at=Now() + wait)
    _record_calls(request, calls)
    return True


@transaction.atomic
def retry_dead(*, project_id: int) -> int:
    """Ask again for the dead requests of items that still wait for candidates; how many.

    Those of items that people may already see stay dead: their candidates are fixed.
    """
    dead = GenerationRequest.objects.filter(
        project_id=project_id,
        state=RequestState.DEAD,
        item__state__in=[ItemState.WAITING, ItemState.BLOCKED],
    )
    item_ids = sorted(set(dead.values_list("item_id", flat=True)))
    items = Item.objects.select_for_update(no_key=True).filter(id__in=item_ids)
    list(items.order_by("id").values_list("id", flat=True))
    ids = list(dead.values_list("id", flat=True))
    endpoints = set(dead.values_list("endpoint_id", flat=True))
    n_retried = _all(ids).update(
        **_FREE, state=RequestState.PENDING, next_attempt_at=None, finished_at=None, attempts=0
    )
    items.filter(state=ItemState.BLOCKED).update(state=ItemState.WAITING)
    bus.publish(*(RequestsAdded(endpoint_id) for endpoint_id in sorted(endpoints)))
    return n_retried


@transaction.atomic
def cancel_requests(*, project_id: int | None = None, item_ids: Sequence[int] | None = None) -> int:
    """Cancel the open requests of a project or of items; how many.

    What is in flight is aborted when its pump next renews its leases. `request_candidates`
    wants cancelled requests again. Locks requests only: the caller may hold the items.

    Raises: ValueError, when neither is given.
    """
    if project_id is None and item_ids is None:
        raise ValueError("cancel_requests needs a project or items")
    wanted = Q(state__in=OPEN_STATES)
    if project_id is not None:
        wanted &= Q(project_id=project_id)
    if item_ids is not None:
        wanted &= Q(item_id__in=item_ids)
    return GenerationRequest.objects.filter(wanted).update(
        **_FREE, state=RequestState.CANCELLED, finished_at=Now()
    )


_FREE: dict[str, Any] = {"lease": None, "leased_until": None, "worker": ""}


def _all(ids: Sequence[int]) -> QuerySet[GenerationRequest]:
    return GenerationRequest.objects.filter(id__in=ids)


def _locked_request(request_id: int) -> GenerationRequest:
    rows = GenerationRequest.objects.select_for_update(no_key=True, of=("self",))
    request = rows.filter(id=request_id).first()
    if request is None:
        raise NotFound("There is no such generation request.")
    return request


def _locked(request_id: int) -> tuple[GenerationRequest, Item]:
    """Lock a request's item, then the request.

    The item's lock puts the last two answers of an item in a row: the second sees that
    the first is there and opens the item.
    """
    wanted = GenerationRequest.objects.filter(id=request_id).values("item_id")
    rows = Item.objects.select_for_update(no_key=True, of=("self",))
    item = rows.only("id", "project_id", "state").filter(id__in=wanted).first()
    request = _locked_request(request_id)
    assert item is not None
    return request, item


def _finish(request: GenerationRequest, state: RequestState) -> None:
    _all([request.id]).update(**_FREE, state=state, finished_at=Now(), turns_so_far=[])


def _insert(
    request: GenerationRequest, draft: CandidateDraft, rendered: Sequence[Mapping[str, Any]]
) -> bool:
    """Insert the candidate; False if there is one of this item, policy and sample."""
    others = [entry for entry in request.rejections if entry["draw"] != draft.draw]
    row = Candidate(
        item_id=request.item_id,
        policy_id=request.policy_id,
        policy_name=Policy.objects.values_list("name", flat=True).get(id=request.policy_id),
        sample=request.sample,
        turns=[turn_json(turn) for turn in draft.turns],
        rendered=list(rendered),
        renderer_version=RENDERER_VERSION,
        model=draft.model[:255],
        model_revision=draft.model_revision[:255],
        parameters=dict(draft.parameters),
        seed=draft.seed,
        tokens_in=draft.tokens_in,
        tokens_out=draft.tokens_out,
        finish_reason=draft.finish_reason[:40],
        latency_ms=draft.latency_ms,
        server_request_id=draft.server_request_id[:160],
        marks=list(draft.marks),
        draws=len(others) + 1,
        rejections=others,
    )
    Candidate.objects.bulk_create([row], ignore_conflicts=True)
    return Candidate.objects.filter(uid=row.uid).exists()


def turn_json(turn: AnswerTurn) -> dict[str, Any]:
    """Return a turn as rows hold it: `{text, reasoning?, tool_calls?}`."""
    stored: dict[str, Any] = {"text": turn.content}
    if turn.reasoning:
        stored["reasoning"] = turn.reasoning
    if turn.tool_calls:
        stored["tool_calls"] = list(turn.tool_calls)
    return stored


def _rendered(turns: Sequence[AnswerTurn]) -> list[dict[str, Any]]:
    return [{**turn_json(turn), "html": render_markdown(turn.content)} for turn in turns]


def _record_calls(request: GenerationRequest, calls: Sequence[CallRecord]) -> None:
    """Write down calls and what they cost. Must come last: the usage row is everybody's."""
    if not calls:
        return
    GenerationAttempt.objects.bulk_create(
        GenerationAttempt(request_id=request.id, **_attempt(call)) for call in calls
    )
    _all([request.id]).update(attempts=F("attempts") + len(calls))
    tokens_in = sum(call.tokens_in or 0 for call in calls)
    tokens_out = sum(call.tokens_out or 0 for call in calls)
    with connection.cursor() as cursor:
        cursor.execute(
            statements("generation")["add_usage"],
            {
                "project_id": request.project_id,
                "policy_id": request.policy_id,
                "n_calls": len(calls),
                "tokens_in": tokens_in,
                "tokens_out": tokens_out,
            },
        )


def _attempt(call: CallRecord) -> dict[str, Any]:
    return {
        **asdict(call),
        "outcome": call.outcome[:40],
        "detail": call.detail[:500],
        "worker": call.worker[:120],
    }
