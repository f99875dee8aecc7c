"""Why: every question type is answered by keyboard alone, and by mouse, and arrives as pinned.

Against the fake desk server; no database.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.desk_page import tasks
from tests.desk_page.conftest import OpenDesk
from tests.desk_page.fake_desk import FakeDesk

pytestmark = pytest.mark.browser


def asked(page: Page, name: str, key: str | None = None) -> Locator:
    of = f'[data-key="{key}"]' if key else ""
    return page.locator(f'.task .q[data-question="{name}"]{of}')


def submitted(desk: FakeDesk, page: Page) -> Any:
    page.keyboard.press("Control+Enter")
    return desk.wait_for("submit")["values"]


# --- preference --------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("1", {"better": "A", "strength": 3}),
        ("3", {"better": "A", "strength": 1}),
        ("4", {"better": "tie"}),
        ("7", {"better": "B", "strength": 3}),
        ("0", {"better": "neither"}),
        ("0b", {"better": "neither", "leaning": "B"}),
    ],
)
def test_preference_by_key(open_desk: OpenDesk, keys: str, value: dict[str, Any]) -> None:
    desk, page = open_desk(tasks.preference())
    expect(asked(page, "better")).to_be_visible()
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert desk.wait_for("submit")["values"] == {"better": value}


def test_preference_by_mouse(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    page.get_by_text("B slightly better").click()
    asked(page, "why").get_by_role("textbox").fill("Shorter.")
    page.get_by_role("button", name="Submit").click()
    frame = desk.wait_for("submit")
    assert frame["values"] == {"better": {"better": "B", "strength": 1}, "why": "Shorter."}
    assert frame["lease"] == "preference-lease"


def test_neither_by_mouse_with_leaning(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    page.get_by_text("Neither is acceptable").click()
    page.get_by_role("radio", name="A", exact=True).check(force=True)
    assert submitted(desk, page) == {"better": {"better": "neither", "leaning": "A"}}


def test_scale_follows_the_declared_steps(open_desk: OpenDesk) -> None:
    question = {**tasks.BETTER, "steps": 1, "tie": False, "neither": False}
    _, page = open_desk(tasks.task("one", [question], candidates=tasks.preference()["candidates"]))
    expect(asked(page, "better").get_by_role("radio")).to_have_count(2)


def test_preference_of_three_by_key(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference_of_three())
    expect(asked(page, "better")).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.press("2")
    assert submitted(desk, page) == {"better": {"better": "C", "strength": 2}}


def test_preference_of_three_by_mouse(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference_of_three())
    asked(page, "better").get_by_role("radio", name="B", exact=True).check(force=True)
    page.keyboard.press("Control+Enter")
    expect(asked(page, "better").get_by_text("Choose how much better")).to_be_visible()
    asked(page, "better").get_by_text("much better", exact=True).click()
    assert submitted(desk, page) == {"better": {"better": "B", "strength": 3}}


# --- ranking -----------------------------------------------------------------


def test_ranking_by_key_with_a_tie(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.ranking(n=3))
    expect(asked(page, "order")).to_be_visible()
    for key in "b1a2c2":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert desk.wait_for("submit")["values"] == {"order": [["B"], ["A", "C"]]}


def test_ranking_on_the_cards_by_mouse(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.ranking(n=3))
    for key, place in (("C", "1st"), ("A", "2nd"), ("B", "3rd")):
        page.locator(f'.answer[data-key="{key}"]').get_by_text(place).click()
    assert submitted(desk, page) == {"order": [["C"], ["A"], ["B"]]}


def test_ranking_by_dragging_answers_and_dropping_on_one_another(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.ranking(n=3))
    first, second = (page.locator(f'.rank-lane[data-place="{place}"]') for place in (1, 2))
    a, c = (page.get_by_role("button", name=f"Answer {key}") for key in "AC")
    page.locator('.answer[data-key="B"] .answer-head .letter').drag_to(first)
    a.drag_to(second)
    c.drag_to(a)
    assert submitted(desk, page) == {"order": [["B"], ["A", "C"]]}


def test_unfinished_ranking_says_what_is_missing(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.ranking(n=3))
    expect(asked(page, "order")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    expect(asked(page, "order").get_by_text("Not placed yet: B, C.")).to_be_visible()
    assert desk.of_type("submit") == []


# --- rating, label, labels -----------------------------------------------------------


def test_rating_keys_move_on_by_themselves(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.rating())
    expect(asked(page, "helpful", "A")).to_be_visible()
    for key in "4521":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    values = desk.wait_for("submit")["values"]
    assert values == {"helpful": {"A": 4, "B": 2}, "true": {"A": 5, "B": 1}}


def test_rating_by_mouse_and_slider(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.rating())
    for key in "AB":
        for name in ("helpful", "true"):
            asked(page, name, key).get_by_role("radio").nth(2).check(force=True)
    asked(page, "confident").get_by_role("spinbutton").fill("80")
    values = submitted(desk, page)
    assert values == {"helpful": {"A": 3, "B": 3}, "true": {"A": 3, "B": 3}, "confident": 80}


def test_show_if_asks_and_stops_asking_and_sends_only_what_is_asked(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.labels())
    expect(asked(page, "safe")).to_be_visible()
    expect(asked(page, "kinds")).to_be_hidden()
    page.keyboard.press("2")
    expect(asked(page, "kinds")).to_be_visible()
    expect(asked(page, "severity")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("3")
    page.keyboard.press("ArrowDown")
    asked(page, "severity").get_by_role("radio").nth(3).check(force=True)
    asked(page, "safe").get_by_text("Unsure").click()
    expect(asked(page, "severity")).to_be_hidden()
    assert submitted(desk, page) == {"safe": "unsure", "kinds": ["self_harm", "hate"]}


def test_labels_by_mouse(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.labels())
    asked(page, "safe").get_by_text("Unsafe").click()
    for title in ("Fraud", "Violence", "Fraud"):
        asked(page, "kinds").get_by_text(title).click()
    asked(page, "severity").get_by_role("radio").first.check(force=True)
    assert submitted(desk, page) == {"safe": "unsafe", "kinds": ["violence"], "severity": 1}


def test_a_long_list_of_labels_can_be_filtered(open_desk: OpenDesk) -> None:
    many = tasks.options(*(f"Topic {n}" for n in range(40)))
    question = tasks.question("topic", "label", "Topic", options=many)
    desk, page = open_desk(tasks.task("many", [question]))
    page.get_by_role("searchbox", name="Filter the options of Topic").fill("topic 37")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert submitted(desk, page) == {"topic": "topic_37"}


# --- text and edit ---------------------------------------------------------------------


def test_text_by_keyboard(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.task("text", [{**tasks.WHY, "required": True}]))
    expect(asked(page, "why")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.type("Because s, f and 1 are letters here.")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    assert desk.wait_for("submit")["values"] == {"why": "Because s, f and 1 are letters here."}


def test_edit_starts_from_the_suggestion_and_shows_what_changed(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.demonstration())
    field = asked(page, "answer").get_by_role("textbox")
    expect(field).to_have_value(tasks.LONG)
    field.fill(tasks.LONG.replace("cheapest medicine", "best exercise"))
    expect(page.locator(".edit-original del")).to_have_text(["cheapest", "medicine"])
    expect(page.locator(".edit-behind ins")).to_have_text(["best", "exercise"])
    value = submitted(desk, page)["answer"]
    assert value == {"text": tasks.LONG.replace("cheapest medicine", "best exercise"), "from": "A"}


def test_edit_from_empty_by_keyboard(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.empty_demonstration())
    expect(asked(page, "answer")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.type("Yes, do.")
    assert submitted(desk, page) == {"answer": {"text": "Yes, do.", "from": None}}


def test_edit_in_turns_starts_from_any_answer_and_gives_back_what_it_replaced(
    open_desk: OpenDesk,
) -> None:
    desk, page = open_desk(tasks.demonstration_in_turns())
    fields = asked(page, "answer").get_by_role("textbox")
    fields.nth(0).fill("My own trees.")
    asked(page, "answer").get_by_text("Answer B", exact=True).first.click()
    expect(fields.nth(0)).to_have_value("Pine.")
    page.get_by_role("button", name="Bring it back").click()
    expect(fields.nth(0)).to_have_value("My own trees.")
    asked(page, "answer").get_by_text("Answer A", exact=True).first.click()
    fields.nth(1).fill("Elm, oak, ash.")
    expected = {"turns": ["Oak, ash, elm.", "Elm, oak, ash."], "from": "A"}
    assert submitted(desk, page) == {"answer": expected}


# --- spans -----------------------------------------------------------------------------


def test_spans_by_keyboard_count_code_points(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.spans())
    page.locator('.passage[data-on="candidate:A:0"]').focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "1", "End", "3"):
        page.keyboard.press(key)
    text = tasks.spans()["candidates"][0]["turns"][0]["text"]
    spans = submitted(desk, page)["wrong"]
    assert [(text[s["start"] : s["end"]], s["label"]) for s in spans] == [
        ("Sunflowers was", "false"),
        ("fool", "rude"),
    ]
    assert spans[0] == {"on": "candidate:A:0", "start": 2, "end": 16, "label": "false"}


def test_spans_by_mouse_overlap_and_can_be_removed(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.spans())
    passage = page.locator('.passage[data-on="message:0"]')
    passage.dblclick(position={"x": 20, "y": 10})
    page.get_by_role("toolbar").get_by_role("button", name="Unclear").click()
    passage.click(click_count=3, position={"x": 20, "y": 10})
    page.get_by_role("toolbar").get_by_role("button", name="False").click()
    expect(page.locator(".span-row")).to_have_count(2)
    expect(passage.locator("mark mark")).to_have_count(1)
    page.get_by_role("button", name="Remove Unclear: Who").click()
    spans = submitted(desk, page)["wrong"]
    prompt = tasks.spans()["item"]["messages"][0]["content"]
    assert spans == [{"on": "message:0", "start": 0, "end": len(prompt), "label": "false"}]


# --- together -------------------------------------------------------------------------


def test_several_questions_flow_as_one_form_by_keyboard(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.everything())
    expect(asked(page, "helpful", "A")).to_be_visible()
    for key in "543":
        page.keyboard.press(key)
    for key in "123":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    values = desk.wait_for("submit")["values"]
    assert values == {"helpful": {"A": 5, "B": 4, "C": 3}, "order": [["A"], ["B"], ["C"]]}


def test_refused_fields_bring_the_task_back_with_errors_beside_the_questions(
    open_desk: OpenDesk,
) -> None:
    desk, page = open_desk(tasks.rating(), tasks.preference())
    desk.refuse("invalid", "Some answers are wrong.", fields={"true": "B: That cannot be."})
    for name in ("helpful", "true"):
        for key in "AB":
            asked(page, name, key).get_by_role("radio").nth(2).check(force=True)
    page.keyboard.press("Control+Enter")
    expect(asked(page, "true", "B").get_by_text("That cannot be.")).to_be_visible()
    expect(asked(page, "true", "A").get_by_text("That cannot be.")).to_be_hidden()
    expect(asked(page, "helpful", "A").get_by_role("radio").nth(2)).to_be_checked()
    asked(page, "true", "B").get_by_role("radio").nth(3).check(force=True)
    page.keyboard.press("Control+Enter")
    desk.wait_for("submit", lambda frame: frame["values"]["true"] == {"A": 3, "B": 4})


def test_missing_answers_are_said_beside_the_question_and_focused(open_desk: OpenDesk) -> None:
    desk, page = open_desk(tasks.preference())
    expect(asked(page, "better")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(asked(page, "better").get_by_text("Please say which is better.")).to_be_visible()
    expect(asked(page, "better")).to_be_focused()
    assert desk.of_type("submit") == []
