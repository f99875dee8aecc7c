"""Why: a word that was written is never lost: reloads, cut networks, restarts, lost leases.

Against the fake desk server; no database.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.desk_page import tasks
from tests.desk_page.conftest import OpenDesk
from tests.desk_page.fake_desk import FakeDesk

pytestmark = pytest.mark.browser


def why(page: Page) -> Locator:
    return page.locator('.task .q[data-question="why"]').get_by_role("textbox")


def is_offline(page: Page) -> None:
    expect(page.locator("#desk-connection")).to_contain_text("Offline")


def is_connected(page: Page) -> None:
    expect(page.locator("#desk-connection")).to_have_attribute("data-state", "open", timeout=15_000)


def test_draft_reaches_the_server_within_a_second_or_so(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    why(page).type("half a sent")
    frame = desk.wait_for("draft", lambda frame: frame["values"]["why"] == "half a sent")
    assert frame["lease"] == "preference-lease"
    expect(page.locator("#desk-draft")).to_have_text("Draft saved")


def test_draft_survives_a_reload_even_before_the_server_has_it(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    expect(why(page)).to_be_visible()
    desk.refuse("rate_limited", on="draft")
    desk.refuse("rate_limited", on="draft")
    page.keyboard.press("6")
    why(page).type("cut off mid-sent")
    page.reload()
    expect(why(page)).to_have_value("cut off mid-sent")
    expect(page.get_by_role("radio", name="B better")).to_be_checked()


def test_the_servers_draft_is_shown_on_another_machine(open_desk: OpenDesk) -> None:
    _, page = open_desk(tasks.preference(draft={"why": "from yesterday"}))
    expect(why(page)).to_have_value("from yesterday")


def test_words_typed_while_the_server_restarts_are_there_and_go_out(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    why(page).type("before ")
    desk.stop()
    is_offline(page)
    why(page).type("and during")
    desk.start()
    is_connected(page)
    desk.wait_for("draft", lambda frame: frame["values"]["why"] == "before and during")
    expect(why(page)).to_have_value("before and during")


def test_answers_given_offline_are_sent_once_when_the_connection_is_back(
    open_desk: OpenDesk,
) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    expect(why(page)).to_be_visible()
    page.wait_for_function("document.querySelector('.task')?.dataset.task === 'one'")
    desk.stop()
    is_offline(page)
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("document.querySelector('.task')?.dataset.task === 'two'")
    page.keyboard.press("7")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("2 answers are kept in this browser")).to_be_visible()
    desk.start()
    is_connected(page)
    expect(page.get_by_role("heading", name="Nothing to do right now")).to_be_visible()
    sent = {frame["task"]: frame["values"] for frame in desk.of_type("submit")}
    assert sent == {
        "one": {"better": {"better": "A", "strength": 3}},
        "two": {"better": {"better": "B", "strength": 3}},
    }
    assert len(desk.of_type("submit")) == 2


def test_a_submit_without_reply_is_sent_again_after_the_tab_was_closed(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    expect(why(page)).to_be_visible()
    desk.stop()
    is_offline(page)
    page.keyboard.press("4")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("One answer is kept")).to_be_visible()
    again = page.context.new_page()
    page.close(run_before_unload=False)
    desk.start()
    again.goto(desk.url)
    assert desk.wait_for("submit")["values"] == {"better": {"better": "tie"}}


def test_an_offline_answer_can_be_taken_back_before_it_is_sent(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    expect(why(page)).to_be_visible()
    desk.stop()
    is_offline(page)
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("document.querySelector('.task')?.dataset.task === 'two'")
    page.keyboard.press("z")
    page.wait_for_function("document.querySelector('.task')?.dataset.task === 'one'")
    expect(page.get_by_role("radio", name="A much better")).to_be_checked()
    desk.start()
    is_connected(page)
    assert desk.of_type("submit") == []


def test_a_lost_lease_keeps_the_text_and_offers_surplus(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    desk.refuse("lease_lost", "The lease ended.")
    why(page).fill("My precious words.")
    page.get_by_text("A slightly better").click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("This task went to somebody else")).to_be_visible()
    expect(why(page)).to_have_value("My precious words.")
    page.locator(".lost").get_by_role("button", name="Send as surplus").click()
    frame = desk.wait_for("submit", lambda frame: frame.get("surplus") is True)
    assert frame["values"]["why"] == "My precious words."


def test_a_revoked_task_in_which_was_written_stays_with_its_text(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    why(page).type("half")
    desk.wait_for("draft")
    desk.revoke("one", "expired")
    expect(page.get_by_text("Your time on this task ran out")).to_be_visible()
    expect(why(page)).to_have_value("half")
    page.locator(".lost").get_by_role("button", name="Discard").click()
    page.wait_for_function("document.querySelector('.task')?.dataset.task === 'two'")


def test_a_revoked_task_nobody_touched_gives_way_to_the_next(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    expect(why(page)).to_be_visible()
    desk.revoke("one", "withdrawn")
    page.wait_for_function("document.querySelector('.task')?.dataset.task === 'two'")
    expect(page.get_by_text("That task was withdrawn")).to_be_visible()


def test_a_task_that_went_back_during_an_outage_keeps_its_text(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference("one"), tasks.preference("two"))
    why(page).type("half")
    desk.stop()
    is_offline(page)
    desk.held.pop("one")
    desk.start()
    is_connected(page)
    expect(page.get_by_text("This task went back while you were away")).to_be_visible()
    expect(why(page)).to_have_value("half")


def test_closing_the_tab_warns_only_while_an_answer_is_unsent(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    expect(why(page)).to_be_visible()
    asked = "() => !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    why(page).type("a draft is no reason to ask")
    assert page.evaluate(asked) is False
    desk.stop()
    is_offline(page)
    page.get_by_text("Tie", exact=True).click()
    page.keyboard.press("Control+Enter")
    assert page.evaluate(asked) is True
    desk.start()
    is_connected(page)
    desk.wait_for("submit")
    page.wait_for_function(f"({asked})() === false")


@pytest.mark.parametrize("reason", ["no_work", "quota_reached", "paused", "not_qualified"])
def test_every_reason_to_wait_is_said_in_words(open_desk: OpenDesk, reason: str) -> None:
    desk = FakeDesk()
    desk.idle_reason = reason
    _, page = open_desk(desk=desk)
    expect(page.locator(f'.screen[data-screen="{reason}"] h2')).to_be_visible()
    desk.push(tasks.preference())
    expect(why(page)).to_be_visible()
