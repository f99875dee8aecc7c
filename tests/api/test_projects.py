"""Projects: made from a template, changed, taken through their life; and what hangs on them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from generation.models import Endpoint, Policy
from labeling.models import AuditEntry, GenerationRequest, Notice, Project
from labeling.operations.policies import grant_policy
from tests.api.client import Api
from tests.api.conftest import BETTER, project_of
from tests.cast import TEST, Cast

pytestmark = pytest.mark.django_db


def test_templates_are_listed_with_their_questions(ana: Api) -> None:
    found = {template["name"]: template for template in ana.get("templates/")["results"]}
    assert set(found) == {
        "demonstration",
        "preference",
        "ranking",
        "rating",
        "classification",
        "rlhf",
    }
    assert found["preference"]["questions"][0]["type"] == "preference"


def test_create_makes_a_draft_from_the_template(maya: Api) -> None:
    made = maya.post(
        "projects/",
        {"workspace": "lab", "name": "Topics", "template": "classification"},
        status=201,
    )
    assert made["slug"] == "topics"
    assert (made["state"], made["overlap"]) == ("draft", 3)
    assert (made["questions_version"], made["guidelines_version"]) == (1, "0.1")
    assert made["quotas"] == {"total": None, "per_day": None}
    entry = AuditEntry.objects.get(action="project.created")
    assert (entry.via, entry.actor and entry.actor.email) == ("api", "maya@lab.example")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"template": "poetry"}, 400, "template"),
        ({"name": ""}, 400, "name"),
        ({"name": 7}, 400, "name"),
        ({"config": []}, 400, "config"),
        ({"config": {"overlap": "3"}}, 400, "overlap"),
        ({"config": {"ovrelap": 3}}, 400, "ovrelap"),
        ({"config": {"questions": [{"type": "label"}]}}, 400, "questions[0].name"),
        ({"config": {"slate": [{"policy": "nobody's"}]}}, 404, "slate[0].policy"),
        ({"config": {"slug": "cats"}}, 409, "slug"),
        ({"activate": "yes"}, 400, "activate"),
        ({"owner": "me"}, 400, "owner"),
    ],
)
def test_mistakes_are_named_by_their_path(
    maya: Api, cats: str, change: dict[str, Any], status: int, field: str
) -> None:
    wanted = {"workspace": "lab", "name": "New", "template": "classification", **change}
    refused = maya.post("projects/", wanted, status=status)
    assert field in refused["fields"]
    assert Project.objects.count() == 1


def test_settings_change_by_the_keys_of_a_config(maya: Api, cats: str) -> None:
    changed = maya.patch(
        f"projects/{cats}/", {"overlap": 3, "lease_s": 60, "quotas": {"per_day": 5}}
    )
    assert (changed["overlap"], changed["lease_s"]) == (3, 60)
    assert changed["quotas"] == {"total": None, "per_day": 5}
    assert {item.overlap for item in project_of(cats).items.all()} == {3}
    assert maya.get(f"projects/{cats}/") == changed
    refused = maya.patch(f"projects/{cats}/", {"lease_s": 0, "slug": "dogs"}, status=400)
    assert "slug" in refused["fields"]


def test_life_of_a_project(maya: Api, cats: str) -> None:
    for verb, state in (
        ("pause", "paused"),
        ("resume", "active"),
        ("finish", "finished"),
        ("activate", "active"),
        ("finish", "finished"),
        ("archive", "archived"),
    ):
        assert maya.post(f"projects/{cats}/{verb}/")["state"] == state
    assert maya.post(f"projects/{cats}/resume/", status=409)["code"] == "conflict"


def test_questions_get_a_new_version_and_mistakes_their_path(maya: Api, cats: str) -> None:
    asked = [{"name": "spam", "type": "label", "options": ["yes", "no"]}]
    assert maya.put(f"projects/{cats}/questions/", {"questions": asked})["version"] == 2
    found = maya.get(f"projects/{cats}/questions/")
    assert [question["name"] for question in found["questions"]] == ["spam"]
    refused = maya.put(f"projects/{cats}/questions/", {"questions": [{"name": "x"}]}, status=400)
    assert "questions[0].type" in refused["fields"]


def test_guidelines_are_rendered_and_versioned(maya: Api, cats: str) -> None:
    minor = maya.put(f"projects/{cats}/guidelines/", {"text": "<script>x</script> **Hi**"})
    assert minor["version"] == "0.2"
    assert "<script" not in minor["html"]
    assert "<strong>Hi</strong>" in minor["html"]
    major = maya.put(f"projects/{cats}/guidelines/", {"text": "Hi", "is_major": True})
    assert major["version"] == "1.0"
    assert maya.get(f"projects/{cats}/guidelines/")["text"] == "Hi"


def test_slate_takes_policies_of_the_workspace_only(cast: Cast, maya: Api, cats: str) -> None:
    endpoint = Endpoint.objects.create(name="a", base_url="http://a.example/v1", kind="vllm")
    policy = Policy.objects.create(name="cool", endpoint=endpoint, model="m")
    wanted = {"slate": [{"policy": "cool", "samples": 2}]}
    refused = maya.put(f"projects/{cats}/slate/", wanted, status=404)
    assert refused["code"] == "not_found"
    grant_policy(workspace=cast.lab, policy=policy, actor=TEST)
    assert maya.put(f"projects/{cats}/slate/", wanted) == {"version": 2, **wanted}
    assert maya.get(f"projects/{cats}/slate/")["slate"] == wanted["slate"]
    assert maya.get("workspaces/lab/policies/")["results"][0]["name"] == "cool"
    refused = maya.put(f"projects/{cats}/slate/", {"slate": [{"policy": 5}]}, status=400)
    assert "slate[0].policy" in refused["fields"]


def test_candidates_are_asked_for_and_the_dead_asked_again(
    cast: Cast, maya: Api, cats: str
) -> None:
    endpoint = Endpoint.objects.create(name="a", base_url="http://a.example/v1", kind="vllm")
    policy = Policy.objects.create(name="cool", endpoint=endpoint, model="m")
    grant_policy(workspace=cast.lab, policy=policy, actor=TEST)
    maya.put(f"projects/{cats}/slate/", {"slate": [{"policy": "cool", "samples": 2}]})
    maya.post(f"projects/{cats}/items/", {"rows": [{"prompt": "Why?"}]})
    path = f"projects/{cats}/generate/"
    counts = {"requested": 2, "open": 2, "done": 0, "dead": 0}
    assert maya.post(path, {}) == {"n_made": 0, "n_retried": 0, **counts}
    GenerationRequest.objects.update(state="dead")
    assert maya.post(path, {})["dead"] == 2
    assert maya.post(path, {"retry_dead": True}) == {"n_made": 0, "n_retried": 2, **counts}


def test_progress_and_agreement_follow_the_answers(cast: Cast, maya: Api, cats: str) -> None:
    for user in (cast.ana, cast.ben):
        api = Api(user)
        [task] = api.post(f"projects/{cats}/tasks/claim/", {"want": 1})["tasks"]
        path = f"projects/{cats}/tasks/{task['task']}/submit/"
        api.post(path, {"lease": task["lease"], "values": BETTER, "spent_ms": 1, "want": 0})
    progress = maya.get(f"projects/{cats}/progress/")
    assert progress["slots"] == {"total": 8, "open": 6, "held": 0, "answered": 2}
    assert progress["items"]["ready"] + progress["items"]["done"] == 4
    assert progress["responses"]["total"] == 2
    assert progress["candidates"] == {"requested": 0, "open": 0, "done": 0, "dead": 0}
    agreement = maya.get(f"projects/{cats}/agreement/")
    assert set(agreement) == {"questions"}
    assert {"alpha", "percent", "n_units"} <= set(agreement["questions"]["preference"])
    assert "heatmaps" in maya.get(f"projects/{cats}/agreement/?heatmaps=true")


def test_notices_reach_all_or_one(cast: Cast, maya: Api, cats: str) -> None:
    maya.post(f"projects/{cats}/notices/", {"text": "Lunch!"}, status=201)
    members = maya.get("workspaces/lab/members/")["results"]
    ana = next(m["annotator"] for m in members if m["email"] == "ana@lab.example")
    sent = maya.post(f"projects/{cats}/notices/", {"text": "Hi", "annotator": ana}, status=201)
    assert sent["annotator"] == ana
    listed = maya.get(f"projects/{cats}/notices/")["results"]
    assert [notice["text"] for notice in listed] == ["Hi", "Lunch!"]
    refused = maya.post(f"projects/{cats}/notices/", {"text": "x", "annotator": "no"}, status=400)
    assert list(refused["fields"]) == ["annotator"]
    assert Notice.objects.count() == 2


def test_audit_trail_is_paged_newest_first(maya: Api, cats: str) -> None:
    maya.post(f"projects/{cats}/pause/")
    page = maya.get(f"projects/{cats}/audit/?limit=1")
    assert page["results"][0]["action"] == "project.state_changed"
    assert page["results"][0]["who"] == "maya@lab.example"
    rest = maya.get(f"projects/{cats}/audit/?cursor={page['next']}")
    assert "project.created" in [line["action"] for line in rest["results"]]
    assert page["results"][0]["id"] not in [line["id"] for line in rest["results"]]


def test_list_says_what_one_may_do_there(cast: Cast, maya: Api, ana: Api, cats: str) -> None:
    assert [(p["slug"], p["may"]) for p in maya.get("projects/")["results"]] == [
        (cats, ["view", "work"])
    ]
    assert [(p["slug"], p["may"]) for p in ana.get("projects/")["results"]] == [(cats, ["work"])]
    assert Api(cast.eve).get("projects/") == {"results": [], "next": None}
    assert Api(cast.maya, scopes=["read"]).get("projects/")["results"][0]["may"] == ["view"]
    assert Api(cast.maya, scopes=["ops"]).get("projects/")["results"] == []


def test_list_needs_the_same_queries_for_many_projects(cast: Cast, maya: Api, cats: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            maya.get("projects/")
        return len(queries)

    before = count()
    for n in range(5):
        Project.objects.create(
            workspace=cast.lab, name=f"P{n}", slug=f"p{n}", template="preference"
        )
    assert count() == before
    assert len(maya.get("projects/")["results"]) == 6
