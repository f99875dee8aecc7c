"""Why: what managers do to single items once they are in: withdraw, hurry, ask more, mark gold.

How items come in is in adding.py and imports.py; their names are given here too, as this
is where one looks for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from labeling.errors import Conflict, Invalid, NotFound
from labeling.events import bus
from labeling.events.types import WorkAppeared
from labeling.models import GenerationRequest, Gold, Item
from labeling.operations.adding import BatchResult, ProjectClosed, add_items
from labeling.operations.audit import Actor, record
from labeling.operations.candidates import OPEN_STATES, cancel_requests
from labeling.operations.imports import (
    Progress,
    claim_import_run,
    import_now,
    queue_import,
    run_import,
)
from labeling.operations.returns import revoke_all_of
from labeling.operations.sql import statements
from labeling.rules.gold import GoldMistake, gold_by_id
from labeling.rules.keys import candidate_keys
from labeling.rules.questions import parse_questions
from labeling.rules.states import ItemState, ProjectState
from labeling.rules.vocabulary import RevokedReason

__all__ = [
    "BatchResult",
    "GoldMistake",
    "ItemWithdrawn",
    "Progress",
    "ProjectClosed",
    "add_items",
    "claim_import_run",
    "import_now",
    "mark_gold",
    "queue_import",
    "raise_overlap",
    "run_import",
    "set_priority",
    "unmark_gold",
    "withdraw_item",
]

MAX_OVERLAP = 100
PRIORITIES = range(-100, 101)


class NoSuchItem(NotFound):
    """There is no such item."""


class ItemWithdrawn(Conflict):
    """The item was taken out; nothing more can be asked about it."""


def withdraw_item(*, item_id: int, actor: Actor) -> int:
    """Take an item out for good; returns how many tasks came back from desks.

    Its responses stay. Tasks are taken back after the commit, for their locks come in
    another order (enrolment, item); called again, it takes back what is left.

    Raises: NoSuchItem.
    """
    with transaction.atomic():
        item = _locked(item_id)
        if item.state != ItemState.WITHDRAWN:
            before = item.state
            item.state = ItemState.WITHDRAWN.value
            item.save(update_fields=["state"])
            cancel_requests(item_ids=[item.pk])
            _record(item, actor, "item.withdrawn", {"state": before}, {"state": item.state})
    return revoke_all_of(item_id=item_id, reason=RevokedReason.WITHDRAWN)


@transaction.atomic
def set_priority(*, item_id: int, priority: int, actor: Actor) -> None:
    """Set how soon an item is to be answered by models (higher first, 0 is usual).

    Raises: NoSuchItem, Invalid.
    """
    if priority not in PRIORITIES:
        raise Invalid(
            "A priority is a whole number from -100 to 100.",
            fields={"priority": "is not from -100 to 100"},
        )
    item = _locked(item_id)
    before, item.priority = item.priority, priority
    item.save(update_fields=["priority"])
    GenerationRequest.objects.filter(item=item, state__in=OPEN_STATES).update(priority=priority)
    _record(item, actor, "item.priority_set", {"priority": before}, {"priority": priority})


@transaction.atomic
def raise_overlap(*, item_id: int, actor: Actor) -> int:
    """Ask one more annotator about an item, which opens again if it was finished.

    Returns the new overlap. Raises: NoSuchItem, ItemWithdrawn, Invalid (100 is the most).
    """
    item = _locked(item_id)
    if item.state == ItemState.WITHDRAWN:
        raise ItemWithdrawn("This item was withdrawn.")
    if item.overlap >= MAX_OVERLAP:
        raise Invalid("No item is judged by more than 100 people.")
    with connection.cursor() as cursor:
        cursor.execute(statements("items")["raise_overlap"], {"item": item.pk})
        [(overlap, state)] = cursor.fetchall()
    _record(
        item,
        actor,
        "item.overlap_raised",
        {"overlap": item.overlap, "state": item.state},
        {"overlap": overlap, "state": state},
    )
    if state == ItemState.READY and item.project.state == ProjectState.ACTIVE:
        bus.publish(WorkAppeared(item.project_id, 1))
    return int(overlap)


@transaction.atomic
def mark_gold(*, item_id: int, values: Mapping[str, Any], feedback: str = "", actor: Actor) -> None:
    """Say what the right answers to an item are; assignments claimed from now on are gold.

    `values` by question, with keys A, B, … for the item's candidates by their ids, oldest
    first (as the item's page lists them).

    Raises: NoSuchItem, GoldMistake.
    """
    item = _locked(item_id)
    questions = item.project.questions
    ids = list(item.candidates.order_by("id").values_list("id", flat=True))
    if not values:
        raise GoldMistake("gold", "names no right answer")
    right = gold_by_id(
        values,
        questions=parse_questions(questions.questions) if questions else (),
        ids=dict(zip(candidate_keys(len(ids)), ids, strict=True)),
        n_turns_open=item.n_open_turns,
    )
    Gold.objects.update_or_create(item=item, defaults={"values": right, "feedback": feedback})
    was_gold, item.is_gold = item.is_gold, True
    item.save(update_fields=["is_gold"])
    _record(
        item,
        actor,
        "item.gold_marked",
        {"is_gold": was_gold},
        {"is_gold": True, "questions": sorted(right)},
    )


@transaction.atomic
def unmark_gold(*, item_id: int, actor: Actor) -> None:
    """Make an item an ordinary one again; what was answered as gold stays marked as such.

    Raises: NoSuchItem, Conflict (it is no gold item).
    """
    item = _locked(item_id)
    if not item.is_gold:
        raise Conflict("This is no gold item.")
    Gold.objects.filter(item=item).delete()
    item.is_gold = False
    item.save(update_fields=["is_gold"])
    _record(item, actor, "item.gold_unmarked", {"is_gold": True}, {"is_gold": False})


def _locked(item_id: int) -> Item:
    rows = Item.objects.select_for_update(no_key=True, of=("self",))
    item = rows.select_related("project__questions").filter(pk=item_id).first()
    if item is None:
        raise NoSuchItem("There is no such item.")
    return item


def _record(
    item: Item, actor: Actor, action: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    record(
        actor=actor,
        action=action,
        subject=item,
        project=item.project,
        before=before,
        after=after,
    )
