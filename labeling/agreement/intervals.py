"""Why: every share and coefficient that people decide on is shown with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from labeling.agreement.ratings import BadRatings


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; `confidence` is its nominal coverage, such as 0.95."""

    low: float
    high: float
    confidence: float = 0.95

    def as_dict(self) -> dict[str, float]:
        """Give plain data for JSON."""
        return {"low": self.low, "high": self.high, "confidence": self.confidence}


def normal_quantile(confidence: float) -> float:
    """Give z of a two-sided interval.

    >>> round(normal_quantile(0.95), 3)
    1.96
    """
    if not 0 < confidence < 1:
        raise BadRatings("A confidence lies between 0 and 1.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, *, confidence: float = 0.95) -> Interval | None:
    """Give Wilson's score interval of a share.

    With p = successes / n: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).
    Range [0, 1], never empty at 0 or n. Half successes (ties) are taken as they are,
    which makes the interval slightly too wide. None when n is 0.

    >>> interval = wilson(8, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 0.943)
    >>> wilson(0, 0) is None
    True
    """
    z = normal_quantile(confidence)
    if n == 0:
        return None
    if not 0 <= successes <= n:
        raise BadRatings("Successes lie between 0 and n.")
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(
        max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale), confidence
    )


def percentile_interval(draws: Sequence[float], *, confidence: float = 0.95) -> Interval | None:
    """Give the percentile interval of bootstrap draws, linear between order statistics.

    None without draws.

    >>> percentile_interval([0.0, 1.0, 2.0, 3.0, 4.0], confidence=0.5)
    Interval(low=1.0, high=3.0, confidence=0.5)
    """
    if not draws:
        return None
    ordered = sorted(draws)
    tail = (1 - confidence) / 2
    return Interval(_quantile(ordered, tail), _quantile(ordered, 1 - tail), confidence)


def _quantile(ordered: Sequence[float], q: float) -> float:
    position = q * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
