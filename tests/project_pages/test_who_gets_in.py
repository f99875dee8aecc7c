"""Every address of the project pages and the fleet × every person, as one matrix."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Enrolment, Item, Project
from labeling.operations.snapshots import queue_snapshot, run_snapshot
from labeling.pages.project_urls import urlpatterns
from labeling.rules.states import EnrolmentState, ItemState, ProjectState
from tests.cast import TEST, Cast
from tests.project_pages.conftest import enrol, load, rows

PEOPLE = ["olga", "maya", "ravi", "ana", "eve", "otto", "nobody"]
OK, LOGIN, NO, GONE = 200, 302, 403, 404
MANAGERS = [OK, OK, NO, NO, GONE, GONE, LOGIN]
REVIEWERS = [OK, OK, OK, NO, GONE, GONE, LOGIN]
OPS = [NO, NO, NO, NO, NO, OK, LOGIN]

VIEWS = {
    "project": REVIEWERS,
    "project_live": REVIEWERS,
    "project_burn": REVIEWERS,
    "project_items": REVIEWERS,
    "project_item": REVIEWERS,
    "project_responses": REVIEWERS,
    "project_flags": REVIEWERS,
    "project_guidelines": REVIEWERS,
    "project_questions": REVIEWERS,
    "project_guidelines_edit": MANAGERS,
    "project_questions_edit": MANAGERS,
    "project_imports": MANAGERS,
    "project_import": MANAGERS,
    "project_exports": MANAGERS,
    "project_export": MANAGERS,
    "project_export_file": MANAGERS,
    "project_people": MANAGERS,
    "project_settings": MANAGERS,
    "project_new": MANAGERS,
    "fleet": OPS,
    "fleet_live": OPS,
}
MANAGERS_ONLY_POSTS = {
    "project_state": {"state": "paused"},
    "project_retry": {},
    "project_item_act": {"action": "withdraw"},
    "project_imports": {},
    "project_exports": {"format": "raw"},
    "project_quota_all": {"total": "3"},
    "project_people_add": {"annotator": str(uuid.uuid4())},
    "project_quota": {"total": "3"},
    "project_standing": {"state": "removed"},
    "project_notice": {"text": "Lunch!"},
    "project_guidelines_edit": {"text": "New"},
    "project_questions_edit": {"questions": "[]"},
    "project_settings": {"name": "Dogs"},
    "project_slate": {},
    "project_new": {"template": "preference", "name": "Mine"},
}
OPS_POSTS = {"fleet_steer": {"steer": "queue:pause:default"}}
OWN_TEXT_POSTS = {"check_questions", "preview_markdown"}


@dataclass
class Place:
    """A project with one of everything that has an address."""

    project: Project
    item: Item
    enrolment: Enrolment
    run: uuid.UUID
    snapshot: uuid.UUID

    def url(self, name: str) -> str:
        if name in ("fleet", "fleet_live", "fleet_steer"):
            return reverse(name)
        if name == "project_new":
            return reverse(name, args=["lab"])
        uids = {
            "project_item": self.item.uid,
            "project_item_act": self.item.uid,
            "project_quota": self.enrolment.uid,
            "project_standing": self.enrolment.uid,
            "project_import": self.run,
            "project_export": self.snapshot,
            "project_export_file": self.snapshot,
        }
        args = [self.project.slug, *([uids[name]] if name in uids else [])]
        return reverse(name, args=args)


@pytest.fixture
def place(cast: Cast, lab_project: Project) -> Place:
    item = load(lab_project, rows(1))[0]
    snapshot = queue_snapshot(project=lab_project, format="raw", actor=TEST)
    run_snapshot(snapshot_id=snapshot.pk)
    run = lab_project.import_runs.get()
    return Place(lab_project, item, enrol(lab_project, cast.ana), run.uid, snapshot.uid)


def test_every_address_is_in_the_matrix() -> None:
    named = {getattr(pattern, "name", "") for pattern in urlpatterns}
    assert named == {*VIEWS, *MANAGERS_ONLY_POSTS, *OPS_POSTS, *OWN_TEXT_POSTS}


@pytest.mark.parametrize("name", VIEWS)
def test_pages_let_in_whom_the_matrix_lets_in(
    place: Place, seen_by: Callable[[str], Client], name: str
) -> None:
    got = [seen_by(person).get(place.url(name)).status_code for person in PEOPLE]
    assert got == VIEWS[name]


@pytest.mark.parametrize("name", MANAGERS_ONLY_POSTS)
def test_nobody_but_managers_changes_anything(
    place: Place, seen_by: Callable[[str], Client], name: str
) -> None:
    got = [
        seen_by(person).post(place.url(name), MANAGERS_ONLY_POSTS[name]).status_code
        for person in PEOPLE[2:]
    ]
    assert got == MANAGERS[2:]
    place.project.refresh_from_db()
    place.item.refresh_from_db()
    place.enrolment.refresh_from_db()
    assert (place.project.state, place.project.name) == (ProjectState.ACTIVE, "Cats")
    assert place.item.state == ItemState.READY
    assert place.enrolment.state == EnrolmentState.ACTIVE
    assert place.enrolment.quota_total is None
    assert Project.objects.count() == 1


def test_only_ops_steer_the_fleet(place: Place, seen_by: Callable[[str], Client]) -> None:
    url, given = place.url("fleet_steer"), OPS_POSTS["fleet_steer"]
    got = [seen_by(person).post(url, given).status_code for person in PEOPLE]
    assert got == [NO, NO, NO, NO, NO, GONE, LOGIN]  # nobody ever measured this queue


def test_editors_answer_whoever_is_logged_in_about_their_own_text(
    seen_by: Callable[[str], Client],
) -> None:
    for name in OWN_TEXT_POSTS:
        assert seen_by("ana").post(reverse(name), {}).status_code == OK
        assert seen_by("nobody").post(reverse(name), {}).status_code == LOGIN


def test_an_id_of_another_project_finds_nothing(
    cast: Cast, place: Place, seen_by: Callable[[str], Client]
) -> None:
    from labeling.operations.projects import create_project
    from labeling.rules.states import Template

    other = create_project(
        name="Other",
        workspace=cast.lab,
        template=Template.PREFERENCE,
        config={"slate": []},
        actor=TEST,
    )
    client = seen_by("maya")
    place.project = other
    for name in ("project_item", "project_import", "project_export", "project_export_file"):
        assert client.get(place.url(name)).status_code == GONE
    for name in ("project_quota", "project_standing", "project_item_act"):
        assert client.post(place.url(name), MANAGERS_ONLY_POSTS[name]).status_code == GONE
