"""Why: the kappas that papers report, and plain percent agreement, beside alpha."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import combinations
from typing import Any

from labeling.agreement.distances import Distance
from labeling.agreement.ratings import BadRatings, Rating, by_unit, is_missing, pairable


class Weights(StrEnum):
    """How much of a disagreement two ordered categories are."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    weights: Weights = Weights.NONE,
    order: Sequence[Any] | None = None,
) -> float | None:
    """Give Cohen's kappa of two annotators over the same units, in the same order.

    κ = 1 − Σ w·observed / Σ w·expected, with w 1 off the diagonal, or |i − j| (linear)
    or (i − j)² (quadratic) in `order` (default: sorted values). Range [−1, 1]. Pairs with
    a missing value are left out. No pairs, or no variation (0/0): None.

    >>> cohen_kappa(["y", "y", "n", "n"], ["y", "n", "n", "n"])
    0.5
    >>> cohen_kappa([1, 2, 3], [1, 2, 2], weights=Weights.LINEAR)
    0.5714285714285714
    """
    if len(first) != len(second):
        raise BadRatings("Cohen's kappa needs one value of each annotator per unit.")
    return kappa_of_table(Counter(zip(first, second, strict=True)), weights=weights, order=order)


def kappa_of_table(
    table: Mapping[tuple[Any, Any], int],
    *,
    weights: Weights = Weights.NONE,
    order: Sequence[Any] | None = None,
) -> float | None:
    """Give Cohen's kappa of a table of counts by (first's value, second's value).

    Range, ties and missing as `cohen_kappa`.

    >>> kappa_of_table({("y", "y"): 1, ("y", "n"): 1, ("n", "n"): 2})
    0.5
    """
    rows: Counter[Hashable] = Counter()
    columns: Counter[Hashable] = Counter()
    present = {pair: count for pair, count in table.items() if not any(map(is_missing, pair))}
    for (a, b), count in present.items():
        rows[a] += count
        columns[b] += count
    n = sum(rows.values())
    place = _places(rows.keys() | columns.keys(), weights, order)

    def weight(a: Hashable, b: Hashable) -> float:
        if weights == Weights.NONE:
            return float(a != b)
        return float(abs(place[a] - place[b]) ** (2 if weights == Weights.QUADRATIC else 1))

    expected = sum(weight(a, b) * p * q for a, p in rows.items() for b, q in columns.items())
    if expected == 0:
        return None
    observed = sum(weight(a, b) * count for (a, b), count in present.items())
    return 1.0 - observed * n / expected


def _places(values: Iterable[Any], weights: Weights, order: Sequence[Any] | None) -> dict[Any, int]:
    if weights == Weights.NONE:
        return {}
    found = set(values)
    try:
        places = {value: i for i, value in enumerate(sorted(found) if order is None else order)}
    except TypeError as error:
        raise BadRatings("Weighted kappa needs values that can be put in order.") from error
    if not found <= places.keys():
        raise BadRatings("Weighted kappa: a value is missing from the order.")
    return places


def fleiss_kappa(ratings: Iterable[Rating]) -> float | None:
    """Give Fleiss' kappa for any number of annotators.

    κ = (Pₐ − Pₑ) / (1 − Pₑ): Pₐ is percent agreement, Pₑ = Σ πₖ² with πₖ the mean share of
    category k over units. Where units have unequally many ratings this is Gwet's
    generalisation: Pₐ over units with two or more, π over all. Range (−1, 1]. Nothing
    pairable, or one category only: None.

    >>> from labeling.agreement.ratings import from_rows
    >>> round(fleiss_kappa(from_rows([["a", "a", "b"], ["b", "b", "b"], ["a", "a", "a"]])), 4)
    0.55
    """
    kept = list(ratings)
    shares = _shares(kept)
    observed = percent_agreement(kept)
    expected = sum(share * share for share in shares.values())
    if observed is None or len(shares) < 2:
        return None
    return (observed - expected) / (1.0 - expected)


def gwet_ac1(ratings: Iterable[Rating], *, n_categories: int | None = None) -> float | None:
    """Give Gwet's AC1, which stays sensible where one category is almost always right.

    As Fleiss' kappa with Pₑ = Σ πₖ(1 − πₖ) / (q − 1); q is the number of categories,
    by default those seen. Range (−1, 1]. Nothing pairable, or q < 2: None.

    >>> from labeling.agreement.ratings import from_rows
    >>> round(gwet_ac1(from_rows([["a", "a"]] * 9 + [["a", "b"]])), 4)
    0.8895
    """
    kept = list(ratings)
    shares = _shares(kept)
    observed = percent_agreement(kept)
    q = len(shares) if n_categories is None else n_categories
    if observed is None or q < 2:
        return None
    expected = sum(share * (1 - share) for share in shares.values()) / (q - 1)
    return (observed - expected) / (1.0 - expected)


def percent_agreement(
    ratings: Iterable[Rating], *, distance: Distance | None = None
) -> float | None:
    """Give the share of agreeing pairs within a unit, averaged over units.

    With a distance it is 1 − the mean distance of pairs. Range [0, 1]; not corrected for
    chance. Units with fewer than two ratings are left out; none left: None.

    >>> from labeling.agreement.ratings import from_rows
    >>> percent_agreement(from_rows([["a", "a", "b", "b"], ["a", "a", None, "a"]]))
    0.6666666666666666
    """
    rows = pairable(ratings).values()
    if not rows:
        return None
    return sum(_agreeing(list(row.values()), distance) for row in rows) / len(rows)


def _agreeing(values: Sequence[Hashable], distance: Distance | None) -> float:
    m = len(values)
    if distance is not None:
        apart = sum(distance(a, b) for a, b in combinations(values, 2))
        return 1.0 - 2 * apart / (m * (m - 1))
    return sum(count * (count - 1) for count in Counter(values).values()) / (m * (m - 1))


def _shares(ratings: Iterable[Rating]) -> dict[Hashable, float]:
    """Average each category's share over units."""
    table = by_unit(ratings)
    shares: dict[Hashable, float] = {}
    for row in table.values():
        for value in row.values():
            shares[value] = shares.get(value, 0.0) + 1 / len(row)
    return {value: share / len(table) for value, share in shares.items()}
