"""Why: which policies a workspace may use, and the two that every template starts from.

Endpoints and policies themselves are written by generation/operations.py.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction

import generation.operations as generation
from generation.kinds import EndpointKind, EndpointState, PolicyState
from generation.models import DEFAULT_MAX_IN_FLIGHT, Endpoint, Policy
from generation.probe import probe
from generation.queries import default_endpoint_id, endpoint_spec
from labeling.errors import DomainError, ErrorKind, NotFound
from labeling.models import PolicyAccess, Workspace
from labeling.operations.audit import Actor, record

DEFAULT_ENDPOINT = "local"
TEMPERATURES = {"cool": 0.3, "warm": 1.0}
"""Of the default policies; `local-cool` is the endpoint called `local`, sampled cool."""
TOP_P = 0.95
LOCAL_MAX_TOKENS = 160
"""What the small model on this machine may write in a turn (pinned)."""
MAX_TOKENS = 1024
LOCAL_MAX_IN_FLIGHT = 8


class NoModelKnown(DomainError):
    """The default endpoint did not tell which model it serves."""

    kind = ErrorKind.UNAVAILABLE


class NoSuchPolicy(NotFound):
    """There is no such policy, or the workspace may not use it."""


def ensure_default_endpoint() -> int | None:
    """Make the endpoint row say what LLM_BASE_URL says; returns its id, or None without one.

    Without an address the row that an earlier start made is paused, so nobody waits for a
    server that is not there; endpoints that people made are left alone.
    """
    url = settings.LLM_BASE_URL
    row = Endpoint.objects.filter(name=DEFAULT_ENDPOINT).first()
    if not url:
        if row is not None and row.state != EndpointState.PAUSED:
            generation.set_endpoint_state(endpoint_id=row.pk, state=EndpointState.PAUSED)
        return None
    row = _save_default(row, EndpointKind(row.kind) if row else EndpointKind.OPENAI)
    if row.state == EndpointState.PAUSED:
        generation.set_endpoint_state(endpoint_id=row.pk, state=EndpointState.ACTIVE)
    return row.pk


def ensure_default_policies(endpoint_id: int) -> tuple[Policy, Policy]:
    """Return the cool and the warm policy of an endpoint, made or replaced where they differ.

    Asks the server for its model where neither LLM_MODEL nor an earlier probe told it; so
    it must not be called inside a transaction.

    Raises: NoModelKnown.
    """
    model = _model_of(endpoint_id)
    endpoint = Endpoint.objects.get(pk=endpoint_id)
    is_local = endpoint.kind == EndpointKind.OPENAI and _is_loopback(endpoint.base_url)
    cool, warm = (
        generation.save_policy(
            name=f"{endpoint.name}-{name}",
            endpoint_id=endpoint_id,
            model=model,
            parameters={
                "temperature": temperature,
                "top_p": TOP_P,
                "max_tokens": LOCAL_MAX_TOKENS if is_local else MAX_TOKENS,
            },
            is_replacing=True,
        )
        for name, temperature in TEMPERATURES.items()
    )
    return cool, warm


def default_policies() -> tuple[Policy, ...]:
    """Return the cool and the warm policy of the default endpoint; none without an endpoint.

    Raises: NoModelKnown.
    """
    endpoint_id = default_endpoint_id()
    if endpoint_id is None and settings.LLM_BASE_URL:
        endpoint_id = ensure_default_endpoint()
    return () if endpoint_id is None else ensure_default_policies(endpoint_id)


@transaction.atomic
def grant_policy(*, workspace: Workspace, policy: Policy, actor: Actor) -> None:
    """Let a workspace use a policy."""
    _, is_new = PolicyAccess.objects.get_or_create(workspace=workspace, policy=policy)
    if is_new:
        record(
            actor=actor,
            action="policy.granted",
            subject=policy,
            workspace=workspace,
            after={"policy": policy.pk},
        )


@transaction.atomic
def withdraw_policy(*, workspace: Workspace, policy: Policy, actor: Actor) -> None:
    """Let a workspace choose a policy no more; slates that have it keep it."""
    n_gone, _ = PolicyAccess.objects.filter(workspace=workspace, policy=policy).delete()
    if n_gone:
        record(
            actor=actor,
            action="policy.withdrawn",
            subject=policy,
            workspace=workspace,
            before={"policy": policy.pk},
        )


def policy_for(*, workspace: Workspace, name: str, actor: Actor, path: str = "policy") -> Policy:
    """Return an active policy that the workspace may use; `path` is where it was named.

    A command may name any policy, and gives the workspace access by that.

    Raises: NoSuchPolicy.
    """
    policies = Policy.objects.filter(name=name, state=PolicyState.ACTIVE)
    if actor.user is not None:
        granted = PolicyAccess.objects.filter(workspace=workspace).values("policy")
        policies = policies.filter(pk__in=granted)
    policy = policies.first()
    if policy is None:
        why = f"The workspace has no active policy called “{name[:100]}”."
        raise NoSuchPolicy(why, fields={path: why})
    if actor.user is None:
        grant_policy(workspace=workspace, policy=policy, actor=actor)
    return policy


def _model_of(endpoint_id: int) -> str:
    endpoint = Endpoint.objects.get(pk=endpoint_id)
    if settings.LLM_MODEL and endpoint.name == DEFAULT_ENDPOINT:
        return str(settings.LLM_MODEL)
    if not endpoint.models_found:
        report = async_to_sync(probe)(endpoint_spec(endpoint_id))
        generation.record_health(endpoint_id=endpoint_id, report=report)
        endpoint.refresh_from_db()
        if endpoint.name == DEFAULT_ENDPOINT and endpoint.server_version:
            # Of the servers we know only vLLM tells its version.
            endpoint = _save_default(endpoint, EndpointKind.VLLM)
    if not endpoint.models_found:
        raise NoModelKnown(
            f"The endpoint “{endpoint.name}” does not say which model it serves: is the server "
            "up? Otherwise set LLM_MODEL, or give the project a slate of its own."
        )
    return str(endpoint.models_found[0]["id"])


def _save_default(row: Endpoint | None, kind: EndpointKind) -> Endpoint:
    """Make or change the row of LLM_BASE_URL; what ops set on it stays."""
    url, key = settings.LLM_BASE_URL, settings.LLM_API_KEY
    if row is None:
        most = LOCAL_MAX_IN_FLIGHT if _is_loopback(url) else DEFAULT_MAX_IN_FLIGHT
        return generation.save_endpoint(
            name=DEFAULT_ENDPOINT, base_url=url, kind=kind, key=key, max_in_flight=most
        )
    return generation.save_endpoint(
        name=DEFAULT_ENDPOINT,
        base_url=url,
        kind=kind,
        key=key,
        model_revision=row.model_revision,
        quantisation=row.quantisation,
        max_model_len=row.max_model_len,
        max_in_flight=row.max_in_flight,
        max_rpm=row.max_rpm,
        weight=row.weight,
        timeout_s=row.timeout_s,
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
