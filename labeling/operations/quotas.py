"""Why: an annotator's place in a project: made on first sight, given quotas, paused, ended.

The enrolment row is the lock of an annotator in a project, for the hot path too
(operations/sql/desk.sql). Caps beside the quotas let a quota be lowered below what is
used without breaking the constraint that it is never passed (models/assignments.py).
"""

from __future__ import annotations

import zoneinfo

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Now, TruncDate

from labeling.errors import Invalid
from labeling.events import bus
from labeling.events.types import EnrolmentChanged
from labeling.models import Annotator, DayCount, Enrolment, Project
from labeling.operations.audit import Actor, record
from labeling.operations.returns import revoke_all_of
from labeling.rules.states import EnrolmentState
from labeling.rules.vocabulary import RevokedReason

MAX_QUOTA = 1_000_000
_REASONS = {
    EnrolmentState.PAUSED: RevokedReason.PAUSED,
    EnrolmentState.REMOVED: RevokedReason.REMOVED,
}


def ensure_enrolment(project: Project, annotator: Annotator) -> Enrolment:
    """Return the annotator's enrolment, made with the project's quotas if there is none.

    Whether they may work there at all is decided by queries/access.py. One query when it
    is there; safe when two desks open at once.
    """
    user = annotator.user
    enrolment, _ = Enrolment.objects.get_or_create(
        project=project,
        annotator=annotator,
        defaults={
            "quota_total": project.quota_total,
            "quota_day": project.quota_day,
            "cap_total": project.quota_total,
            "time_zone": user.time_zone if user else "UTC",
            "deadline_at": project.deadline_at,
        },
    )
    return enrolment


@transaction.atomic
def set_quota(
    *, enrolment: Enrolment, total: int | None, per_day: int | None, actor: Actor
) -> Enrolment:
    """Set how many responses an annotator may give in all and per day; None is no limit.

    A quota lowered below what is used takes nothing away and lets nothing more out.

    Raises: Invalid.
    """
    check_quota(total, "total")
    check_quota(per_day, "per_day")
    row = _locked(enrolment)
    before = {"total": row.quota_total, "per_day": row.quota_day}
    row.quota_total, row.quota_day = total, per_day
    row.cap_total = None if total is None else max(total, row.n_counted)
    row.save(update_fields=["quota_total", "quota_day", "cap_total"])
    cap = Value(None) if per_day is None else Greatest(F("n_counted"), Value(per_day))
    # The day is the person's: on_date is a date in the enrolment's time zone.
    DayCount.objects.filter(
        enrolment=row, on_date__gte=TruncDate(Now(), tzinfo=zoneinfo.ZoneInfo(row.time_zone))
    ).update(cap=cap)
    record(
        actor=actor,
        action="enrolment.quota_set",
        subject=row,
        project=row.project,
        before=before,
        after={"total": total, "per_day": per_day},
    )
    bus.publish(EnrolmentChanged(row.pk))
    return row


def set_enrolment_state(*, enrolment: Enrolment, state: EnrolmentState, actor: Actor) -> int:
    """Let an annotator work in a project, pause them, or remove them from it.

    Returns how many tasks came back; that happens after the commit (members.py says why).
    """
    with transaction.atomic():
        row = _locked(enrolment)
        before = EnrolmentState(row.state)
        if before is state:
            return 0
        row.state = state.value
        row.save(update_fields=["state"])
        record(
            actor=actor,
            action="enrolment.state_set",
            subject=row,
            project=row.project,
            before={"state": before.value},
            after={"state": state.value},
        )
        bus.publish(EnrolmentChanged(row.pk))
    if state is EnrolmentState.ACTIVE:
        return 0
    return revoke_all_of(reason=_REASONS[state], enrolment_id=row.pk)


@transaction.atomic
def set_quota_of_all(
    *, project: Project, total: int | None, per_day: int | None, actor: Actor
) -> int:
    """Set the quotas of everybody enrolled, and of who comes later; returns how many were."""
    check_quota(total, "total")
    check_quota(per_day, "per_day")
    Project.objects.filter(pk=project.pk).update(quota_total=total, quota_day=per_day)
    project.quota_total, project.quota_day = total, per_day
    enrolments = list(Enrolment.objects.filter(project=project).order_by("id"))
    for enrolment in enrolments:
        set_quota(enrolment=enrolment, total=total, per_day=per_day, actor=actor)
    return len(enrolments)


def check_quota(value: int | None, path: str) -> None:
    """Refuse what is no quota.

    Raises: Invalid, with the path of the mistake.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_QUOTA:
        raise Invalid(
            "This is not a quota.",
            fields={path: f"Must be a whole number from 0 to {MAX_QUOTA}, or null."},
        )


def _locked(enrolment: Enrolment) -> Enrolment:
    rows = Enrolment.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("project__workspace").get(pk=enrolment.pk)
