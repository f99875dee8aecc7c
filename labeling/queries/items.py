"""Why: items as managers and reviewers see them, with where everything came from.

Plain values, a fixed number of queries. Never for desks: candidates carry their policies.
Every call names the project that the caller may see; an id of another one finds nothing.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery, TextField
from django.db.models.functions import Cast, Coalesce

from labeling.errors import NotFound
from labeling.exchange.rows import open_turns
from labeling.models import (
    AuditEntry,
    Candidate,
    Consensus,
    Dispute,
    GenerationRequest,
    Item,
    Response,
)
from labeling.rules.states import ItemState

MAX_LIMIT = 200
PREVIEW_CHARS = 200
MAX_AUDIT = 100
MAX_RESPONSES = 500


class NoSuchItem(NotFound):
    """The project has no such item."""


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item in a list. `preview` is the start of its last user turn."""

    uid: str
    external_id: str | None
    state: str
    preview: str
    language: str
    n_messages: int
    n_candidates: int
    overlap: int
    n_taken: int
    n_answered: int
    n_skipped: int
    priority: int
    is_gold: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some items by age; `next` is the cursor of what follows, None at the end."""

    items: tuple[ItemLine, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate with its lineage. `rendered` is safe to show."""

    id: int
    uid: str
    policy: str
    model: str
    model_revision: str
    parameters: Mapping[str, Any]
    seed: int | None
    sample: int
    turns: Sequence[Mapping[str, Any]]
    rendered: Sequence[Mapping[str, Any]]
    tokens_in: int | None
    tokens_out: int | None
    finish_reason: str
    latency_ms: int | None
    server_request_id: str
    marks: tuple[str, ...]
    draws: int
    rejections: Sequence[Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ResponseView:
    """A response; `shown` are candidate ids in the order of the keys A, B, … in `values`."""

    uid: str
    annotator: str
    annotator_kind: str
    values: Mapping[str, Any]
    shown: tuple[int, ...]
    revision: int
    is_current: bool
    is_surplus: bool
    source: str
    spent_ms: int
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class RequestView:
    """A generation request and how it goes. Errors are the servers', without our texts."""

    uid: str
    policy: str
    endpoint: str
    sample: int
    state: str
    attempts: int
    draws: int
    error_class: str
    first_error: str
    last_error: str
    next_attempt_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditView:
    """Who changed what when; `who` is empty for the machine."""

    at: datetime
    who: str
    via: str
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ItemDetail:
    """Everything about one item. `parent` and `continues` are uids."""

    line: ItemLine
    id: int
    messages: Sequence[Mapping[str, Any]]
    rendered: Sequence[Mapping[str, Any]]
    context: str
    metadata: Mapping[str, Any]
    source: str
    licence: str
    sensitivity: str
    parent: str | None
    continues: str | None
    batch: str | None
    ready_at: datetime | None
    done_at: datetime | None
    candidates: tuple[CandidateView, ...]
    responses: tuple[ResponseView, ...]
    requests: tuple[RequestView, ...]
    consensus: tuple[Mapping[str, Any], ...]
    disputes: tuple[Mapping[str, Any], ...]
    audit: tuple[AuditView, ...]


def list_items(
    *,
    project_id: int,
    state: ItemState | None = None,
    search: str = "",
    after: str | None = None,
    limit: int = 50,
) -> ItemPage:
    """Return items of a project, oldest first, from the one behind the cursor `after`.

    `search` finds an id (ours or the file's) or a piece of the conversation. One query. By
    state it is served by item_by_state; a search for text reads all of the project's items
    until it has a page full.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    rows = Item.objects.filter(project_id=project_id)
    if state is not None:
        rows = rows.filter(state=state)
    if search := search.replace("\0", "").strip():
        rows = _found(rows, search)
    if after is not None:
        cursor = Item.objects.filter(project_id=project_id, uid=_uid(after)).values("id")
        rows = rows.filter(id__gt=Subquery(cursor))
    candidates = Candidate.objects.filter(item=OuterRef("pk")).order_by().values("item")
    rows = rows.annotate(
        n_candidates=Coalesce(Subquery(candidates.annotate(n=Count("*")).values("n")), 0)
    )
    page = list(rows.order_by("id").defer("rendered", "metadata", "context")[: limit + 1])
    more = str(page[limit - 1].uid) if len(page) > limit else None
    return ItemPage(tuple(_line(item, item.n_candidates) for item in page[:limit]), more)


def count_items(*, project_id: int) -> dict[str, int]:
    """Count a project's items by state, every state named. One query, on item_by_state."""
    rows = Item.objects.filter(project_id=project_id).values("state").order_by("state")
    found = {row["state"]: row["n"] for row in rows.annotate(n=Count("id"))}
    return {state.value: found.get(state.value, 0) for state in ItemState}


def item_id_of(*, project_id: int, uid: str) -> int:
    """Return the key of a project's item. Raises: NoSuchItem."""
    found = Item.objects.filter(project_id=project_id, uid=_uid(uid)).values_list("id", flat=True)
    for item_id in found:
        return int(item_id)
    raise NoSuchItem("There is no such item.")


def item_detail(*, project_id: int, uid: str) -> ItemDetail:
    """Return everything about an item, in seven queries. Raises: NoSuchItem."""
    item = (
        Item.objects.select_related("parent", "continues", "batch")
        .filter(project_id=project_id, uid=_uid(uid))
        .first()
    )
    if item is None:
        raise NoSuchItem("There is no such item.")
    candidates = Candidate.objects.filter(item=item).select_related("policy").order_by("id")
    views = tuple(_candidate(row) for row in candidates)
    return ItemDetail(
        line=_line(item, len(views)),
        id=item.pk,
        messages=item.messages,
        rendered=item.rendered,
        context=item.context,
        metadata=item.metadata,
        source=item.source,
        licence=item.licence,
        sensitivity=item.sensitivity,
        parent=str(item.parent.uid) if item.parent else None,
        continues=str(item.continues.uid) if item.continues else None,
        batch=item.batch.name if item.batch else None,
        ready_at=item.ready_at,
        done_at=item.done_at,
        candidates=views,
        responses=_responses(item),
        requests=_requests(item),
        consensus=tuple(
            Consensus.objects.filter(item=item)
            .order_by("question")
            .values("question", "value", "confidence", "n_responses", "method", "tied")
        ),
        disputes=tuple(
            Dispute.objects.filter(item=item)
            .order_by("id")
            .values("question", "state", "decision", "comment", "settled_at")
        ),
        audit=_audit(item),
    )


def _found(rows: Any, search: str) -> Any:
    # As it stands in the stored JSON: quotes and line ends have a backslash there.
    inside = json.dumps(search, ensure_ascii=False)[1:-1]
    wanted = Q(external_id__iexact=search) | Q(text__icontains=inside)
    with contextlib.suppress(ValueError):
        wanted |= Q(uid=uuid.UUID(search))
    return rows.annotate(text=Cast("messages", TextField())).filter(wanted)


def _uid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NoSuchItem("There is no such item.") from None


def _line(item: Item, n_candidates: int) -> ItemLine:
    return ItemLine(
        uid=str(item.uid),
        external_id=item.external_id,
        state=item.state,
        preview=_preview(item.messages),
        language=item.language,
        n_messages=len(item.messages),
        n_candidates=n_candidates,
        overlap=item.overlap,
        n_taken=item.n_taken,
        n_answered=item.n_answered,
        n_skipped=item.n_skipped,
        priority=item.priority,
        is_gold=item.is_gold,
        created_at=item.created_at,
    )


def _preview(messages: Sequence[Mapping[str, Any]]) -> str:
    asked = open_turns(messages)
    text = str(messages[asked[0]].get("content", "")) if asked else ""
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"


def _candidate(row: Candidate) -> CandidateView:
    return CandidateView(
        id=row.pk,
        uid=str(row.uid),
        policy=row.policy.name if row.policy else row.policy_name,
        model=row.model,
        model_revision=row.model_revision,
        parameters=row.parameters,
        seed=row.seed,
        sample=row.sample,
        turns=row.turns,
        rendered=row.rendered,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        finish_reason=row.finish_reason,
        latency_ms=row.latency_ms,
        server_request_id=row.server_request_id,
        marks=tuple(row.marks),
        draws=row.draws,
        rejections=row.rejections,
        created_at=row.created_at,
    )


def _responses(item: Item) -> tuple[ResponseView, ...]:
    rows: Iterable[Response] = (
        Response.objects.filter(item=item)
        .select_related("annotator", "assignment")
        .order_by("submitted_at", "id")[:MAX_RESPONSES]
    )
    return tuple(
        ResponseView(
            uid=str(row.uid),
            annotator=row.annotator.pseudonym,
            annotator_kind=row.annotator.kind,
            values=row.values,
            shown=tuple(row.assignment.shown),
            revision=row.revision,
            is_current=row.is_current,
            is_surplus=row.is_surplus,
            source=row.source,
            spent_ms=row.spent_ms,
            submitted_at=row.submitted_at,
        )
        for row in rows
    )


def _requests(item: Item) -> tuple[RequestView, ...]:
    rows = GenerationRequest.objects.filter(item=item).select_related("policy", "endpoint")
    return tuple(
        RequestView(
            uid=str(row.uid),
            policy=row.policy.name,
            endpoint=row.endpoint.name,
            sample=row.sample,
            state=row.state,
            attempts=row.attempts,
            draws=row.draws,
            error_class=row.error_class,
            first_error=row.first_error,
            last_error=row.last_error,
            next_attempt_at=row.next_attempt_at,
            finished_at=row.finished_at,
        )
        for row in rows.order_by("id")
    )


def _audit(item: Item) -> tuple[AuditView, ...]:
    rows = AuditEntry.objects.filter(
        project_id=item.project_id, subject_kind="item", subject_id=str(item.uid)
    ).select_related("actor")
    return tuple(
        AuditView(
            at=row.created_at,
            who=row.actor.email if row.actor else "",
            via=row.via,
            action=row.action,
            before=row.before,
            after=row.after,
        )
        for row in rows.order_by("-id")[:MAX_AUDIT]
    )
