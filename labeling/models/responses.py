"""Responses with their revisions, what they add up to, and disputes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from labeling.models.assignments import Assignment
from labeling.models.base import Row, choices, one_of, state_field
from labeling.models.items import Item
from labeling.models.people import Annotator, User
from labeling.models.projects import GuidelinesVersion, Project, QuestionSet
from labeling.rules.states import DisputeState, ResponseSource


class Response(Row):
    """An annotator's submitted values, under the keys they were shown (`assignment.shown`).

    (assignment, lease) makes a repeated submit the same response. Surplus ones are
    outside overlap and consensus. The newest revision is the current one.
    """

    # No database constraints where the assignment implies them (models/assignments.py).
    project = models.ForeignKey(
        Project, models.CASCADE, related_name="responses", db_constraint=False, db_index=False
    )
    item = models.ForeignKey(Item, models.CASCADE, related_name="responses", db_index=False)
    annotator = models.ForeignKey(
        Annotator, models.PROTECT, related_name="responses", db_constraint=False
    )
    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="responses")
    lease = models.UUIDField()
    revision = models.PositiveIntegerField(default=1, db_default=1)
    is_current = models.BooleanField(default=True, db_default=True)
    is_surplus = models.BooleanField(default=False, db_default=False)
    values = models.JSONField()
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
    spent_ms = models.PositiveBigIntegerField(default=0, db_default=0)
    source = models.CharField(
        max_length=8,
        choices=choices(ResponseSource),
        default=ResponseSource.DESK.value,
        db_default=ResponseSource.DESK.value,
    )
    submitted_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "lease"], name="response_stored_once"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(is_current=True), name="response_one_current"
            ),
            models.UniqueConstraint(
                fields=["assignment", "revision"], name="response_revision_unique"
            ),
            one_of("source", ResponseSource, "response_source"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="response_by_project"),
            models.Index(fields=["item"], name="response_by_item"),
            models.Index(fields=["project", "submitted_at"], name="response_by_time"),
        ]


class Consensus(models.Model):
    """What the responses to an item add up to for one question; candidates by id."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="consensus")
    question = models.CharField(max_length=80)
    value = models.JSONField(null=True)
    confidence = models.FloatField(null=True)
    n_responses = models.PositiveIntegerField()
    method = models.CharField(max_length=40)
    tied = models.JSONField(default=list)
    computed_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "question"], name="consensus_unique")
        ]


class Dispute(Row):
    """An item whose responses do not agree, until a reviewer settles it."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="disputes")
    question = models.CharField(max_length=80, blank=True)
    state = state_field(DisputeState, DisputeState.OPEN)
    decision = models.JSONField(null=True)
    comment = models.TextField(blank=True)
    settled_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", DisputeState, "dispute_state"),
            models.UniqueConstraint(
                fields=["item", "question"],
                condition=Q(state=DisputeState.OPEN.value),
                name="dispute_one_open",
            ),
        ]
