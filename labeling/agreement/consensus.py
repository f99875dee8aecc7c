"""Why: what the answers to one question about one item add up to, and how sure that is.

Values come out as they would be answered, with candidate ids where keys were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

from labeling.agreement.answers import (
    NEITHER,
    TIE,
    Answer,
    BadAnswer,
    QuestionType,
    canonical_order,
    question_type,
    resolve,
)
from labeling.agreement.distances import span_overlap
from labeling.agreement.majority import TiePolicy, Vote, majority
from labeling.agreement.orders import agreement_with_orders, combine_orders
from labeling.agreement.spans import cover, majority_spans


@dataclass(frozen=True, slots=True)
class Consensus:
    """What `n` answers add up to.

    `value` is None when nothing is decided (no answers, or a tie under SPLIT or NONE).
    `confidence` is in [0, 1], its meaning given by `method`. `tied` lists what was level.
    For a question per candidate, `value` maps candidate id → value, `parts` holds each
    candidate's own consensus, `confidence` is their mean and `n` the annotators.
    """

    value: Any
    confidence: float
    n: int
    method: str
    tied: tuple[Any, ...] = ()
    parts: Mapping[str, Consensus] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Give plain data for JSON."""
        found: dict[str, object] = {
            "value": self.value,
            "confidence": self.confidence,
            "n": self.n,
            "method": self.method,
            "tied": list(self.tied),
        }
        if self.parts:
            found["parts"] = {name: part.as_dict() for name, part in self.parts.items()}
        return found


@dataclass(frozen=True, slots=True)
class _Context:
    question: Mapping[str, Any]
    candidates: tuple[str, ...]
    policy: TiePolicy


def question_consensus(
    question: Mapping[str, Any],
    answers: Sequence[Answer],
    *,
    tie_policy: TiePolicy = TiePolicy.NONE,
) -> Consensus:
    """Give the consensus of the answers to a question about one item.

    | type | method: value | confidence |
    |---|---|---|
    | text, edit | `majority` of equal texts | its share |
    | label | `majority` | its share |
    | labels | `label_majority`: labels of more than half | mean share of the winning side |
    | rating | `median` (of an even number: FIRST the lower middle, SPLIT the mean of the
      two, NONE nothing when they differ) | 1 − mean distance to the median / half the scale |
    | preference | `majority` of the direction, with its voters' median strength | its share |
    | ranking | `borda`, tied candidates together | 1 − mean Kemeny distance |
    | spans | `character_majority` | mean F1 with the answers |

    An annotator's last answer counts. With one answer that is the consensus, confidence 1.
    Raises: BadAnswer, also for answers to several items.

    >>> shown, swapped = {"A": "c1", "B": "c2"}, {"A": "c2", "B": "c1"}
    >>> question_consensus({"type": "preference"}, [
    ...     Answer("i", "ann", {"better": "A", "strength": 3}, shown),
    ...     Answer("i", "ben", {"better": "B", "strength": 1}, swapped),
    ...     Answer("i", "cat", {"better": "tie"}, shown),
    ... ]).as_dict()["value"]
    {'better': 'c1', 'strength': 2}
    """
    if len({answer.item for answer in answers}) > 1:
        raise BadAnswer("A consensus is about one item.")
    kind = question_type(question)
    order = next(iter(canonical_order(answers).values()), ())
    context = _Context(question, order, TiePolicy(tie_policy))
    latest = {answer.annotator: answer for answer in answers if answer.value is not None}
    values: dict[str | None, list[Any]] = {}
    for answer in latest.values():
        for candidate, value in resolve(question, answer).items():
            values.setdefault(candidate, []).append(value)
    combine = _COMBINE[kind]
    if question.get("per", "task") != "candidate":
        return combine(values.get(None, []), context)
    parts = {one: combine(values[one], context) for one in order if one in values}
    return Consensus(
        value={one: part.value for one, part in parts.items()} or None,
        confidence=mean(part.confidence for part in parts.values()) if parts else 0.0,
        n=len(latest),
        method=next((part.method for part in parts.values()), "none"),
        tied=tuple(one for one, part in parts.items() if part.tied),
        parts=parts,
    )


def rating_consensus(
    values: Sequence[int],
    *,
    tie_policy: TiePolicy = TiePolicy.SPLIT,
    low: int | None = None,
    high: int | None = None,
) -> Consensus:
    """Give the median of ratings on the scale from `low` to `high` (default: those seen).

    Confidence is 1 − mean |rating − median| / half the scale: 1 when all are equal, 0 when
    half stand at either end. No ratings: None, confidence 0.

    >>> rating_consensus([3, 4, 4, 5], low=1, high=5)
    Consensus(value=4, confidence=0.75, n=4, method='median', tied=(), parts={})
    >>> rating_consensus([1, 5], low=1, high=5).confidence
    0.0
    """
    if not values:
        return Consensus(None, 0.0, 0, "median")
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    centre = median(ordered)
    half = ((max(ordered) if high is None else high) - (ordered[0] if low is None else low)) / 2
    spread = mean(abs(value - centre) for value in ordered)
    confidence = 1.0 if spread == 0 else max(0.0, 1.0 - spread / half) if half > 0 else 0.0
    if lower == upper:
        return Consensus(lower, confidence, len(ordered), "median")
    chosen = {TiePolicy.FIRST: lower, TiePolicy.SPLIT: centre, TiePolicy.NONE: None}[tie_policy]
    return Consensus(chosen, confidence, len(ordered), "median", (lower, upper))


