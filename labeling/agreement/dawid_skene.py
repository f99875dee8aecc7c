"""Why: a vote counts everybody alike; Dawid and Skene weigh annotators by the errors they
make, estimated from the same answers, without gold.

Dawid & Skene (1979), "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm". Nominal values only.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from labeling.agreement.majority import TiePolicy, Vote
from labeling.agreement.ratings import Rating, is_missing, stable_key

# Probabilities are kept above this, so that one never-seen error does not veto a class.
FLOOR = 1e-10

# A unit's ratings as (annotator number, class number).
Rows = Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class DawidSkene:
    """The fitted model.

    `prevalences[t]` is the share of true class t; `confusion[annotator][t][v]` the
    probability that the annotator says v where t is true; `posteriors[unit][t]` what we
    believe of a unit. `converged` is False when the iterations ran out.
    """

    classes: tuple[Any, ...]
    prevalences: Mapping[Any, float]
    confusion: Mapping[str, Mapping[Any, Mapping[Any, float]]]
    posteriors: Mapping[str, Mapping[Any, float]]
    iterations: int
    converged: bool
    log_likelihood: float

    def vote(self, unit: str) -> Vote:
        """Give the most probable class of a unit, its probability as confidence.

        The first class of equally probable ones. Raises KeyError for an unknown unit.
        """
        beliefs = self.posteriors[unit]
        best = max(self.classes, key=lambda one: beliefs[one])
        return Vote(best, beliefs[best], 1, (), TiePolicy.FIRST)

    def reliability(self, annotator: str) -> float:
        """Give the probability that the annotator is right: Σ prevalence · diagonal."""
        table = self.confusion[annotator]
        return sum(self.prevalences[one] * table[one][one] for one in self.classes)


def dawid_skene(
    ratings: Iterable[Rating],
    *,
    classes: Sequence[Hashable] | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
) -> DawidSkene | None:
    """Fit class prevalences and every annotator's confusion matrix by EM.

    Starts from each unit's vote shares; ends when no posterior moves by more than
    `tolerance`. Repeated ratings by one annotator of one unit count separately, as in the
    paper. A class that an annotator never met (by current belief) gets an even row.
    `classes` fixes classes and their order, by default those seen, sorted. Missing values
    are left out; no ratings: None. Two or more local optima are possible, as always with
    EM. Cost: ratings × classes × iterations.

    >>> table = {"ann": "xxyy", "ben": "xxyy", "cat": "yxyx"}
    >>> ratings = [Rating(str(i), who, v) for who, vs in table.items() for i, v in enumerate(vs)]
    >>> model = dawid_skene(ratings)
    >>> [model.vote(str(i)).value for i in range(4)], round(model.prevalences["x"], 2)
    (['x', 'x', 'y', 'y'], 0.5)
    >>> round(model.reliability("cat"), 2)
    0.5
    """
    kept = [rating for rating in ratings if not is_missing(rating.value)]
    if not kept:
        return None
    found = _classes(kept) if classes is None else tuple(classes)
    number = {value: i for i, value in enumerate(found)}
    units = {unit: i for i, unit in enumerate(dict.fromkeys(r.unit for r in kept))}
    people = {name: i for i, name in enumerate(dict.fromkeys(r.annotator for r in kept))}
    rows: list[list[tuple[int, int]]] = [[] for _ in units]
    for rating in kept:
        rows[units[rating.unit]].append((people[rating.annotator], number[rating.value]))

    beliefs = _vote_shares(rows, len(found))
    iterations, converged = 0, False
    while True:
        prevalences, errors = _maximise(rows, beliefs, len(found), len(people))
        if converged or iterations >= max_iterations:
            break
        iterations += 1
        expected, _ = _expect(rows, prevalences, errors)
        moved = max(
            abs(a - b)
            for old, new in zip(beliefs, expected, strict=True)
            for a, b in zip(old, new, strict=True)
        )
        beliefs, converged = expected, moved <= tolerance
    _, likelihood = _expect(rows, prevalences, errors)
    return DawidSkene(
        classes=found,
        prevalences=dict(zip(found, prevalences, strict=True)),
        confusion={
            name: {
                true: dict(zip(found, errors[j][t], strict=True)) for t, true in enumerate(found)
            }
            for name, j in people.items()
        },
        posteriors={unit: dict(zip(found, beliefs[i], strict=True)) for unit, i in units.items()},
        iterations=iterations,
        converged=converged,
        log_likelihood=likelihood,
    )


def _classes(ratings: Iterable[Rating]) -> tuple[Any, ...]:
    seen: set[Any] = {rating.value for rating in ratings}
    try:
        return tuple(sorted(seen))
    except TypeError:
        return tuple(sorted(seen, key=stable_key))


def _vote_shares(rows: Rows, size: int) -> list[list[float]]:
    shares = []
    for row in rows:
        counts = [0.0] * size
        for _, value in row:
            counts[value] += 1 / len(row)
        shares.append(counts)
    return shares


def _maximise(
    rows: Rows, beliefs: Sequence[Sequence[float]], size: int, n_people: int
) -> tuple[list[float], list[list[list[float]]]]:
    """Estimate prevalences and error rates from what is believed of the units."""
    prevalences = [sum(column) / len(rows) for column in zip(*beliefs, strict=True)]
    errors = [[[0.0] * size for _ in range(size)] for _ in range(n_people)]
    for row, belief in zip(rows, beliefs, strict=True):
        for who, value in row:
            table = errors[who]
            for true in range(size):
                table[true][value] += belief[true]
    for table in errors:
        for true, counts in enumerate(table):
            total = sum(counts)
            table[true] = [c / total for c in counts] if total > 0 else [1 / size] * size
    return prevalences, errors


def _expect(
    rows: Rows, prevalences: Sequence[float], errors: Sequence[Sequence[Sequence[float]]]
) -> tuple[list[list[float]], float]:
    """Update beliefs by Bayes' rule, in logarithms; give the log-likelihood too."""
    prior = [log(max(p, FLOOR)) for p in prevalences]
    # [annotator][value][true], so that one rating adds one row.
    logs = [
        [[log(max(p, FLOOR)) for p in column] for column in zip(*table, strict=True)]
        for table in errors
    ]
    beliefs = []
    likelihood = 0.0
    for row in rows:
        scores = list(prior)
        for who, value in row:
            for true, step in enumerate(logs[who][value]):
                scores[true] += step
        top = max(scores)
        weights = [exp(score - top) for score in scores]
        total = sum(weights)
        likelihood += top + log(total)
        beliefs.append([weight / total for weight in weights])
    return beliefs, likelihood
