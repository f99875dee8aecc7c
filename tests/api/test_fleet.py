"""The fleet, endpoints and policies: for ops."""

from __future__ import annotations

from typing import Any

import pytest

from generation.models import Endpoint, Policy
from labeling.models import AuditEntry, PolicyAccess, Process, QueueDepth
from labeling.rules.states import ProcessKind
from tests.api.client import Api
from tests.cast import Cast

pytestmark = pytest.mark.django_db

SERVER = {"name": "big", "base_url": "https://93.184.216.34/v1", "kind": "vllm"}
COOL = {
    "name": "big-cool",
    "endpoint": "big",
    "model": "m",
    "parameters": {"temperature": 0.2, "top_p": 0.9, "max_tokens": 100},
}


@pytest.fixture
def otto(cast: Cast) -> Api:
    return Api(cast.otto)


@pytest.fixture
def big(otto: Api) -> Any:
    return otto.post("endpoints/", {**SERVER, "key": "sk-secret"}, status=201)


def test_fleet_shows_workers_queues_and_endpoints(otto: Api, big: Any) -> None:
    Process.objects.create(name="worker@a", kind=ProcessKind.WORKER.value, queues=["generation"])
    Process.objects.create(name="web-1", kind=ProcessKind.WEB.value, n_desks=3)
    QueueDepth.objects.create(queue="general", depth=7)
    fleet = otto.get("fleet/")
    assert [process["name"] for process in fleet["workers"]] == ["worker@a"]
    assert [process["n_desks"] for process in fleet["web"]] == [3]
    assert [(queue["name"], queue["has_worker"]) for queue in fleet["queues"]] == [
        ("general", False),
        ("generation", True),
    ]
    assert [endpoint["name"] for endpoint in fleet["endpoints"]] == ["big"]
    assert fleet["endpoints"][0]["pending"] == 0


def test_processes_and_queues_are_steered(otto: Api) -> None:
    Process.objects.create(name="worker@a", kind=ProcessKind.WORKER.value)
    QueueDepth.objects.create(queue="general")
    assert otto.put("fleet/processes/worker@a/", {"wanted": "drain"}) == {"wanted": "drain"}
    otto.put("fleet/queues/general/", {"wanted": "pause"})
    assert Process.objects.get().wanted == "drain"
    assert QueueDepth.objects.get().wanted == "pause"
    otto.put("fleet/processes/nobody/", {"wanted": "run"}, status=404)
    refused = otto.put("fleet/queues/general/", {"wanted": "stop"}, status=400)
    assert list(refused["fields"]) == ["wanted"]


def test_endpoint_never_shows_its_key(otto: Api, big: Any) -> None:
    assert big["has_key"] is True
    assert b"sk-secret" not in otto.last.content
    assert bytes(Endpoint.objects.get().key_encrypted) != b"sk-secret"
    otto.get("endpoints/")
    assert b"sk-secret" not in otto.last.content
    path = f"endpoints/{big['id']}/"
    kept = otto.put(path, {**SERVER, "max_in_flight": 4})
    assert (kept["has_key"], kept["max_in_flight"]) == (True, 4)
    assert otto.put(path, {**SERVER, "key": ""})["has_key"] is False
    assert otto.get(path)["has_key"] is False


def test_endpoint_changes_are_in_the_audit_trail_without_the_key(otto: Api, big: Any) -> None:
    path = f"endpoints/{big['id']}/"
    otto.put(path, {**SERVER, "weight": 2, "key": "sk-other"})
    assert otto.put(f"{path}state/", {"state": "drained"})["state"] == "drained"
    otto.post(f"{path}confirm/")
    entries = AuditEntry.objects.filter(subject_id=big["id"]).order_by("id")
    assert [entry.action for entry in entries] == [
        "endpoint.created",
        "endpoint.changed",
        "endpoint.state_set",
        "endpoint.confirmed",
    ]
    assert entries[1].after == {"changed": ["weight"], "has_new_key": True}
    assert entries[1].actor is not None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"base_url": "ftp://a.example"}, 400),
        ({"base_url": "http://127.0.0.1:9/v1"}, 403),
        ({"base_url": "http://169.254.169.254/latest"}, 403),
        ({"kind": "oracle"}, 400),
        ({"weight": -1}, 400),
        ({"timeout_s": 0}, 400),
        ({"api_key": "x"}, 400),
    ],
)
def test_endpoints_that_cannot_be_are_refused(
    otto: Api, settings: Any, change: dict[str, Any], status: int
) -> None:
    settings.LLM_ALLOW_LOOPBACK = settings.LLM_ALLOW_PRIVATE = False
    refused = otto.post("endpoints/", {**SERVER, **change}, status=status)
    assert refused["detail"]
    assert not Endpoint.objects.exists()


def test_endpoint_of_a_taken_name_is_not_overwritten(otto: Api, big: Any) -> None:
    refused = otto.post("endpoints/", {**SERVER, "base_url": "https://1.1.1.1/v1"}, status=409)
    assert list(refused["fields"]) == ["name"]
    assert Endpoint.objects.get().base_url == SERVER["base_url"]


def test_policy_is_made_never_edited_and_granted(cast: Cast, otto: Api, big: Any) -> None:
    made = otto.post("policies/", COOL, status=201)
    assert otto.post("policies/", COOL, status=201)["id"] == made["id"]
    changed = {**COOL, "model": "m2"}
    assert list(otto.post("policies/", changed, status=409)["fields"]) == ["name"]
    assert otto.post("policies/", {**changed, "is_replacing": True}, status=201)["model"] == "m2"
    path = f"policies/{made['id']}/workspaces/lab/"
    maya = Api(cast.maya)
    assert maya.get("workspaces/lab/policies/")["results"] == []
    otto.put(path, status=204)
    assert [policy["id"] for policy in maya.get("workspaces/lab/policies/")["results"]] == [
        made["id"]
    ]
    assert Api(cast.eve).get("workspaces/elsewhere/policies/")["results"] == []
    otto.delete(path)
    assert not PolicyAccess.objects.exists()
    otto.put(f"policies/{made['id']}/workspaces/nowhere/", status=404)


def test_policy_is_stopped_with_a_reason(otto: Api, big: Any) -> None:
    made = otto.post("policies/", COOL, status=201)
    path = f"policies/{made['id']}/"
    stopped = otto.put(f"{path}state/", {"state": "stopped", "reason": "rude"})
    assert (stopped["state"], stopped["stopped_reason"]) == ("stopped", "rude")
    assert otto.get(path)["state"] == "stopped"
    wrong = {**COOL, "name": "x", "parameters": {"temperature": 9}}
    assert otto.post("policies/", wrong, status=400)["fields"]
    wrong = {**COOL, "name": "x", "endpoint": "none"}
    assert list(otto.post("policies/", wrong, status=400)["fields"]) == ["endpoint"]
    assert Policy.objects.count() == 1