def labels_consensus(
    values: Sequence[frozenset[str]], *, tie_policy: TiePolicy = TiePolicy.SPLIT
) -> Consensus:
    """Give the sorted labels that more than half chose.

    A label chosen by exactly half is listed in `tied`; FIRST takes it in, SPLIT leaves it
    out, NONE gives no consensus. Confidence: over labels that anybody chose, the mean share
    of the larger side; 1 when nobody chose any. No answers: None, confidence 0.

    >>> labels_consensus([frozenset("ab"), frozenset("a"), frozenset("a")]).value
    ['a']
    """
    n = len(values)
    if n == 0:
        return Consensus(None, 0.0, 0, "label_majority")
    counts = {
        label: sum(label in value for value in values) for label in frozenset().union(*values)
    }
    tied = tuple(sorted(label for label, count in counts.items() if 2 * count == n))
    least = n if tie_policy == TiePolicy.FIRST else n + 1
    chosen = sorted(label for label, count in counts.items() if 2 * count >= least)
    sides = [max(count, n - count) / n for count in counts.values()]
    confidence = mean(sides) if sides else 1.0
    undecided = bool(tied) and tie_policy == TiePolicy.NONE
    return Consensus(None if undecided else chosen, confidence, n, "label_majority", tied)


def _voted(vote: Vote, show: Callable[[Any], Any]) -> Consensus:
    value = None if vote.value is None else show(vote.value)
    return Consensus(value, vote.confidence, vote.n, "majority", tuple(map(show, vote.tied)))


def _text(values: Sequence[str], context: _Context) -> Consensus:
    # In order of arrival: "first" among equally frequent texts is the earliest one.
    vote = majority(values, tie_policy=context.policy, order=list(dict.fromkeys(values)))
    return _voted(vote, str)


def _edit(values: Sequence[Any], context: _Context) -> Consensus:
    sources = {value.turns: value.source for value in reversed(values)}
    turns = [value.turns for value in values]
    vote = majority(turns, tie_policy=context.policy, order=list(dict.fromkeys(turns)))

    def show(texts: tuple[str, ...]) -> dict[str, object]:
        words = {"text": texts[0]} if len(texts) == 1 else {"turns": list(texts)}
        return {**words, "from": sources[texts]}

    return _voted(vote, show)


def _label(values: Sequence[str], context: _Context) -> Consensus:
    options = [option["value"] for option in context.question.get("options") or ()]
    return _voted(majority(values, tie_policy=context.policy, order=options or None), str)


def _labels(values: Sequence[frozenset[str]], context: _Context) -> Consensus:
    return labels_consensus(values, tie_policy=context.policy)


def _rating(values: Sequence[int], context: _Context) -> Consensus:
    low, high = context.question.get("min"), context.question.get("max")
    return rating_consensus(values, tie_policy=context.policy, low=low, high=high)


def _preference(values: Sequence[Any], context: _Context) -> Consensus:
    order = [*context.candidates, TIE, NEITHER]
    vote = majority([v.better for v in values], tie_policy=context.policy, order=order)

    def show(better: str) -> dict[str, object]:
        voters = [value for value in values if value.better == better]
        if better not in (TIE, NEITHER):
            strength = median(value.strength for value in voters)
            # A half step between two strengths is the weaker one.
            return {"better": better, "strength": int(strength)}
        leaning = majority(value.leaning for value in voters).value
        return {"better": better} if leaning is None else {"better": better, "leaning": leaning}

    return _voted(vote, show)


def _ranking(values: Sequence[Any], context: _Context) -> Consensus:
    groups = combine_orders(values)
    confidence = agreement_with_orders(groups, values) if values else 0.0
    shown = [sorted(group, key=context.candidates.index) for group in groups]
    tied = tuple(tuple(group) for group in shown if len(group) > 1)
    return Consensus(shown if values else None, confidence, len(values), "borda", tied)


def _spans(values: Sequence[Any], context: _Context) -> Consensus:
    if not values:
        return Consensus(None, 0.0, 0, "character_majority")
    chosen = majority_spans(values)
    confidence = 1.0 - mean(span_overlap(cover(chosen), cover(value)) for value in values)
    shown = [
        {"on": span.on, "start": span.start, "end": span.end, "label": span.label}
        for span in chosen
    ]
    return Consensus(shown, confidence, len(values), "character_majority")


_COMBINE: Mapping[QuestionType, Callable[[Sequence[Any], _Context], Consensus]] = {
    QuestionType.TEXT: _text,
    QuestionType.EDIT: _edit,
    QuestionType.LABEL: _label,
    QuestionType.LABELS: _labels,
    QuestionType.RATING: _rating,
    QuestionType.PREFERENCE: _preference,
    QuestionType.RANKING: _ranking,
    QuestionType.SPANS: _spans,
}
