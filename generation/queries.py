"""Why: every read of this package; returns frozen values, never rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from generation import sampling, secrets
from generation.errors import NotFound
from generation.kinds import BreakerState, EndpointKind, EndpointState, Health, PolicyState
from generation.models import Endpoint, Policy
from generation.specs import (
    AddressRules,
    EndpointSpec,
    EndpointStatus,
    FoundModel,
    PolicySpec,
    Timeouts,
)

AFTER_FIRST_BYTE_S = 30.0
"""What `total_s` allows beyond the endpoint's own time-out."""


def endpoint_spec(endpoint_id: int) -> EndpointSpec:
    """Return all that is needed to call a model server, the key decrypted. One query.

    Raises: NotFound, secrets.Undecryptable.
    """
    row = Endpoint.objects.filter(pk=endpoint_id).first()
    if row is None:
        raise NotFound("There is no such endpoint.")
    return EndpointSpec(
        id=row.pk,
        uid=row.uid,
        name=row.name,
        base_url=row.base_url,
        kind=EndpointKind(row.kind),
        key=secrets.decrypt(row.key_encrypted),
        address_rules=address_rules(),
        timeouts=Timeouts(
            first_byte_s=float(row.timeout_s), total_s=row.timeout_s + AFTER_FIRST_BYTE_S
        ),
        max_in_flight=row.max_in_flight,
        max_rpm=row.max_rpm,
        max_model_len=row.max_model_len,
        weight=row.weight,
        model_revision=row.model_revision,
        quantisation=row.quantisation,
        models_found=_models_found(row.models_found),
        server_version=row.server_version,
        is_changed=_is_changed(row),
        state=EndpointState(row.state),
        health=Health(row.health),
        breaker_state=BreakerState(row.breaker_state),
    )


def policy_spec(policy_id: int) -> PolicySpec:
    """Return all that is needed to ask a policy. Two queries.

    Raises: NotFound.
    """
    return policy_specs([policy_id])[0]


def policy_specs(policy_ids: Sequence[int]) -> list[PolicySpec]:
    """Return the policies of these ids, in this order. Two queries.

    Raises: NotFound, when one does not exist.
    """
    rows = Policy.objects.prefetch_related("policy_endpoints").in_bulk(set(policy_ids))
    if len(rows) < len(set(policy_ids)):
        raise NotFound("There is no such policy.")
    return [_policy_spec(rows[policy_id]) for policy_id in policy_ids]


def list_policies(*, is_active: bool | None = None) -> list[PolicySpec]:
    """Return all policies by name, or only the active or stopped ones. Two queries."""
    rows = Policy.objects.prefetch_related("policy_endpoints").order_by("name")
    if is_active is not None:
        rows = rows.filter(state=PolicyState.ACTIVE if is_active else PolicyState.STOPPED)
    return [_policy_spec(row) for row in rows]


def list_endpoints() -> list[EndpointStatus]:
    """Return how every endpoint is, by name. One query; no key is decrypted."""
    rows = Endpoint.objects.annotate(
        n_active_policies=Count("policies", filter=Q(policies__state=PolicyState.ACTIVE))
    ).order_by("name")
    return [
        EndpointStatus(
            id=row.pk,
            uid=row.uid,
            name=row.name,
            base_url=row.base_url,
            kind=EndpointKind(row.kind),
            has_key=bool(row.key_encrypted),
            state=EndpointState(row.state),
            health=Health(row.health),
            health_checked_at=row.health_checked_at,
            breaker_state=BreakerState(row.breaker_state),
            last_error_class=row.last_error_class,
            models_found=_models_found(row.models_found),
            server_version=row.server_version,
            is_changed=_is_changed(row),
            max_in_flight=row.max_in_flight,
            weight=row.weight,
            n_active_policies=row.n_active_policies,
        )
        for row in rows
    ]


def default_endpoint_id() -> int | None:
    """Return the endpoint that templates use: the oldest one not put away by ops, or None."""
    return (
        Endpoint.objects.filter(state=EndpointState.ACTIVE)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first()
    )


def address_rules() -> AddressRules:
    """Return which addresses this installation allows (settings, never a row)."""
    return AddressRules(
        allow_loopback=bool(getattr(settings, "LLM_ALLOW_LOOPBACK", False)),
        allow_private=bool(getattr(settings, "LLM_ALLOW_PRIVATE", False)),
    )


def _policy_spec(row: Policy) -> PolicySpec:
    return PolicySpec(
        id=row.pk,
        uid=row.uid,
        name=row.name,
        endpoint_id=row.endpoint_id,
        model=row.model,
        parameters=sampling.parse_parameters(row.parameters),
        system_prompt=row.system_prompt,
        is_n_per_request_ok=row.is_n_per_request_ok,
        state=PolicyState(row.state),
        stopped_reason=row.stopped_reason,
        fallback_endpoint_ids=tuple(
            sorted(further.endpoint_id for further in row.policy_endpoints.all())
        ),
    )


def _models_found(stored: Iterable[dict[str, Any]]) -> tuple[FoundModel, ...]:
    return tuple(FoundModel(entry["id"], entry.get("max_model_len")) for entry in stored)


def _is_changed(row: Endpoint) -> bool:
    return bool(row.confirmed_fingerprint) and row.found_fingerprint != row.confirmed_fingerprint
