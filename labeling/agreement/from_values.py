"""Why: turn the answers to a question into plain ratings that alpha can read.

Candidates are named by their place in the item's canonical order (`#1`, `#2`, …), not by
id: chance compares values across items, and ids of different items never coincide, which
would make any agreement look far beyond chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from labeling.agreement.answers import (
    NEITHER,
    TIE,
    Answer,
    Edit,
    Order,
    Preference,
    QuestionType,
    canonical_order,
    question_type,
    resolve,
)
from labeling.agreement.ratings import Rating
from labeling.agreement.spans import cover

# Between the item and the rest in a unit's name; neither ids nor keys contain it.
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Located:
    """One resolved value with its unit and the places of the item's candidates."""

    unit: str
    annotator: str
    value: Any
    places: Mapping[str, str]


def ratings_for(question: Mapping[str, Any], answers: Sequence[Answer]) -> list[Rating]:
    """Give the ratings whose agreement is the question's headline.

    The unit is the item, or (item, candidate) where the question is per candidate.

    | type | value of a rating | level |
    |---|---|---|
    | text, edit | the text(s) | equal or not |
    | label | the option | nominal |
    | labels | frozenset of options | MASI distance |
    | rating | the number | ordinal |
    | preference | `#n` of the better candidate, `tie`, `neither` | nominal |
    | ranking | rank of each candidate in canonical order | Kemeny distance |
    | spans | covered stretches | 1 − F1 on characters |

    An annotator who saw the candidates in another order and meant the same gives the same
    rating. Missing values give none. Raises: BadAnswer.

    >>> swapped = [
    ...     Answer("i", "ann", {"better": "A", "strength": 2}, {"A": "c1", "B": "c2"}),
    ...     Answer("i", "ben", {"better": "B", "strength": 1}, {"A": "c2", "B": "c1"}),
    ... ]
    >>> [rating.value for rating in ratings_for({"type": "preference"}, swapped)]
    ['#1', '#1']
    """
    kind = question_type(question)
    return [
        Rating(one.unit, one.annotator, _headline(kind, one)) for one in located(question, answers)
    ]


def strength_ratings(question: Mapping[str, Any], answers: Sequence[Answer]) -> list[Rating]:
    """Give preferences between two candidates as signed strengths, ordinal.

    −strength where the canonically first candidate is better, 0 for a tie, +strength for
    the second. "Neither" has no place on that line and is missing; items with another
    number of candidates give nothing.

    >>> shown = {"A": "c2", "B": "c1"}
    >>> answer = Answer("i", "ann", {"better": "A", "strength": 2}, shown)
    >>> strength_ratings({"type": "preference"}, [answer])[0].value
    2
    """
    found = []
    for one in located(question, answers):
        if len(one.places) == 2 and one.value.better != NEITHER:
            found.append(Rating(one.unit, one.annotator, signed_strength(one.value, one.places)))
    return found


def signed_strength(value: Preference, places: Mapping[str, str]) -> int:
    """Give −strength for the first candidate, +strength for the second, 0 for a tie."""
    if value.better == TIE:
        return 0
    return -value.strength if places[value.better] == "#1" else value.strength


def pair_ratings(question: Mapping[str, Any], answers: Sequence[Answer]) -> list[Rating]:
    """Give rankings as one nominal rating per pair of candidates: `<`, `=` or `>`.

    `<` says that the canonically earlier candidate ranks better.

    >>> answer = Answer("i", "ann", [["B"], ["A"]], {"A": "c1", "B": "c2"})
    >>> [rating.value for rating in pair_ratings({"type": "ranking"}, [answer])]
    ['>']
    """
    found = []
    for one in located(question, answers):
        ranks = rank_vector(one.value, one.places)
        for (i, a), (j, b) in combinations(enumerate(ranks), 2):
            unit = f"{one.unit}{SEPARATOR}#{i + 1}{SEPARATOR}#{j + 1}"
            found.append(Rating(unit, one.annotator, "<" if a < b else ">" if a > b else "="))
    return found


def strata_for(question: Mapping[str, Any], answers: Sequence[Answer]) -> dict[str, Hashable]:
    """Give each ranked unit's number of candidates: only equal numbers can be compared."""
    return {one.unit: len(one.places) for one in located(question, answers)}


def rank_vector(order: Order, places: Mapping[str, str]) -> tuple[int, ...]:
    """Give each candidate's rank, in the order of `places`; ties share the lower rank.

    >>> rank_vector((frozenset({"y"}), frozenset({"x", "z"})), {"x": "#1", "y": "#2", "z": "#3"})
    (2, 1, 2)
    """
    ranks: dict[str, int] = {}
    above = 0
    for group in order:
        ranks.update(dict.fromkeys(group, above + 1))
        above += len(group)
    # A candidate this annotator was not shown shares the last place.
    return tuple(ranks.get(candidate, above + 1) for candidate in places)


def located(question: Mapping[str, Any], answers: Sequence[Answer]) -> Iterator[Located]:
    """Give every value with its unit, keys resolved and candidates placed."""
    places = {
        item: {candidate: f"#{i}" for i, candidate in enumerate(ids, start=1)}
        for item, ids in canonical_order(answers).items()
    }
    for answer in answers:
        for candidate, value in resolve(question, answer).items():
            unit = answer.item if candidate is None else f"{answer.item}{SEPARATOR}{candidate}"
            yield Located(unit, answer.annotator, value, places[answer.item])


def _headline(kind: QuestionType, one: Located) -> Hashable:
    value: Any = one.value
    match kind:
        case QuestionType.EDIT:
            edit: Edit = value
            return edit.turns
        case QuestionType.PREFERENCE:
            better: str = value.better
            return one.places.get(better, better)
        case QuestionType.RANKING:
            return rank_vector(value, one.places)
        case QuestionType.SPANS:
            return cover(value, places=one.places)
        case _:
            hashable: Hashable = value
            return hashable
