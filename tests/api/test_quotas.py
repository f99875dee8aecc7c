"""Who works on a project, and how much."""

from __future__ import annotations

import pytest

from labeling.models import Enrolment, Project
from tests.api.client import Api
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def claim(api: Api, slug: str, want: int) -> int:
    return len(api.post(f"projects/{slug}/tasks/claim/", {"want": want})["tasks"])


def test_quotas_of_all_hold_for_who_is_there_and_who_comes(
    cast: Cast, ana: Api, maya: Api, cats: str
) -> None:
    claim(ana, cats, 1)
    assert maya.put(f"projects/{cats}/quotas/", {"total": 2, "per_day": None}) == {
        "n_annotators": 1
    }
    assert claim(ana, cats, 8) == 1
    assert claim(Api(cast.ben), cats, 8) == 2


def test_quota_of_one_is_lowered_below_what_is_used(ana: Api, maya: Api, cats: str) -> None:
    claim(ana, cats, 3)
    [line] = maya.get(f"projects/{cats}/quotas/")["results"]
    assert (line["n_held"], line["total"], line["n_left"]) == (3, None, None)
    path = f"projects/{cats}/quotas/{line['id']}/"
    changed = maya.put(path, {"total": 1, "per_day": 5})
    assert (changed["total"], changed["per_day"], changed["n_held"]) == (1, 5, 3)
    assert claim(ana, cats, 8) == 0
    for wrong in ({"total": -1, "per_day": None}, {"total": "9", "per_day": None}, {"per_day": 1}):
        assert "total" in maya.put(path, wrong, status=400)["fields"]


def test_annotator_is_paused_let_on_and_removed(ana: Api, maya: Api, cats: str) -> None:
    claim(ana, cats, 2)
    path = f"projects/{cats}/quotas/{Enrolment.objects.get().uid}/state/"
    assert maya.put(path, {"state": "paused"}) == {"n_returned": 2}
    assert claim(ana, cats, 1) == 0
    assert maya.put(path, {"state": "active"}) == {"n_returned": 0}
    assert claim(ana, cats, 1) == 1
    assert maya.put(path, {"state": "removed"}) == {"n_returned": 1}
    ana.post(f"projects/{cats}/tasks/claim/", {"want": 1}, status=403)
    assert list(maya.put(path, {"state": "gone"}, status=400)["fields"]) == ["state"]


def test_only_members_are_enrolled(cast: Cast, maya: Api, cats: str) -> None:
    eve = cast.eve.annotators.get()
    refused = maya.post(f"projects/{cats}/quotas/", {"annotator": eve.pseudonym}, status=400)
    assert list(refused["fields"]) == ["annotator"]


def test_enrolments_of_another_project_are_not_found(
    cast: Cast, ana: Api, maya: Api, cats: str
) -> None:
    claim(ana, cats, 1)
    Project.objects.create(workspace=cast.lab, name="O", slug="other", template="preference")
    path = f"projects/other/quotas/{Enrolment.objects.get().uid}/"
    maya.put(path, {"total": 1, "per_day": 1}, status=404)
    maya.put(f"{path}state/", {"state": "paused"}, status=404)
