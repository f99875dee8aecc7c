"""Why: what becomes of an item when its last generation request is over.

Ready with enough candidates, blocked (for the manager to see) with too few. Called by
operations/candidates.py under the items' locks; opening the slots is operations/slots.py's.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Exists, F, OuterRef

from labeling.models import GenerationRequest, Item, Project
from labeling.operations import audit
from labeling.operations.slots import open_ready_items
from labeling.rules.states import ItemState, RequestState


def settle_items(*, project_id: int, item_ids: Sequence[int]) -> None:
    """Open the items whose slate is complete; block those that cannot get enough candidates.

    The caller holds the items' locks, in a transaction. Two to five queries.
    """
    unfinished = GenerationRequest.objects.filter(
        item_id=OuterRef("id"), state__in=[RequestState.PENDING, RequestState.LEASED]
    )
    complete = (
        Item.objects.filter(project_id=project_id, id__in=item_ids)
        .filter(state__in=[ItemState.WAITING, ItemState.BLOCKED])
        .filter(~Exists(unfinished))
        .annotate(n_candidates=Count("candidates"), needed=F("project__candidates_needed"))
        .order_by("id")
    )
    enough: list[int] = []
    blocked: list[int] = []
    too_few: list[Item] = []
    for item in complete.only("id", "uid", "state", "project_id"):
        if item.n_candidates >= item.needed:
            enough.append(item.id)
            if item.state == ItemState.BLOCKED:
                blocked.append(item.id)
        elif item.state == ItemState.WAITING:
            too_few.append(item)
    if blocked:
        Item.objects.filter(id__in=blocked).update(state=ItemState.WAITING)
    if enough:
        open_ready_items(project_id=project_id, item_ids=enough)
    if too_few:
        _block(project_id, too_few)


def _block(project_id: int, items: Sequence[Item]) -> None:
    Item.objects.filter(id__in=[item.id for item in items]).update(state=ItemState.BLOCKED)
    project = Project.objects.select_related("workspace").get(id=project_id)
    for item in items:
        audit.record(
            actor=audit.MACHINE,
            action="item.blocked",
            subject=item,
            project=project,
            before={"state": ItemState.WAITING.value},
            after={"state": ItemState.BLOCKED.value, "why": "too few candidates can be had"},
        )
