"""How far each annotator of a project is with their quota."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from labeling.models import Project
from labeling.queries.progress import AT_DESK_S
from labeling.rules.states import EnrolmentState


@dataclass(frozen=True, slots=True)
class AnnotatorProgress:
    """One annotator in one project; `today` is the annotator's own day."""

    enrolment_id: int
    enrolment_uid: str
    annotator_id: int
    pseudonym: str
    state: EnrolmentState
    n_answered: int
    n_held: int
    n_parked: int
    n_skipped: int
    quota_total: int | None
    quota_day: int | None
    n_answered_today: int
    n_counted_today: int
    last_answer_at: datetime | None
    is_at_desk: bool

    @property
    def n_left(self) -> int | None:
        """What may still be answered now, by both quotas; None without any."""
        left = [
            quota - used
            for quota, used in (
                (self.quota_total, self.n_answered),
                (self.quota_day, self.n_answered_today),
            )
            if quota is not None
        ]
        return max(0, min(left)) if left else None


_PROGRESS = """
SELECT e.id AS enrolment_id, e.uid::text AS enrolment_uid, a.id AS annotator_id, a.pseudonym,
       e.state, e.n_answered, e.n_held, e.n_parked,
       e.n_skipped, e.quota_total, e.quota_day,
       coalesce(d.n_answered, 0) AS n_answered_today,
       coalesce(d.n_counted, 0) AS n_counted_today, last.at AS last_answer_at,
       EXISTS (SELECT 1 FROM labeling_desk k
                WHERE k.enrolment_id = e.id AND k.closed_at IS NULL
                  AND k.seen_at > now() - %(alive_s)s * interval '1 second')
           AS is_at_desk
  FROM labeling_enrolment e
  JOIN labeling_annotator a ON a.id = e.annotator_id
  LEFT JOIN labeling_daycount d
         ON d.enrolment_id = e.id AND d.on_date = (now() AT TIME ZONE e.time_zone)::date
  LEFT JOIN LATERAL (
       SELECT t.closed_at AS at FROM labeling_assignment t
        WHERE t.annotator_id = a.id AND t.project_id = e.project_id AND t.state = 'answered'
        ORDER BY t.id DESC LIMIT 1) last ON true
 WHERE e.project_id = %(project)s AND (%(annotator)s::bigint IS NULL OR a.id = %(annotator)s)
 ORDER BY a.pseudonym, e.id
"""


def progress_of_annotators(
    project: Project, *, annotator_id: int | None = None
) -> list[AnnotatorProgress]:
    """Return everybody's progress in a project by pseudonym, or one annotator's. One query."""
    params = {"project": project.pk, "annotator": annotator_id, "alive_s": AT_DESK_S}
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, params)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [AnnotatorProgress(**{**row, "state": EnrolmentState(row["state"])}) for row in rows]
