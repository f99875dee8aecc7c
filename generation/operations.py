"""Why: every write of this package, one transaction each.

No network here: a probe is done first and its report recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from generation import addresses, queries, sampling, secrets
from generation.errors import Conflict, Invalid, NotFound
from generation.kinds import (
    BreakerState,
    EndpointKind,
    EndpointState,
    Health,
    Outcome,
    PolicyState,
)
from generation.models import (
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_TIMEOUT_S,
    Endpoint,
    Policy,
    PolicyEndpoint,
)
from generation.specs import FoundModel, ProbeReport

BREAKER_OPENS_AFTER = 5
"""Failures in a row, over all workers, before requests are kept away."""

BREAKER_COOL_DOWN_S = 10.0
"""Before the first trial; doubles with each trial that fails."""

BREAKER_COOL_DOWN_CAP_S = 300.0

Row = TypeVar("Row", Endpoint, Policy)


@transaction.atomic
def save_endpoint(
    *,
    name: str,
    base_url: str,
    kind: EndpointKind,
    key: str | None = None,
    endpoint_id: int | None = None,
    model_revision: str = "",
    quantisation: str = "",
    max_model_len: int | None = None,
    max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
    max_rpm: int | None = None,
    weight: int = 1,
    timeout_s: int = DEFAULT_TIMEOUT_S,
) -> Endpoint:
    """Make an endpoint, or change the one of that id (else of that name).

    `key`: None keeps the stored one, "" removes it. Another server behind the
    same name starts afresh: its health, models and breaker are unknown, and a
    stored key is not sent to it unless it is given again.

    Raises: Invalid, AddressRefused, Conflict, NotFound.
    """
    base_url = addresses.normalise_base_url(base_url)
    addresses.check_url(base_url, rules=queries.address_rules())
    _check_limits(max_in_flight=max_in_flight, timeout_s=timeout_s, weight=weight)
    wanted = {"pk": endpoint_id} if endpoint_id is not None else {"name": name}
    row = Endpoint.objects.select_for_update().filter(**wanted).first()
    if row is None:
        if endpoint_id is not None:
            raise NotFound("There is no such endpoint.")
        row = Endpoint()
    elif row.base_url != base_url:
        _forget_server(row, base_url=base_url, key=key)
    if key is not None:
        row.key_encrypted = secrets.encrypt(key)
    row.name, row.base_url, row.kind = name.strip(), base_url, EndpointKind(kind).value
    row.model_revision, row.quantisation = model_revision, quantisation
    row.max_model_len, row.max_rpm = max_model_len, max_rpm
    row.max_in_flight, row.weight, row.timeout_s = max_in_flight, weight, timeout_s
    row.updated_at = Now()
    return _saved(row, "endpoint")


@transaction.atomic
def set_endpoint_state(*, endpoint_id: int, state: EndpointState) -> None:
    """Say what ops want of an endpoint: active, drained or paused.

    Raises: NotFound.
    """
    _update_endpoint(endpoint_id, state=EndpointState(state).value)


@transaction.atomic
def record_health(*, endpoint_id: int, report: ProbeReport) -> None:
    """Store what a probe saw. The first server that is up is taken as confirmed.

    A server that later shows other models or another version is marked as
    changed (`EndpointSpec.is_changed`) until `confirm_endpoint`.

    Raises: NotFound.
    """
    seen: dict[str, Any] = {"health": report.health.value, "health_checked_at": Now()}
    if report.health is Health.UP:
        row = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        fingerprint = _fingerprint(report.models, report.server_version)
        seen["models_found"] = [_as_json(model) for model in report.models]
        seen["server_version"] = report.server_version
        seen["found_fingerprint"] = fingerprint
        if row is not None and not row.confirmed_fingerprint:
            seen["confirmed_fingerprint"] = fingerprint
    elif report.error_class is not None:
        seen["last_error_class"] = report.error_class.value
    _update_endpoint(endpoint_id, **seen)


@transaction.atomic
def confirm_endpoint(*, endpoint_id: int) -> None:
    """Accept the models and version that the last probe found.

    Raises: NotFound.
    """
    row = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
    if row is None:
        raise NotFound("There is no such endpoint.")
    _update_endpoint(endpoint_id, confirmed_fingerprint=row.found_fingerprint)


@transaction.atomic
def record_breaker(
    *, endpoint_id: int, is_success: bool, outcome: Outcome | None = None
) -> BreakerState:
    """Count a success or failure of an endpoint and return the breaker's state.

    A success writes nothing in the usual case (closed, no failures), so that
    answers do not queue for one row. While the breaker is open, late answers of
    requests sent before do not count; a trial's (half open) decides.

    Raises: NotFound.
    """
    with connection.cursor() as cursor:
        if is_success:
            cursor.execute(_SUCCESS, {"id": endpoint_id})
        else:
            cursor.execute(
                _FAILURE,
                {
                    "id": endpoint_id,
                    "limit": BREAKER_OPENS_AFTER,
                    "outcome": outcome.value if outcome else "",
                },
            )
        cursor.execute("SELECT breaker_state FROM generation_endpoint WHERE id = %s", [endpoint_id])
        row = cursor.fetchone()
    if row is None:
        raise NotFound("There is no such endpoint.")
    return BreakerState(row[0])


@transaction.atomic
def claim_trial(*, endpoint_id: int) -> bool:
    """Take the one trial request of an open breaker whose cool-down is over.

    True for one caller only; the breaker is then half open. A trial whose
    worker died is given to another caller after a further cool-down.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_TRIAL,
            {
                "id": endpoint_id,
                "limit": BREAKER_OPENS_AFTER,
                "base_s": BREAKER_COOL_DOWN_S,
                "cap_s": BREAKER_COOL_DOWN_CAP_S,
            },
        )
        return bool(cursor.rowcount == 1)


