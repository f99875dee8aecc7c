"""Why: the likelihood of Bradley–Terry with Davidson's ties, climbed by Newton's method.

The parameters are θ = (β₁ … βₖ, ln ν), without ln ν in the half-win model. Each comparison
is one draw from three outcomes with log weights βᵢ, βⱼ and ln ν + (βᵢ + βⱼ)/2: linear in θ,
so the log-likelihood is concave. What the numbers mean is told in `rankings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, inf, log, sqrt

from labeling.agreement.comparisons import Comparison
from labeling.agreement.linear import Matrix, Vector, inverse, sandwich, times


class Fit:
    """Newton's method on (β₁ … βₖ, ln ν)."""

    def __init__(
        self,
        names: Sequence[str],
        comparisons: Iterable[Comparison],
        *,
        davidson: bool,
        ridge: float,
    ) -> None:
        self.place = {name: i for i, name in enumerate(names)}
        self.k = len(names)
        self.davidson = davidson
        self.ridge = ridge
        self.theta: Vector = [0.0] * (self.k + davidson)
        # (i, j) with i < j → wins of i, wins of j, ties
        self.counts: dict[tuple[int, int], list[float]] = {}
        for one in comparisons:
            a, b = self.place[one.better], self.place[one.worse]
            row = self.counts.setdefault((min(a, b), max(a, b)), [0.0, 0.0, 0.0])
            if not one.tie:
                row[0 if a < b else 1] += 1
            elif davidson:
                row[2] += 1
            else:
                row[0] += 0.5
                row[1] += 0.5

    def run(self, max_iterations: int) -> None:
        """Climb to the maximum, halving steps that overshoot."""
        value = self._objective(self.theta)
        for _ in range(max_iterations):
            gradient, information = self._derivatives()
            if max(map(abs, gradient)) < 1e-9:
                return
            step = times(inverse(information), gradient)
            scale = 1.0
            while scale > 1e-6:
                trial = [t + scale * s for t, s in zip(self.theta, step, strict=True)]
                reached = self._objective(trial)
                if reached >= value:
                    break
                scale /= 2
            else:
                return
            self.theta, value = trial, reached

    def log_likelihood(self, theta: Vector) -> float:
        """Give the log-likelihood of the counts."""
        total = 0.0
        for (i, j), row in self.counts.items():
            chances = outcomes(theta[i], theta[j], theta[self.k] if self.davidson else None)
            total += sum(n * log(p) for n, p in zip(row, chances, strict=True) if n)
        return total

    def standard_errors(self, comparisons: Sequence[Comparison]) -> Vector:
        """Give the standard errors of β − mean β."""
        _, information = self._derivatives()
        covariance = inverse(information)
        if any(one.cluster is not None for one in comparisons):
            scores = self._cluster_scores(comparisons)
            # Scores add up to nothing, so few clusters give no variance worth the name.
            if len(scores) > len(self.theta):
                covariance = sandwich(covariance, scores)
        block = [row[: self.k] for row in covariance[: self.k]]
        means = [sum(row) / self.k for row in block]
        centre = sum(means) / self.k
        return [sqrt(max(0.0, block[i][i] - 2 * means[i] + centre)) for i in range(self.k)]

    def _objective(self, theta: Vector) -> float:
        try:
            return self.log_likelihood(theta) - self.ridge / 2 * sum(
                beta * beta for beta in theta[: self.k]
            )
        except (OverflowError, ValueError):
            return -inf  # a step far outside; it will be halved

    def _derivatives(self) -> tuple[Vector, Matrix]:
        """Give the gradient and the information; the free common level is pinned at 0."""
        size = len(self.theta)
        gradient = [0.0] * size
        information = [[0.0] * size for _ in range(size)]
        for i in range(self.k):
            gradient[i] -= self.ridge * self.theta[i]
            information[i][i] += self.ridge
            for j in range(self.k):
                information[i][j] += 1.0
        for (i, j), row in self.counts.items():
            chances, features = self._pair(i, j)
            n = sum(row)
            mean = _mix(chances, features)
            for at, centre in mean.items():
                seen = sum(c * f.get(at, 0.0) for c, f in zip(row, features, strict=True))
                gradient[at] += seen - n * centre
                for to, other in mean.items():
                    both = sum(
                        p * f.get(at, 0.0) * f.get(to, 0.0)
                        for p, f in zip(chances, features, strict=True)
                    )
                    information[at][to] += n * (both - centre * other)
        return gradient, information

    def _pair(self, i: int, j: int) -> tuple[Sequence[float], Sequence[Mapping[int, float]]]:
        tie = self.theta[self.k] if self.davidson else None
        level = {i: 0.5, j: 0.5, self.k: 1.0} if self.davidson else {i: 0.5, j: 0.5}
        return outcomes(self.theta[i], self.theta[j], tie), ({i: 1.0}, {j: 1.0}, level)

    def _cluster_scores(self, comparisons: Iterable[Comparison]) -> list[Vector]:
        scores: dict[object, Vector] = {}
        for number, one in enumerate(comparisons):
            i, j = self.place[one.better], self.place[one.worse]
            chances, features = self._pair(i, j)
            key: object = number if one.cluster is None else one.cluster
            score = scores.setdefault(key, [0.0] * len(self.theta))
            for at, value in features[2 if one.tie else 0].items():
                score[at] += value
            for at, value in _mix(chances, features).items():
                score[at] -= value
        return list(scores.values())


def outcomes(first: float, second: float, tie: float | None) -> tuple[float, float, float]:
    """Give the probabilities of a win, a loss and a tie from log parameters."""
    level = -inf if tie is None else tie + (first + second) / 2
    top = max(first, second, level)
    won, lost, tied = exp(first - top), exp(second - top), exp(level - top)
    total = won + lost + tied
    return won / total, lost / total, tied / total


def _mix(chances: Sequence[float], features: Sequence[Mapping[int, float]]) -> dict[int, float]:
    mean: dict[int, float] = {}
    for chance, feature in zip(chances, features, strict=True):
        for at, value in feature.items():
            mean[at] = mean.get(at, 0.0) + chance * value
    return mean


def is_tie_estimable(comparisons: Iterable[Comparison]) -> bool:
    """Tell whether ln ν has a finite estimate, given that all policies are connected.

    It has none when strengths δ exist with δ(winner) − δ(loser) ≥ 1 for each decided
    comparison and |difference| ≤ 1 for each tie: the data are then fitted ever better by
    ever greater strengths and ν (x beats y, or they tie, but y never wins). Such strengths
    exist unless these difference constraints have a negative cycle (Bellman–Ford).

    >>> won, level = Comparison("x", "y"), Comparison("x", "y", tie=True)
    >>> is_tie_estimable([won, level]), is_tie_estimable([won, level, Comparison("y", "x")])
    (False, True)
    """
    edges = set()
    for one in comparisons:
        if one.tie:
            edges |= {(one.better, one.worse, 1), (one.worse, one.better, 1)}
        else:
            edges.add((one.better, one.worse, -1))
    reach = dict.fromkeys((name for edge in edges for name in edge[:2]), 0)
    for _ in range(len(reach)):
        changed = False
        for a, b, weight in edges:
            if reach[a] + weight < reach[b]:
                reach[b] = reach[a] + weight
                changed = True
        if not changed:
            return False
    return True
