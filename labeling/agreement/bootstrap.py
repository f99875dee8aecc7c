"""Why: an alpha from thirty items is not one from three thousand; this says how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from itertools import accumulate
from random import Random

from labeling.agreement.alpha import (
    Disagreement,
    Level,
    Pattern,
    distances_within,
    of_patterns,
    patterns_by_stratum,
)
from labeling.agreement.distances import Distance, ratio
from labeling.agreement.intervals import Interval, percentile_interval
from labeling.agreement.ratings import Rating, stable_key

# One unit's stratum and pattern: what a bootstrap draws.
Kind = tuple[Hashable, Pattern]


def alpha_interval(
    ratings: Iterable[Rating],
    *,
    level: Level = Level.NOMINAL,
    distance: Distance | None = None,
    strata: Mapping[str, Hashable] | None = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """Give a percentile bootstrap interval of alpha, drawing units with replacement.

    Nominal, ordinal and interval levels recompute the expected disagreement for each
    draw. For the ratio level and custom distances it is held at its full-sample value
    per rating, as in Krippendorff's own bootstrap: recomputing costs all pairs of values.
    Draws in which alpha is undefined are left out; None when most are, or when alpha is.
    The same ratings and seed give the same interval, in whatever order they come.

    >>> from labeling.agreement.ratings import from_rows
    >>> rows = [["a", "a"], ["b", "b"], ["a", "b"], ["b", "b"]] * 10
    >>> interval = alpha_interval(from_rows(rows), n_resamples=200, seed=1)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.17, 0.74)
    """
    grouped = patterns_by_stratum(ratings, strata=strata)
    kinds = {
        (stratum, tuple(sorted(pattern, key=stable_key))): units
        for stratum, patterns in grouped.items()
        for pattern, units in patterns
    }
    population = sorted(kinds, key=stable_key)
    bounds = list(accumulate(kinds[kind] for kind in population))
    metric = ratio if distance is None and level == Level.RATIO else distance
    statistic = _Statistic(kinds, level, metric, seed)
    if statistic.full.alpha is None:
        return None
    rng = Random(seed)  # noqa: S311 - statistics, not secrets
    draws = []
    for _ in range(n_resamples):
        drawn = Counter(rng.choices(population, cum_weights=bounds, k=bounds[-1]))
        value = statistic(drawn).alpha
        if value is not None:
            draws.append(value)
    if 2 * len(draws) < n_resamples:
        return None
    return percentile_interval(draws, confidence=confidence)


class _Statistic:
    """Computes the disagreement of drawn units; remembers what does not change."""

    def __init__(
        self, kinds: Mapping[Kind, int], level: Level, distance: Distance | None, seed: int
    ) -> None:
        self.level = level
        self.fixed: dict[Kind, Disagreement] | None = None
        self.full = Disagreement(0.0, 0.0, 0)
        per_rating: dict[Hashable, float] = {}
        for stratum, patterns in _by_stratum(kinds).items():
            part = of_patterns(patterns, level=level, distance=distance, seed=seed)
            per_rating[stratum] = part.expected / part.n
            self.full += part
        if distance is not None:
            self.fixed = {}
            for stratum, pattern in kinds:
                m = sum(count for _, count in pattern)
                self.fixed[stratum, pattern] = Disagreement(
                    distances_within(pattern, distance), m * per_rating[stratum], m
                )

    def __call__(self, drawn: Mapping[Kind, int]) -> Disagreement:
        if self.fixed is not None:
            parts = [(self.fixed[kind], units) for kind, units in drawn.items()]
            return Disagreement(
                sum(part.observed * units for part, units in parts),
                sum(part.expected * units for part, units in parts),
                sum(part.n * units for part, units in parts),
            )
        total = Disagreement(0.0, 0.0, 0)
        for patterns in _by_stratum(drawn).values():
            total += of_patterns(patterns, level=self.level)
        return total


def _by_stratum(kinds: Mapping[Kind, int]) -> dict[Hashable, list[tuple[Pattern, int]]]:
    grouped: dict[Hashable, list[tuple[Pattern, int]]] = {}
    for (stratum, pattern), units in kinds.items():
        grouped.setdefault(stratum, []).append((pattern, units))
    return grouped