@transaction.atomic
def save_policy(
    *,
    name: str,
    endpoint_id: int,
    model: str,
    parameters: Mapping[str, Any],
    system_prompt: str = "",
    is_n_per_request_ok: bool = True,
    prompt_price_per_mtoken: Decimal | None = None,
    completion_price_per_mtoken: Decimal | None = None,
    is_replacing: bool = False,
) -> Policy:
    """Make a policy; the same name with the same content returns the one that is there.

    A policy is never edited. With `is_replacing` the old bearer of the name is
    stopped and renamed (`name #id`), and a new policy takes its place.

    Raises: Invalid, NotFound, Conflict (the name belongs to another content).
    """
    endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound("There is no such endpoint.")
    parsed = sampling.parse_parameters(parameters)
    sampling.check_parameters(parsed, endpoint_kind=EndpointKind(endpoint.kind))
    content = {
        "endpoint_id": endpoint_id,
        "model": model.strip(),
        "system_prompt": system_prompt,
        "parameters": parsed.as_json(),
    }
    old = Policy.objects.select_for_update().filter(name=name.strip()).first()
    if old is not None:
        if all(getattr(old, field) == value for field, value in content.items()):
            return old
        if not is_replacing:
            raise Conflict(
                "A policy is never edited, and this name is taken by another: "
                "choose a new name or replace the old one.",
                fields={"name": "is taken by a policy with another content"},
            )
        _step_aside(old)
    row = Policy(
        name=name.strip(),
        is_n_per_request_ok=is_n_per_request_ok,
        prompt_price_per_mtoken=prompt_price_per_mtoken,
        completion_price_per_mtoken=completion_price_per_mtoken,
        **content,
    )
    return _saved(row, "policy")


@transaction.atomic
def set_policy_state(*, policy_id: int, state: PolicyState, reason: str = "") -> None:
    """Stop a policy (with a reason that people read) or let it answer again.

    Raises: NotFound.
    """
    is_stopped = PolicyState(state) is PolicyState.STOPPED
    n_changed = Policy.objects.filter(pk=policy_id).update(
        state=PolicyState(state).value, stopped_reason=reason[:200] if is_stopped else ""
    )
    if not n_changed:
        raise NotFound("There is no such policy.")


@transaction.atomic
def save_fallback(*, policy_id: int, endpoint_id: int, weight: int = 1) -> None:
    """Let a further endpoint answer for a policy when its own cannot.

    Raises: NotFound, Invalid (the endpoint declares another revision or
    quantisation, or does not know the policy's parameters).
    """
    policy = Policy.objects.select_related("endpoint").filter(pk=policy_id).first()
    further = Endpoint.objects.filter(pk=endpoint_id).first()
    if policy is None or further is None:
        raise NotFound("There is no such policy or endpoint.")
    own = policy.endpoint
    if own.pk == further.pk:
        raise Invalid("This is the policy's own endpoint.", fields={"endpoint": "is its own"})
    declared = (own.model_revision, own.quantisation)
    if (further.model_revision, further.quantisation) != declared:
        raise Invalid(
            "A policy's endpoints must declare the same revision and quantisation.",
            fields={"endpoint": "declares another model"},
        )
    sampling.check_parameters(
        sampling.parse_parameters(policy.parameters), endpoint_kind=EndpointKind(further.kind)
    )
    PolicyEndpoint.objects.update_or_create(
        policy=policy, endpoint=further, defaults={"weight": weight}
    )


