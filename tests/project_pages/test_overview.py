"""The overview: what it says, how cheaply it says it again, and what its buttons do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Desk, GenerationRequest, Process, Project
from labeling.operations.project_settings import change_settings
from labeling.operations.quotas import set_quota
from labeling.rules.states import ProjectState
from tests.cast import TEST, Cast
from tests.items.cast import make_policy
from tests.project_pages.conftest import answer, enrol, load, rows, text_of

URL = "/projects/cats/"


@pytest.fixture
def page(lab_project: Project, seen_by: Callable[[str], Client]) -> Client:
    return seen_by("maya")


def live(page: Client, response: Any) -> Any:
    """Ask for the live part as the page that was answered would."""
    found = re.search(r'hx-get="([^"]*live/[^"]*)"', text_of(response))
    assert found
    return page.get(found[1].replace("&amp;", "&"), headers={"HX-Request": "true"})


def ask_for_candidates(project: Project, **columns: Any) -> GenerationRequest:
    policy = make_policy()
    item = project.items.get(external_id="q0")
    return GenerationRequest.objects.create(
        project=project, item=item, policy=policy, endpoint=policy.endpoint, sample=0, **columns
    )


def test_counts_people_and_agreement_are_shown(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    load(lab_project, rows(4))
    for user in (cast.ana, cast.ben):
        answer(enrol(lab_project, user), 2)
    set_quota(enrolment=enrol(lab_project, cast.ana), total=10, per_day=None, actor=TEST)
    text = " ".join(re.sub(r"<[^>]*>", " ", text_of(page.get(URL))).split())
    assert "4 of 12" in text
    assert "2 / 10" in text
    assert "0 of 4 done" in text
    assert "Comment 100 %" in text


def test_nothing_new_is_answered_with_204_and_an_answer_with_the_new_part(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    load(lab_project, rows(2))
    first = page.get(URL)
    assert live(page, first).status_code == 204
    answer(enrol(lab_project, cast.ana))
    again = live(page, first)
    assert again.status_code == 200
    assert "hx-swap-oob" not in text_of(again)
    assert live(page, again).status_code == 204


def test_a_new_state_brings_its_buttons_with_the_live_part(
    lab_project: Project, page: Client
) -> None:
    first = page.get(URL)
    page.post(f"{URL}state/", {"state": "paused"})
    again = text_of(live(page, first))
    assert 'hx-swap-oob="true"' in again
    assert "Resume" in again


def test_an_archived_project_is_not_asked_about_any_more(
    lab_project: Project, page: Client
) -> None:
    first = page.get(URL)
    for state in ("finished", "archived"):
        page.post(f"{URL}state/", {"state": state})
    assert live(page, first).status_code == 286


def test_buttons_lead_where_the_project_may_go(lab_project: Project, page: Client) -> None:
    assert "Pause" in text_of(page.get(URL))
    page.post(f"{URL}state/", {"state": "finished"})
    lab_project.refresh_from_db()
    assert lab_project.state == ProjectState.FINISHED
    text = text_of(page.get(URL))
    assert "Open again" in text
    assert "data-confirm" in text


def test_a_step_that_does_not_exist_is_refused_in_words(lab_project: Project, page: Client) -> None:
    response = page.post(f"{URL}state/", {"state": "archived"}, headers={"Referer": URL})
    assert response.status_code == 302
    assert "can become" in text_of(page.get(URL))
    lab_project.refresh_from_db()
    assert lab_project.state == ProjectState.ACTIVE


def test_reviewers_see_numbers_and_no_buttons(
    lab_project: Project, seen_by: Callable[[str], Client]
) -> None:
    text = text_of(seen_by("ravi").get(URL))
    assert "Answers" in text
    assert f"{URL}state/" not in text
    assert f"{URL}settings/" not in text


def test_it_says_why_no_candidate_comes(lab_project: Project, page: Client) -> None:
    load(lab_project, rows(1))
    request = ask_for_candidates(lab_project)
    text = text_of(page.get(URL))
    assert "No worker is alive for queue generation, so 1 candidate waits." in text
    Process.objects.create(name="w", kind="worker", queues=["generation"])
    request.endpoint.health = "down"
    request.endpoint.save()
    text = text_of(page.get(URL))
    assert "No worker is alive" not in text
    assert "does not answer" in text


def test_dead_requests_are_shown_with_their_error_and_asked_again(
    lab_project: Project, page: Client
) -> None:
    load(lab_project, rows(1))
    lab_project.items.update(state="waiting")
    request = ask_for_candidates(
        lab_project, state="dead", error_class="context_too_long", last_error="4096 tokens at most"
    )
    text = text_of(page.get(URL))
    assert "context_too_long" in text
    assert "4096 tokens at most" in text
    page.post(f"{URL}retry/")
    request.refresh_from_db()
    assert request.state == "pending"


def test_it_says_that_nobody_is_there_and_who_is(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    load(lab_project, rows(1))
    assert "3 places are open, and nobody is at a desk." in text_of(page.get(URL))
    enrolment = enrol(lab_project, cast.ana)
    now = timezone.now()
    Desk.objects.create(enrolment=enrolment, channel="c", process="p", waiting_since=now)
    text = text_of(page.get(URL))
    assert "nobody is at a desk" not in text
    assert enrolment.annotator.pseudonym in text
    assert "waits for work" in text


def test_an_empty_project_says_what_to_do_next(lab_project: Project, page: Client) -> None:
    assert "The project has no items yet." in text_of(page.get(URL))


def test_names_are_escaped(lab_project: Project, page: Client) -> None:
    change_settings(project=lab_project, changes={"name": "<script>alert(1)</script>"}, actor=TEST)
    assert "<script>alert" not in text_of(page.get(URL))


def test_queries_do_not_grow_with_the_project(
    cast: Cast, lab_project: Project, page: Client, django_assert_max_num_queries: Any
) -> None:
    load(lab_project, rows(30))
    ask_for_candidates(lab_project)
    for user in (cast.ana, cast.ben, cast.chi):
        answer(enrol(lab_project, user), 8)
    first = page.get(URL)
    with django_assert_max_num_queries(19):
        assert live(page, first).status_code == 204
    with django_assert_max_num_queries(22):
        page.get(URL)
