"""Why: a submitted value speaks of the keys A, B, … that one annotator saw, in an order
drawn for that annotator. Before anything is compared, keys become candidate ids here.

Maths does not belong here, nor checks that `submit` makes; but a value of the wrong shape
is refused rather than guessed at, for answers also come from imports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from labeling.errors import DomainError, ErrorKind

TIE = "tie"
NEITHER = "neither"


class BadAnswer(DomainError):
    """A value that does not have the shape its question asks for, or an unknown key."""

    kind = ErrorKind.INVALID


class QuestionType(StrEnum):
    """The question types of the desk protocol."""

    TEXT = "text"
    EDIT = "edit"
    LABEL = "label"
    LABELS = "labels"
    RATING = "rating"
    PREFERENCE = "preference"
    RANKING = "ranking"
    SPANS = "spans"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one annotator answered to one question about one item, as submitted.

    `candidates` maps each key this annotator was shown to a stable candidate id. A `value`
    of None means not answered.
    """

    item: str
    annotator: str
    value: object
    candidates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """Edited turns and the candidate they started from."""

    turns: tuple[str, ...]
    source: str | None


@dataclass(frozen=True, slots=True)
class Preference:
    """A candidate id, `tie` or `neither`; strength 0 for the latter two."""

    better: str
    strength: int
    leaning: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of text; `on` is "message:0" or "candidate:<candidate id>:0"."""

    on: str
    start: int
    end: int
    label: str


Order = tuple[frozenset[str], ...]  # groups of candidate ids, best first


def canonical_order(answers: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    """Put each item's candidate ids in one fixed order: shorter ids first, then by text.

    The union over annotators, so that all answers to an item are placed alike. Numeric ids
    come out in numeric order.

    >>> canonical_order([Answer("i", "ann", None, {"A": "10", "B": "9"})])
    {'i': ('9', '10')}
    """
    found: dict[str, set[str]] = {}
    for answer in answers:
        found.setdefault(answer.item, set()).update(answer.candidates.values())
    return {
        item: tuple(sorted(ids, key=lambda one: (len(one), one))) for item, ids in found.items()
    }


def resolve(question: Mapping[str, Any], answer: Answer) -> dict[str | None, Any]:
    """Give the answer's values with candidate ids for keys: candidate id → value.

    Questions per task have the one entry None. A missing value gives no entry. Values are
    str (text, label), `Edit`, frozenset (labels), int (rating), `Preference`, `Order`
    (ranking) or a sorted tuple of `Span`.

    Raises: BadAnswer.

    >>> shown = {"A": "c7", "B": "c3"}
    >>> resolve({"type": "ranking"}, Answer("i", "ann", [["B"], ["A"]], shown))
    {None: (frozenset({'c3'}), frozenset({'c7'}))}
    >>> resolve({"type": "rating", "per": "candidate"}, Answer("i", "ann", {"A": 4}, shown))
    {'c7': 4}
    """
    kind = question_type(question)
    if answer.value is None:
        return {}
    if question.get("per", "task") != "candidate":
        return {None: _read(kind, answer.value, answer.candidates)}
    given = _mapping(answer.value)
    return {
        _candidate(key, answer.candidates): _read(kind, value, answer.candidates)
        for key, value in given.items()
        if value is not None
    }


def question_type(question: Mapping[str, Any]) -> QuestionType:
    """Give the question's type.

    Raises: BadAnswer for a type that does not exist.
    """
    try:
        return QuestionType(question["type"])
    except (KeyError, ValueError) as error:
        raise BadAnswer("The question has no known type.") from error


def _read(kind: QuestionType, value: object, candidates: Mapping[str, str]) -> Any:
    match kind:
        case QuestionType.TEXT | QuestionType.LABEL:
            return _text(value)
        case QuestionType.EDIT:
            return _edit(_mapping(value), candidates)
        case QuestionType.LABELS:
            return frozenset(_text(one) for one in _list(value))
        case QuestionType.RATING:
            return _integer(value)
        case QuestionType.PREFERENCE:
            return _preference(_mapping(value), candidates)
        case QuestionType.RANKING:
            return _ranking(_list(value), candidates)
        case QuestionType.SPANS:
            return tuple(sorted({_span(_mapping(one), candidates) for one in _list(value)}))


def _edit(value: Mapping[str, Any], candidates: Mapping[str, str]) -> Edit:
    turns = [value["text"]] if "text" in value else _list(value.get("turns"))
    source = value.get("from")
    return Edit(
        tuple(_text(turn) for turn in turns),
        None if source is None else _candidate(source, candidates),
    )


def _preference(value: Mapping[str, Any], candidates: Mapping[str, str]) -> Preference:
    better = value.get("better")
    leaning = value.get("leaning")
    if better in (TIE, NEITHER):
        return Preference(better, 0, None if leaning is None else _candidate(leaning, candidates))
    # Imported preferences may have a direction only: the weakest strength.
    strength = value.get("strength")
    steps = 1 if strength is None else _integer(strength)
    if steps < 1:
        raise BadAnswer("A preference's strength is at least 1.")
    return Preference(_candidate(better, candidates), steps)


def _ranking(value: Sequence[object], candidates: Mapping[str, str]) -> Order:
    groups = tuple(frozenset(_candidate(key, candidates) for key in _list(g)) for g in value)
    placed = [one for group in groups for one in group]
    if len(placed) != len(set(placed)) or set(placed) != set(candidates.values()):
        raise BadAnswer("A ranking names every candidate exactly once.")
    return tuple(group for group in groups if group)


def _span(value: Mapping[str, Any], candidates: Mapping[str, str]) -> Span:
    on = _text(value.get("on"))
    if on.startswith("candidate:"):
        key, _, turn = on.removeprefix("candidate:").rpartition(":")
        on = f"candidate:{_candidate(key, candidates)}:{turn}"
    start, end = _integer(value.get("start")), _integer(value.get("end"))
    if not 0 <= start <= end:
        raise BadAnswer("A span starts at 0 or later and does not end before it starts.")
    return Span(on, start, end, _text(value.get("label")))


def _candidate(key: object, candidates: Mapping[str, str]) -> str:
    if not isinstance(key, str) or key not in candidates:
        raise BadAnswer("The answer names a candidate that was not shown.")
    return candidates[key]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadAnswer("The answer should hold a text here.")
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadAnswer("The answer should hold a whole number here.")
    return value


def _list(value: object) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadAnswer("The answer should hold a list here.")
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadAnswer("The answer should hold named fields here.")
    return value
