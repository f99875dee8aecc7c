"""Why: Krippendorff's alpha is the headline of agreement: any number of annotators, any
level of measurement, missing ratings.

α = 1 − observed / expected disagreement (Krippendorff 2011, "Computing Krippendorff's
Alpha-Reliability"). Instead of the coincidence matrix we keep each unit's multiset of
values (its *pattern*) and how many units share it: nominal, ordinal and interval then
cost O(ratings), since Σ(x − y)² over pairs follows from means, and Krippendorff's
ordinal difference is the difference of mid-ranks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from numbers import Real
from random import Random
from typing import Any

from labeling.agreement import distances
from labeling.agreement.distances import Distance
from labeling.agreement.ratings import BadRatings, Rating, pairable, stable_key

# Beyond this many pairs of distinct values, the expected disagreement of a custom or
# ratio distance is estimated from as many random pairs (standard error below 0.002).
MAX_PAIRS = 100_000

# The multiset of values in a unit, and how many units have it.
Pattern = tuple[tuple[Any, int], ...]
Patterns = Sequence[tuple[Pattern, int]]


class Level(StrEnum):
    """Level of measurement: which differences between values mean something."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Observed and expected disagreement, both summed over `n` pairable ratings.

    α is None with `n` 0 (nothing pairable) or `expected` 0 (no variation).
    """

    observed: float
    expected: float
    n: int

    @property
    def alpha(self) -> float | None:
        """Give 1 − observed / expected, None when that is 0/0."""
        return None if self.expected == 0 else 1.0 - self.observed / self.expected

    def __add__(self, other: Disagreement) -> Disagreement:
        return Disagreement(
            self.observed + other.observed, self.expected + other.expected, self.n + other.n
        )


def alpha(
    ratings: Iterable[Rating],
    *,
    level: Level = Level.NOMINAL,
    distance: Distance | None = None,
    strata: Mapping[str, Hashable] | None = None,
    seed: int = 0,
) -> float | None:
    """Give Krippendorff's alpha: 1 perfect, 0 as by chance, below 0 systematic disagreement.

    Units with fewer than two ratings are left out, as Krippendorff does. No pairable
    ratings: None. No variation at all (everybody always said the same): 0/0, which
    Krippendorff calls indeterminate since nothing shows that the annotators can tell
    units apart; we return None and leave "all equal" to percent agreement.

    `distance` replaces the level's difference, for sets, rankings, spans. `strata` maps a
    unit to a group, and chance is then computed within groups: for values that cannot be
    compared across them, such as rankings of 2 and of 4 candidates. `seed` matters only
    beyond `MAX_PAIRS` pairs of distinct values.

    >>> from labeling.agreement.ratings import from_rows
    >>> rows = [["a", "a"], ["b", "b"], ["a", "b"], ["b", "b"], ["a", None]]
    >>> round(alpha(from_rows(rows)), 4)
    0.5333
    >>> round(alpha(from_rows([[1, 1], [2, 3], [3, 3]]), level=Level.INTERVAL), 4)
    0.8276
    >>> alpha(from_rows([[1, 1], [1, 1]])) is None
    True
    """
    return disagreement(ratings, level=level, distance=distance, strata=strata, seed=seed).alpha


def disagreement(
    ratings: Iterable[Rating],
    *,
    level: Level = Level.NOMINAL,
    distance: Distance | None = None,
    strata: Mapping[str, Hashable] | None = None,
    seed: int = 0,
) -> Disagreement:
    """Give what `alpha` is made of; parameters as there.

    >>> from labeling.agreement.ratings import from_rows
    >>> disagreement(from_rows([["a", "a"], ["a", "b"]]))
    Disagreement(observed=2.0, expected=2.0, n=4)
    """
    total = Disagreement(0.0, 0.0, 0)
    for patterns in patterns_by_stratum(ratings, strata=strata).values():
        total += of_patterns(patterns, level=level, distance=distance, seed=seed)
    return total


def patterns_by_stratum(
    ratings: Iterable[Rating], *, strata: Mapping[str, Hashable] | None = None
) -> dict[Hashable, Patterns]:
    """Count the pairable units that have the same multiset of values, per stratum."""
    found: dict[Hashable, Counter[frozenset[tuple[Hashable, int]]]] = {}
    for unit, row in pairable(ratings).items():
        stratum = strata.get(unit) if strata else None
        pattern = frozenset(Counter(row.values()).items())
        found.setdefault(stratum, Counter())[pattern] += 1
    return {
        stratum: [(tuple(pattern), n) for pattern, n in counted.items()]
        for stratum, counted in found.items()
    }


def of_patterns(
    patterns: Patterns, *, level: Level, distance: Distance | None = None, seed: int = 0
) -> Disagreement:
    """Give the disagreement of units that share one stratum."""
    level = Level(level)  # a plain string is welcome; an unknown one is not
    totals = count_values(patterns)
    n = sum(totals.values())
    if n == 0:
        return Disagreement(0.0, 0.0, 0)
    if distance is not None:
        return _by_distance(patterns, totals, distance, seed)
    if level == Level.NOMINAL:
        observed = sum(units * nominal_within(pattern) for pattern, units in patterns)
        return Disagreement(observed, nominal_within(tuple(totals.items())), n)
    if level == Level.ORDINAL:
        scale = mid_ranks(totals)
    else:
        scale = {value: _number(value) for value in totals}
        if level == Level.RATIO:
            if min(scale.values()) < 0:
                raise BadRatings("The ratio level has a true zero: values must not be negative.")
            return _by_distance(patterns, totals, distances.ratio, seed)
    observed = sum(units * squares_within(pattern, scale) for pattern, units in patterns)
    return Disagreement(observed, squares_within(tuple(totals.items()), scale), n)


def count_values(patterns: Patterns) -> Counter[Any]:
    """Count each value over all units."""
    totals: Counter[Any] = Counter()
    for pattern, units in patterns:
        for value, count in pattern:
            totals[value] += units * count
    return totals


def nominal_within(pattern: Pattern) -> float:
    """Sum unequal ordered pairs of a multiset of m values, over m − 1."""
    m = sum(count for _, count in pattern)
    return (m * m - sum(count * count for _, count in pattern)) / (m - 1)


def squares_within(pattern: Pattern, scale: Mapping[Any, float]) -> float:
    """Sum (x − y)² over ordered pairs of a multiset of m values, over m − 1.

    It is 2m Σ(x − mean)² / (m − 1). One distinct value gives exactly 0: rounding in the
    mean must not look like variation.
    """
    if len(pattern) < 2:
        return 0.0
    m = sum(count for _, count in pattern)
    mean = sum(count * scale[value] for value, count in pattern) / m
    return 2 * m * sum(count * (scale[value] - mean) ** 2 for value, count in pattern) / (m - 1)


def distances_within(pattern: Pattern, distance: Distance) -> float:
    """Sum a distance over ordered pairs of a multiset of m values, over m − 1."""
    m = sum(count for _, count in pattern)
    pairs = combinations(pattern, 2)
    return 2 * sum(p * q * distance(a, b) for (a, p), (b, q) in pairs) / (m - 1)


def mid_ranks(totals: Mapping[Any, int]) -> dict[Any, float]:
    """Place each value at the middle of its ranks: differences are Krippendorff's ordinal δ.

    >>> mid_ranks({1: 2, 5: 4})
    {1: 1.0, 5: 4.0}
    """
    try:
        ordered = sorted(totals)
    except TypeError as error:
        raise BadRatings("The ordinal level needs values that can be put in order.") from error
    below = 0
    ranks: dict[Any, float] = {}
    for value in ordered:
        ranks[value] = below + totals[value] / 2
        below += totals[value]
    return ranks


def _by_distance(
    patterns: Patterns, totals: Counter[Any], distance: Distance, seed: int
) -> Disagreement:
    n = sum(totals.values())
    observed = sum(units * distances_within(pattern, distance) for pattern, units in patterns)
    if len(totals) * (len(totals) - 1) // 2 <= MAX_PAIRS:
        return Disagreement(observed, distances_within(tuple(totals.items()), distance), n)
    rng = Random(seed)  # noqa: S311 - statistics, not secrets
    # Sorted: the estimate must not depend on the order in which ratings came.
    values = sorted(totals.elements(), key=stable_key)
    apart = 0.0
    for _ in range(MAX_PAIRS):
        i, j = rng.randrange(n), rng.randrange(n - 1)
        apart += distance(values[i], values[j + (j >= i)])
    return Disagreement(observed, n * apart / MAX_PAIRS, n)


def _number(value: object) -> float:
    if not isinstance(value, Real):
        raise BadRatings("The interval and ratio levels need numbers.")
    return float(value)
