"""Why: how far apart two answers are, for answers that are not single categories.

Each distance is symmetric, 0 for equal answers and lies in [0, 1]. Alpha takes them
as they are (they play the part of Krippendorff's δ², so do not square them again).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from labeling.agreement.ratings import BadRatings

Distance = Callable[[Any, Any], float]

# (on, label, ((start, end), …)): merged, disjoint, ascending; see `from_values`.
Cover = tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]


def nominal(first: object, second: object) -> float:
    """Give 0 for equal values and 1 for others.

    >>> nominal("a", "a"), nominal("a", "b")
    (0.0, 1.0)
    """
    return 0.0 if first == second else 1.0


def ratio(first: float, second: float) -> float:
    """Give Krippendorff's ratio difference ((a − b) / (a + b))²; 0 when both are 0.

    >>> ratio(1, 3), ratio(0, 0), ratio(0, 5)
    (0.25, 0.0, 1.0)
    """
    total = first + second
    return 0.0 if total == 0 else ((first - second) / total) ** 2


def jaccard(first: AbstractSet[Any], second: AbstractSet[Any]) -> float:
    """Give 1 − |A ∩ B| / |A ∪ B|; two empty sets are equal.

    >>> jaccard({"a", "b"}, {"b"}), jaccard(set(), set())
    (0.5, 0.0)
    """
    union = len(first | second)
    return 0.0 if union == 0 else 1.0 - len(first & second) / union


def masi(first: AbstractSet[Any], second: AbstractSet[Any]) -> float:
    """Give Passonneau's MASI distance 1 − J·M between two label sets.

    J is Jaccard's index; M is 1 for equal sets, 2/3 where one contains the other, 1/3
    where they only overlap, 0 where they are disjoint. An empty set against a full one
    is 1. (Passonneau 2006, "Measuring Agreement on Set-valued Items".)

    >>> round(masi({"a", "b"}, {"b"}), 3), round(masi({"a", "b"}, {"b", "c"}), 3)
    (0.667, 0.889)
    """
    if first == second:
        return 0.0
    if first <= second or second <= first:
        monotonicity = 2 / 3
    elif first & second:
        monotonicity = 1 / 3
    else:
        monotonicity = 0.0
    return 1.0 - (1.0 - jaccard(first, second)) * monotonicity


def kemeny(first: Sequence[float], second: Sequence[float]) -> float:
    """Give the Kemeny–Snell distance of two rank vectors, normalised to [0, 1].

    Both list the ranks of the same objects in the same order, ties equal. Over all
    pairs of objects: Σ |sgn(aᵢ − aⱼ) − sgn(bᵢ − bⱼ)| / k(k − 1); a pair turned round
    counts 1, a pair tied by only one of the two counts ½. Without ties it is (1 − τ) / 2.
    Fewer than two objects: 0.

    >>> kemeny((1, 2, 3), (3, 2, 1)), kemeny((1, 1), (1, 2))
    (1.0, 0.5)
    """
    k = len(first)
    if k != len(second):
        raise BadRatings("Rankings of different numbers of candidates cannot be compared.")
    if k < 2:
        return 0.0
    apart = 0
    for i in range(k):
        for j in range(i):
            a = (first[i] > first[j]) - (first[i] < first[j])
            b = (second[i] > second[j]) - (second[i] < second[j])
            apart += abs(a - b)
    return apart / (k * (k - 1))


def span_overlap(first: Cover, second: Cover) -> float:
    """Give 1 − F1 over labelled characters, 1 − 2|A ∩ B| / (|A| + |B|).

    A and B are sets of (text, character, label); two empty ones are equal, an empty one
    against a marked one is 1. F1 is symmetric, so neither annotator is the reference.

    >>> span_overlap((("m", "x", ((0, 4),)),), (("m", "x", ((2, 6),)),))
    0.5
    """
    size = _size(first) + _size(second)
    if size == 0:
        return 0.0
    other = {(on, label): parts for on, label, parts in second}
    shared = sum(_shared(parts, other.get((on, label), ())) for on, label, parts in first)
    return 1.0 - 2 * shared / size


def _size(cover: Cover) -> int:
    return sum(end - start for _, _, parts in cover for start, end in parts)


def _shared(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> int:
    i = j = shared = 0
    while i < len(first) and j < len(second):
        shared += max(0, min(first[i][1], second[j][1]) - max(first[i][0], second[j][0]))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return shared
