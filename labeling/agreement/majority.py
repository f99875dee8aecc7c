"""Why: the plainest consensus, with the one choice that others leave unsaid: ties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from labeling.agreement.ratings import Rating, by_unit, is_missing, stable_key


class TiePolicy(StrEnum):
    """What a tied vote amounts to.

    FIRST takes the tied value that stands first in the given order. SPLIT decides nothing
    but gives each of k tied values 1/k when votes are scored. NONE is no consensus, and
    scores nothing.
    """

    FIRST = "first"
    SPLIT = "split"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Vote:
    """The outcome of a vote of `n`.

    `confidence` is the share of the leading value(s), 0 without votes. `tied` lists the
    leaders where there are several, else it is empty; `value` is None when undecided.
    """

    value: Any
    confidence: float
    n: int
    tied: tuple[Any, ...] = ()
    policy: TiePolicy = TiePolicy.NONE

    def credit(self, truth: object) -> float:
        """Score the vote against the truth: 1, 0, or 1/k for one of k under SPLIT."""
        if self.tied and self.policy == TiePolicy.SPLIT:
            return 1 / len(self.tied) if truth in self.tied else 0.0
        return float(self.n > 0 and self.value is not None and self.value == truth)


def majority(
    values: Iterable[Hashable],
    *,
    tie_policy: TiePolicy = TiePolicy.NONE,
    order: Sequence[Hashable] | None = None,
) -> Vote:
    """Give the most frequent value (a plurality is enough).

    `order` ranks values for FIRST and for listing ties; without it, sorted order (values
    that cannot be compared: by their text). Missing values are left out.

    >>> majority(["a", "b", "a"])
    Vote(value='a', confidence=0.6666666666666666, n=3, tied=(), policy=<TiePolicy.NONE: 'none'>)
    >>> majority(["b", "a"], tie_policy=TiePolicy.FIRST).value
    'a'
    >>> split = majority(["b", "a"], tie_policy=TiePolicy.SPLIT)
    >>> split.value is None, split.tied, split.credit("a")
    (True, ('a', 'b'), 0.5)
    """
    tie_policy = TiePolicy(tie_policy)
    counts = Counter(value for value in values if not is_missing(value))
    n = counts.total()
    if n == 0:
        return Vote(None, 0.0, 0, (), tie_policy)
    most = max(counts.values())
    leaders = _in_order([value for value, count in counts.items() if count == most], order)
    if len(leaders) == 1:
        return Vote(leaders[0], most / n, n, (), tie_policy)
    chosen = leaders[0] if tie_policy == TiePolicy.FIRST else None
    return Vote(chosen, most / n, n, leaders, tie_policy)


def majority_by_unit(
    ratings: Iterable[Rating],
    *,
    tie_policy: TiePolicy = TiePolicy.NONE,
    order: Sequence[Hashable] | None = None,
) -> dict[str, Vote]:
    """Give the majority of every unit that has a rating.

    >>> majority_by_unit([Rating("u", "ann", 1), Rating("u", "ben", 1)])["u"].value
    1
    """
    return {
        unit: majority(row.values(), tie_policy=tie_policy, order=order)
        for unit, row in by_unit(ratings).items()
    }


def accuracy(votes: Mapping[str, Vote], truth: Mapping[str, Hashable]) -> float | None:
    """Give the mean credit over units whose truth is known. Range [0, 1].

    A unit without a vote scores 0; no truths: None.

    >>> accuracy({"u": majority([1, 2], tie_policy=TiePolicy.SPLIT)}, {"u": 1})
    0.5
    """
    if not truth:
        return None
    credits = (votes[unit].credit(value) for unit, value in truth.items() if unit in votes)
    return sum(credits) / len(truth)


def _in_order(values: list[Any], order: Sequence[Hashable] | None) -> tuple[Any, ...]:
    if order is not None:
        place = {value: i for i, value in enumerate(order)}
        return tuple(sorted(values, key=lambda v: (place.get(v, len(place)), stable_key(v))))
    try:
        return tuple(sorted(values))
    except TypeError:
        return tuple(sorted(values, key=stable_key))
