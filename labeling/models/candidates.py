"""Candidates with their lineage, and the generation requests that make them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from labeling.models.base import Row, one_of, state_field
from labeling.models.items import Item
from labeling.models.projects import Project, SlateVersion
from labeling.rules.states import RequestState


class GenerationRequest(Row):
    """One sample of one policy for one item: the row that is the queue.

    `draw` counts samplings after the gate; `attempts` counts calls to a server.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="generation_requests")
    item = models.ForeignKey(Item, models.CASCADE, related_name="generation_requests")
    slate = models.ForeignKey(SlateVersion, models.PROTECT, null=True, related_name="+")
    policy = models.ForeignKey("generation.Policy", models.PROTECT, related_name="+")
    endpoint = models.ForeignKey("generation.Endpoint", models.PROTECT, related_name="+")
    sample = models.PositiveSmallIntegerField()
    priority = models.SmallIntegerField(default=0, db_default=0)
    state = state_field(RequestState, RequestState.PENDING)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    draws = models.PositiveIntegerField(default=0, db_default=0)
    rejections = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    turns_so_far = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Answers to the first open turns of the current draw, paid for already.",
    )
    next_attempt_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True, db_default="")
    error_class = models.CharField(max_length=40, blank=True, db_default="")
    first_error = models.CharField(max_length=500, blank=True, db_default="")
    last_error = models.CharField(max_length=500, blank=True, db_default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", RequestState, "generation_request_state"),
            models.UniqueConstraint(
                fields=["item", "policy", "sample"], name="generation_request_unique"
            ),
            models.CheckConstraint(
                condition=~Q(state=RequestState.LEASED.value)
                | Q(lease__isnull=False, leased_until__isnull=False),
                name="generation_request_leased",
            ),
        ]
        indexes = [
            # Serves the pump's claim: each project's head on an endpoint.
            models.Index(
                fields=["endpoint", "project", "-priority", "id"],
                condition=Q(state=RequestState.PENDING.value),
                name="generation_request_heads",
            ),
            # Serves the sweep of lost workers.
            models.Index(
                fields=["leased_until"],
                condition=Q(state=RequestState.LEASED.value),
                name="generation_request_leases",
            ),
            models.Index(fields=["project", "state"], name="generation_request_by_state"),
        ]


class GenerationAttempt(models.Model):
    """One call to a model server and how it ended; kept for a while, without texts."""

    request = models.ForeignKey(GenerationRequest, models.CASCADE, related_name="attempt_rows")
    started_at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField(null=True)
    outcome = models.CharField(max_length=40)
    detail = models.CharField(max_length=500, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)


class Candidate(Row):
    """One answer to an item: an assistant turn for each open turn, with lineage.

    `turns`: `[{text, reasoning?, tool_calls?}]`; `rendered`: the same with `html`.
    """

    item = models.ForeignKey(Item, models.CASCADE, related_name="candidates")
    policy = models.ForeignKey("generation.Policy", models.PROTECT, null=True, related_name="+")
    policy_name = models.CharField(max_length=160, blank=True)
    sample = models.PositiveSmallIntegerField(default=0)
    turns = models.JSONField()
    rendered = models.JSONField()
    renderer_version = models.PositiveIntegerField(default=0)
    model = models.CharField(max_length=255, blank=True)
    model_revision = models.CharField(max_length=255, blank=True)
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(null=True)
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    latency_ms = models.PositiveIntegerField(null=True)
    server_request_id = models.CharField(max_length=160, blank=True)
    marks = ArrayField(models.CharField(max_length=40), default=list)
    draws = models.PositiveIntegerField(default=1)
    rejections = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "policy", "sample"],
                condition=Q(policy__isnull=False),
                name="candidate_of_policy",
            ),
            models.UniqueConstraint(
                fields=["item", "sample"],
                condition=Q(policy__isnull=True),
                name="candidate_imported",
            ),
        ]


class Usage(models.Model):
    """What a policy cost a project on a UTC day."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="usage")
    policy = models.ForeignKey("generation.Policy", models.PROTECT, related_name="+")
    on_date = models.DateField()
    n_calls = models.PositiveIntegerField(default=0)
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "policy", "on_date"], name="usage_unique")
        ]
