"""Values: the table of DESIGN section 7, each row with what it takes and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.rules.answers import (
    MAX_DRAFT_CHARS,
    MAX_TEXT_CHARS,
    InvalidValues,
    ValidatedValues,
    find_draft_mistake,
    is_draft_ok,
    validate_values,
)
from labeling.rules.questions import parse_questions
from tests.rules.test_questions import ONE_OF_EACH

TEXTS = {
    "message:0": "Привет 👋🏽",
    "candidate:A:0": "ab",
    "candidate:B:0": "",
    "candidate:C:0": "x",
}


def check(
    question: dict[str, Any],
    value: Any,
    *,
    keys: str = "ABC",
    n_turns_open: int = 1,
    texts: dict[str, str] | None = None,
) -> ValidatedValues:
    return validate_values(
        parse_questions([{"name": "q", **question}]),
        {"q": value},
        candidate_keys=list(keys),
        n_turns_open=n_turns_open,
        texts=texts,
    )


def refusal(question: dict[str, Any], value: Any, **about: Any) -> str:
    with pytest.raises(InvalidValues) as caught:
        check(question, value, **about)
    assert list(caught.value.fields) == ["q"]
    return caught.value.fields["q"]


TEXT = {"type": "text"}
EDIT = {"type": "edit"}
LABEL = {"type": "label", "options": ["x", "y"]}
LABELS = {"type": "labels", "options": ["x", "y"]}
RATING = {"type": "rating", "min": 1, "max": 5}
PREFERENCE = {"type": "preference"}
RANKING = {"type": "ranking"}
SPANS = {"type": "spans", "options": ["x", "y"]}


@pytest.mark.parametrize(
    ("question", "value"),
    [
        (TEXT, "  words, kept as they are \n"),
        (EDIT, {"text": "better", "from": "A"}),
        (EDIT, {"text": "own", "from": None}),
        (LABEL, "y"),
        (LABELS, ["y", "x"]),
        (RATING, 5),
        (PREFERENCE, {"better": "A", "strength": 3}),
        (PREFERENCE, {"better": "tie"}),
        (PREFERENCE, {"better": "neither"}),
        (PREFERENCE, {"better": "neither", "leaning": "C"}),
        (RANKING, [["B"], ["A", "C"]]),
        (RANKING, [["A", "B", "C"]]),
        (SPANS, [{"on": "message:0", "start": 0, "end": 6, "label": "x"}]),
    ],
)
def test_value_of_the_pinned_table_is_taken_unchanged(question: dict[str, Any], value: Any) -> None:
    assert check(question, value).values == {"q": value}


@pytest.mark.parametrize(
    ("question", "value"),
    [
        (TEXT, ""),
        (TEXT, " \n\t"),
        (TEXT, 3),
        (TEXT, "nul\x00"),
        (TEXT, "half \ud83d"),
        (TEXT, "x" * (MAX_TEXT_CHARS + 1)),
        (EDIT, "text"),
        (EDIT, {"from": "A"}),
        (EDIT, {"text": " ", "from": None}),
        (EDIT, {"text": "x", "from": "D"}),
        (EDIT, {"text": "x", "from": ["A"]}),
        (EDIT, {"turns": ["x"], "from": None}),
        (EDIT, {"text": "x", "turns": ["x"], "from": None}),
        (EDIT, {"text": "x", "note": "y"}),
        (LABEL, "z"),
        (LABEL, ["x"]),
        (LABEL, None),
        (LABELS, "x"),
        (LABELS, []),
        (LABELS, ["x", "x"]),
        (LABELS, ["x", "z"]),
        (LABELS, [["x"]]),
        (RATING, 0),
        (RATING, 6),
        (RATING, True),
        (RATING, 3.0),
        (RATING, "3"),
        (RATING, None),
        (PREFERENCE, "A"),
        (PREFERENCE, {}),
        (PREFERENCE, {"better": None}),
        (PREFERENCE, {"better": "D", "strength": 1}),
        (PREFERENCE, {"better": ["A"], "strength": 1}),
        (PREFERENCE, {"better": "A"}),
        (PREFERENCE, {"better": "A", "strength": 0}),
        (PREFERENCE, {"better": "A", "strength": 4}),
        (PREFERENCE, {"better": "A", "strength": True}),
        (PREFERENCE, {"better": "A", "strength": 1, "leaning": "A"}),
        (PREFERENCE, {"better": "tie", "strength": 1}),
        (PREFERENCE, {"better": "tie", "leaning": "A"}),
        (PREFERENCE, {"better": "neither", "strength": 1}),
        (PREFERENCE, {"better": "neither", "leaning": "tie"}),
        (PREFERENCE, {"better": "A", "strength": 1, "why": "x"}),
        (PREFERENCE | {"tie": False}, {"better": "tie"}),
        (PREFERENCE | {"neither": False}, {"better": "neither"}),
        (RANKING, [["A"], ["B"]]),
        (RANKING, [["A"], ["B"], ["C"], ["A"]]),
        (RANKING, [["A", "B", "C", "D"]]),
        (RANKING, [["A"], [], ["B", "C"]]),
        (RANKING, ["A", "B", "C"]),
        (RANKING, [["A"], ["B"], [["C"]]]),
        (RANKING, []),
        (RANKING, {"A": 1}),
        (SPANS, []),
        (SPANS, {}),
        (SPANS, ["x"]),
        (SPANS, [{"on": "message:0", "start": 0, "end": 1}]),
        (SPANS, [{"on": "message:0", "start": 0, "end": 1, "label": "x", "note": 1}]),
        (SPANS, [{"on": "message:0", "start": 1, "end": 1, "label": "x"}]),
        (SPANS, [{"on": "message:0", "start": -1, "end": 1, "label": "x"}]),
        (SPANS, [{"on": "message:0", "start": False, "end": True, "label": "x"}]),
        (SPANS, [{"on": "message:0", "start": 0, "end": 1, "label": "z"}]),
        (SPANS, [{"on": "message:01", "start": 0, "end": 1, "label": "x"}]),
        (SPANS, [{"on": "context:0", "start": 0, "end": 1, "label": "x"}]),
        (SPANS, [{"on": "candidate:D:0", "start": 0, "end": 1, "label": "x"}]),
        (SPANS, [{"on": "candidate:A:1", "start": 0, "end": 1, "label": "x"}]),
        (SPANS, [{"on": None, "start": 0, "end": 1, "label": "x"}]),
    ],
)
def test_value_outside_the_pinned_table_is_refused(question: dict[str, Any], value: Any) -> None:
    assert refusal(question, value)


def test_messages_never_repeat_what_was_written() -> None:
    assert "secret" not in refusal(LABEL, "secret")
    assert "secret" not in refusal(PREFERENCE, {"better": "secret"})
    assert "secret" not in refusal(SPANS, [{"on": "secret", "start": 0, "end": 1, "label": "x"}])


@pytest.mark.parametrize("value", [None, "", "  "])
def test_blank_answer_to_an_optional_text_is_no_answer(value: Any) -> None:
    assert check({"type": "text", "required": False}, value).values == {}


def test_empty_list_answers_an_optional_question() -> None:
    assert check(LABELS | {"required": False}, []).values == {"q": []}
    assert check(SPANS | {"required": False}, []).values == {"q": []}


def test_optional_answer_is_still_checked() -> None:
    assert refusal(RATING | {"required": False}, 9)


def test_strength_may_be_left_out_where_there_is_one_step() -> None:
    expected = {"q": {"better": "B", "strength": 1}}
    assert check(PREFERENCE | {"steps": 1}, {"better": "B"}).values == expected
    assert check(PREFERENCE | {"steps": 1}, {"better": "B", "strength": None}).values == expected
    assert refusal(PREFERENCE | {"steps": 1}, {"better": "B", "strength": 2})


def test_edit_has_a_text_for_every_open_turn() -> None:
    assert check(EDIT, {"turns": ["one", "two"], "from": "B"}, n_turns_open=2).values == {
        "q": {"turns": ["one", "two"], "from": "B"}
    }
    assert refusal(EDIT, {"turns": ["one"], "from": None}, n_turns_open=2)
    assert refusal(EDIT, {"turns": ["one", ""], "from": None}, n_turns_open=2)
    assert refusal(EDIT, {"text": "one", "from": None}, n_turns_open=2)


def test_blank_edit_to_an_optional_question_is_no_answer() -> None:
    optional = EDIT | {"required": False}
    assert check(optional, {"text": "", "from": None}).values == {}
    assert check(optional, {"turns": ["", ""], "from": None}, n_turns_open=2).values == {}


def test_spans_count_code_points() -> None:
    def span(end: int) -> list[dict[str, Any]]:
        return [{"on": "message:0", "start": 7, "end": end, "label": "x"}]

    assert len(TEXTS["message:0"]) == 9
    assert check(SPANS, span(9), texts=TEXTS).values["q"] == span(9)
    assert "beyond" in refusal(SPANS, span(10), texts=TEXTS)


def test_spans_are_on_texts_of_the_task() -> None:
    assert refusal(SPANS, [{"on": "message:1", "start": 0, "end": 1, "label": "x"}], texts=TEXTS)


# --- per candidate, hidden, unknown --------------------------------------------------------

PER_CANDIDATE = {"type": "rating", "per": "candidate"}


def test_value_per_candidate() -> None:
    assert check(PER_CANDIDATE, {"A": 1, "B": 2, "C": 3}).values == {"q": {"A": 1, "B": 2, "C": 3}}


def test_mistake_per_candidate_names_the_key() -> None:
    message = refusal(PER_CANDIDATE, {"A": 1, "B": 9})
    assert "A:" not in message
    assert "B: Must be an integer" in message
    assert "C: An answer is needed" in message


@pytest.mark.parametrize("value", [3, [1], {"A": 1, "B": 1, "C": 1, "D": 1}, None])
def test_value_per_candidate_must_be_about_the_candidates(value: Any) -> None:
    assert refusal(PER_CANDIDATE, value)


def test_span_per_candidate_is_on_that_candidate() -> None:
    def value(on: str) -> dict[str, Any]:
        return {"A": [{"on": on, "start": 0, "end": 1, "label": "x"}]}

    question = SPANS | {"per": "candidate", "required": False}
    assert check(question, value("candidate:A:0")).values == {"q": value("candidate:A:0")}
    assert "A: Span 1" in refusal(question, value("candidate:B:0"))
    assert "A: Span 1" in refusal(question, value("message:0"))


def test_unknown_question_is_refused_by_name() -> None:
    with pytest.raises(InvalidValues) as caught:
        validate_values((), {"other": 1, "x" * 500: 2}, candidate_keys=[], n_turns_open=1)
    assert list(caught.value.fields) == ["other", "x" * 64]


@pytest.mark.parametrize("values", [None, [], "text", 1])
def test_values_must_be_an_object(values: object) -> None:
    with pytest.raises(InvalidValues):
        validate_values((), values, candidate_keys=[], n_turns_open=1)


def test_values_of_hidden_questions_are_dropped_and_not_required() -> None:
    questions = parse_questions(
        [
            {"name": "kind", "type": "label", "options": ["good", "bad"]},
            {"name": "why", "type": "text", "show_if": {"question": "kind", "is": "bad"}},
            {"name": "safe", "type": "label", "per": "candidate", "options": ["yes", "no"]},
            {
                "name": "harm",
                "type": "text",
                "per": "candidate",
                "show_if": {"question": "safe", "is": "no"},
            },
        ]
    )

    def validated(values: dict[str, Any]) -> ValidatedValues:
        return validate_values(questions, values, candidate_keys="AB", n_turns_open=1)

    safe = {"A": "yes", "B": "no"}
    found = validated({"kind": "good", "why": 7, "safe": safe, "harm": {"A": 9, "B": "x"}})
    assert found.values == {"kind": "good", "safe": safe, "harm": {"B": "x"}}
    assert found.hidden == ("why", "harm")
    with pytest.raises(InvalidValues) as caught:
        validated({"kind": "bad", "safe": safe})
    assert set(caught.value.fields) == {"why", "harm"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["A", "B", "tie", "neither", "red", "message:0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["A", "B", "better", "text", "turns", "from", "on", "start", "strength"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.dictionaries(st.sampled_from([q["name"] for q in ONE_OF_EACH]), JSON))
def test_any_json_is_taken_or_refused_by_name(values: dict[str, Any]) -> None:
    questions = parse_questions([{**each, "required": False} for each in ONE_OF_EACH])
    about = {"candidate_keys": ["A", "B"], "n_turns_open": 1}
    try:
        first = validate_values(questions, values, **about)  # type: ignore[arg-type]
    except InvalidValues as error:
        refused = error.fields
    else:
        refused = {}
    assert refused.keys() <= values.keys()
    if refused:
        return
    again = validate_values(questions, first.values, **about)  # type: ignore[arg-type]
    assert again.values == first.values, "validated values are valid"
    assert is_draft_ok(first.values)


# --- drafts --------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    values: Any = 1
    for _ in range(depth):
        values = {"a": values}
    return values


@pytest.mark.parametrize(
    "values", [{}, {"unfinished": {"better": None}, "x": [1, 2.5, "text", True]}, nested(15)]
)
def test_draft_of_any_shape_is_ok(values: object) -> None:
    assert is_draft_ok(values)


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        "text",
        {"a": "\x00"},
        {"\ud800": 1},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": object()},
        {1: 2},
        nested(17),
        nested(20_000),
        {"a": "x" * (MAX_DRAFT_CHARS + 1)},
        {"a": [[]] * 60_000},
    ],
)
def test_draft_that_cannot_be_kept_is_refused(values: object) -> None:
    assert not is_draft_ok(values)
    assert find_draft_mistake(values)
