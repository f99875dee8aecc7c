"""Enrolments (annotator × project: quota and frontier), assignments with leases, desks.

An enrolment row is the one lock of an annotator in a project: every claim, submit
and return takes it first, so two desks of one person share one allotment.
Lock order everywhere: enrolment → assignment → item.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from labeling.models.base import Row, choices, one_of, state_field
from labeling.models.items import Item
from labeling.models.people import Annotator, User
from labeling.models.projects import GuidelinesVersion, Project, QuestionSet
from labeling.rules.states import (
    AssignmentState,
    EnrolmentState,
    FlagState,
    OrderStrategy,
)


class Enrolment(Row):
    """An annotator's place in a project.

    `n_counted` is what counts against the quota: held, parked and answered (not
    surplus). `cap_total` is `max(quota_total, n_counted)` when the quota was last
    set: a quota may be lowered below what is used, and never be passed further.
    `frontier`: no open item with `place <= frontier` is claimable for this annotator.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="enrolments")
    annotator = models.ForeignKey(Annotator, models.PROTECT, related_name="enrolments")
    state = state_field(EnrolmentState, EnrolmentState.ACTIVE)
    quota_total = models.PositiveIntegerField(null=True)
    quota_day = models.PositiveIntegerField(null=True)
    cap_total = models.PositiveIntegerField(null=True)
    n_counted = models.PositiveIntegerField(default=0, db_default=0)
    n_held = models.PositiveIntegerField(default=0, db_default=0)
    n_parked = models.PositiveIntegerField(default=0, db_default=0)
    n_answered = models.PositiveIntegerField(default=0, db_default=0)
    n_skipped = models.PositiveIntegerField(default=0, db_default=0)
    frontier = models.BigIntegerField(default=0, db_default=0)
    guidelines_major = models.PositiveIntegerField(
        default=0, db_default=0, help_text="The newest major version acknowledged."
    )
    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    deadline_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "annotator"], name="enrolment_unique"),
            one_of("state", EnrolmentState, "enrolment_state"),
            models.CheckConstraint(
                condition=Q(cap_total__isnull=True) | Q(n_counted__lte=F("cap_total")),
                name="enrolment_never_over_quota",
            ),
            models.CheckConstraint(
                condition=Q(n_counted=F("n_held") + F("n_parked") + F("n_answered")),
                name="enrolment_counts_add_up",
            ),
        ]


class DayCount(models.Model):
    """What counts against an enrolment's quota on one day in the person's time zone."""

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="days")
    on_date = models.DateField()
    n_counted = models.PositiveIntegerField(default=0, db_default=0)
    n_answered = models.PositiveIntegerField(default=0, db_default=0)
    cap = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "on_date"], name="day_count_unique"),
            models.CheckConstraint(
                condition=Q(cap__isnull=True) | Q(n_counted__lte=F("cap")),
                name="day_count_never_over_quota",
            ),
        ]


class Assignment(Row):
    """A slot held by one annotator under a lease; on the wire it is a task.

    `shown` lists candidate ids in the order of their keys (A, B, …), drawn from
    `order_seed`. `repeat` is 0 but for asked-for self-consistency repeats.
    """

    # Without database constraints where the item or the enrolment implies them already:
    # a foreign key costs the hot path a locked look-up of the same few rows each time.
    project = models.ForeignKey(
        Project, models.CASCADE, related_name="assignments", db_constraint=False, db_index=False
    )
    # Each index costs the hot path twice (claim and answer): item is served by the constraint,
    # annotator by assignment_history; the others are looked up through them.
    item = models.ForeignKey(Item, models.CASCADE, related_name="assignments", db_index=False)
    annotator = models.ForeignKey(
        Annotator, models.PROTECT, related_name="assignments", db_index=False
    )
    enrolment = models.ForeignKey(Enrolment, models.PROTECT, related_name="assignments")
    repeat = models.PositiveSmallIntegerField(default=0, db_default=0)
    state = state_field(AssignmentState, AssignmentState.HELD)
    lease = models.UUIDField()
    n_leases = models.PositiveIntegerField(default=1, db_default=1)
    expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(default=timezone.now, db_default=Now())
    opened_at = models.DateTimeField(null=True)
    acted_at = models.DateTimeField(default=timezone.now, db_default=Now())
    closed_at = models.DateTimeField(null=True)
    counted_on = models.DateField()
    order_seed = models.BigIntegerField()
    shown = ArrayField(models.BigIntegerField(), default=list)
    questions = models.ForeignKey(
        QuestionSet, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    guidelines = models.ForeignKey(
        GuidelinesVersion,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    chosen_by = models.CharField(
        max_length=16, choices=choices(OrderStrategy), default=OrderStrategy.FINISH_STARTED.value
    )
    probability = models.FloatField(null=True)
    is_gold = models.BooleanField(default=False, db_default=False)
    skip_reason = models.CharField(max_length=16, blank=True, db_default="")
    skip_note = models.TextField(blank=True, db_default="")
    spent_ms = models.PositiveBigIntegerField(default=0, db_default=0)
    active_ms = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "annotator", "repeat"], name="assignment_once_per_annotator"
            ),
            one_of("state", AssignmentState, "assignment_state"),
        ]
        indexes = [
            # Serves welcome, resume and the return of what a desk holds.
            models.Index(
                fields=["enrolment", "id"],
                condition=Q(state__in=["held", "parked"]),
                name="assignment_live",
            ),
            # Serves the expiry sweep.
            models.Index(
                fields=["expires_at"], condition=Q(state="held"), name="assignment_expiry"
            ),
            models.Index(fields=["annotator", "-id"], name="assignment_history"),
        ]


class Draft(models.Model):
    """What an annotator typed and did not submit; outlives the lease."""

    assignment = models.OneToOneField(Assignment, models.CASCADE, related_name="draft")
    values = models.JSONField()
    saved_at = models.DateTimeField(default=timezone.now, db_default=Now())


class Flag(Row):
    """A question about a task; the lead's answer may become a ruling."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="flags")
    reason = models.CharField(max_length=40)
    note = models.TextField(blank=True)
    state = state_field(FlagState, FlagState.OPEN)
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [one_of("state", FlagState, "flag_state")]


class Ruling(Row):
    """A lead's answer that holds for all like tasks, with its example."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="rulings")
    flag = models.ForeignKey(Flag, models.SET_NULL, null=True, related_name="rulings")
    item = models.ForeignKey(Item, models.SET_NULL, null=True, related_name="+")
    text = models.TextField()
    html = models.TextField(blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")


class Desk(Row):
    """An annotator's open connection: presence, and the waiting list for work.

    A row whose `seen_at` is old belongs to a web process that died; nobody is there.
    """

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="desks")
    channel = models.CharField(max_length=120, unique=True)
    process = models.CharField(max_length=120)
    wanted = models.PositiveSmallIntegerField(default=0, db_default=0)
    connected_at = models.DateTimeField(default=timezone.now, db_default=Now())
    seen_at = models.DateTimeField(default=timezone.now, db_default=Now())
    acted_at = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["enrolment", "waiting_since"],
                condition=Q(waiting_since__isnull=False, closed_at__isnull=True),
                name="desk_waiting",
            ),
            models.Index(fields=["seen_at"], condition=Q(closed_at__isnull=True), name="desk_seen"),
        ]
