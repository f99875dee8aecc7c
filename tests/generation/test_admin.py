"""The admin's pages open, act through operations and never show a key."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from generation import operations, queries
from generation.kinds import EndpointKind, EndpointState, PolicyState
from generation.models import Endpoint, Policy

PAGES = "/admin/generation"
COOL = {"temperature": 0.2, "top_p": 0.9, "max_tokens": 160}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    settings.LLM_ALLOW_PRIVATE = True
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def gpu() -> Endpoint:
    return operations.save_endpoint(
        name="gpu", base_url="http://gpu:8000", kind=EndpointKind.VLLM, key="sk-secret"
    )


@pytest.fixture
def cool(gpu: Endpoint) -> Policy:
    return operations.save_policy(name="cool", endpoint_id=gpu.pk, model="m", parameters=COOL)


def test_every_page_opens_without_the_key(
    admin_client: Client, gpu: Endpoint, cool: Policy
) -> None:
    for path in (
        "endpoint/",
        "endpoint/add/",
        f"endpoint/{gpu.pk}/change/",
        "policy/",
        "policy/add/",
        f"policy/{cool.pk}/change/",
    ):
        page = admin_client.get(f"{PAGES}/{path}")
        assert page.status_code == 200, path
        assert b"sk-secret" not in page.content


def test_rows_are_added_through_operations(admin_client: Client, gpu: Endpoint) -> None:
    added = admin_client.post(
        f"{PAGES}/endpoint/add/",
        {
            "name": "new",
            "base_url": "http://new:8000",
            "kind": "vllm",
            "max_in_flight": 3,
            "weight": 1,
            "timeout_s": 5,
            "key": "sk-new",
        },
    )
    assert added.status_code == 302
    row = Endpoint.objects.get(name="new")
    assert queries.endpoint_spec(row.pk).key == "sk-new"
    added = admin_client.post(
        f"{PAGES}/policy/add/",
        {
            "name": "warm",
            "endpoint": gpu.pk,
            "model": "m",
            "parameters": '{"temperature": 1, "top_p": 1, "max_tokens": 5}',
        },
    )
    assert added.status_code == 302
    assert Policy.objects.get(name="warm").parameters["max_tokens"] == 5


def test_actions_drain_and_stop(admin_client: Client, gpu: Endpoint, cool: Policy) -> None:
    admin_client.post(f"{PAGES}/endpoint/", {"action": "drain", "_selected_action": [gpu.pk]})
    admin_client.post(f"{PAGES}/policy/", {"action": "stop", "_selected_action": [cool.pk]})
    assert queries.endpoint_spec(gpu.pk).state is EndpointState.DRAINED
    assert queries.policy_spec(cool.pk).state is PolicyState.STOPPED


def test_policy_is_not_edited_nor_deleted(admin_client: Client, cool: Policy) -> None:
    edited = admin_client.post(f"{PAGES}/policy/{cool.pk}/change/", {"model": "other"})
    deleted = admin_client.post(f"{PAGES}/policy/{cool.pk}/delete/", {"post": "yes"})
    assert (edited.status_code, deleted.status_code) == (403, 403)
    assert Policy.objects.get(pk=cool.pk).model == "m"
