"""Why: working through tasks: no dead time, skip, flag, amend, break, guidelines, a phone.

Against the fake desk server; no database.
"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.desk_page import tasks
from tests.desk_page.conftest import OpenDesk
from tests.desk_page.fake_desk import GUIDELINES, FakeDesk

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
MAX_SWITCH_MS = 50


def shows(page: Page, name: str) -> None:
    page.wait_for_function(
        "name => document.querySelector('.task')?.dataset.task === name", arg=name
    )


def test_the_next_task_is_there_at_once_even_with_4000_words(open_desk: OpenDesk) -> None:
    desk, page = open_desk(*(tasks.very_long(f"t{n}") for n in range(8)))
    for n in range(6):
        shows(page, f"t{n}")
        page.wait_for_timeout(400)  # somebody reads; the next page is made meanwhile
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    shows(page, "t6")
    took = page.evaluate(
        "performance.getEntriesByName('desk:switch').slice(1).map(e => e.duration)"
    )
    assert sorted(took)[len(took) // 2] < MAX_SWITCH_MS, took
    assert len(desk.of_type("submit")) == 6


def test_time_spent_is_sent_and_activity_is_told(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    shows(page, "preference")
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    assert 200 <= desk.wait_for("submit")["spent_ms"] < 30_000
    assert desk.wait_for("active")["task"] == "preference"


def test_skip_with_one_key_for_the_reason(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    shows(page, "one")
    page.keyboard.press("s")
    page.keyboard.press("2")
    assert desk.wait_for("skip")["reason"] == "too_hard"
    shows(page, "two")
    page.get_by_role("button", name="Skip").click()
    page.get_by_label("Note").fill("It is empty.")
    page.get_by_role("button", name="Broken").click()
    frame = desk.wait_for("skip", lambda frame: frame["task"] == "two")
    assert (frame["reason"], frame["note"]) == ("broken", "It is empty.")


def test_flag_asks_and_keeps_the_task(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    shows(page, "preference")
    page.keyboard.press("f")
    page.keyboard.press("1")
    page.get_by_label("Your question").fill("Is medical advice allowed?")
    page.get_by_role("button", name="Send").click()
    frame = desk.wait_for("flag")
    assert (frame["reason"], frame["note"]) == ("guidelines", "Is medical advice allowed?")
    shows(page, "preference")


def test_park_and_give_back_and_take_up_again(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    shows(page, "one")
    page.keyboard.press("p")
    shows(page, "two")
    page.keyboard.press("Shift+R")
    desk.wait_for("release", lambda frame: frame["task"] == "two")
    page.get_by_role("button", name="Open a task you parked").click()
    shows(page, "one")
    assert [frame["task"] for frame in desk.of_type("park")] == ["one"]


def test_the_last_answer_can_be_amended(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    shows(page, "one")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    shows(page, "two")
    expect(page.get_by_text("Submitted.", exact=True).first).to_be_visible()
    desk.wait_for("submit")
    page.keyboard.press("h")
    page.get_by_role("button", name="Amend", exact=True).click()
    shows(page, "one")
    expect(page.get_by_role("radio", name="A better")).to_be_checked()
    page.keyboard.press("6")
    page.keyboard.press("Enter")
    frame = desk.wait_for("submit", lambda frame: frame["lease"] == "one-again")
    assert frame["values"] == {"better": {"better": "B", "strength": 2}}
    shows(page, "two")


def test_a_returned_answer_is_said_and_opened(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    shows(page, "one")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    desk.wait_for("submit")
    desk.say({"type": "returned", "task": "one", "comment": "Please read B again."})
    expect(page.locator(".toast", has_text="Please read B again.")).to_be_visible()
    page.get_by_role("button", name="Open it").click()
    shows(page, "one")


def test_break_gives_back_what_was_not_opened(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    shows(page, "one")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="Have a good break")).to_be_visible()
    assert desk.wait_for("release")["task"] == "two"
    assert desk.wait_for("want")["n"] == 0
    page.keyboard.press("b")
    shows(page, "one")
    desk.wait_for("want", lambda frame: frame["n"] == 2)


def test_new_guidelines_are_read_before_work(open_desk: OpenDesk) -> None:
    asked = {"version": "2.0", "html": GUIDELINES}
    desk = FakeDesk(guidelines_version="2.0", guidelines=asked)
    _, page = open_desk(desk=desk)
    expect(page.get_by_role("heading", name="The guidelines have changed")).to_be_visible()
    page.get_by_role("button", name="I have read them").click()
    assert desk.wait_for("acknowledge")["guidelines_version"] == "2.0"
    desk.push(tasks.preference())
    shows(page, "preference")


def test_guidelines_open_by_key_and_can_be_searched(open_desk: OpenDesk) -> None:
    _, page = open_desk(tasks.preference())
    shows(page, "preference")
    page.keyboard.press("g")
    page.get_by_role("searchbox", name="Search the guidelines").fill("style")
    expect(page.locator("#desk-guidelines .hit")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#desk-guidelines")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_notices_and_feedback_are_shown_as_text(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    shows(page, "preference")
    desk.say({"type": "notice", "text": "Lunch at <b>one</b>.", "level": "info"})
    expect(page.get_by_text("Lunch at <b>one</b>.").first).to_be_visible()


def test_logged_out_is_said_with_the_way_back(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    shows(page, "preference")
    desk.end(4401)
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_choices_of_looks_are_remembered(open_desk: OpenDesk) -> None:
    _, page = open_desk(tasks.preference())
    shows(page, "preference")
    page.keyboard.press(",")
    page.get_by_role("radio", name="one at a time").check()
    page.get_by_role("radio", name="very large").check()
    page.reload()
    shows(page, "preference")
    expect(page.locator('.answer[data-key="B"]')).to_be_hidden()
    page.get_by_role("tab", name="Answer B").click()
    expect(page.locator('.answer[data-key="B"]')).to_be_visible()


def test_a_phone_judges_with_tabs_and_a_bar_that_stays(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference(), **PHONE)
    shows(page, "preference")
    page.get_by_role("tab", name="Answer B").tap()
    expect(page.locator('.answer[data-key="B"]')).to_be_visible()
    expect(page.locator('.answer[data-key="A"]')).to_be_hidden()
    page.locator(".scale .choice-tile").nth(6).tap()
    expect(page.get_by_text("B much better").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Submit").tap()
    assert desk.wait_for("submit")["values"] == {"better": {"better": "B", "strength": 3}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("task", tasks.all_tasks(), ids=lambda task: task["task"])
def test_axe_finds_nothing_serious(open_desk: OpenDesk, task: dict[str, Any], scheme: str) -> None:
    _, page = open_desk(task, color_scheme=scheme)
    shows(page, task["task"])
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in {"serious", "critical"}]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in serious] == []
