"""Why: several people's rankings of the same candidates, made into one ranking.

Rankings are groups best first, ties together. Each function takes rankings of the same
candidates and gives groups in the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import groupby

from labeling.agreement.answers import Order
from labeling.agreement.distances import kemeny as kemeny_distance
from labeling.agreement.ratings import BadRatings

# Kemeny's order is searched over subsets: 2^k · k steps.
MAX_KEMENY = 12


class OrderMethod(StrEnum):
    """How rankings are added up."""

    BORDA = "borda"
    COPELAND = "copeland"
    KEMENY = "kemeny"


def combine_orders(orders: Sequence[Order], *, method: OrderMethod = OrderMethod.BORDA) -> Order:
    """Give the consensus ranking; no rankings give an empty one.

    Raises: BadRatings when the rankings are not of the same candidates, or too many of
    them for Kemeny.

    >>> a, b, c = frozenset("a"), frozenset("b"), frozenset("c")
    >>> [sorted(group) for group in combine_orders([(a, b, c), (a, b | c), (b, a, c)])]
    [['a'], ['b'], ['c']]
    """
    if not orders:
        return ()
    candidates = frozenset().union(*orders[0])
    if any(frozenset().union(*order) != candidates for order in orders):
        raise BadRatings("The rankings are not of the same candidates.")
    return METHODS[method](orders, sorted(candidates))


def mean_ranks(orders: Sequence[Order]) -> dict[str, Fraction]:
    """Give each candidate's mean rank, 1 the best; tied candidates share the mean of theirs.

    >>> mean_ranks([(frozenset("ab"), frozenset("c"))])["a"]
    Fraction(3, 2)
    """
    totals: dict[str, Fraction] = {}
    for order in orders:
        above = 0
        for group in order:
            shared = above + Fraction(len(group) + 1, 2)
            for candidate in group:
                totals[candidate] = totals.get(candidate, Fraction(0)) + shared
            above += len(group)
    return {candidate: total / len(orders) for candidate, total in totals.items()}


def agreement_with_orders(consensus: Order, orders: Sequence[Order]) -> float:
    """Give 1 − the mean normalised Kemeny distance to the rankings; 1 when there are none.

    >>> a, b = frozenset("a"), frozenset("b")
    >>> agreement_with_orders((a, b), [(a, b), (a, b), (b, a), (a | b,)])
    0.625
    """
    if not orders:
        return 1.0
    candidates = sorted(frozenset[str]().union(*consensus))
    mine = _ranks(consensus, candidates)
    apart = sum(kemeny_distance(mine, _ranks(order, candidates)) for order in orders)
    return 1.0 - apart / len(orders)


def _borda(orders: Sequence[Order], candidates: Sequence[str]) -> Order:
    """Order by mean rank, which is Borda's count where ties share their points."""
    ranks = mean_ranks(orders)
    return _grouped(candidates, lambda one: ranks[one])


def _copeland(orders: Sequence[Order], candidates: Sequence[str]) -> Order:
    """Order by duels won less duels lost; a Condorcet winner comes first."""
    prefer = _preferences(orders, candidates)

    def score(one: str) -> Fraction:
        duels = [prefer[one, other] - prefer[other, one] for other in candidates if other != one]
        return Fraction(sum((d < 0) - (d > 0) for d in duels))

    return _grouped(candidates, score)


def _kemeny(orders: Sequence[Order], candidates: Sequence[str]) -> Order:
    """Find a strict order with the least total Kemeny distance, by dynamic programming.

    Of several such orders the first by name; Kemeny's consensus has no ties here.
    """
    k = len(candidates)
    if k > MAX_KEMENY:
        raise BadRatings(f"Kemeny's order is computed for at most {MAX_KEMENY} candidates.")
    prefer = _preferences(orders, candidates)
    # best[placed] = (cost, order) with the candidates of the bit set placed on top.
    best: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for placed in range(1, 1 << k):
        options = []
        for last in range(k):
            if not placed >> last & 1:
                continue
            before = placed & ~(1 << last)
            cost, order = best[before]
            # Everybody who prefers a candidate still below to this one is overruled.
            cost += sum(
                prefer[candidates[below], candidates[last]]
                for below in range(k)
                if not placed >> below & 1
            )
            options.append((cost, (*order, last)))
        best.append(min(options))
    return tuple(frozenset({candidates[i]}) for i in best[-1][1])


METHODS: dict[OrderMethod, Callable[[Sequence[Order], Sequence[str]], Order]] = {
    OrderMethod.BORDA: _borda,
    OrderMethod.COPELAND: _copeland,
    OrderMethod.KEMENY: _kemeny,
}


def _preferences(orders: Sequence[Order], candidates: Sequence[str]) -> dict[tuple[str, str], int]:
    """Count the rankings that put the first of each pair strictly above the second."""
    ranked = [dict(zip(candidates, _ranks(order, candidates), strict=True)) for order in orders]
    return {
        (a, b): sum(ranks[a] < ranks[b] for ranks in ranked)
        for a in candidates
        for b in candidates
        if a != b
    }


def _ranks(order: Order, candidates: Sequence[str]) -> list[int]:
    place = {candidate: i for i, group in enumerate(order) for candidate in group}
    return [place[candidate] for candidate in candidates]


def _grouped(candidates: Sequence[str], score: Callable[[str], Fraction]) -> Order:
    ordered = sorted(candidates, key=score)
    return tuple(frozenset(group) for _, group in groupby(ordered, key=score))
