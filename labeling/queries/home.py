"""What the home page shows: one's own work, and the projects one looks after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q

from labeling.models import User
from labeling.queries.access import projects_of
from labeling.queries.progress import AT_DESK_S
from labeling.rules.permissions import Permission
from labeling.rules.states import ProjectState


@dataclass(frozen=True, slots=True)
class OwnWork:
    """A project one may answer in, and how far one is. `today` is one's own day."""

    slug: str
    name: str
    description: str
    workspace: str
    template: str
    state: str
    enrolment_state: str
    done: int
    today: int
    held: int
    parked: int
    quota_total: int | None
    quota_day: int | None
    is_work_open: bool

    @property
    def is_quota_reached(self) -> bool:
        return (self.quota_total is not None and self.done >= self.quota_total) or (
            self.quota_day is not None and self.today >= self.quota_day
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """A project one looks after. Answers of the places its items have in all."""

    slug: str
    name: str
    workspace: str
    template: str
    state: str
    n_items: int
    n_slots: int
    n_answered: int
    n_waiting: int
    n_disputes: int
    n_blocked: int
    n_at_desk: int


_WORK = """
SELECT p.slug, p.name, p.description, w.name AS workspace, p.template, p.state,
       coalesce(e.state, 'active') AS enrolment_state, coalesce(e.n_answered, 0) AS done,
       coalesce(d.n_answered, 0) AS today, coalesce(e.n_held, 0) AS held,
       coalesce(e.n_parked, 0) AS parked,
       CASE WHEN e.id IS NULL THEN p.quota_total ELSE e.quota_total END AS quota_total,
       CASE WHEN e.id IS NULL THEN p.quota_day ELSE e.quota_day END AS quota_day,
       EXISTS (SELECT 1 FROM labeling_item i
                WHERE i.project_id = p.id AND i.is_open)
           AS is_work_open
  FROM labeling_project p
  JOIN labeling_workspace w ON w.id = p.workspace_id
  LEFT JOIN labeling_annotator a ON a.workspace_id = p.workspace_id AND a.user_id = %(user)s
  LEFT JOIN labeling_enrolment e ON e.project_id = p.id AND e.annotator_id = a.id
  LEFT JOIN labeling_daycount d
         ON d.enrolment_id = e.id AND d.on_date = (now() AT TIME ZONE e.time_zone)::date
 WHERE p.id = ANY(%(projects)s)
 ORDER BY p.state = 'paused', p.name, p.id
"""

_OVERVIEW = """
SELECT p.slug, p.name, w.name AS workspace, p.template, p.state,
       coalesce(i.n, 0) AS n_items, coalesce(i.slots, 0) AS n_slots,
       coalesce(i.answered, 0) AS n_answered, coalesce(i.waiting, 0) AS n_waiting,
       coalesce(i.disputes, 0) AS n_disputes, coalesce(i.blocked, 0) AS n_blocked,
       coalesce(k.n, 0) AS n_at_desk
  FROM labeling_project p
  JOIN labeling_workspace w ON w.id = p.workspace_id
  LEFT JOIN (
       SELECT project_id, count(*) AS n,
              sum(overlap) FILTER (WHERE state NOT IN ('withdrawn', 'blocked'))::bigint AS slots,
              sum(n_answered) FILTER (WHERE state NOT IN ('withdrawn', 'blocked'))::bigint
                  AS answered,
              count(*) FILTER (WHERE state = 'waiting') AS waiting,
              count(*) FILTER (WHERE state = 'dispute') AS disputes,
              count(*) FILTER (WHERE state = 'blocked') AS blocked
         FROM labeling_item WHERE project_id = ANY(%(projects)s) GROUP BY project_id
       ) i ON i.project_id = p.id
  LEFT JOIN (
       SELECT e.project_id, count(DISTINCT e.id) AS n
         FROM labeling_desk t JOIN labeling_enrolment e ON e.id = t.enrolment_id
        WHERE t.closed_at IS NULL AND t.seen_at > now() - %(at_desk_s)s * interval '1 second'
        GROUP BY e.project_id
       ) k ON k.project_id = p.id
 WHERE p.id = ANY(%(projects)s)
 ORDER BY array_position(ARRAY['active', 'paused', 'draft', 'finished', 'archived'],
                         p.state::text), p.name, p.id
"""


def own_work(user: User) -> list[OwnWork]:
    """Return the running projects in which a user may answer, paused ones last. Two queries."""
    projects = projects_of(user, Permission.PROJECT_WORK).filter(
        Q(state=ProjectState.ACTIVE) | Q(state=ProjectState.PAUSED)
    )
    ids = list(projects.values_list("pk", flat=True))
    return [OwnWork(**row) for row in _rows(_WORK, {"user": user.pk, "projects": ids})]


def overviews(user: User, *, is_archive: bool = False) -> list[Overview]:
    """Return the projects a user looks after, running ones first. Two queries.

    Reads each item of those projects once; the archive is asked for by itself.
    """
    projects = projects_of(user, Permission.PROJECT_VIEW)
    closed = Q(state=ProjectState.ARCHIVED)
    ids = list(projects.filter(closed if is_archive else ~closed).values_list("pk", flat=True))
    params = {"projects": ids, "at_desk_s": AT_DESK_S}
    return [Overview(**row) for row in _rows(_OVERVIEW, params)]


def _rows(statement: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    if not params["projects"]:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
