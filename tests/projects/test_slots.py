"""Items become ready when they lack nothing, once, whoever looks and however often."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from generation import operations as generation
from generation.models import Endpoint
from labeling.events.types import WorkAppeared
from labeling.models import Candidate, GenerationRequest, Item, Project
from labeling.operations import members
from labeling.operations.projects import create_project
from labeling.operations.slots import open_ready_items
from labeling.rules.states import ItemState, Template
from tests.cast import TEST, make_items
from tests.people.test_users import run_at_once


def states(project: Project) -> list[str]:
    return list(project.items.order_by("id").values_list("state", flat=True))


def add_candidates(item: Item, n: int) -> None:
    Candidate.objects.bulk_create(
        Candidate(item=item, sample=k, turns=[], rendered=[]) for k in range(n)
    )


def test_items_open_in_the_order_they_came(lab_project: Project, events: Any) -> None:
    make_items(lab_project, 5)
    with events() as heard:
        assert open_ready_items(project_id=lab_project.pk) == 5
        assert open_ready_items(project_id=lab_project.pk) == 0
    places = list(lab_project.items.order_by("id").values_list("place", flat=True))
    assert places == sorted(places, key=lambda place: place or 0)
    assert len(set(places)) == 5
    assert heard == [WorkAppeared(lab_project.pk, 15)]
    assert not lab_project.items.filter(ready_at=None).exists()


def test_item_waits_for_enough_candidates(lab_project: Project) -> None:
    Project.objects.update(candidates_needed=2)
    _, one, two = make_items(lab_project, 3)
    add_candidates(one, 1)
    add_candidates(two, 2)
    open_ready_items(project_id=lab_project.pk)
    assert states(lab_project) == [ItemState.WAITING, ItemState.WAITING, ItemState.READY]


@pytest.mark.parametrize("state", ["pending", "leased", "done", "dead", "cancelled"])
def test_item_waits_for_requests_under_way(lab_project: Project, state: str) -> None:
    [item] = make_items(lab_project, 1)
    endpoint = Endpoint.objects.create(name="far", base_url="http://gpu.example/v1", kind="openai")
    policy = generation.save_policy(
        name="p",
        endpoint_id=endpoint.pk,
        model="m",
        parameters={"temperature": 1.0, "top_p": 1.0, "max_tokens": 8},
    )
    lease = {"lease": uuid7(), "leased_until": timezone.now()} if state == "leased" else {}
    GenerationRequest.objects.create(
        project=lab_project,
        item=item,
        policy=policy,
        endpoint=endpoint,
        sample=0,
        state=state,
        **lease,
    )
    is_open = open_ready_items(project_id=lab_project.pk) == 1
    assert is_open == (state in ("done", "dead", "cancelled"))


@pytest.mark.parametrize(
    ("state", "n_open"),
    [("draft", 0), ("active", 2), ("paused", 2), ("finished", 0), ("archived", 0)],
)
def test_items_open_while_a_project_runs_and_ring_only_if_active(
    lab_project: Project, events: Any, state: str, n_open: int
) -> None:
    Project.objects.update(state=state)
    make_items(lab_project, 2)
    with events() as heard:
        assert open_ready_items(project_id=lab_project.pk) == n_open
    assert heard == ([WorkAppeared(lab_project.pk, 6)] if state == "active" else [])


def test_only_the_named_items_of_the_project_open(lab_project: Project) -> None:
    first, _, third = make_items(lab_project, 3)
    assert open_ready_items(project_id=lab_project.pk, item_ids=[first.pk, third.pk, 0]) == 2
    assert states(lab_project) == ["ready", "waiting", "ready"]
    assert open_ready_items(project_id=lab_project.pk, item_ids=[]) == 0


@pytest.mark.parametrize("state", ["done", "dispute", "blocked", "withdrawn"])
def test_items_that_are_past_waiting_do_not_open(lab_project: Project, state: str) -> None:
    make_items(lab_project, 1, state=state)
    assert open_ready_items(project_id=lab_project.pk) == 0


@pytest.mark.django_db(transaction=True)
def test_every_item_opens_once_when_many_look_at_once() -> None:
    lab = members.create_workspace(name="Lab", actor=TEST)
    project = create_project(
        name="Cats",
        workspace=lab,
        template=Template.CLASSIFICATION,
        activate=True,
        actor=TEST,
    )
    make_items(project, 200)
    opened: list[int] = []
    run_at_once([lambda: opened.append(open_ready_items(project_id=project.pk))] * 4)
    assert sum(opened) == 200
    places = list(project.items.values_list("place", flat=True))
    assert len(set(places)) == 200
