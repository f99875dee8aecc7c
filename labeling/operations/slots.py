"""Why: the one way in which waiting items become ready and their slots open.

Called wherever that may have happened: a candidate arrived, rows were imported, a
project was activated.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from labeling.events import bus
from labeling.events.types import WorkAppeared
from labeling.operations.sql import statements
from labeling.rules.states import ProjectState


@transaction.atomic
def open_ready_items(*, project_id: int, item_ids: Sequence[int] | None = None) -> int:
    """Open the waiting items that lack nothing any more; returns how many items.

    An item lacks nothing when it has as many candidates as the project needs and no
    generation request is under way. None of a draft or closed project opens: its requests
    may not have been made yet, and activation looks again. So who adds items to an
    active project calls `request_candidates` first, in the same transaction.

    One statement; locks the items in the order of their ids.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            statements("slots")["open_ready_items"],
            {"project": project_id, "items": None if item_ids is None else list(item_ids)},
        )
        [(n_items, n_slots, project_state)] = cursor.fetchall()
    if n_slots and project_state == ProjectState.ACTIVE:
        bus.publish(WorkAppeared(project_id, n_slots))
    return int(n_items)
