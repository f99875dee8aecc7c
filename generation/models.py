"""Why: the schema of the model servers. Constraints, no behaviour.

Rows here have no tenant: `labeling.PolicyAccess` says who may use a policy.
What was asked and answered (requests, candidates, usage) lives in `labeling`.
"""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from generation.kinds import (
    BreakerState,
    EndpointKind,
    EndpointState,
    Health,
    PolicyState,
)

DEFAULT_TIMEOUT_S = 300
"""How long one call may take in all; a loaded server keeps a request queued for minutes."""

DEFAULT_MAX_IN_FLIGHT = 32


def choices_of(enum: type[StrEnum]) -> list[tuple[str, str]]:
    """Return Django's choices of a StrEnum: the values, with readable titles."""
    return [(member.value, member.value.replace("_", " ")) for member in enum]


def is_one_of(field: str, enum: type[StrEnum], *, or_blank: bool = False) -> Q:
    """Return the condition that a column holds a value of a StrEnum."""
    values = [member.value for member in enum]
    return Q(**{f"{field}__in": [*values, ""] if or_blank else values})


class Endpoint(models.Model):
    """One OpenAI-compatible model server.

    `base_url` is the API's root (usually ends in `/v1`). Whether loopback and
    private addresses are allowed comes from settings, never from the row:
    who may edit an endpoint must not thereby reach the host's own services.
    """

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    base_url = models.CharField(max_length=500)
    kind = models.CharField(max_length=16, choices=choices_of(EndpointKind))
    key_encrypted = models.BinaryField(default=bytes, blank=True, editable=False)
    """Fernet token of the bearer key (`generation.secrets`); empty = no key."""

    # What the operator declares; failover is only between equal declarations.
    model_revision = models.CharField(max_length=200, blank=True)
    quantisation = models.CharField(max_length=60, blank=True)
    max_model_len = models.PositiveIntegerField(null=True, blank=True)
    """Tokens of prompt and answer together; empty = as found, or not checked."""

    # Limits.
    max_in_flight = models.PositiveIntegerField(default=DEFAULT_MAX_IN_FLIGHT)
    max_rpm = models.PositiveIntegerField(null=True, blank=True)
    weight = models.PositiveIntegerField(default=1)
    timeout_s = models.PositiveIntegerField(default=DEFAULT_TIMEOUT_S)

    # What ops want.
    state = models.CharField(
        max_length=16, choices=choices_of(EndpointState), default=EndpointState.ACTIVE.value
    )

    # What the last probe saw.
    health = models.CharField(
        max_length=16, choices=choices_of(Health), default=Health.UNKNOWN.value
    )
    health_checked_at = models.DateTimeField(null=True, blank=True)
    models_found = models.JSONField(default=list, blank=True)
    """List of `{"id": str, "max_model_len"?: int}`."""
    server_version = models.CharField(max_length=100, blank=True)
    found_fingerprint = models.CharField(max_length=64, blank=True)
    confirmed_fingerprint = models.CharField(max_length=64, blank=True)
    """What an operator (or the first probe) accepted; differs = the server changed."""
    last_error_class = models.CharField(max_length=40, blank=True)
    """An `Outcome`; without choices, for a new class of error needs no migration."""

    # The circuit breaker, changed by `operations.record_breaker` alone.
    breaker_state = models.CharField(
        max_length=16, choices=choices_of(BreakerState), default=BreakerState.CLOSED.value
    )
    breaker_opened_at = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="endpoint_has_name"),
            models.CheckConstraint(
                condition=Q(base_url__startswith="http://") | Q(base_url__startswith="https://"),
                name="endpoint_base_url_is_http",
            ),
            models.CheckConstraint(
                condition=is_one_of("kind", EndpointKind), name="endpoint_kind_known"
            ),
            models.CheckConstraint(
                condition=is_one_of("state", EndpointState), name="endpoint_state_known"
            ),
            models.CheckConstraint(
                condition=is_one_of("health", Health), name="endpoint_health_known"
            ),
            models.CheckConstraint(
                condition=is_one_of("breaker_state", BreakerState),
                name="endpoint_breaker_state_known",
            ),
            models.CheckConstraint(
                condition=Q(breaker_state=BreakerState.CLOSED.value, breaker_opened_at=None)
                | (
                    ~Q(breaker_state=BreakerState.CLOSED.value) & Q(breaker_opened_at__isnull=False)
                ),
                name="endpoint_breaker_has_instant_unless_closed",
            ),
            models.CheckConstraint(
                condition=Q(max_in_flight__gte=1) & Q(weight__gte=0) & Q(timeout_s__gte=1),
                name="endpoint_limits_make_sense",
            ),
            models.CheckConstraint(
                condition=Q(max_rpm=None) | Q(max_rpm__gte=1), name="endpoint_max_rpm_positive"
            ),
            models.CheckConstraint(
                condition=Q(max_model_len=None) | Q(max_model_len__gte=1),
                name="endpoint_max_model_len_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """One way of answering: endpoint, model, system prompt and sampling parameters.

    A policy is never edited: what wrote a candidate must stay readable for
    ever. `model`, `system_prompt` and `parameters` are fixed by a trigger from
    the first insert (migration 0002); an edit makes a new policy and stops the
    old one. There are therefore no versions of a policy.
    """

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="policies")
    fallbacks = models.ManyToManyField(
        Endpoint, through="PolicyEndpoint", related_name="fallback_policies", blank=True
    )
    model = models.CharField(max_length=300)
    system_prompt = models.TextField(blank=True)
    parameters = models.JSONField(default=dict)
    """temperature, top_p, max_tokens; optional: see `specs.SamplingParameters`."""
    is_n_per_request_ok = models.BooleanField(default=True)
    """Whether the server may be asked for several choices in one request."""
    state = models.CharField(
        max_length=16, choices=choices_of(PolicyState), default=PolicyState.ACTIVE.value
    )
    stopped_reason = models.CharField(max_length=200, blank=True)
    prompt_price_per_mtoken = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True
    )
    completion_price_per_mtoken = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(model=""), name="policy_has_names"),
            models.CheckConstraint(
                condition=is_one_of("state", PolicyState), name="policy_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=PolicyState.STOPPED.value) | Q(stopped_reason=""),
                name="policy_reason_only_when_stopped",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyEndpoint(models.Model):
    """A further endpoint that may answer for a policy when its own cannot.

    Only endpoints with the same declared revision and quantisation qualify
    (`operations.save_fallback` refuses others): else candidates of one policy
    would come from two models.
    """

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="policy_endpoints")
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.PROTECT, related_name="policy_endpoints"
    )
    weight = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["policy", "endpoint"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "endpoint"], name="policyendpoint_once_per_pair"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} on {self.endpoint_id}"
