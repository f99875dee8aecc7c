"""Why: a running project's settings change, above all how many answers an item gets.

Of single items (withdrawn, given more answers) operations/items.py takes care.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from labeling.errors import Invalid
from labeling.events import bus
from labeling.events.types import ItemsFinished, ProjectChanged, WorkAppeared
from labeling.models import Project
from labeling.operations.audit import Actor, record
from labeling.operations.slots import open_ready_items
from labeling.operations.sql import statements
from labeling.operations.versions import locked_project
from labeling.rules.project_config import InvalidConfig, parse_config
from labeling.rules.states import ProjectState

OVERLAP_BATCH = 1_000
ELSEWHERE = {
    "slug": "A slug stays: addresses contain it.",
    "questions": "Set them as a new version.",
    "guidelines": "Set them as a new version.",
    "slate": "Set it as a new version.",
}


def change_settings(*, project: Project, changes: Mapping[str, Any], actor: Actor) -> Project:
    """Change settings by the keys of the config (`name`, `overlap`, `quotas`, `lease_s` …).

    Quotas are the defaults of who enrols from now on (quotas.py sets everybody's). A new
    overlap holds for every item that is not done: none gets fewer places than are taken,
    one whose answers suffice now is done, and one that has room again opens. Items that
    are done stay done.

    Raises: InvalidConfig, with the path of each mistake.
    """
    misplaced = {key: why for key, why in ELSEWHERE.items() if key in changes}
    if misplaced:
        raise InvalidConfig("These are not settings.", fields=misplaced)
    wanted = parse_config(changes)
    values = dict(wanted.settings)
    if wanted.name is not None:
        values["name"] = wanted.name.strip()
    if wanted.quotas is not None:
        values["quota_total"], values["quota_day"] = wanted.quotas.total, wanted.quotas.per_day
    with transaction.atomic():
        row = locked_project(project)
        before = {key: getattr(row, key) for key in values if getattr(row, key) != values[key]}
        for key in before:
            setattr(row, key, values[key])
        _check(row)
        if not before:
            return row
        row.save(update_fields=list(before))
        _record(row, actor, before)
        bus.publish(ProjectChanged(row.pk))
    if "overlap" in before:
        _apply_overlap(row)
    if "candidates_needed" in before:
        open_ready_items(project_id=row.pk)
    return row


def _apply_overlap(project: Project) -> None:
    """Give every unfinished item the new overlap, a thousand per transaction.

    Idempotent, so that it can be run again. Locks items in the order of their ids.
    """
    after = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                statements("slots")["change_overlap"],
                {"project": project.pk, "after": after, "limit": OVERLAP_BATCH},
            )
            [(n_items, last, n_opened, n_done)] = cursor.fetchall()
            if n_opened and project.state == ProjectState.ACTIVE:
                bus.publish(WorkAppeared(project.pk, n_opened))
            if n_done:
                bus.publish(ItemsFinished(project.pk))
        if n_items < OVERLAP_BATCH:
            return
        after = last


def _check(row: Project) -> None:
    if row.overlap_max is not None and row.overlap_max < row.overlap:
        raise InvalidConfig(
            "The settings have a mistake.",
            fields={"overlap_max": f"Must be at least overlap ({row.overlap})."},
        )
    if not row.name:
        raise Invalid("A project needs a name.", fields={"name": "is missing"})


def _record(row: Project, actor: Actor, before: Mapping[str, Any]) -> None:
    texts = {"name", "description"}
    told = {key for key in before if key not in texts}
    record(
        actor=actor,
        action="project.settings_changed",
        subject=row,
        project=row,
        before={key: _plain(before[key]) for key in sorted(told)},
        after={
            **{key: _plain(getattr(row, key)) for key in sorted(told)},
            **dict.fromkeys(sorted(texts & before.keys()), "changed"),
        },
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
