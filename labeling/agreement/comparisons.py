"""Why: which policy answers better is asked of pairs: who won, who lost, what was level.

Judgments of candidates become comparisons of the policies that wrote them; `rankings`
makes strengths of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from labeling.agreement.answers import (
    NEITHER,
    TIE,
    Answer,
    BadAnswer,
    QuestionType,
    question_type,
    resolve,
)
from labeling.agreement.intervals import Interval, wilson
from labeling.agreement.ratings import BadRatings


@dataclass(frozen=True, slots=True)
class Comparison:
    """One judgment between two policies; with `tie` the two are level.

    `cluster` names what makes judgments depend on each other (the item): intervals are
    then computed between clusters.
    """

    better: str
    worse: str
    tie: bool = False
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.better == self.worse:
            raise BadRatings("A policy is not compared with itself.")


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often a policy won; a tie is half a win. `interval` is Wilson's."""

    policy: str
    wins: int
    ties: int
    losses: int
    rate: float
    interval: Interval

    @property
    def n(self) -> int:
        """Give the number of comparisons."""
        return self.wins + self.ties + self.losses


def comparisons_for(
    question: Mapping[str, Any],
    answers: Sequence[Answer],
    policies: Mapping[str, str],
    *,
    count_neither: bool = True,
) -> list[Comparison]:
    """Give the comparisons that answers to a preference, ranking or rating question imply.

    `policies` maps candidate id → policy; candidates without one, and pairs by one policy,
    are left out. A preference sets the better candidate over each other one; a tie levels
    all pairs, as does "neither" unless `count_neither` is off. Rankings and ratings per
    candidate compare every pair. The item is the cluster; an annotator's last answer to an
    item counts. Raises: BadAnswer, also for other question types.

    >>> shown = {"A": "c1", "B": "c2"}
    >>> answer = Answer("i", "ann", {"better": "B", "strength": 1}, shown)
    >>> comparisons_for({"type": "preference"}, [answer], {"c1": "cool", "c2": "warm"})
    [Comparison(better='warm', worse='cool', tie=False, cluster='i')]
    """
    kind = question_type(question)
    per_candidate = question.get("per", "task") == "candidate"
    if kind not in (QuestionType.PREFERENCE, QuestionType.RANKING) and not (
        kind is QuestionType.RATING and per_candidate
    ):
        raise BadAnswer("Only preferences, rankings and ratings of candidates compare policies.")
    latest = {(a.item, a.annotator): a for a in answers if a.value is not None}
    found: list[Comparison] = []
    for answer in latest.values():
        values = resolve(question, answer)
        if kind is QuestionType.RATING:
            scores = {one: -value for one, value in values.items() if one is not None}
        elif kind is QuestionType.RANKING:
            scores = {one: i for i, group in enumerate(values[None]) for one in group}
        else:
            better = values[None].better
            if better == NEITHER and not count_neither:
                continue
            level = better in (TIE, NEITHER)
            scores = {one: int(not level and one != better) for one in answer.candidates.values()}
            if not level:
                found += _over(better, scores, policies, answer.item)
                continue
        found += _pairs(scores, policies, answer.item)
    return found


def win_rates(comparisons: Iterable[Comparison], *, confidence: float = 0.95) -> dict[str, WinRate]:
    """Give every policy's win rate, (wins + ties / 2) / n, over all its comparisons.

    Range [0, 1]. It depends on whom a policy met: `rankings.bradley_terry` does not.
    The interval takes comparisons as independent. No comparisons: empty.

    >>> rates = win_rates([Comparison("x", "y"), Comparison("x", "y"), Comparison("x", "y", True)])
    >>> round(rates["x"].rate, 3), rates["y"].losses, rates["y"].ties
    (0.833, 2, 1)
    """
    counts: dict[str, list[int]] = {}
    for one in comparisons:
        first = counts.setdefault(one.better, [0, 0, 0])
        second = counts.setdefault(one.worse, [0, 0, 0])
        first[1 if one.tie else 0] += 1
        second[1 if one.tie else 2] += 1
    found = {}
    for policy, (wins, ties, losses) in sorted(counts.items()):
        score, n = wins + ties / 2, wins + ties + losses
        interval = wilson(score, n, confidence=confidence)
        if interval is not None:
            found[policy] = WinRate(policy, wins, ties, losses, score / n, interval)
    return found


def head_to_head(
    comparisons: Iterable[Comparison], *, confidence: float = 0.95
) -> dict[tuple[str, str], WinRate]:
    """Give the first policy's win rate against the second, for both orders of each pair met.

    >>> head_to_head([Comparison("x", "y")])["y", "x"].rate
    0.0
    """
    met: dict[tuple[str, str], list[Comparison]] = {}
    for one in comparisons:
        a, b = sorted((one.better, one.worse))
        met.setdefault((a, b), []).append(one)
    found = {}
    for (a, b), group in sorted(met.items()):
        rates = win_rates(group, confidence=confidence)
        found[a, b], found[b, a] = rates[a], rates[b]
    return found


def strong_components(comparisons: Iterable[Comparison]) -> tuple[tuple[str, ...], ...]:
    """Group policies that reach each other over wins and ties, both ways.

    More than one group: there is no common scale. Sorted by name.

    >>> strong_components([Comparison("x", "y"), Comparison("y", "z", tie=True)])
    (('x',), ('y', 'z'))
    """
    beats: dict[str, set[str]] = {}
    for one in comparisons:
        beats.setdefault(one.better, set()).add(one.worse)
        if one.tie:
            beats.setdefault(one.worse, set()).add(one.better)
        beats.setdefault(one.worse, set())
    reach = {policy: _reached(policy, beats) for policy in beats}
    groups = {tuple(sorted(q for q in reach[p] if p in reach[q])) for p in beats}
    return tuple(sorted(groups))


def _reached(start: str, beats: Mapping[str, set[str]]) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        for policy in beats[todo.pop()] - seen:
            seen.add(policy)
            todo.append(policy)
    return seen


def _over(
    better: str, others: Iterable[str], policies: Mapping[str, str], item: str
) -> list[Comparison]:
    winner = policies.get(better)
    losers = [policies.get(one) for one in others if one != better]
    if winner is None:
        return []
    return [
        Comparison(winner, loser, cluster=item)
        for loser in losers
        if loser is not None and loser != winner
    ]


def _pairs(scores: Mapping[str, int], policies: Mapping[str, str], item: str) -> list[Comparison]:
    """Compare every pair; the lower score is the better."""
    found = []
    for a, b in combinations(sorted(scores), 2):
        if a not in policies or b not in policies or policies[a] == policies[b]:
            continue
        first, second = (a, b) if scores[a] <= scores[b] else (b, a)
        tie = scores[a] == scores[b]
        found.append(Comparison(policies[first], policies[second], tie, item))
    return found
