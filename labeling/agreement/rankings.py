"""Why: one scale for policies that did not all meet each other: Bradley–Terry with ties.

Bradley & Terry (1952); ties by Davidson (1970): with strengths πᵢ and a tie parameter ν,
P(i beats j) = πᵢ / z, P(tie) = ν √(πᵢπⱼ) / z, z = πᵢ + πⱼ + ν √(πᵢπⱼ). In βᵢ = ln πᵢ and
ln ν the likelihood is that of an exponential family, so it is concave and Newton's method
finds its only maximum, with the information matrix for the intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log

from labeling.agreement.comparisons import Comparison, strong_components
from labeling.agreement.davidson import Fit, is_tie_estimable, outcomes
from labeling.agreement.intervals import Interval, normal_quantile


class TieModel(StrEnum):
    """DAVIDSON estimates how likely ties are; HALF counts a tie as half a win for each."""

    DAVIDSON = "davidson"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class Strength:
    """A policy's log strength (mean 0 over policies) with its Wald interval.

    A difference d in log strength means odds of exp(d) to win rather than lose.
    """

    policy: str
    log_strength: float
    interval: Interval
    n: int

    @property
    def elo(self) -> float:
        """Give the strength on the Elo scale: 1000 on average, 400 for odds of ten."""
        return 1000 + 400 * self.log_strength / log(10)


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """The fitted model, strongest first.

    `groups` are the sets of policies connected by wins both ways. With more than one, no
    finite maximum exists (some group never lost to another, or never met it): then
    `connected` is False and, unless a ridge was asked for, `strengths` is empty.
    `tie` is Davidson's ν, None for the half-win model.
    """

    strengths: tuple[Strength, ...]
    tie: float | None
    groups: tuple[tuple[str, ...], ...]
    log_likelihood: float | None

    @property
    def connected(self) -> bool:
        """Tell whether the comparisons place every policy on one scale."""
        return len(self.groups) <= 1

    def probabilities(self, first: str, second: str) -> tuple[float, float, float]:
        """Give the probabilities that the first wins, they tie, the second wins.

        Raises KeyError for a policy without a strength.
        """
        place = {one.policy: one.log_strength for one in self.strengths}
        won, lost, tied = outcomes(
            place[first], place[second], None if self.tie is None else log(self.tie)
        )
        return won, tied, lost


def bradley_terry(
    comparisons: Iterable[Comparison],
    *,
    ties: TieModel = TieModel.DAVIDSON,
    ridge: float = 0.0,
    confidence: float = 0.95,
    max_iterations: int = 100,
) -> BradleyTerry:
    """Give policy strengths by maximum likelihood.

    A maximum exists only where every policy can be reached from every other over wins and
    ties (Ford 1957); see `BradleyTerry.groups`. `ridge` > 0 adds a normal prior of that
    precision on log strengths, which makes any data estimable, shrunk towards equality.
    Where Davidson's ν has no finite estimate (no ties, nothing but ties, or see
    `is_tie_estimable`) the half-win model is used and `tie` is None. Intervals are Wald's;
    where comparisons name clusters (items judged several times), and there are more of
    these than parameters, the variance is the cluster-robust sandwich. No comparisons: no
    strengths.

    >>> games = [Comparison("x", "y")] * 3 + [Comparison("y", "x")]
    >>> model = bradley_terry(games)
    >>> best = model.strengths[0]
    >>> best.policy, round(2 * best.log_strength, 4), round(model.probabilities("x", "y")[0], 4)
    ('x', 1.0986, 0.75)
    >>> bradley_terry([Comparison("x", "y")]).groups
    (('x',), ('y',))
    """
    kept = list(comparisons)
    names = sorted({name for one in kept for name in (one.better, one.worse)})
    groups = strong_components(kept)
    n_ties = sum(one.tie for one in kept)
    davidson = ties == TieModel.DAVIDSON and 0 < n_ties < len(kept)
    if davidson and ridge <= 0:
        davidson = is_tie_estimable(kept)
    if not kept or (len(groups) > 1 and ridge <= 0):
        return BradleyTerry((), None, groups, None)
    fit = Fit(names, kept, davidson=davidson, ridge=ridge)
    fit.run(max_iterations)
    widths = fit.standard_errors(kept)
    z = normal_quantile(confidence)
    seen = Counter(name for one in kept for name in (one.better, one.worse))
    strengths = [
        Strength(
            name,
            beta,
            Interval(beta - z * width, beta + z * width, confidence),
            seen[name],
        )
        for name, beta, width in zip(names, fit.theta, widths, strict=False)
    ]
    strengths.sort(key=lambda one: (-one.log_strength, one.policy))
    tie = exp(fit.theta[-1]) if davidson else None
    return BradleyTerry(tuple(strengths), tie, groups, fit.log_likelihood(fit.theta))
