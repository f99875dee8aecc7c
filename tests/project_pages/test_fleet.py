"""The fleet's page: what it says is wrong, and what its buttons want."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import GenerationRequest, Process, Project, QueueDepth
from tests.items.cast import make_policy
from tests.project_pages.conftest import load, rows, text_of


@pytest.fixture
def page(seen_by: Callable[[str], Client]) -> Client:
    return seen_by("otto")


def test_it_says_in_words_what_is_missing(page: Client) -> None:
    text = text_of(page.get("/fleet/"))
    assert "No worker is alive for queue generation." in text
    assert "No scheduler is alive" in text


def test_it_says_that_all_is_well(page: Client) -> None:
    queues = ["default", "generation", "exchange", "quality"]
    Process.objects.create(name="w", kind="worker", queues=queues)
    Process.objects.create(name="s", kind="scheduler")
    assert "Everything that should run does." in text_of(page.get("/fleet/"))


def test_a_silent_worker_is_called_silent(page: Client) -> None:
    gone = timezone.now() - timedelta(minutes=4)
    Process.objects.create(name="w", kind="worker", queues=["generation"], seen_at=gone)
    text = text_of(page.get("/fleet/"))
    assert "silent for 4 min" in text
    assert "No worker is alive for queue generation." in text


def test_processes_queues_and_endpoints_are_steered(page: Client) -> None:
    process = Process.objects.create(name="worker@a:1", kind="worker")
    queue = QueueDepth.objects.create(queue="generation")
    endpoint = make_policy().endpoint
    for steer in (
        "process:drain:worker@a:1",
        "queue:pause:generation",
        f"endpoint:paused:{endpoint.pk}",
    ):
        assert page.post("/fleet/steer/", {"steer": steer}).status_code == 302
    for row in (process, queue, endpoint):
        row.refresh_from_db()
    assert (process.wanted, queue.wanted, endpoint.state) == ("drain", "pause", "paused")
    page.post("/fleet/steer/", {"steer": "process:run:worker@a:1"})
    process.refresh_from_db()
    assert process.wanted == "run"


@pytest.mark.parametrize("steer", ["", "process:fly:w", "endpoint:active:x", "retry:x", "no:no:no"])
def test_what_it_does_not_know_it_says(page: Client, steer: str) -> None:
    page.post("/fleet/steer/", {"steer": steer}, headers={"Referer": "/fleet/"})
    assert "There is no such action" in text_of(page.get("/fleet/"))


def test_dead_requests_are_shown_by_error_and_asked_again(
    lab_project: Project, page: Client
) -> None:
    item = load(lab_project, rows(1))[0]
    lab_project.items.update(state="waiting")
    policy = make_policy()
    request = GenerationRequest.objects.create(
        project=lab_project,
        item=item,
        policy=policy,
        endpoint=policy.endpoint,
        sample=0,
        state="dead",
        error_class="unauthorised",
        last_error="bad key",
    )
    text = text_of(page.get("/fleet/"))
    assert "unauthorised" in text
    page.post("/fleet/steer/", {"steer": f"retry:{lab_project.pk}"})
    request.refresh_from_db()
    assert request.state == "pending"


def test_nothing_new_is_answered_with_204(page: Client, django_assert_max_num_queries: Any) -> None:
    import re

    found = re.search(r'hx-get="([^"]*)"', text_of(page.get("/fleet/")))
    assert found
    with django_assert_max_num_queries(12):
        assert page.get(found[1]).status_code == 204
