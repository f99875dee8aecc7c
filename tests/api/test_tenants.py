"""Nothing of one workspace is reached from another, whichever address names it."""

from __future__ import annotations

import pytest

from labeling.models import Enrolment, Item, Snapshot
from tests.api.client import Api
from tests.api.conftest import project_of, rows
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def eve(cast: Cast) -> Api:
    """An owner, elsewhere."""
    return Api(cast.eve)


@pytest.fixture
def dogs(eve: Api) -> str:
    """Return the slug of the other workspace's project."""
    made = eve.post(
        "projects/",
        {
            "workspace": "elsewhere",
            "name": "Dogs",
            "template": "preference",
            "config": {"slate": []},
            "activate": True,
        },
        status=201,
    )
    slug: str = made["slug"]
    eve.post(f"projects/{slug}/items/", {"rows": rows(2)})
    return slug


def test_strangers_slugs_do_not_exist(eve: Api, cats: str) -> None:
    for path in ("", "items/", "responses/", "tasks/", "quotas/", "snapshots/", "progress/"):
        answer = eve.get(f"projects/{cats}/{path}", status=404)
        unknown = eve.get(f"projects/no-such-project/{path}", status=404)
        assert answer == unknown
    eve.post("projects/", {"workspace": "lab", "name": "x", "template": "rlhf"}, status=404)
    eve.get("workspaces/lab/members/", status=404)


def test_ids_of_another_workspace_find_nothing_under_ones_own_slug(
    eve: Api, ana: Api, maya: Api, cats: str, dogs: str
) -> None:
    [task] = ana.post(f"projects/{cats}/tasks/claim/", {"want": 1})["tasks"]
    item = Item.objects.filter(project__slug=cats).earliest("id")
    enrolment = Enrolment.objects.get(project__slug=cats)
    snapshot = Snapshot.objects.create(project=project_of(cats), format="raw")
    eve.get(f"projects/{dogs}/items/{item.uid}/", status=404)
    eve.post(f"projects/{dogs}/items/{item.uid}/withdraw/", status=404)
    eve.put(f"projects/{dogs}/quotas/{enrolment.uid}/", {"total": 0, "per_day": 0}, status=404)
    eve.get(f"projects/{dogs}/snapshots/{snapshot.uid}/", status=404)
    eve.get(f"projects/{dogs}/responses/?item={item.uid}")
    for verb in ("release", "active"):
        path = f"projects/{dogs}/tasks/{task['task']}/{verb}/"
        eve.post(path, {"lease": task["lease"]}, status=404)
    assert ana.get(f"projects/{cats}/tasks/")["tasks"][0]["lease"] == task["lease"]


def test_cursors_of_another_workspace_are_none(eve: Api, maya: Api, cats: str, dogs: str) -> None:
    entry = maya.get(f"projects/{cats}/audit/?limit=1")["results"][0]
    refused = eve.get(f"projects/{dogs}/audit/?cursor={entry['id']}", status=400)
    assert list(refused["fields"]) == ["cursor"]
    assert eve.get("projects/")["results"][0]["slug"] == dogs
    assert maya.get("projects/")["results"][0]["slug"] == cats


def test_annotator_is_told_neither_policy_nor_gold_nor_others(
    ana: Api, maya: Api, cats: str
) -> None:
    item = Item.objects.filter(project__slug=cats).earliest("place")
    right = {"values": {"preference": {"better": "A", "strength": 1}}}
    maya.put(f"projects/{cats}/items/{item.uid}/gold/", right)
    hand = ana.post(f"projects/{cats}/tasks/claim/", {"want": 8})
    assert len(hand["tasks"]) == 4
    said = ana.last.content.decode()
    for word in ("model-x", "model-y", "gold", "policy", "seed", str(item.uid)):
        assert word not in said
