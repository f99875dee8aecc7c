"""Bradley–Terry, ties, connectedness, win rates and their intervals."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random
from typing import Any

import pytest

from labeling.agreement.answers import Answer, BadAnswer
from labeling.agreement.comparisons import Comparison, comparisons_for, head_to_head, win_rates
from labeling.agreement.intervals import wilson
from labeling.agreement.linear import inverse, times
from labeling.agreement.rankings import TieModel, bradley_terry
from labeling.agreement.ratings import BadRatings

# Agresti, Categorical Data Analysis: American League baseball 1987, wins of row over column.
TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
WINS = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]


def baseball() -> list[Comparison]:
    return [
        Comparison(TEAMS[i], TEAMS[j])
        for i, row in enumerate(WINS)
        for j, n in enumerate(row)
        for _ in range(n)
    ]


def test_agresti_baseball_strengths() -> None:
    model = bradley_terry(baseball())
    place = {one.policy: one.log_strength for one in model.strengths}
    published = [1.581, 1.436, 1.294, 1.248, 1.108, 0.684, 0]
    found = [place[team] - place["Baltimore"] for team in TEAMS]
    assert found == pytest.approx(published, abs=0.001)
    assert model.connected
    assert model.tie is None


def simulated(seed: int, n: int) -> tuple[list[Comparison], dict[str, float], float]:
    rng = Random(seed)
    truth, tie = {"a": 0.8, "b": 0.0, "c": -0.8}, 0.7
    found = []
    for _ in range(n):
        x, y = rng.sample(sorted(truth), 2)
        weights = [exp(truth[x]), exp(truth[y]), tie * exp((truth[x] + truth[y]) / 2)]
        outcome = rng.choices(range(3), weights)[0]
        found.append(Comparison(*((x, y) if outcome != 1 else (y, x)), tie=outcome == 2))
    return found, truth, tie


def test_davidson_recovers_strengths_and_ties() -> None:
    games, truth, tie = simulated(1, 6000)
    model = bradley_terry(games)
    assert model.tie == pytest.approx(tie, abs=0.07)
    for one in model.strengths:
        assert one.log_strength == pytest.approx(truth[one.policy], abs=0.1)
        assert one.interval.low < one.log_strength < one.interval.high
    assert [one.policy for one in model.strengths] == ["a", "b", "c"]
    assert sum(model.probabilities("a", "b")) == pytest.approx(1)


def test_intervals_cover_as_often_as_they_say() -> None:
    covered = total = 0
    for seed in range(60):
        games, truth, _ = simulated(seed, 150)
        for one in bradley_terry(games).strengths:
            covered += one.interval.low <= truth[one.policy] <= one.interval.high
            total += 1
    assert 0.89 < covered / total < 0.99


def test_likelihood_is_at_its_maximum() -> None:
    games, _, _ = simulated(3, 80)
    model = bradley_terry(games)
    place = {one.policy: one.log_strength for one in model.strengths}
    assert model.tie is not None

    def likelihood(strengths: dict[str, float], tie: float) -> float:
        total = 0.0
        for game in games:
            x, y = strengths[game.better], strengths[game.worse]
            level = tie * exp((x + y) / 2)
            total += log((level if game.tie else exp(x)) / (exp(x) + exp(y) + level))
        return total

    best = likelihood(place, model.tie)
    assert best == pytest.approx(model.log_likelihood)
    for name in place:
        for step in (-0.01, 0.01):
            assert likelihood({**place, name: place[name] + step}, model.tie) < best
    assert likelihood(place, model.tie * 1.01) < best
    assert likelihood(place, model.tie / 1.01) < best


def test_two_policies_have_the_closed_form_error() -> None:
    model = bradley_terry([Comparison("x", "y")] * 30 + [Comparison("y", "x")] * 10)
    best = model.strengths[0]
    assert 2 * best.log_strength == pytest.approx(log(3))
    width = (best.interval.high - best.interval.low) / 2 / 1.959964
    assert 2 * width == pytest.approx(sqrt(1 / 30 + 1 / 10), abs=1e-6)


def test_repeating_judgments_of_an_item_does_not_narrow_clustered_intervals() -> None:
    games, _, _ = simulated(6, 200)
    once = [Comparison(g.better, g.worse, g.tie, str(i)) for i, g in enumerate(games)]
    one, thrice = bradley_terry(once), bradley_terry(once * 3)
    plain = bradley_terry(games * 3)
    widths = [
        m.strengths[0].interval.high - m.strengths[0].interval.low for m in (one, thrice, plain)
    ]
    assert widths[1] == pytest.approx(widths[0], rel=1e-6)
    assert widths[2] < 0.7 * widths[1]


def test_policies_on_no_common_scale_are_reported() -> None:
    apart = bradley_terry([Comparison("a", "b", True), Comparison("c", "d", True)])
    assert not apart.connected
    assert apart.groups == (("a", "b"), ("c", "d"))
    assert apart.strengths == ()
    unbeaten = [Comparison("a", "b"), Comparison("b", "c"), Comparison("c", "b")]
    assert bradley_terry(unbeaten).groups == (("a",), ("b", "c"))
    with_prior = bradley_terry(unbeaten, ridge=0.1)
    assert with_prior.strengths[0].policy == "a"
    assert not with_prior.connected


@pytest.mark.parametrize(
    "games",
    [
        [Comparison("x", "y", True)] * 3,
        [Comparison("x", "y")] * 3 + [Comparison("x", "y", True)] * 2,
    ],
)
def test_ties_without_an_estimate_become_half_wins(games: list[Comparison]) -> None:
    model = bradley_terry(games)
    assert model.connected
    assert model.tie is None
    assert model == bradley_terry(games, ties=TieModel.HALF)


def test_ridge_alone_makes_ties_estimable() -> None:
    games = [Comparison("x", "y")] * 3 + [Comparison("x", "y", True)] * 2
    model = bradley_terry(games, ridge=0.5)
    assert model.tie is not None
    assert model.strengths[0].policy == "x"


def test_strengths_ignore_order_and_names() -> None:
    games, _, _ = simulated(9, 100)
    swap = {"a": "z", "b": "y", "c": "x"}
    renamed = [Comparison(swap[g.better], swap[g.worse], g.tie) for g in games]
    Random(1).shuffle(renamed)
    before = [one.log_strength for one in bradley_terry(games).strengths]
    after = [one.log_strength for one in bradley_terry(renamed).strengths]
    assert after == pytest.approx(before)


def test_empty_and_self_comparisons() -> None:
    assert bradley_terry([]).strengths == ()
    assert win_rates([]) == {}
    with pytest.raises(BadRatings):
        Comparison("x", "x")


def test_answers_become_comparisons_of_policies() -> None:
    shown = {"A": "1", "B": "2", "C": "3"}
    policies = {"1": "cool", "2": "warm", "3": "warm"}
    answers = [
        Answer("i", "ann", [["B"], ["A", "C"]], shown),
        Answer("j", "ann", [["A"], ["B"], ["C"]], shown),
    ]
    found = comparisons_for({"type": "ranking"}, answers, policies)
    assert found == [
        Comparison("warm", "cool", cluster="i"),
        Comparison("cool", "warm", True, "i"),
        Comparison("cool", "warm", cluster="j"),
        Comparison("cool", "warm", cluster="j"),
    ]
    rates = win_rates(found)
    assert (rates["cool"].wins, rates["cool"].ties, rates["cool"].losses) == (2, 1, 1)
    assert head_to_head(found)["cool", "warm"].rate == 0.625


def test_neither_levels_or_is_left_out() -> None:
    answer = Answer("i", "ann", {"better": "neither"}, {"A": "1", "B": "2"})
    policies = {"1": "cool", "2": "warm"}
    question = {"type": "preference"}
    assert comparisons_for(question, [answer], policies)[0].tie
    assert comparisons_for(question, [answer], policies, count_neither=False) == []
    with pytest.raises(BadAnswer):
        comparisons_for({"type": "label"}, [answer], policies)


def test_ratings_of_candidates_compare_them() -> None:
    question = {"type": "rating", "per": "candidate"}
    answer = Answer("i", "ann", {"A": 2, "B": 5}, {"A": "1", "B": "2"})
    assert comparisons_for(question, [answer], {"1": "cool", "2": "warm"}) == [
        Comparison("warm", "cool", cluster="i")
    ]


def test_pandalm_pairs_rank_models(pandalm: Any) -> None:
    games = []
    for row in pandalm:
        first, second = row["cmp_key"].split("_", 1)
        for i in (1, 2, 3):
            judged = row[f"annotator{i}"]
            pair = (first, second) if judged != 2 else (second, first)
            games.append(Comparison(*pair, tie=judged == 0, cluster=str(row["idx"])))
    model = bradley_terry(games)
    assert model.connected
    assert model.tie is not None
    assert sum(one.log_strength for one in model.strengths) == pytest.approx(0, abs=1e-9)
    assert {one.policy for one in model.strengths} == set(win_rates(games))


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    # Newcombe (1998), table I, method 3 (score without continuity correction).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_newcombe_published(wins: int, n: int, low: float, high: float) -> None:
    interval = wilson(wins, n)
    assert interval is not None
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=5e-5)


def test_inverse_needs_a_pivot() -> None:
    matrix = [[0.0, 2.0, 1.0], [1.0, 0.0, 0.0], [3.0, 1.0, 4.0]]
    vector = [1.0, -2.0, 0.5]
    assert times(inverse(matrix), times(matrix, vector)) == pytest.approx(vector)
