"""Why: the figures that Prometheus collects from one web process, for the whole instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from labeling.queries.progress import AT_DESK_S

RECENT_ASSIGNMENTS = 20_000
"""Overlap is counted over again for the items of so many newest assignments."""


@dataclass(frozen=True, slots=True)
class InstanceFigures:
    items: dict[str, int]
    requests: dict[str, int]
    n_open_slots: int
    n_answers: int
    n_desks: int
    n_waiting_desks: int
    n_overshot_items: int
    oldest_pending_s: float
    queues: dict[str, int]
    processes: dict[str, int]


def instance_figures() -> InstanceFigures:
    """Return the instance's figures. Seven queries; reads each item's state once."""
    items = _rows(
        "SELECT state, count(*) AS n, coalesce(sum(overlap - n_taken)"
        " FILTER (WHERE state = 'ready'), 0)::bigint AS open FROM labeling_item GROUP BY state"
    )
    desks = _rows(_DESKS)[0]
    return InstanceFigures(
        items={row["state"]: row["n"] for row in items},
        requests=_by("state", "SELECT state, count(*) AS n FROM labeling_generationrequest"),
        n_open_slots=sum(row["open"] for row in items),
        n_answers=_rows("SELECT coalesce(sum(n_answered), 0)::bigint AS n FROM labeling_enrolment")[
            0
        ]["n"],
        n_desks=desks["n"],
        n_waiting_desks=desks["waiting"],
        n_overshot_items=_rows(_OVERSHOT)[0]["n"],
        oldest_pending_s=float(_rows(_OLDEST)[0]["age"]),
        queues={
            row["queue"]: row["depth"]
            for row in _rows("SELECT queue, depth FROM labeling_queuedepth")
        },
        processes={row["kind"]: row["n"] for row in _rows(_PROCESSES)},
    )


def _by(column: str, statement: str) -> dict[str, int]:
    return {row[column]: row["n"] for row in _rows(f"{statement} GROUP BY {column}")}


def _rows(statement: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"at_desk_s": AT_DESK_S, "recent": RECENT_ASSIGNMENTS})
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_DESKS = """
SELECT count(*) AS n, count(*) FILTER (WHERE waiting_since IS NOT NULL) AS waiting
  FROM labeling_desk
 WHERE closed_at IS NULL AND seen_at > now() - %(at_desk_s)s * interval '1 second'
"""

# Counted from the assignments themselves: the column that the constraint watches could
# only be wrong together with it.
_OVERSHOT = """
SELECT count(*) AS n FROM (
    SELECT i.id
      FROM labeling_item i
      JOIN labeling_assignment a ON a.item_id = i.id AND a.repeat = 0
     WHERE i.id IN (SELECT item_id FROM labeling_assignment ORDER BY id DESC LIMIT %(recent)s)
       AND a.state IN ('held', 'parked', 'answered')
     GROUP BY i.id, i.overlap
    HAVING count(*) > i.overlap) overshot
"""

_OLDEST = """
SELECT coalesce(extract(epoch FROM now() - min(r.created_at)), 0) AS age
  FROM labeling_generationrequest r JOIN labeling_project p ON p.id = r.project_id
 WHERE r.state = 'pending' AND p.state = 'active'
"""

_PROCESSES = """
SELECT kind, count(*) AS n FROM labeling_process
 WHERE seen_at > now() - interval '30 seconds' GROUP BY kind
"""
