"""Why: one call that says how far people agree on a question, with the right measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labeling.agreement.alpha import Level, alpha
from labeling.agreement.answers import Answer, QuestionType, question_type
from labeling.agreement.bootstrap import alpha_interval
from labeling.agreement.distances import Distance, jaccard, kemeny, masi, span_overlap
from labeling.agreement.from_values import (
    pair_ratings,
    ratings_for,
    strata_for,
    strength_ratings,
)
from labeling.agreement.intervals import Interval
from labeling.agreement.kappa import fleiss_kappa, gwet_ac1, percent_agreement
from labeling.agreement.ratings import Rating, pairable


@dataclass(frozen=True, slots=True)
class Measure:
    """How a question type is measured; `level` None means that alpha makes no sense."""

    name: str
    level: Level | None
    distance: Distance | None = None


MEASURES: Mapping[QuestionType, Measure] = {
    QuestionType.TEXT: Measure("exact", None),
    QuestionType.EDIT: Measure("exact", None),
    QuestionType.LABEL: Measure("nominal", Level.NOMINAL),
    QuestionType.LABELS: Measure("masi", Level.NOMINAL, masi),
    QuestionType.RATING: Measure("ordinal", Level.ORDINAL),
    QuestionType.PREFERENCE: Measure("nominal", Level.NOMINAL),
    QuestionType.RANKING: Measure("kemeny", Level.NOMINAL, kemeny),
    QuestionType.SPANS: Measure("span_overlap", Level.NOMINAL, span_overlap),
}


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """Agreement on one question. Counts are of what could be paired (two or more ratings).

    `level` names the measure of alpha: a level of measurement or a distance, "exact" where
    there is no alpha. `percent` is the share of exactly equal pairs, in [0, 1]. Without
    alpha, `extras["undefined"]` says why: no_pairs, no_variation or not_measured.
    """

    alpha: float | None
    level: str
    percent: float | None
    n_units: int
    n_ratings: int
    n_annotators: int
    interval: Interval | None = None
    extras: Mapping[str, float | int | str | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Give plain data for JSON."""
        return {
            "alpha": self.alpha,
            "level": self.level,
            "percent": self.percent,
            "n_units": self.n_units,
            "n_ratings": self.n_ratings,
            "n_annotators": self.n_annotators,
            "interval": self.interval.as_dict() if self.interval else None,
            "extras": dict(self.extras),
        }


def question_agreement(
    question: Mapping[str, Any],
    answers: Sequence[Answer],
    *,
    n_resamples: int = 0,
    seed: int = 0,
) -> QuestionAgreement:
    """Give the agreement on a question (a question of the desk protocol) over its answers.

    The measure follows the question's type (see `from_values.ratings_for`). Extras:
    `n_single` units rated once; label: `fleiss_kappa`, `ac1`; labels: `jaccard_alpha`;
    rating: `interval_alpha`; preference: `strength_alpha` (ordinal, signed, two
    candidates) and `fleiss_kappa`; ranking: `pair_alpha`, `pair_percent`; distances:
    `similarity`, 1 − the mean distance. `n_resamples` above 0 adds a bootstrap interval.
    Alpha is None for texts, for nothing pairable and for no variation.

    Raises: BadAnswer.

    >>> answers = [
    ...     Answer("i", "ann", "yes"), Answer("i", "ben", "yes"),
    ...     Answer("j", "ann", "no"), Answer("j", "ben", "yes"),
    ... ]
    >>> found = question_agreement({"type": "label"}, answers)
    >>> found.alpha, found.level, found.percent, found.n_units, found.n_ratings
    (0.0, 'nominal', 0.5, 2, 4)
    """
    kind = question_type(question)
    measure = MEASURES[kind]
    ratings = ratings_for(question, answers)
    strata = strata_for(question, answers) if kind is QuestionType.RANKING else None
    paired = pairable(ratings)
    value = interval = None
    if measure.level is not None:
        level, distance = measure.level, measure.distance
        value = alpha(ratings, level=level, distance=distance, strata=strata, seed=seed)
        if n_resamples:
            interval = alpha_interval(
                ratings,
                level=level,
                distance=distance,
                strata=strata,
                n_resamples=n_resamples,
                seed=seed,
            )
    extras = _extras(kind, question, answers, ratings)
    extras["n_single"] = len({rating.unit for rating in ratings}) - len(paired)
    if value is None:
        extras["undefined"] = (
            "no_pairs" if not paired else "no_variation" if measure.level else "not_measured"
        )
    return QuestionAgreement(
        alpha=value,
        level=measure.name,
        percent=percent_agreement(ratings),
        n_units=len(paired),
        n_ratings=sum(len(row) for row in paired.values()),
        n_annotators=len({name for row in paired.values() for name in row}),
        interval=interval,
        extras=extras,
    )


def _extras(
    kind: QuestionType,
    question: Mapping[str, Any],
    answers: Sequence[Answer],
    ratings: Sequence[Rating],
) -> dict[str, float | int | str | None]:
    found: dict[str, float | int | str | None] = {}
    match kind:
        case QuestionType.LABEL:
            options = len(question.get("options") or ()) or None
            found["fleiss_kappa"] = fleiss_kappa(ratings)
            found["ac1"] = gwet_ac1(ratings, n_categories=options)
        case QuestionType.LABELS:
            found["jaccard_alpha"] = alpha(ratings, distance=jaccard)
        case QuestionType.RATING:
            found["interval_alpha"] = alpha(ratings, level=Level.INTERVAL)
        case QuestionType.PREFERENCE:
            signed = strength_ratings(question, answers)
            found["strength_alpha"] = alpha(signed, level=Level.ORDINAL)
            found["fleiss_kappa"] = fleiss_kappa(ratings)
        case QuestionType.RANKING:
            pairs = pair_ratings(question, answers)
            found["pair_alpha"] = alpha(pairs)
            found["pair_percent"] = percent_agreement(pairs)
        case _:
            pass
    distance = MEASURES[kind].distance
    if distance is not None:
        found["similarity"] = percent_agreement(ratings, distance=distance)
    return found
