"""Items and responses: lists that page, an item with all that belongs to it, its actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from labeling.models import AuditEntry, Flag, Item, Project, Response
from labeling.rules.states import ItemState
from tests.cast import Cast
from tests.project_pages.conftest import answer, enrol, load, rows, text_of

URL = "/projects/cats/items/"


@pytest.fixture
def page(lab_project: Project, seen_by: Callable[[str], Client]) -> Client:
    return seen_by("maya")


def names(response: Any) -> list[str]:
    return re.findall(r'small nowrap">(q\d+)', text_of(response))


def act(page: Client, item: Item, **given: Any) -> Any:
    return page.post(f"{URL}{item.uid}/act/", given, headers={"Referer": f"{URL}{item.uid}/"})


def test_pages_follow_one_another_without_gap_or_double(lab_project: Project, page: Client) -> None:
    load(lab_project, rows(120))
    got, url = [], URL
    for _ in range(3):
        response = page.get(url)
        got += names(response)
        found = re.search(r'rel="next" href="([^"]*)"', text_of(response))
        url = found[1].replace("&amp;", "&") if found else ""
    assert got == [f"q{n}" for n in range(120)]
    assert url == ""


def test_state_and_search_narrow_the_list(lab_project: Project, page: Client) -> None:
    items = load(lab_project, rows(12))
    act(page, items[3], action="withdraw")
    assert names(page.get(URL, {"state": "withdrawn"})) == ["q3"]
    assert names(page.get(URL, {"search": "number 7?"})) == ["q7"]
    assert names(page.get(URL, {"search": "q11"})) == ["q11"]
    assert "Nothing fits" in text_of(page.get(URL, {"search": "no such words"}))
    assert len(names(page.get(URL, {"state": "no-such-state"}))) == 12


def test_a_broken_cursor_is_a_404(lab_project: Project, page: Client) -> None:
    assert page.get(URL, {"after": "x"}).status_code == 404


def test_the_list_takes_as_many_queries_for_50_items_as_for_one(
    lab_project: Project, page: Client, django_assert_max_num_queries: Any
) -> None:
    load(lab_project, rows(60))
    page.get(URL)
    with django_assert_max_num_queries(8):
        assert len(names(page.get(URL))) == 50


def test_an_item_shows_prompt_candidates_answers_and_trail(
    cast: Cast, lab_project: Project, page: Client, django_assert_max_num_queries: Any
) -> None:
    item = load(lab_project, rows(1))[0]
    for user in (cast.ana, cast.ben):
        answer(enrol(lab_project, user))
    act(page, item, action="priority", priority="5")
    with django_assert_max_num_queries(20):
        text = text_of(page.get(f"{URL}{item.uid}/"))
    for said in ("Why is the sky blue", "Rayleigh.", "The sea.", "Clearer.", "item priority set"):
        assert said in text
    for response in Response.objects.select_related("annotator", "assignment"):
        assert response.annotator.pseudonym in text
        first = response.assignment.shown[0]
        numbers = list(item.candidates.order_by("id").values_list("id", flat=True))
        assert f"#{numbers.index(first) + 1} (+2)" in text


def test_withdraw_priority_and_one_more_person(lab_project: Project, page: Client) -> None:
    one, other = load(lab_project, rows(2))
    act(page, one, action="overlap")
    act(page, one, action="priority", priority="-7")
    one.refresh_from_db()
    assert (one.overlap, one.priority) == (4, -7)
    act(page, other, action="withdraw")
    other.refresh_from_db()
    assert other.state == ItemState.WITHDRAWN
    assert AuditEntry.objects.filter(actor__email="maya@lab.example", via="page").count() >= 3


@pytest.mark.parametrize("given", [{"action": "priority", "priority": "many"}, {"action": "no"}])
def test_what_makes_no_sense_is_said(
    lab_project: Project, page: Client, given: dict[str, str]
) -> None:
    item = load(lab_project, rows(1))[0]
    response = act(page, item, **given)
    assert response.status_code == 302
    assert "toast error" in text_of(page.get(response["Location"]))


def test_responses_are_listed_newest_first_and_by_person(
    cast: Cast, lab_project: Project, page: Client, django_assert_max_num_queries: Any
) -> None:
    load(lab_project, rows(40))
    ana, ben = enrol(lab_project, cast.ana), enrol(lab_project, cast.ben)
    answer(ana, 30)
    answer(ben, 30)
    url = "/projects/cats/responses/"
    with django_assert_max_num_queries(10):
        text = text_of(page.get(url))
    assert text.count("Clearer.") == 50
    older = re.search(r'rel="next" href="([^"]*)"', text)
    assert older
    assert text_of(page.get(older[1])).count("Clearer.") == 10
    of_ana = text_of(page.get(url, {"annotator": ana.annotator.pseudonym}))
    assert of_ana.count("Clearer.") == 30


def test_flags_are_listed_with_the_open_ones(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    load(lab_project, rows(1))
    enrolment = enrol(lab_project, cast.ana)
    answer(enrolment)
    assignment = enrolment.assignments.get()
    Flag.objects.create(assignment=assignment, reason="unclear", note="Is style a reason?")
    assert "Is style a reason?" in text_of(page.get("/projects/cats/flags/"))
    assert "1 question from a desk waits" in text_of(page.get("/projects/cats/"))
