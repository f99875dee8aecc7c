"""Why: how far a project is, for its page and the API: five queries, however large it is.

Counts of answers come from the enrolments, which are changed in the transaction of each
answer, not from counting responses. The clock is the database's. With 100,000 items a look
takes 0.1–0.2 s, nearly all of it one pass over the items (an index that spares it would be
written at every claim); so a page that looks every second may take one a moment old.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from labeling.rules.forecast import Forecast, forecast
from labeling.rules.states import ItemState, RequestState

AT_DESK_S = 20
"""A desk seen within so many seconds has somebody at it (operations/sql/presence.sql)."""
MINUTES = 60
SHARE_OF_TIME = 20  # a page may spend one part in so many on looking
MAX_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class SlotCounts:
    """Places of items that are in play (not withdrawn or blocked). `open` may be claimed now;
    those of items still waiting for candidates are in `total` only."""

    total: int
    open: int
    held: int
    answered: int


@dataclass(frozen=True, slots=True)
class ResponseCounts:
    """Answers that count. `today` is each person's own day, fixed at their claim.

    `per_minute` has 60 numbers, oldest first, of minutes that end now; revisions and
    surplus ones are in it too.
    """

    total: int
    today: int
    last_hour: int
    per_minute: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CandidateCounts:
    """Generation requests: `dead` are permanent errors, `open` are under way."""

    requested: int
    done: int
    dead: int
    open: int


@dataclass(frozen=True, slots=True)
class AtDesk:
    """Somebody at a desk of the project: `waiting` for work, `working`, or `idle` (at the
    desk, with nothing on it and not waiting: by quota, say). `since` is when that began,
    for work: when the oldest of their open desks was opened."""

    annotator: str
    state: str
    since: datetime
    n_held: int
    n_desks: int


@dataclass(frozen=True, slots=True)
class ProjectProgress:
    """One look at a project; the five queries see it moments apart."""

    items: Mapping[str, int]
    n_items: int
    slots: SlotCounts
    responses: ResponseCounts
    candidates: CandidateCounts
    forecast: Forecast | None
    desks: tuple[AtDesk, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give plain data (instants stay `datetime`)."""
        return {**asdict(self), "desks": [asdict(desk) for desk in self.desks]}


_remembered: dict[int, tuple[float, ProjectProgress]] = {}


def project_progress(project_id: int, *, may_be_stale: bool = False) -> ProjectProgress:
    """Return how far a project is. Five queries.

    With `may_be_stale`, what this process saw up to 20 times as long ago as it took will
    do: 2 s for a look of 0.1 s.
    """
    good_until, before = _remembered.get(project_id, (0.0, None))
    start = time.monotonic()
    if may_be_stale and before is not None and start < good_until:
        return before
    found = _look(project_id)
    end = time.monotonic()
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[project_id] = (end + (end - start) * SHARE_OF_TIME, found)
    return found


def _look(project_id: int) -> ProjectProgress:
    items = _rows(_ITEMS, project_id)
    [people] = _rows(_PEOPLE, project_id)
    series = _series(_rows(_SERIES, project_id))
    requests = {row["state"]: row["n"] for row in _rows(_REQUESTS, project_id)}
    states = {row["state"]: row["n"] for row in items}
    slots = _slots(items, people["held"])
    return ProjectProgress(
        items={state.value: states.get(state.value, 0) for state in ItemState},
        n_items=sum(states.values()),
        slots=slots,
        responses=ResponseCounts(people["answered"], people["today"], sum(series), series),
        candidates=CandidateCounts(
            requested=sum(n for s, n in requests.items() if s != RequestState.CANCELLED),
            done=requests.get(RequestState.DONE, 0),
            dead=requests.get(RequestState.DEAD, 0),
            open=requests.get(RequestState.PENDING, 0) + requests.get(RequestState.LEASED, 0),
        ),
        forecast=forecast(max(0, slots.total - slots.answered), series),
        desks=tuple(AtDesk(**row) for row in _rows(_DESKS, project_id)),
    )


def _slots(items: list[dict[str, Any]], n_held: int) -> SlotCounts:
    in_play = [r for r in items if r["state"] not in (ItemState.WITHDRAWN, ItemState.BLOCKED)]
    ready = [row for row in items if row["state"] == ItemState.READY]
    return SlotCounts(
        total=sum(row["slots"] for row in in_play),
        open=sum(row["slots"] - row["taken"] for row in ready),
        held=n_held,
        answered=sum(row["answered"] for row in in_play),
    )


def _series(rows: list[dict[str, Any]]) -> tuple[int, ...]:
    ago = {row["minutes_ago"]: row["n"] for row in rows}
    return tuple(ago.get(n, 0) for n in range(MINUTES - 1, -1, -1))


def _rows(statement: str, project_id: int) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"project": project_id, "at_desk_s": AT_DESK_S, "minutes": MINUTES}
        )
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_ITEMS = """
SELECT state, count(*) AS n, sum(overlap)::bigint AS slots, sum(n_taken)::bigint AS taken,
       sum(n_answered)::bigint AS answered
  FROM labeling_item
 WHERE project_id = %(project)s
 GROUP BY state
"""

_PEOPLE = """
SELECT coalesce(sum(e.n_answered), 0)::bigint AS answered,
       coalesce(sum(e.n_held + e.n_parked), 0)::bigint AS held,
       coalesce(sum(d.n_answered), 0)::bigint AS today
  FROM labeling_enrolment e
  LEFT JOIN labeling_daycount d
         ON d.enrolment_id = e.id AND d.on_date = (now() AT TIME ZONE e.time_zone)::date
 WHERE e.project_id = %(project)s
"""

# Served by response_by_time.
_SERIES = """
SELECT floor(extract(epoch FROM now() - submitted_at) / 60)::int AS minutes_ago, count(*) AS n
  FROM labeling_response
 WHERE project_id = %(project)s AND submitted_at > now() - %(minutes)s * interval '1 minute'
 GROUP BY 1
"""

# Served by generation_request_by_state.
_REQUESTS = """
SELECT state, count(*) AS n FROM labeling_generationrequest
 WHERE project_id = %(project)s GROUP BY state
"""

# Served by desk_seen, as few desks are open at all.
_DESKS = """
SELECT a.pseudonym AS annotator,
       CASE WHEN e.n_held > 0 THEN 'working'
            WHEN bool_or(d.waiting_since IS NOT NULL) THEN 'waiting' ELSE 'idle' END AS state,
       CASE WHEN e.n_held = 0 THEN coalesce(min(d.waiting_since), min(d.connected_at))
            ELSE min(d.connected_at) END AS since,
       e.n_held, count(*) AS n_desks
  FROM labeling_desk d
  JOIN labeling_enrolment e ON e.id = d.enrolment_id
  JOIN labeling_annotator a ON a.id = e.annotator_id
 WHERE e.project_id = %(project)s AND d.closed_at IS NULL
   AND d.seen_at > now() - %(at_desk_s)s * interval '1 second'
 GROUP BY a.pseudonym, e.id
 ORDER BY a.pseudonym, e.id
"""
