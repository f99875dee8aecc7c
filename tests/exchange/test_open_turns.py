"""Open turns, as DESIGN.md section 2 has the word."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exchange import rows, splits, tally
from labeling.exchange.rows import Message, as_dict, n_open_turns, open_turns, split_at_open_turns

LETTERS = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def talk(letters: str) -> list[Message]:
    """Letters are roles; "c" is an assistant message that calls a tool."""
    return [
        Message("assistant", "", tool_calls=({"x": n},))
        if letter == "c"
        else Message(LETTERS[letter], f"{letter}{n}")
        for n, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("", 0),
        ("s", 0),
        ("u", 1),
        ("su", 1),
        ("uu", 2),
        ("uau", 1),
        ("ua", 0),
        ("uua", 0),
        ("uauu", 2),
        ("uct", 1),
        ("ucta", 0),
        ("uctau", 1),
        ("uctct", 1),
        ("uc", 0),
        ("uctu", 2),
    ],
)
def test_open_turns_are_user_turns_without_an_answer_after_them(letters, expected):
    assert n_open_turns(talk(letters)) == expected


@given(st.text("suat"))
def test_without_tool_calls_it_is_the_users_after_the_last_assistant(letters):
    assert n_open_turns(talk(letters)) == letters.rpartition("a")[2].count("u")


@given(st.text("suact"))
def test_rows_and_stored_messages_agree_and_an_answer_closes_all(letters):
    messages = talk(letters)
    assert open_turns([as_dict(m) for m in messages]) == open_turns(messages)
    assert n_open_turns([*messages, Message("assistant", "x")]) == 0
    assert (
        n_open_turns([*messages, Message("user", "x")])
        == n_open_turns([*messages, Message("user", "x"), Message("user", "y")]) - 1
    )


@pytest.mark.parametrize(
    ("letters", "prompt", "following"),
    [("suu", "su", ["u2"]), ("uauuu", "uau", ["u3", "u4"]), ("uct", "uct", []), ("u", "u", [])],
)
def test_prompt_ends_at_the_first_open_turn(letters, prompt, following):
    messages, later = split_at_open_turns(talk(letters))
    assert messages == tuple(talk(prompt))
    assert list(later) == following


@pytest.mark.parametrize("module", [rows, splits, tally])
def test_examples_in_docstrings_hold(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
