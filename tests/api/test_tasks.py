"""The desk's actions over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.models import Assignment, Draft, Enrolment, Flag, Response
from tests.api.client import Api
from tests.api.conftest import BETTER, project_of
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def claim(api: Api, slug: str, want: int = 1) -> Any:
    return api.post(f"projects/{slug}/tasks/claim/", {"want": want})


def submit(api: Api, slug: str, task: Any, status: int = 200, **more: Any) -> Any:
    body = {"lease": task["lease"], "values": BETTER, "spent_ms": 1200, **more}
    return api.post(f"projects/{slug}/tasks/{task['task']}/submit/", body, status=status)


def act(api: Api, slug: str, task: Any, verb: str, status: int = 200, **body: Any) -> Any:
    return api.post(f"projects/{slug}/tasks/{task['task']}/{verb}/", body, status=status)


def test_claim_gives_the_pinned_task_object_and_enrols_on_first_sight(ana: Api, cats: str) -> None:
    hand = claim(ana, cats, want=2)
    assert len(hand["tasks"]) == 2
    assert hand["idle"] is None
    assert hand["progress"] == {"done": 0, "today": 0, "quota_left": None, "held": 2, "parked": 0}
    task = hand["tasks"][0]
    assert set(task) == {
        "task",
        "lease",
        "expires_at",
        "item",
        "candidates",
        "questions",
        "draft",
        "suggestion",
    }
    assert task["item"]["metadata"] == {"topic": "cats"}
    assert "🐈" in task["item"]["messages"][0]["content"]
    assert "🐈".encode() in ana.last.content
    assert [candidate["key"] for candidate in task["candidates"]] == ["A", "B"]
    assert "model-x" not in ana.last.content.decode()
    assert Enrolment.objects.filter(project__slug=cats).count() == 1


def test_task_text_is_spliced_as_the_database_holds_it(ana: Api, cats: str) -> None:
    claim(ana, cats)
    text = ana.last.content.decode()
    assert json.loads(text)["tasks"][0]["candidates"][0]["turns"][0]["html"].startswith("<p ")
    assert "\\u" not in text


def test_get_resumes_with_the_same_leases_and_says_where_one_is(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    desk = ana.get(f"projects/{cats}/tasks/")
    assert [held["lease"] for held in desk["tasks"]] == [task["lease"]]
    assert desk["project"]["slug"] == cats
    assert desk["project"]["questions"][0]["name"] == "preference"
    assert desk["lease_s"] == 300
    assert desk["annotator"] == Enrolment.objects.get().annotator.pseudonym
    assert desk["idle"] is None


def test_submit_stores_once_and_brings_the_next(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    accepted = submit(ana, cats, task, want=1)
    assert accepted["task"] == task["task"]
    assert accepted["duplicate"] is False
    assert accepted["progress"]["done"] == 1
    assert len(accepted["tasks"]) == 1
    again = submit(ana, cats, task, values={"preference": {"better": "B", "strength": 1}})
    assert again["duplicate"] is True
    assert again["tasks"] == []
    response = Response.objects.get()
    assert response.values == BETTER
    assert response.source == "rest"
    assert response.spent_ms == 1200


def test_submit_without_want_claims_nothing(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    accepted = submit(ana, cats, task)
    assert accepted["tasks"] == []
    assert accepted["idle"] is None


def test_idle_says_why_fewer_are_held(ana: Api, cats: str) -> None:
    hand = claim(ana, cats, want=8)
    assert len(hand["tasks"]) == 4
    assert hand["idle"] == "no_work"


def test_wrong_values_name_the_question_and_store_nothing(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    refused = submit(ana, cats, task, values={"preference": {"better": "Z"}}, status=400)
    assert refused["code"] == "invalid"
    assert set(refused["fields"]) == {"preference"}
    assert not Response.objects.exists()


def test_lost_lease_is_refused_by_name_and_keeps_the_text(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    stranger = {**task, "lease": "00000000-0000-0000-0000-00000000dead"}
    refused = submit(ana, cats, stranger, status=409)
    assert refused["code"] == "lease_lost"
    assert Draft.objects.get().values == BETTER


def test_tasks_of_others_do_not_exist(cast: Cast, ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    ben = Api(cast.ben)
    for verb, body in {
        "submit": {"lease": task["lease"], "values": BETTER, "spent_ms": 1},
        "draft": {"lease": task["lease"], "values": BETTER},
        "release": {"lease": task["lease"]},
        "skip": {"lease": task["lease"], "reason": "other"},
        "park": {"lease": task["lease"]},
        "active": {"lease": task["lease"]},
        "flag": {"reason": "odd"},
        "amend": None,
    }.items():
        refused = ben.post(f"projects/{cats}/tasks/{task['task']}/{verb}/", body, status=404)
        assert refused["code"] == "not_found"
    assert Assignment.objects.get().state == "held"


def test_draft_comes_back_on_resume(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    assert act(ana, cats, task, "draft", lease=task["lease"], values=BETTER) == {
        "task": task["task"]
    }
    assert ana.get(f"projects/{cats}/tasks/")["tasks"][0]["draft"] == BETTER


def test_skip_release_and_park_end_or_keep_a_task_and_bring_others(ana: Api, cats: str) -> None:
    first, second, third = claim(ana, cats, want=3)["tasks"]
    skipped = act(ana, cats, first, "skip", lease=first["lease"], reason="unclear", want=3)
    assert skipped["task"] == first["task"]
    assert len(skipped["tasks"]) == 1
    released = act(ana, cats, second, "release", lease=second["lease"])
    assert released["progress"]["held"] == 2
    parked = act(ana, cats, third, "park", lease=third["lease"])
    assert parked["progress"] == {"done": 0, "today": 0, "quota_left": None, "held": 1, "parked": 1}
    [kept] = [t for t in ana.get(f"projects/{cats}/tasks/")["tasks"] if t.get("parked")]
    assert kept["lease"] == third["lease"]


def test_flag_active_and_amend(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    act(ana, cats, task, "flag", reason="unclear", note="Which cat?")
    assert Flag.objects.get().note == "Which cat?"
    act(ana, cats, task, "active", lease=task["lease"])
    submit(ana, cats, task)
    reopened = ana.post(f"projects/{cats}/tasks/{task['task']}/amend/")
    assert reopened["task"]["draft"] == BETTER
    assert reopened["progress"]["done"] == 1
    other = {"preference": {"better": "B", "strength": 3}}
    assert submit(ana, cats, reopened["task"], values=other)["duplicate"] is False
    assert Response.objects.get(is_current=True).values == other
    assert Response.objects.count() == 2


def test_acknowledge_opens_the_work_after_a_major_version(ana: Api, maya: Api, cats: str) -> None:
    maya.put(f"projects/{cats}/guidelines/", {"text": "Be *kind*.", "is_major": True})
    hand = claim(ana, cats)
    assert (hand["tasks"], hand["idle"]) == ([], "not_qualified")
    desk = ana.get(f"projects/{cats}/tasks/")
    assert desk["project"]["guidelines"]["version"] == "1.0"
    assert "<em>kind</em>" in desk["project"]["guidelines"]["html"]
    hand = ana.post(f"projects/{cats}/tasks/acknowledge/", {"guidelines_version": "1.0", "want": 1})
    assert len(hand["tasks"]) == 1
    assert ana.get(f"projects/{cats}/tasks/")["project"]["guidelines"] is None


def test_quota_and_pause_are_told(ana: Api, maya: Api, cats: str) -> None:
    maya.put(f"projects/{cats}/quotas/", {"total": 1, "per_day": None})
    hand = claim(ana, cats, want=2)
    assert len(hand["tasks"]) == 1
    assert hand["idle"] == "quota_reached"
    maya.post(f"projects/{cats}/pause/")
    assert claim(ana, cats, want=2)["idle"] == "paused"
    assert submit(ana, cats, hand["tasks"][0], status=409)["code"] == "paused"


def test_two_annotators_never_pass_the_overlap(cast: Cast, ana: Api, cats: str) -> None:
    hands = [claim(api, cats, want=8) for api in (ana, Api(cast.ben), Api(cast.chi))]
    assert [len(hand["tasks"]) for hand in hands] == [4, 4, 0]
    assert all(item.n_taken == 2 for item in project_of(cats).items.all())


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("claim", {}, "want"),
        ("claim", {"want": 9}, "want"),
        ("claim", {"want": "2"}, "want"),
        ("claim", {"want": True}, "want"),
        ("claim", {"want": 1, "wnat": 2}, "wnat"),
        ("t/submit", {"values": {}, "spent_ms": 1}, "lease"),
        ("t/submit", {"lease": "x", "values": [], "spent_ms": 1}, "values"),
        ("t/submit", {"lease": "x", "values": {}, "spent_ms": -1}, "spent_ms"),
        ("t/submit", {"lease": "x", "values": {}, "spent_ms": 1, "surplus": "yes"}, "surplus"),
        ("t/submit", {"lease": "x", "values": {"a": "\x00"}, "spent_ms": 1}, "values"),
        ("t/skip", {"lease": "x", "reason": "bored"}, "reason"),
        ("t/skip", {"lease": "x", "reason": "other", "note": "n" * 5001}, "note"),
        ("t/flag", {"reason": 5}, "reason"),
        ("t/draft", {"lease": 5, "values": {}}, "lease"),
        ("acknowledge", {"guidelines_version": 2}, "guidelines_version"),
    ],
)
def test_mistakes_name_the_field(ana: Api, cats: str, verb: str, body: Any, field: str) -> None:
    refused = ana.post(f"projects/{cats}/tasks/{verb}/", body, status=400)
    assert refused["code"] == "invalid"
    assert list(refused["fields"]) == [field]
    assert field in refused["detail"]


def test_bodies_above_the_limit_of_a_frame_are_too_large(ana: Api, cats: str) -> None:
    [task] = claim(ana, cats)["tasks"]
    refused = submit(ana, cats, task, values={"comment": "x" * 256 * 1024}, status=413)
    assert refused["code"] == "too_large"


def test_restricted_project_is_for_the_enrolled_only(ana: Api, maya: Api, cats: str) -> None:
    maya.patch(f"projects/{cats}/", {"is_restricted": True})
    assert ana.post(f"projects/{cats}/tasks/claim/", {"want": 1}, status=403)["code"] == "forbidden"
    [name] = [
        member["annotator"]
        for member in maya.get("workspaces/lab/members/")["results"]
        if member["email"] == "ana@lab.example"
    ]
    maya.post(f"projects/{cats}/quotas/", {"annotator": name}, status=201)
    assert len(claim(ana, cats)["tasks"]) == 1