@transaction.atomic
def remove_fallback(*, policy_id: int, endpoint_id: int) -> None:
    """Take a further endpoint away from a policy.

    Raises: NotFound.
    """
    n_gone, _ = PolicyEndpoint.objects.filter(policy=policy_id, endpoint=endpoint_id).delete()
    if not n_gone:
        raise NotFound("This endpoint does not answer for the policy.")


def _saved(row: Row, word: str) -> Row:
    """Save a row and return it fresh; what the constraints refuse becomes a sentence."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(f"The {word} contradicts a rule or another {word}: {error}") from error
    row.refresh_from_db()
    return row


def _forget_server(row: Endpoint, *, base_url: str, key: str | None) -> None:
    """Reset what was known of the server that an endpoint pointed to until now."""
    old, new = urlsplit(row.base_url), urlsplit(base_url)
    if (old.scheme, old.netloc) != (new.scheme, new.netloc) and key is None and row.key_encrypted:
        raise Invalid(
            "The stored key belongs to the old server: enter the key for the new one.",
            fields={"key": "enter it again for the new server"},
        )
    row.health, row.health_checked_at = Health.UNKNOWN.value, None
    row.models_found, row.server_version = [], ""
    row.found_fingerprint = row.confirmed_fingerprint = row.last_error_class = ""
    row.breaker_state, row.breaker_opened_at = BreakerState.CLOSED.value, None
    row.consecutive_failures = 0


def _step_aside(old: Policy) -> None:
    suffix = f" #{old.pk}"
    old.name = old.name[: 100 - len(suffix)] + suffix
    old.state, old.stopped_reason = PolicyState.STOPPED.value, "replaced by a new policy"
    old.save(update_fields=["name", "state", "stopped_reason"])


def _update_endpoint(endpoint_id: int, **values: Any) -> None:
    n_changed = Endpoint.objects.filter(pk=endpoint_id).update(**values, updated_at=Now())
    if not n_changed:
        raise NotFound("There is no such endpoint.")


def _check_limits(*, max_in_flight: int, timeout_s: int, weight: int) -> None:
    wrong = {
        name: f"must be at least {least}"
        for name, value, least in (
            ("max_in_flight", max_in_flight, 1),
            ("timeout_s", timeout_s, 1),
            ("weight", weight, 0),
        )
        if value < least
    }
    if wrong:
        raise Invalid("The endpoint's limits make no sense.", fields=wrong)


def _fingerprint(models: tuple[FoundModel, ...], version: str) -> str:
    """Return what tells one state of a server from another; no volatile fields."""
    told = {"models": [_as_json(model) for model in models], "version": version}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _as_json(model: FoundModel) -> dict[str, Any]:
    length = {} if model.max_model_len is None else {"max_model_len": model.max_model_len}
    return {"id": model.id, **length}


_SUCCESS = """
UPDATE generation_endpoint
SET breaker_state = 'closed', breaker_opened_at = NULL, consecutive_failures = 0
WHERE id = %(id)s
  AND (breaker_state = 'half_open' OR (breaker_state = 'closed' AND consecutive_failures > 0))
"""

# One statement, so that the count and the opening cannot be torn apart by
# another worker. clock_timestamp(): now() would be the transaction's beginning.
_FAILURE = """
UPDATE generation_endpoint
SET consecutive_failures = consecutive_failures + 1,
    last_error_class = CASE WHEN %(outcome)s = '' THEN last_error_class ELSE %(outcome)s END,
    breaker_state = CASE
        WHEN breaker_state = 'half_open' OR consecutive_failures + 1 >= %(limit)s THEN 'open'
        ELSE breaker_state END,
    breaker_opened_at = CASE
        WHEN breaker_state = 'half_open' OR consecutive_failures + 1 >= %(limit)s
        THEN clock_timestamp() ELSE breaker_opened_at END
WHERE id = %(id)s AND breaker_state <> 'open'
"""

# The failures beyond the limit are failed trials: each doubles the cool-down.
_CLAIM_TRIAL = """
UPDATE generation_endpoint
SET breaker_state = 'half_open', breaker_opened_at = clock_timestamp()
WHERE id = %(id)s
  AND breaker_state <> 'closed'
  AND breaker_opened_at + make_interval(secs => least(
        %(cap_s)s,
        %(base_s)s * power(2, least(greatest(consecutive_failures - %(limit)s, 0), 20))
      )) <= clock_timestamp()
"""
