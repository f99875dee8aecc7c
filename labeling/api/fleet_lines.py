"""Why: what the addresses of the fleet, endpoints and policies take and answer. No key is shown."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from generation.kinds import EndpointKind, EndpointState, PolicyState
from generation.models import (
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_TIMEOUT_S,
    Endpoint,
    Policy,
)
from labeling.api.bodies import Body, Boolean, Integer, Object, Text, Word
from labeling.rules.states import WantedState

MAX_INTEGER = 2**31 - 1


# --- bodies -------------------------------------------------------------------


class WantedBody(Body):
    wanted = Word(WantedState, help_text="run, drain (end what it has) or pause")


class EndpointBody(Body):
    """An endpoint in full."""

    name = Text(max_length=100)
    base_url = Text(max_length=500, help_text="Usually ends in /v1.")
    kind = Word(EndpointKind)
    key = Text(
        default=None,
        allow_null=True,
        allow_blank=True,
        max_length=2_000,
        help_text="Never shown again; null keeps the one that is there, empty removes it.",
    )
    model_revision = Text(default="", allow_blank=True, max_length=200)
    quantisation = Text(default="", allow_blank=True, max_length=60)
    max_model_len = Integer(default=None, allow_null=True, min_value=1, max_value=MAX_INTEGER)
    max_in_flight = Integer(default=DEFAULT_MAX_IN_FLIGHT, min_value=1, max_value=100_000)
    max_rpm = Integer(default=None, allow_null=True, min_value=1, max_value=MAX_INTEGER)
    weight = Integer(default=1, min_value=0, max_value=MAX_INTEGER)
    timeout_s = Integer(default=DEFAULT_TIMEOUT_S, min_value=1, max_value=86_400)


class EndpointStateBody(Body):
    state = Word(EndpointState)


class PolicyBody(Body):
    name = Text(max_length=100)
    endpoint = Text(help_text="The endpoint's name.")
    model = Text(max_length=300)
    system_prompt = Text(default="", allow_blank=True, max_length=100_000)
    parameters = Object(help_text="temperature, top_p, max_tokens; optionally more.")
    is_n_per_request_ok = Boolean(default=True)
    prompt_price_per_mtoken = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, min_value=0, allow_null=True
    )
    completion_price_per_mtoken = serializers.DecimalField(
        max_digits=12, decimal_places=6, default=None, min_value=0, allow_null=True
    )
    is_replacing = Boolean(
        default=False, help_text="Stop and rename another policy that has the name."
    )


class PolicyStateBody(Body):
    state = Word(PolicyState)
    reason = Text(default="", allow_blank=True, max_length=200)


# --- answers ------------------------------------------------------------------


class ProcessShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.CharField()
    version = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    wanted = serializers.CharField()
    is_alive = serializers.BooleanField()
    silent_s = serializers.FloatField()
    n_in_flight = serializers.IntegerField()
    n_desks = serializers.IntegerField()
    started_at = serializers.DateTimeField()


class QueueShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    depth = serializers.IntegerField()
    oldest_s = serializers.FloatField(allow_null=True)
    wanted = serializers.CharField()
    has_worker = serializers.BooleanField()
    measured_at = serializers.DateTimeField(allow_null=True)


class EndpointLoadShown(serializers.Serializer[Any]):
    name = serializers.CharField(source="endpoint.name")
    base_url = serializers.CharField(source="endpoint.base_url")
    kind = serializers.CharField(source="endpoint.kind")
    state = serializers.CharField(source="endpoint.state")
    health = serializers.CharField(source="endpoint.health")
    breaker = serializers.CharField(source="endpoint.breaker_state")
    last_error = serializers.CharField(source="endpoint.last_error_class")
    is_changed = serializers.BooleanField(source="endpoint.is_changed")
    models = serializers.SerializerMethodField()
    max_in_flight = serializers.IntegerField(source="endpoint.max_in_flight")
    in_flight = serializers.IntegerField(source="n_leased")
    pending = serializers.IntegerField(source="n_pending")
    oldest_due_s = serializers.FloatField(allow_null=True)

    def get_models(self, load: Any) -> list[str]:
        return [model.id for model in load.endpoint.models_found]


class FleetShown(serializers.Serializer[Any]):
    """As `manage.py fleet --json`, and the web processes."""

    workers = ProcessShown(many=True)
    web = ProcessShown(many=True)
    queues = QueueShown(many=True)
    endpoints = EndpointLoadShown(many=True)


class WantedShown(serializers.Serializer[Any]):
    wanted = serializers.CharField()


class EndpointShown(serializers.ModelSerializer[Endpoint]):
    id = serializers.UUIDField(source="uid")
    kind = serializers.CharField()
    state = serializers.CharField()
    health = serializers.CharField()
    breaker = serializers.CharField(source="breaker_state")
    has_key = serializers.SerializerMethodField()
    is_changed = serializers.SerializerMethodField(
        help_text="Models or version differ from those that were confirmed."
    )
    models_found = serializers.JSONField()

    class Meta:
        model = Endpoint
        fields = (
            "id",
            "name",
            "base_url",
            "kind",
            "has_key",
            "model_revision",
            "quantisation",
            "max_model_len",
            "max_in_flight",
            "max_rpm",
            "weight",
            "timeout_s",
            "state",
            "health",
            "health_checked_at",
            "breaker",
            "last_error_class",
            "models_found",
            "server_version",
            "is_changed",
            "created_at",
        )

    def get_has_key(self, row: Endpoint) -> bool:
        return bool(row.key_encrypted)

    def get_is_changed(self, row: Endpoint) -> bool:
        confirmed = row.confirmed_fingerprint
        return bool(confirmed) and row.found_fingerprint != confirmed


class PolicyShown(serializers.ModelSerializer[Policy]):
    id = serializers.UUIDField(source="uid")
    endpoint = serializers.CharField(source="endpoint.name")
    state = serializers.CharField()
    parameters = Object()

    class Meta:
        model = Policy
        fields = (
            "id",
            "name",
            "endpoint",
            "model",
            "system_prompt",
            "parameters",
            "is_n_per_request_ok",
            "state",
            "stopped_reason",
            "prompt_price_per_mtoken",
            "completion_price_per_mtoken",
            "created_at",
        )
