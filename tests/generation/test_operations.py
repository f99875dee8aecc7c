"""Endpoints and policies as rows: what is kept, what is refused, who wins a race."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import F
from django.test import RequestFactory

from generation import operations, queries, secrets
from generation.admin import EndpointForm, PolicyForm
from generation.errors import AddressRefused, Conflict, Invalid, NotFound
from generation.kinds import (
    BreakerState,
    EndpointKind,
    EndpointState,
    Health,
    Outcome,
    PolicyState,
)
from generation.models import Endpoint, Policy
from generation.specs import FoundModel, ProbeReport

COOL = {"temperature": 0.2, "top_p": 0.9, "max_tokens": 160}
UP = ProbeReport(Health.UP, models=(FoundModel("smollm2", 2048),), server_version="0.32")


@pytest.fixture(autouse=True)
def rules_and_keys(settings: Any) -> None:
    settings.LLM_ALLOW_LOOPBACK = False
    settings.LLM_ALLOW_PRIVATE = True
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]


def make_endpoint(**changes: Any) -> Endpoint:
    values = {"name": "gpu-1", "base_url": "http://gpu-1:8000", "kind": EndpointKind.VLLM}
    return operations.save_endpoint(**{**values, **changes})


def make_policy(endpoint: Endpoint, **changes: Any) -> Policy:
    values = {"name": "cool", "endpoint_id": endpoint.pk, "model": "smollm2", "parameters": COOL}
    return operations.save_policy(**{**values, **changes})


# --- secrets ----------------------------------------------------------------


def test_secret_survives_encryption_and_rotation_of_keys(settings: Any) -> None:
    old = settings.SECRETS_KEYS[0]
    ciphertext = secrets.encrypt("sk-äöü")
    assert b"sk-" not in ciphertext
    settings.SECRETS_KEYS = [Fernet.generate_key().decode(), old]
    assert secrets.decrypt(ciphertext) == "sk-äöü"
    rotated = secrets.rotate(ciphertext)
    settings.SECRETS_KEYS = settings.SECRETS_KEYS[:1]
    assert secrets.decrypt(rotated) == "sk-äöü"
    with pytest.raises(secrets.Undecryptable):
        secrets.decrypt(ciphertext)


def test_no_secret_needs_no_key(settings: Any) -> None:
    settings.SECRETS_KEYS = []
    assert secrets.encrypt("") == b""
    assert secrets.decrypt(b"") == ""
    with pytest.raises(ImproperlyConfigured):
        secrets.encrypt("sk")


# --- endpoints --------------------------------------------------------------


@pytest.mark.django_db
def test_endpoint_is_saved_once_per_name_and_its_key_encrypted() -> None:
    first = make_endpoint(key="sk-1")
    again = make_endpoint(max_in_flight=64)
    assert first.pk == again.pk
    assert bytes(Endpoint.objects.get().key_encrypted) != b"sk-1"
    spec = queries.endpoint_spec(first.pk)
    assert (spec.base_url, spec.key, spec.max_in_flight) == ("http://gpu-1:8000/v1", "sk-1", 64)
    assert "sk-1" not in repr(spec)
    assert make_endpoint(key="").pk == first.pk
    assert queries.endpoint_spec(first.pk).key == ""


@pytest.mark.django_db
def test_forbidden_addresses_and_limits_are_refused() -> None:
    with pytest.raises(AddressRefused):
        make_endpoint(base_url="http://127.0.0.1:8000")
    with pytest.raises(Invalid) as caught:
        make_endpoint(max_in_flight=0, timeout_s=0)
    assert set(caught.value.fields) == {"max_in_flight", "timeout_s"}
    with pytest.raises(NotFound):
        make_endpoint(endpoint_id=999)
    assert not Endpoint.objects.exists()


@pytest.mark.django_db
def test_stored_key_never_goes_to_another_server() -> None:
    row = make_endpoint(key="sk-1")
    with pytest.raises(Invalid) as caught:
        make_endpoint(base_url="http://thief:8000")
    assert "key" in caught.value.fields
    make_endpoint(base_url="http://gpu-1:8000/api/v1")
    make_endpoint(base_url="http://gpu-2:8000", key="sk-2")
    assert queries.endpoint_spec(row.pk).key == "sk-2"


@pytest.mark.django_db
def test_another_server_behind_the_name_starts_afresh() -> None:
    row = make_endpoint()
    operations.record_health(endpoint_id=row.pk, report=UP)
    fail(row, operations.BREAKER_OPENS_AFTER)
    make_endpoint(base_url="http://gpu-2:8000")
    spec = queries.endpoint_spec(row.pk)
    assert (spec.health, spec.models_found) == (Health.UNKNOWN, ())
    assert spec.breaker_state is BreakerState.CLOSED


@pytest.mark.django_db
def test_renaming_onto_another_endpoint_is_a_conflict() -> None:
    make_endpoint()
    other = make_endpoint(name="gpu-2")
    with pytest.raises(Conflict):
        make_endpoint(endpoint_id=other.pk)


@pytest.mark.django_db
def test_changed_server_is_marked_until_confirmed() -> None:
    row = make_endpoint()
    operations.record_health(endpoint_id=row.pk, report=UP)
    spec = queries.endpoint_spec(row.pk)
    assert (spec.health, spec.is_changed) == (Health.UP, False)
    assert spec.model_len("smollm2") == 2048
    changed = ProbeReport(Health.UP, models=UP.models, server_version="0.33")
    operations.record_health(endpoint_id=row.pk, report=changed)
    assert queries.endpoint_spec(row.pk).is_changed
    operations.confirm_endpoint(endpoint_id=row.pk)
    assert not queries.endpoint_spec(row.pk).is_changed


@pytest.mark.django_db
def test_probe_that_fails_keeps_what_was_known() -> None:
    row = make_endpoint()
    operations.record_health(endpoint_id=row.pk, report=UP)
    down = ProbeReport(Health.DOWN, error_class=Outcome.CONNECT_REFUSED)
    operations.record_health(endpoint_id=row.pk, report=down)
    (status,) = queries.list_endpoints()
    assert (status.health, status.last_error_class) == (Health.DOWN, "connect_refused")
    assert status.models_found == UP.models
    assert status.health_checked_at is not None


@pytest.mark.django_db
def test_drained_endpoint_is_no_default() -> None:
    assert queries.default_endpoint_id() is None
    first, second = make_endpoint(), make_endpoint(name="gpu-2")
    assert queries.default_endpoint_id() == first.pk
    operations.set_endpoint_state(endpoint_id=first.pk, state=EndpointState.DRAINED)
    assert queries.default_endpoint_id() == second.pk
    with pytest.raises(NotFound):
        operations.set_endpoint_state(endpoint_id=999, state=EndpointState.ACTIVE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "asleep"},
        {"kind": "magic"},
        {"health": "well"},
        {"max_in_flight": 0},
        {"base_url": "ftp://x"},
        {"breaker_state": "open"},
        {"max_rpm": 0},
        {"name": ""},
    ],
)
def test_database_refuses_rows_that_make_no_sense(wrong: dict[str, Any]) -> None:
    row = make_endpoint()
    with pytest.raises(IntegrityError), transaction.atomic():
        Endpoint.objects.filter(pk=row.pk).update(**wrong)


# --- breaker ----------------------------------------------------------------


def fail(row: Endpoint, times: int = 1) -> BreakerState:
    state = BreakerState.CLOSED
    for _ in range(times):
        state = operations.record_breaker(
            endpoint_id=row.pk, is_success=False, outcome=Outcome.SERVER_ERROR
        )
    return state


def let_pass(row: Endpoint, seconds: float) -> None:
    Endpoint.objects.filter(pk=row.pk).update(
        breaker_opened_at=F("breaker_opened_at") - timedelta(seconds=seconds)
    )


@pytest.mark.django_db
def test_breaker_opens_after_failures_in_a_row_only() -> None:
    row = make_endpoint()
    limit = operations.BREAKER_OPENS_AFTER
    assert fail(row, limit - 1) is BreakerState.CLOSED
    assert operations.record_breaker(endpoint_id=row.pk, is_success=True) is BreakerState.CLOSED
    assert fail(row, limit - 1) is BreakerState.CLOSED
    assert fail(row) is BreakerState.OPEN
    row.refresh_from_db()
    assert (row.consecutive_failures, row.last_error_class) == (limit, "server_error")


@pytest.mark.django_db
def test_late_answers_do_not_move_an_open_breaker() -> None:
    row = make_endpoint()
    fail(row, operations.BREAKER_OPENS_AFTER)
    row.refresh_from_db()
    opened_at = row.breaker_opened_at
    assert fail(row, 50) is BreakerState.OPEN
    assert operations.record_breaker(endpoint_id=row.pk, is_success=True) is BreakerState.OPEN
    row.refresh_from_db()
    assert row.breaker_opened_at == opened_at
    assert row.consecutive_failures == operations.BREAKER_OPENS_AFTER


@pytest.mark.django_db
def test_trial_closes_the_breaker_or_doubles_its_cool_down() -> None:
    row = make_endpoint()
    assert not operations.claim_trial(endpoint_id=row.pk)
    fail(row, operations.BREAKER_OPENS_AFTER)
    assert not operations.claim_trial(endpoint_id=row.pk)
    let_pass(row, operations.BREAKER_COOL_DOWN_S)
    assert operations.claim_trial(endpoint_id=row.pk)
    assert not operations.claim_trial(endpoint_id=row.pk)
    assert fail(row) is BreakerState.OPEN
    let_pass(row, operations.BREAKER_COOL_DOWN_S * 1.5)
    assert not operations.claim_trial(endpoint_id=row.pk)
    let_pass(row, operations.BREAKER_COOL_DOWN_S * 0.5)
    assert operations.claim_trial(endpoint_id=row.pk)
    assert operations.record_breaker(endpoint_id=row.pk, is_success=True) is BreakerState.CLOSED
    row.refresh_from_db()
    assert (row.consecutive_failures, row.breaker_opened_at) == (0, None)


@pytest.mark.django_db
def test_trial_of_a_worker_that_died_is_given_again() -> None:
    row = make_endpoint()
    fail(row, operations.BREAKER_OPENS_AFTER)
    let_pass(row, operations.BREAKER_COOL_DOWN_S)
    assert operations.claim_trial(endpoint_id=row.pk)
    let_pass(row, operations.BREAKER_COOL_DOWN_S)
    assert operations.claim_trial(endpoint_id=row.pk)


@pytest.mark.django_db
def test_success_of_a_healthy_endpoint_writes_nothing() -> None:
    row = make_endpoint()
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM generation_endpoint WHERE id = %s", [row.pk])
        before = cursor.fetchone()
        operations.record_breaker(endpoint_id=row.pk, is_success=True)
        cursor.execute("SELECT xmin::text FROM generation_endpoint WHERE id = %s", [row.pk])
        assert cursor.fetchone() == before
    with pytest.raises(NotFound):
        operations.record_breaker(endpoint_id=999, is_success=True)


def in_threads(n: int, act: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(n)

    def run(_: int) -> Any:
        try:
            barrier.wait(10)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


@pytest.mark.django_db(transaction=True)
def test_one_of_many_workers_gets_the_trial_and_no_failure_is_lost() -> None:
    row = make_endpoint()
    in_threads(4, lambda: fail(row))
    row.refresh_from_db()
    assert row.consecutive_failures == 4
    fail(row)
    let_pass(row, operations.BREAKER_COOL_DOWN_S)
    won = in_threads(6, lambda: operations.claim_trial(endpoint_id=row.pk))
    assert won.count(True) == 1


# --- policies ---------------------------------------------------------------


@pytest.mark.django_db
def test_same_policy_twice_is_one_and_another_content_a_conflict() -> None:
    endpoint = make_endpoint()
    first = make_policy(endpoint)
    assert make_policy(endpoint).pk == first.pk
    with pytest.raises(Conflict):
        make_policy(endpoint, parameters={**COOL, "temperature": 0.3})
    second = make_policy(endpoint, parameters={**COOL, "temperature": 0.3}, is_replacing=True)
    first.refresh_from_db()
    assert (first.name, first.state) == (f"cool #{first.pk}", PolicyState.STOPPED)
    assert second.name == "cool"
    assert [policy.id for policy in queries.list_policies(is_active=True)] == [second.pk]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "edit", [{"model": "x"}, {"system_prompt": "x"}, {"parameters": {"temperature": 1}}]
)
def test_database_refuses_to_edit_a_policy(edit: dict[str, Any]) -> None:
    policy = make_policy(make_endpoint())
    with pytest.raises(IntegrityError, match="never edited"), transaction.atomic():
        Policy.objects.filter(pk=policy.pk).update(**edit)


@pytest.mark.django_db
def test_policy_is_checked_against_its_endpoint() -> None:
    endpoint = make_endpoint(kind=EndpointKind.OPENAI)
    with pytest.raises(Invalid):
        make_policy(endpoint, parameters={**COOL, "min_p": 0.1})
    with pytest.raises(Invalid):
        make_policy(endpoint, parameters={"temperature": 1})
    with pytest.raises(NotFound):
        operations.save_policy(name="x", endpoint_id=999, model="m", parameters=COOL)


@pytest.mark.django_db
def test_stopped_policy_says_why_until_it_answers_again() -> None:
    policy = make_policy(make_endpoint())
    operations.set_policy_state(policy_id=policy.pk, state=PolicyState.STOPPED, reason="budget")
    spec = queries.policy_spec(policy.pk)
    assert (spec.state, spec.stopped_reason) == (PolicyState.STOPPED, "budget")
    operations.set_policy_state(policy_id=policy.pk, state=PolicyState.ACTIVE)
    spec = queries.policy_spec(policy.pk)
    assert (spec.state, spec.stopped_reason) == (PolicyState.ACTIVE, "")


@pytest.mark.django_db
def test_fallback_must_declare_the_same_model() -> None:
    own = make_endpoint(model_revision="r1")
    twin = make_endpoint(name="gpu-2", model_revision="r1")
    other = make_endpoint(name="gpu-3", model_revision="r2")
    policy = make_policy(own)
    operations.save_fallback(policy_id=policy.pk, endpoint_id=twin.pk)
    operations.save_fallback(policy_id=policy.pk, endpoint_id=twin.pk, weight=3)
    for wrong in (own, other):
        with pytest.raises(Invalid):
            operations.save_fallback(policy_id=policy.pk, endpoint_id=wrong.pk)
    assert queries.policy_spec(policy.pk).fallback_endpoint_ids == (twin.pk,)
    operations.remove_fallback(policy_id=policy.pk, endpoint_id=twin.pk)
    assert queries.policy_spec(policy.pk).fallback_endpoint_ids == ()


@pytest.mark.django_db
def test_reads_take_a_fixed_number_of_queries(django_assert_num_queries: Any) -> None:
    endpoint = make_endpoint()
    policies = [make_policy(endpoint, name=f"p{i}") for i in range(5)]
    with django_assert_num_queries(1):
        queries.endpoint_spec(endpoint.pk)
    with django_assert_num_queries(2):
        specs = queries.policy_specs([policy.pk for policy in reversed(policies)])
    assert [spec.id for spec in specs] == [policy.pk for policy in reversed(policies)]
    with django_assert_num_queries(1):
        assert queries.list_endpoints()[0].n_active_policies == 5


# --- admin ------------------------------------------------------------------


def endpoint_form(row: Endpoint | None = None, **changes: Any) -> EndpointForm:
    values = {
        "name": "gpu-1",
        "base_url": "http://gpu-1:8000/v1",
        "kind": "vllm",
        "max_in_flight": 8,
        "weight": 1,
        "timeout_s": 60,
    }
    return EndpointForm({**values, **changes}, instance=row)


@pytest.mark.django_db
def test_admin_saves_through_the_operation_and_never_shows_the_key() -> None:
    page = admin.site.get_model_admin(Endpoint)
    form = endpoint_form(key="sk-secret")
    assert form.is_valid(), form.errors
    row = form.save(commit=False)
    page.save_model(RequestFactory().post("/"), row, form, False)
    assert queries.endpoint_spec(row.pk).key == "sk-secret"
    shown = endpoint_form(Endpoint.objects.get(), key="sk-secret").as_p()
    assert "sk-secret" not in shown
    kept = endpoint_form(Endpoint.objects.get(), max_in_flight=9)
    assert kept.is_valid(), kept.errors
    page.save_model(RequestFactory().post("/"), kept.save(commit=False), kept, True)
    assert queries.endpoint_spec(row.pk).key == "sk-secret"
    assert not endpoint_form(Endpoint.objects.get(), base_url="http://thief:1/v1").is_valid()


@pytest.mark.django_db
def test_admin_refuses_bad_addresses_and_parameters_in_words() -> None:
    assert "base_url" in endpoint_form(base_url="http://169.254.169.254/v1").errors
    form = PolicyForm(
        {"name": "p", "endpoint": make_endpoint().pk, "model": "m", "parameters": '{"top_p": 2}'}
    )
    assert "temperature is required" in str(form.errors["parameters"])
