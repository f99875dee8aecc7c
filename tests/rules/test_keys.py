"""Keys become candidate ids, in every type of value."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from labeling.rules import keys
from labeling.rules.keys import candidate_keys, ids_by_key, with_ids
from labeling.rules.question_types import Per, QuestionType

IDS = {"A": "12", "B": "7"}


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(keys).failed == 0


def test_keys_are_distinct_however_many() -> None:
    assert len(set(candidate_keys(500))) == 500
    assert ids_by_key([]) == {}


@pytest.mark.parametrize(
    ("kind", "value", "named"),
    [
        ("preference", {"better": "B", "strength": 2}, {"better": "7", "strength": 2}),
        ("preference", {"better": "tie"}, {"better": "tie"}),
        (
            "preference",
            {"better": "neither", "leaning": "A"},
            {"better": "neither", "leaning": "12"},
        ),
        ("edit", {"text": "A", "from": "A"}, {"text": "A", "from": "12"}),
        ("edit", {"text": "A", "from": None}, {"text": "A", "from": None}),
        ("ranking", [["B", "A"]], [["7", "12"]]),
        (
            "spans",
            [
                {"on": "candidate:B:1", "start": 0, "end": 1, "label": "x"},
                {"on": "message:0", "start": 0, "end": 1, "label": "x"},
            ],
            [
                {"on": "candidate:7:1", "start": 0, "end": 1, "label": "x"},
                {"on": "message:0", "start": 0, "end": 1, "label": "x"},
            ],
        ),
        ("label", "A", "A"),
        ("text", "A", "A"),
    ],
)
def test_only_names_of_candidates_change(kind: str, value: Any, named: Any) -> None:
    assert with_ids(value, kind=QuestionType(kind), per=Per.TASK, ids=IDS) == named


def test_values_per_candidate_are_named_too() -> None:
    given = {"A": "B", "B": None}
    named = with_ids(given, kind=QuestionType.LABEL, per=Per.CANDIDATE, ids=IDS)
    assert named == {"12": "B", "7": None}
    assert with_ids(None, kind=QuestionType.RATING, per=Per.CANDIDATE, ids=IDS) is None
