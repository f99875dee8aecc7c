"""Why: the one table that all maths here reads: who gave which value to which unit.

Nothing of Quorum's question types belongs here (that is `answers` and `from_values`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Set
from dataclasses import dataclass
from math import isnan

from labeling.errors import DomainError, ErrorKind


class BadRatings(DomainError):
    """Ratings that the asked measure cannot take (text at interval level, unequal lengths)."""

    kind = ErrorKind.INVALID


@dataclass(frozen=True, slots=True)
class Rating:
    """One value that one annotator gave to one unit.

    A unit is whatever is judged on its own: an item, or an (item, candidate) pair.
    `None` and NaN are missing.
    """

    unit: str
    annotator: str
    value: Hashable


def is_missing(value: object) -> bool:
    """Tell whether a value stands for "not rated".

    >>> is_missing(None), is_missing(float("nan")), is_missing(0)
    (True, True, False)
    """
    return value is None or (isinstance(value, float) and isnan(value))


def by_unit(ratings: Iterable[Rating]) -> dict[str, dict[str, Hashable]]:
    """Arrange ratings as unit → annotator → value, in order of first appearance.

    Missing values are left out. Of several ratings by one annotator of one unit the
    last counts, so that nobody is paired with themselves.

    >>> by_unit([Rating("u", "ann", 1), Rating("u", "ben", None), Rating("u", "ann", 2)])
    {'u': {'ann': 2}}
    """
    table: dict[str, dict[str, Hashable]] = {}
    for rating in ratings:
        if not is_missing(rating.value):
            table.setdefault(rating.unit, {})[rating.annotator] = rating.value
    return table


def pairable(ratings: Iterable[Rating]) -> dict[str, dict[str, Hashable]]:
    """Arrange ratings as `by_unit`, keeping units that two or more annotators rated.

    >>> pairable([Rating("u", "ann", 1), Rating("v", "ann", 1), Rating("v", "ben", 1)])
    {'v': {'ann': 1, 'ben': 1}}
    """
    return {unit: row for unit, row in by_unit(ratings).items() if len(row) > 1}


def stable_key(value: object) -> str:
    """Give a text to sort by that is the same in every process, whatever the hash seed.

    Values of any types can be sorted together; the order itself means nothing.

    >>> stable_key(frozenset({"b", "a"}))
    "{'a','b'}"
    """
    if isinstance(value, Set):
        return "{" + ",".join(sorted(stable_key(one) for one in value)) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(stable_key(one) for one in value) + ")"
    return repr(value)


def from_rows(rows: Iterable[Iterable[Hashable]]) -> list[Rating]:
    """Read a units × raters table, missing cells `None`, naming units and raters by number.

    >>> from_rows([["a", None], ["a", "b"]])[-1]
    Rating(unit='1', annotator='1', value='b')
    """
    return [
        Rating(str(i), str(j), value)
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
        if not is_missing(value)
    ]
