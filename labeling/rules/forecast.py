"""Why: "how long will this take" is asked of every project, and a number without a range lies.

Pure. Arithmetic over a series of counts; which series is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

SLICE_MIN = 5  # answers come in bursts: the spread is taken over slices, not minutes
IDLE_MIN = 15
SPREAD = 2.0  # standard errors: about 95 of 100


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds left at the present pace (answers per minute), and the range it may well be in.

    `high_s` is None where the pace is too uneven to exclude that it takes for ever.
    """

    per_minute: float
    left_s: int
    low_s: int
    high_s: int | None


def forecast(n_left: int, per_minute: Sequence[int]) -> Forecast | None:
    """Return when `n_left` answers will be in, from the answers of each past minute.

    `per_minute` is oldest first, complete minutes only. Minutes before the first answer
    are not counted: work began there. Range: pace ± two standard errors of the mean over
    five-minute slices, at least those of a Poisson process. None when nothing is left to
    extrapolate from: no answer in the last fifteen minutes.

    >>> forecast(600, [10] * 60)
    Forecast(per_minute=10.0, left_s=3600, low_s=3328, high_s=3920)
    >>> forecast(600, [10] * 40 + [0] * 20) is None
    True
    >>> forecast(0, [10] * 60).left_s
    0
    """
    first = next((n for n, count in enumerate(per_minute) if count), None)
    if first is None or not any(per_minute[-IDLE_MIN:]):
        return None
    worked = per_minute[first:]
    pace = sum(worked) / len(worked)
    error = _standard_error(worked, pace)
    slow = pace - SPREAD * error
    return Forecast(
        per_minute=round(pace, 2),
        left_s=_seconds(n_left, pace),
        low_s=_seconds(n_left, pace + SPREAD * error),
        high_s=_seconds(n_left, slow) if slow > 0 else None,
    )


def _standard_error(worked: Sequence[int], pace: float) -> float:
    poisson = sqrt(pace / len(worked))
    slices = [
        sum(worked[end - SLICE_MIN : end]) / SLICE_MIN
        for end in range(len(worked), SLICE_MIN - 1, -SLICE_MIN)
    ]
    if len(slices) < 2:
        return poisson
    mean = sum(slices) / len(slices)
    variance = sum((one - mean) ** 2 for one in slices) / (len(slices) - 1)
    return max(poisson, sqrt(variance / len(slices)))


def _seconds(n_left: int, pace: float) -> int:
    return round(60 * n_left / pace)
