"""The question schema: what managers may write, and what clients get."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.errors import DomainError, ErrorKind
from labeling.rules.questions import (
    InvalidQuestions,
    Per,
    QuestionType,
    is_visible,
    parse_questions,
    to_wire,
)

COLOURS = [{"value": "red", "title": "Red"}, {"value": "blue", "title": "Blue"}]

ONE_OF_EACH: list[dict[str, Any]] = [
    {"name": "reason", "type": "text", "title": "Why?", "rows": 4},
    {"name": "answer", "type": "edit", "title": "Rewrite"},
    {"name": "colour", "type": "label", "title": "Colour", "options": COLOURS},
    {"name": "colours", "type": "labels", "title": "Colours", "options": COLOURS},
    {
        "name": "helpful",
        "type": "rating",
        "title": "Helpful?",
        "per": "candidate",
        "min": 1,
        "max": 7,
        "anchors": {"1": "Useless", "7": "Perfect"},
    },
    {"name": "better", "type": "preference", "title": "Which?", "steps": 2, "tie": False},
    {"name": "order", "type": "ranking", "title": "Order"},
    {"name": "errors", "type": "spans", "title": "Errors", "options": COLOURS},
]


def mistakes(*questions: Any) -> dict[str, str]:
    with pytest.raises(InvalidQuestions) as caught:
        parse_questions(list(questions))
    return caught.value.fields


def test_every_type_is_read() -> None:
    questions = parse_questions(ONE_OF_EACH)
    assert [q.type for q in questions] == list(QuestionType)


def test_wire_form_is_read_again_as_the_same_questions() -> None:
    questions = parse_questions(ONE_OF_EACH)
    assert parse_questions([to_wire(q) for q in questions]) == questions


def test_defaults_are_filled_in() -> None:
    (text,) = parse_questions([{"name": "why", "type": "text"}])
    assert (text.title, text.help, text.required, text.per) == ("why", "", True, Per.TASK)
    (rating,) = parse_questions([{"name": "r", "type": "rating"}])
    assert (rating.min, rating.max) == (1, 5)
    (preference,) = parse_questions([{"name": "p", "type": "preference"}])
    assert (preference.steps, preference.tie, preference.neither) == (3, True, True)


def test_wire_keys_come_in_the_pinned_order_without_what_does_not_apply() -> None:
    preference = parse_questions([{"neither": False, "type": "preference", "name": "p"}])[0]
    assert list(to_wire(preference).items()) == [
        ("name", "p"),
        ("type", "preference"),
        ("title", "p"),
        ("help", ""),
        ("required", True),
        ("per", "task"),
        ("steps", 3),
        ("tie", True),
        ("neither", False),
    ]
    rating = parse_questions([ONE_OF_EACH[4]])[0]
    assert list(to_wire(rating))[6:] == ["min", "max", "anchors"]


def test_bare_string_is_an_option() -> None:
    (question,) = parse_questions([{"name": "q", "type": "label", "options": ["yes", "no"]}])
    assert to_wire(question)["options"] == [
        {"value": "yes", "title": "yes"},
        {"value": "no", "title": "no"},
    ]


def test_null_counts_as_absent() -> None:
    parse_questions([{"name": "q", "type": "text", "options": None, "min": None, "show_if": None}])


@pytest.mark.parametrize("raw", [None, {}, "text", [], 3])
def test_schema_that_is_not_a_list_is_refused(raw: object) -> None:
    with pytest.raises(InvalidQuestions) as caught:
        parse_questions(raw)
    assert list(caught.value.fields) == ["questions"]
    assert isinstance(caught.value, DomainError)
    assert caught.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("text", ""),
        ({"type": "text"}, ".name"),
        ({"name": "two words", "type": "text"}, ".name"),
        ({"name": "q\n", "type": "text"}, ".name"),
        ({"name": "q" * 65, "type": "text"}, ".name"),
        ({"name": "q"}, ".type"),
        ({"name": "q", "type": "essay"}, ".type"),
        ({"name": "q", "type": ["text"]}, ".type"),
        ({"name": "q", "type": "text", "title": 3}, ".title"),
        ({"name": "q", "type": "text", "title": "a\x00"}, ".title"),
        ({"name": "q", "type": "text", "help": "x" * 5001}, ".help"),
        ({"name": "q", "type": "text", "required": 1}, ".required"),
        ({"name": "q", "type": "text", "per": "item"}, ".per"),
        ({"name": "q", "type": "text", "colour": "red"}, ".colour"),
        ({"name": "q", "type": "text", "steps": 3}, ".steps"),
        ({"name": "q", "type": "text", "rows": 0}, ".rows"),
        ({"name": "q", "type": "label"}, ".options"),
        ({"name": "q", "type": "labels", "options": []}, ".options"),
        ({"name": "q", "type": "spans", "options": [7]}, ".options[0]"),
        ({"name": "q", "type": "label", "options": [{"title": "x"}]}, ".options[0].value"),
        ({"name": "q", "type": "label", "options": [{"value": 1}]}, ".options[0].value"),
        ({"name": "q", "type": "label", "options": ["a", "b", "a"]}, ".options[2].value"),
        ({"name": "q", "type": "label", "options": [{"value": "a", "x": 1}]}, ".options[0].x"),
        ({"name": "q", "type": "rating", "min": 5, "max": 5}, ".max"),
        ({"name": "q", "type": "rating", "min": 0, "max": 100}, ".max"),
        ({"name": "q", "type": "rating", "min": 1.0}, ".min"),
        ({"name": "q", "type": "rating", "min": True}, ".min"),
        ({"name": "q", "type": "rating", "anchors": {"6": "x"}}, ".anchors.6"),
        ({"name": "q", "type": "rating", "anchors": {"1": " "}}, ".anchors.1"),
        ({"name": "q", "type": "rating", "anchors": ["x"]}, ".anchors"),
        ({"name": "q", "type": "preference", "steps": 5}, ".steps"),
        ({"name": "q", "type": "preference", "tie": "yes"}, ".tie"),
        ({"name": "q", "type": "preference", "per": "candidate"}, ".per"),
        ({"name": "q", "type": "ranking", "per": "candidate"}, ".per"),
        ({"name": "q", "type": "edit", "per": "candidate"}, ".per"),
    ],
)
def test_mistake_is_named_by_its_path(question: object, path: str) -> None:
    assert list(mistakes(question)) == [f"questions[0]{path}"]


def test_names_are_unique() -> None:
    twice = {"name": "q", "type": "text"}
    assert list(mistakes(twice, {"name": "r", "type": "text"}, twice)) == ["questions[2].name"]


def test_all_mistakes_are_reported_at_once() -> None:
    assert set(
        mistakes(
            {"name": "", "type": "text"},
            {"name": "b", "type": "rating", "min": 9, "max": 1, "colour": 1},
            {"name": "c", "type": "label", "options": ["x", {"value": ""}]},
        )
    ) == {
        "questions[0].name",
        "questions[1].max",
        "questions[1].colour",
        "questions[2].options[1].value",
    }


# --- show_if -----------------------------------------------------------------------------

KIND = {"name": "kind", "type": "label", "options": ["good", "bad"]}
SCORE = {"name": "score", "type": "rating", "per": "candidate"}


@pytest.mark.parametrize(
    ("earlier", "condition", "path"),
    [
        ([KIND], "kind", ".show_if"),
        ([KIND], {"question": "kind"}, ".show_if"),
        ([KIND], {"question": "kind", "is": "good", "in": ["bad"]}, ".show_if"),
        ([KIND], {"question": "other", "is": "good"}, ".show_if.question"),
        ([KIND], {"question": ["kind"], "is": "good"}, ".show_if.question"),
        ([KIND], {"question": "q", "is": "good"}, ".show_if.question"),
        ([KIND], {"question": "kind", "is": "ugly"}, ".show_if.is"),
        ([KIND], {"question": "kind", "in": []}, ".show_if.in"),
        ([KIND], {"question": "kind", "in": ["good", "ugly"]}, ".show_if.in"),
        ([KIND], {"question": "kind", "is": ["good"]}, ".show_if.is"),
        ([SCORE], {"question": "score", "is": 1}, ".show_if.question"),
        ([{"name": "t", "type": "text"}], {"question": "t", "is": "x"}, ".show_if.question"),
        ([{"name": "r", "type": "rating"}], {"question": "r", "is": 6}, ".show_if.is"),
        ([{"name": "r", "type": "rating"}], {"question": "r", "is": True}, ".show_if.is"),
    ],
)
def test_condition_that_cannot_hold_is_refused(
    earlier: list[Any], condition: object, path: str
) -> None:
    found = mistakes(*earlier, {"name": "q", "type": "text", "show_if": condition})
    assert list(found) == [f"questions[1]{path}"]


def test_condition_refers_to_an_earlier_question_only() -> None:
    later = {"name": "q", "type": "text", "show_if": {"question": "kind", "is": "good"}}
    assert list(mistakes(later, KIND)) == ["questions[0].show_if.question"]


def test_condition_on_label_and_chain_of_hidden_questions() -> None:
    kind, detail, deep = parse_questions(
        [
            KIND,
            {
                "name": "detail",
                "type": "labels",
                "options": ["a", "b", "c"],
                "show_if": {"question": "kind", "is": "bad"},
            },
            {"name": "deep", "type": "text", "show_if": {"question": "detail", "in": ["a", "b"]}},
        ]
    )
    assert is_visible(kind, {})
    assert not is_visible(detail, {})
    assert is_visible(detail, {"kind": "bad"})
    assert is_visible(deep, {"kind": "bad", "detail": ["c", "b"]})
    assert not is_visible(deep, {"kind": "bad", "detail": ["c"]})
    assert not is_visible(deep, {"kind": "good", "detail": ["a"]}), "hidden hides what hangs on it"
    assert to_wire(detail)["show_if"] == {"question": "kind", "is": "bad"}
    assert to_wire(deep)["show_if"] == {"question": "detail", "in": ["a", "b"]}


def test_condition_on_rating_looks_at_the_same_candidate_and_compares_strictly() -> None:
    _, why = parse_questions(
        [
            SCORE,
            {
                "name": "why",
                "type": "text",
                "per": "candidate",
                "show_if": {"question": "score", "is": 1},
            },
        ]
    )
    values = {"score": {"A": 1, "B": 2, "C": True, "D": 1.0}}
    assert [is_visible(why, values, key) for key in "ABCDE"] == [True, False, False, False, False]
    assert not is_visible(why, {"score": 1}, "A")


def test_condition_on_preference_compares_better() -> None:
    _, why = parse_questions(
        [
            {"name": "p", "type": "preference"},
            {"name": "why", "type": "text", "show_if": {"question": "p", "in": ["tie", "neither"]}},
        ]
    )
    assert is_visible(why, {"p": {"better": "tie"}})
    assert not is_visible(why, {"p": {"better": "A", "strength": 1}})
    assert not is_visible(why, {"p": "tie"})


def test_question_per_candidate_may_depend_on_one_per_task() -> None:
    _, score = parse_questions([KIND, {**SCORE, "show_if": {"question": "kind", "is": "good"}}])
    assert is_visible(score, {"kind": "good"}, "B")
