"""Why: items that continue others point to them, and to the very answer they continue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from labeling.exchange.rows import open_turns
from labeling.models import Candidate, Item

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Link:
    """A row (its number, its id or content hash) that names another as its parent."""

    row: int
    external_id: str | None
    content_hash: str
    parent: str


def link_parents(*, project_id: int, links: Sequence[Link]) -> tuple[Link, ...]:
    """Point items to their parents; returns the links whose parent is not there.

    `continues` becomes the parent's candidate that the item's conversation ends with before
    its open turn, if it is one of them. Items that have a parent keep it. Four queries for
    each 500 links.
    """
    missing: list[Link] = []
    for start in range(0, len(links), CHUNK):
        missing += _link(project_id, links[start : start + CHUNK])
    return tuple(missing)


@transaction.atomic
def _link(project_id: int, links: Sequence[Link]) -> list[Link]:
    items = Item.objects.filter(project_id=project_id)
    parents = dict(
        items.filter(external_id__in={link.parent for link in links}).values_list(
            "external_id", "id"
        )
    )
    by_id, by_hash = _children(project_id, links)
    answers = _answers(parents.values())
    changed, missing = [], []
    for link in links:
        key, index = (link.external_id, by_id) if link.external_id else (link.content_hash, by_hash)
        child = index.get(key)
        parent_id = parents.get(link.parent)
        if parent_id is None or link.parent == link.external_id:
            missing.append(link)
        elif child is not None and child.parent_id is None:
            child.parent_id = parent_id
            child.continues_id = answers.get(parent_id, {}).get(_last_answer(child.messages))
            changed.append(child)
    Item.objects.bulk_update(sorted(changed, key=lambda item: item.pk), ["parent", "continues"])
    return missing


def _children(
    project_id: int, links: Iterable[Link]
) -> tuple[Mapping[str | None, Item], Mapping[str | None, Item]]:
    """Return the links' items by external id, and those without one by content hash."""
    ids = [link.external_id for link in links if link.external_id]
    hashes = [link.content_hash for link in links if not link.external_id]
    rows = Item.objects.filter(project_id=project_id).filter(
        Q(external_id__in=ids) | Q(external_id__isnull=True, content_hash__in=hashes)
    )
    found = list(rows.only("id", "external_id", "content_hash", "parent", "messages"))
    return (
        {item.external_id: item for item in found if item.external_id},
        {item.content_hash: item for item in found if not item.external_id},
    )


def _answers(parent_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """Return each item's candidates by their last turn's text; of equal ones the first."""
    found: dict[int, dict[str, int]] = {}
    rows = Candidate.objects.filter(item_id__in=set(parent_ids)).order_by("-id")
    for item_id, candidate_id, turns in rows.values_list("item_id", "id", "turns"):
        if turns:
            found.setdefault(item_id, {})[turns[-1].get("text", "")] = candidate_id
    return found


def _last_answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the assistant said last before the first open turn."""
    before = messages[: open_turns(messages)[0]]
    said = [m.get("content") or "" for m in before if m.get("role") == "assistant"]
    return said[-1] if said else ""
