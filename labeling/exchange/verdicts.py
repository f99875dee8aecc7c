"""Why: what the consensus on a question says about an item's candidates.

Pure. A verdict is groups of candidates, best first, whatever the type of the question;
the formats read pairs, ranks or a best one from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

from labeling.errors import Invalid
from labeling.exchange.records import (
    ConsensusView,
    ExportCandidate,
    ExportItem,
    ExportOptions,
    ExportQuestion,
)
from labeling.exchange.tally import Dropped

COMPARABLE = ("preference", "ranking", "rating")


class NoUsableQuestion(Invalid):
    """The project asks nothing that the wanted format could be made of."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Groups of candidates, best first; `scores` (ratings) or `strength` give margins.

    A tie of two is one group; so is "neither", which `all_bad` tells apart.
    """

    groups: tuple[tuple[ExportCandidate, ...], ...]
    scores: Mapping[str, float] | None = None
    strength: float | None = None
    all_bad: bool = False
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    chosen: ExportCandidate
    rejected: ExportCandidate
    margin: float | None


def usable_questions(
    options: ExportOptions, types: Sequence[str], *, needed: bool = True
) -> tuple[ExportQuestion, ...]:
    """Return the questions to learn from, best type first; the named one alone.

    Raises: NoUsableQuestion, if the named one does not fit or (when needed) there is none.
    """
    usable = [q for q in options.questions if q.type in types and _about_candidates(q)]
    if options.question is not None:
        named = tuple(q for q in usable if q.name == options.question)
        if not named:
            raise NoUsableQuestion(
                f"The question {options.question!r} is not one of type {', '.join(types)}.",
                fields={"question": "cannot be exported in this format"},
            )
        return named
    if needed and not usable:
        raise NoUsableQuestion(
            f"This format needs a question of type {', '.join(types)}.",
            fields={"format": "the project asks no question that it could be made of"},
        )
    return tuple(sorted(usable, key=lambda q: types.index(q.type)))


def question_for(item: ExportItem, questions: Sequence[ExportQuestion]) -> ExportQuestion:
    """Return the first question on which the item has a consensus, else the first."""
    for question in questions:
        view = item.consensus.get(question.name)
        if view is not None and view.value is not None:
            return question
    return questions[0]


def _about_candidates(question: ExportQuestion) -> bool:
    return question.type not in ("rating", "label") or question.per == "candidate"


def settled(item: ExportItem, question: ExportQuestion, options: ExportOptions) -> ConsensusView:
    """Return the consensus on a question. Raises: Dropped if there is none, or too weak."""
    view = item.consensus.get(question.name)
    if view is None or view.value is None:
        raise Dropped("no_consensus")
    if view.confidence is not None and view.confidence < options.min_confidence:
        raise Dropped("low_confidence")
    return view


def verdict_of(item: ExportItem, question: ExportQuestion, options: ExportOptions) -> Verdict:
    """Return what the consensus says about the candidates. Raises: Dropped."""
    view = settled(item, question, options)
    if question.type == "preference":
        return _preferred(item, question, view)
    if question.type == "ranking":
        return _ranked(item, view)
    return _rated(item, view)


def _by_id(item: ExportItem) -> dict[str, ExportCandidate]:
    return {c.id: c for c in item.candidates}


def _preferred(item: ExportItem, question: ExportQuestion, view: ConsensusView) -> Verdict:
    value = view.value if isinstance(view.value, Mapping) else {"better": view.value}
    better = value.get("better")
    if len(item.candidates) < 2:
        raise Dropped("too_few_candidates")
    if better in ("tie", "neither"):
        return Verdict((item.candidates,), all_bad=better == "neither", confidence=view.confidence)
    best = _by_id(item).get(str(better))
    if best is None:
        raise Dropped("unknown_candidate")
    others = tuple(c for c in item.candidates if c is not best)
    strength = value.get("strength")
    if strength is None:
        strength = _mean_strength(item, question.name, best.id)
    return Verdict(((best,), others), strength=strength, confidence=view.confidence)


def _mean_strength(item: ExportItem, question: str, best: str) -> float | None:
    """Return the mean of the responses' strengths towards `best`, at least 0.

    A response for another candidate counts negative, a tie or neither 0. None if some
    response that prefers a candidate gives no strength, or there is no response.
    """
    strengths: list[float] = []
    for response in item.responses:
        value = response.values.get(question)
        if response.surplus or not isinstance(value, Mapping):
            continue
        better, strength = value.get("better"), value.get("strength")
        if better in ("tie", "neither"):
            strengths.append(0.0)
        elif strength is None:
            return None
        else:
            strengths.append(float(strength) if better == best else -float(strength))
    return max(0.0, sum(strengths) / len(strengths)) if strengths else None


def _ranked(item: ExportItem, view: ConsensusView) -> Verdict:
    known = _by_id(item)
    groups = []
    for group in view.value:
        ids = [group] if isinstance(group, str) else list(group)
        if any(i not in known for i in ids):
            raise Dropped("unknown_candidate")
        groups.append(tuple(known[i] for i in ids))
    if sum(map(len, groups)) < 2:
        raise Dropped("too_few_candidates")
    return Verdict(tuple(groups), confidence=view.confidence)


def _rated(item: ExportItem, view: ConsensusView) -> Verdict:
    known = _by_id(item)
    ratings: Mapping[str, Any] = view.value if isinstance(view.value, Mapping) else {}
    if any(i not in known for i in ratings):
        raise Dropped("unknown_candidate")
    scores = {c.id: float(ratings[c.id]) for c in item.candidates if ratings.get(c.id) is not None}
    if not scores:
        raise Dropped("no_consensus")
    ordered = sorted((known[i] for i in scores), key=lambda c: -scores[c.id])
    groups = tuple(tuple(g) for _, g in groupby(ordered, key=lambda c: scores[c.id]))
    return Verdict(groups, scores=scores, confidence=view.confidence)


def pairs_of(verdict: Verdict, options: ExportOptions) -> Iterator[Pair]:
    """Give the strictly ordered pairs, best ones first; none for a tie.

    A preference among more than two says only that one is better than each other.
    """
    groups = verdict.groups
    if options.pairs == "best_worst" and len(groups) > 1 and verdict.strength is None:
        groups = (groups[0][:1], groups[-1][-1:])
    for above, below in combinations(groups, 2):
        for chosen in above:
            for rejected in below:
                margin = verdict.strength
                if verdict.scores is not None:
                    margin = verdict.scores[chosen.id] - verdict.scores[rejected.id]
                    if margin < options.min_gap:
                        continue
                yield Pair(chosen, rejected, margin)
