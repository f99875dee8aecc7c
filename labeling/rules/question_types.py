"""Why: what a question is once it has been checked, and what clients see of it.

Frozen data, `to_wire` and `is_visible`. Reading what a manager wrote is in `questions`,
which also re-exports all of this: import from there. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_QUESTIONS = 100
MAX_OPTIONS = 500
MAX_NAME_CHARS = 64
MAX_TITLE_CHARS = 500
MAX_HELP_CHARS = 5_000
MAX_RATING_STEPS = 100
MAX_PREFERENCE_STEPS = 4
MAX_ROWS = 60
RATING_BOUND = 1_000_000  # ratings are small integers everywhere, JavaScript and Parquet included

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
CANDIDATE_KEY = re.compile(r"[A-Z]{1,3}\Z")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL stores neither NUL nor lone surrogates


class QuestionType(StrEnum):
    TEXT = "text"
    EDIT = "edit"
    LABEL = "label"
    LABELS = "labels"
    RATING = "rating"
    PREFERENCE = "preference"
    RANKING = "ranking"
    SPANS = "spans"


class Per(StrEnum):
    """Whether a question is asked once, or about each candidate."""

    TASK = "task"
    CANDIDATE = "candidate"


TYPES_WITH_OPTIONS = frozenset({QuestionType.LABEL, QuestionType.LABELS, QuestionType.SPANS})
TYPES_PER_TASK_ONLY = frozenset({QuestionType.EDIT, QuestionType.PREFERENCE, QuestionType.RANKING})
TYPES_TO_DEPEND_ON = frozenset(
    {QuestionType.LABEL, QuestionType.LABELS, QuestionType.RATING, QuestionType.PREFERENCE}
)


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    title: str


@dataclass(frozen=True, slots=True)
class ShowIf:
    """The condition under which a question is asked: `question` has one of `values`."""

    question: Question
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One question; a field that does not apply to the type is None or empty."""

    name: str
    type: QuestionType
    title: str
    help: str = ""
    required: bool = True
    per: Per = Per.TASK
    show_if: ShowIf | None = None
    options: tuple[Option, ...] = ()
    min: int | None = None
    max: int | None = None
    steps: int | None = None
    tie: bool | None = None
    neither: bool | None = None
    anchors: tuple[tuple[int, str], ...] = ()
    rows: int | None = None

    @property
    def option_values(self) -> frozenset[str]:
        return frozenset(option.value for option in self.options)


def to_wire(question: Question) -> dict[str, object]:
    """Write a question as clients get it: pinned keys in order, without what does not apply."""
    wire: dict[str, object] = {
        "name": question.name,
        "type": question.type.value,
        "title": question.title,
        "help": question.help,
        "required": question.required,
        "per": question.per.value,
    }
    if question.show_if is not None:
        wire["show_if"] = _condition_to_wire(question.show_if)
    if question.type in TYPES_WITH_OPTIONS:
        wire["options"] = [{"value": o.value, "title": o.title} for o in question.options]
    for key in ("min", "max", "steps", "tie", "neither"):
        value = getattr(question, key)
        if value is not None:
            wire[key] = value
    if question.anchors:
        wire["anchors"] = {str(step): words for step, words in question.anchors}
    if question.rows is not None:
        wire["rows"] = question.rows
    return wire


def _condition_to_wire(condition: ShowIf) -> dict[str, object]:
    if len(condition.values) == 1:
        return {"question": condition.question.name, "is": condition.values[0]}
    return {"question": condition.question.name, "in": list(condition.values)}


def is_visible(
    question: Question, values: Mapping[str, object], candidate_key: str | None = None
) -> bool:
    """Tell whether a question is asked, given the values so far (which may be unchecked).

    `candidate_key` names the candidate for a question per candidate.
    """
    condition = question.show_if
    if condition is None:
        return True
    if not is_visible(condition.question, values, candidate_key):
        return False
    given = values.get(condition.question.name)
    if condition.question.per is Per.CANDIDATE:
        given = given.get(candidate_key) if isinstance(given, Mapping) else None
    return _meets(condition, given)


def _meets(condition: ShowIf, given: object) -> bool:
    """Compare strictly: True is not 1, and 1.0 is not 1."""
    if condition.question.type is QuestionType.LABELS:
        return isinstance(given, list) and any(_meets_one(condition, item) for item in given)
    if condition.question.type is QuestionType.PREFERENCE:
        given = given.get("better") if isinstance(given, Mapping) else None
    return _meets_one(condition, given)


def _meets_one(condition: ShowIf, given: object) -> bool:
    return any(type(given) is type(value) and given == value for value in condition.values)
