"""Votes, Dawid–Skene, rankings and the consensus of a question."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.agreement.answers import Answer, BadAnswer, Order
from labeling.agreement.consensus import labels_consensus, question_consensus, rating_consensus
from labeling.agreement.dawid_skene import dawid_skene
from labeling.agreement.distances import kemeny
from labeling.agreement.majority import TiePolicy, accuracy, majority, majority_by_unit
from labeling.agreement.orders import (
    OrderMethod,
    agreement_with_orders,
    combine_orders,
)
from labeling.agreement.ratings import BadRatings, Rating

Crowd = tuple[list[Rating], dict[str, str]]
SHOWN = {"A": "c1", "B": "c2"}
SWAPPED = {"A": "c2", "B": "c1"}


def order_of(*groups: str) -> Order:
    return tuple(frozenset(group) for group in groups)


def test_pandalm_majority_counts(pandalm_ratings: list[Rating]) -> None:
    votes = majority_by_unit(pandalm_ratings)
    assert all(not vote.tied for vote in votes.values() if vote.confidence > 0.5)
    counts = Counter(vote.value for vote in votes.values())
    assert (counts[0], counts[1], counts[2]) == (105, 422, 472)


@pytest.mark.parametrize(
    ("policy", "published"), [(TiePolicy.SPLIT, 0.897), (TiePolicy.FIRST, 0.875)]
)
def test_rte_majority_depends_on_the_tie_policy(
    rte: Crowd, policy: TiePolicy, published: float
) -> None:
    ratings, truth = rte
    votes = majority_by_unit(ratings, tie_policy=policy, order=["1", "0"])
    assert accuracy(votes, truth) == pytest.approx(published, abs=0.001)


def test_bluebird_majority(bluebird: Crowd) -> None:
    ratings, truth = bluebird
    assert accuracy(majority_by_unit(ratings), truth) == pytest.approx(0.7593, abs=0.0001)


def test_dawid_skene_on_rte_and_bluebird(rte: Crowd, bluebird: Crowd) -> None:
    for (ratings, truth), published in ((rte, 0.9275), (bluebird, 0.8889)):
        model = dawid_skene(ratings)
        assert model is not None
        assert model.converged
        votes = {unit: model.vote(unit) for unit in model.posteriors}
        assert accuracy(votes, truth) == pytest.approx(published, abs=0.01)


def test_dawid_skene_1979_prevalences(anesthesia: list[Rating]) -> None:
    model = dawid_skene(anesthesia)
    assert model is not None
    found = [model.prevalences[one] for one in "1234"]
    assert found == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    for table in model.confusion.values():
        for row in table.values():
            assert sum(row.values()) == pytest.approx(1)


def test_dawid_skene_ignores_the_order_of_ratings(anesthesia: list[Rating]) -> None:
    shuffled = list(anesthesia)
    Random(2).shuffle(shuffled)
    one, other = dawid_skene(anesthesia), dawid_skene(shuffled)
    assert one is not None
    assert other is not None
    for unit, beliefs in one.posteriors.items():
        assert other.posteriors[unit] == pytest.approx(beliefs, abs=1e-6)


def test_dawid_skene_sees_through_a_liar() -> None:
    rng = Random(8)
    truth = {str(i): rng.choice("xy") for i in range(200)}
    flip = {"x": "y", "y": "x"}
    ratings = [
        Rating(unit, name, flip[value] if rng.random() < wrong else value)
        for unit, value in truth.items()
        for name, wrong in (("ann", 0.1), ("ben", 0.15), ("cat", 0.2), ("liar", 0.95))
    ]
    model = dawid_skene(ratings)
    assert model is not None
    assert model.reliability("liar") < 0.15
    assert model.reliability("ann") > 0.85
    votes = {unit: model.vote(unit) for unit in truth}
    by_majority = accuracy(majority_by_unit(ratings, tie_policy=TiePolicy.SPLIT), truth)
    by_model = accuracy(votes, truth)
    assert by_majority is not None
    assert by_model is not None
    assert by_model > by_majority


def test_dawid_skene_limits() -> None:
    assert dawid_skene([]) is None
    assert dawid_skene([Rating("u", "ann", None)]) is None
    model = dawid_skene([Rating("u", "ann", "x")], max_iterations=0)
    assert model is not None
    assert not model.converged
    assert model.vote("u").value == "x"


def test_ties_under_each_policy() -> None:
    none, split, first = (
        majority(["b", "a", "b", "a", "c"], tie_policy=policy, order=["c", "b", "a"])
        for policy in (TiePolicy.NONE, TiePolicy.SPLIT, TiePolicy.FIRST)
    )
    assert (none.value, none.tied, none.credit("b")) == (None, ("b", "a"), 0.0)
    assert (split.value, split.credit("b"), split.credit("c")) == (None, 0.5, 0.0)
    assert (first.value, first.confidence, first.credit("b")) == ("b", 0.4, 1.0)


def test_no_votes_is_no_consensus() -> None:
    for policy in TiePolicy:
        vote = majority([None], tie_policy=policy)
        assert (vote.value, vote.confidence, vote.n, vote.credit(None)) == (None, 0.0, 0, 0.0)


@given(st.lists(st.permutations("abcd"), min_size=1, max_size=6))
def test_kemeny_order_is_the_best_of_all(found: list[list[str]]) -> None:
    orders = [order_of(*one) for one in found]
    consensus = combine_orders(orders, method=OrderMethod.KEMENY)

    def cost(names: tuple[str, ...]) -> float:
        mine = [names.index(one) for one in "abcd"]
        return sum(kemeny(mine, [one.index(name) for name in "abcd"]) for one in found)

    best = min(cost(names) for names in permutations("abcd"))
    reached = cost(tuple(next(iter(group)) for group in consensus))
    assert reached == pytest.approx(best)
    assert agreement_with_orders(consensus, orders) == pytest.approx(1 - best / len(orders))


def test_copeland_puts_the_condorcet_winner_first_and_borda_may_not() -> None:
    orders = [order_of("a", "b", "c")] * 3 + [order_of("b", "c", "a")] * 2
    assert combine_orders(orders, method=OrderMethod.COPELAND)[0] == {"a"}
    assert combine_orders(orders, method=OrderMethod.BORDA)[0] == {"b"}


def test_a_cycle_is_a_tie() -> None:
    cycle = [order_of("a", "b", "c"), order_of("b", "c", "a"), order_of("c", "a", "b")]
    for method in (OrderMethod.BORDA, OrderMethod.COPELAND):
        assert combine_orders(cycle, method=method) == (frozenset("abc"),)


def test_rankings_of_different_candidates_are_refused() -> None:
    with pytest.raises(BadRatings):
        combine_orders([order_of("a", "b"), order_of("a", "c")])


def test_rating_median_under_each_policy() -> None:
    found = [rating_consensus([2, 5], tie_policy=p, low=1, high=5).value for p in TiePolicy]
    assert dict(zip(TiePolicy, found, strict=True)) == {"first": 2, "split": 3.5, "none": None}
    assert rating_consensus([]).n == 0
    assert rating_consensus([4, 4], tie_policy=TiePolicy.NONE).value == 4


def test_labels_half_chosen_are_tied() -> None:
    values = [frozenset("ab"), frozenset("a")]
    found = {policy: labels_consensus(values, tie_policy=policy) for policy in TiePolicy}
    assert [found[p].value for p in TiePolicy] == [["a", "b"], ["a"], None]
    assert found[TiePolicy.NONE].tied == ("b",)
    assert found[TiePolicy.NONE].confidence == 0.75
    assert labels_consensus([frozenset()]).value == []


def test_preference_consensus_speaks_of_candidate_ids() -> None:
    answers = [
        Answer("i", "ann", {"better": "A", "strength": 3}, SHOWN),
        Answer("i", "ben", {"better": "B", "strength": 2}, SWAPPED),
        Answer("i", "cat", {"better": "A", "strength": 1}, SWAPPED),
    ]
    found = question_consensus({"type": "preference"}, answers)
    assert found.value == {"better": "c1", "strength": 2}
    assert found.confidence == pytest.approx(2 / 3)
    even = question_consensus({"type": "preference"}, answers[1:])
    assert (even.value, len(even.tied)) == (None, 2)
    first = question_consensus({"type": "preference"}, answers[1:], tie_policy=TiePolicy.FIRST)
    assert first.value == {"better": "c1", "strength": 2}


def test_neither_keeps_which_was_less_bad() -> None:
    answers = [
        Answer("i", "ann", {"better": "neither", "leaning": "A"}, SHOWN),
        Answer("i", "ben", {"better": "neither"}, SWAPPED),
    ]
    found = question_consensus({"type": "preference"}, answers)
    assert found.value == {"better": "neither", "leaning": "c1"}


def test_ranking_consensus_is_groups_of_ids() -> None:
    answers = [
        Answer("i", "ann", [["A"], ["B"]], SHOWN),
        Answer("i", "ben", [["B"], ["A"]], SWAPPED),
        Answer("i", "cat", [["A", "B"]], SHOWN),
    ]
    found = question_consensus({"type": "ranking"}, answers)
    assert found.value == [["c1"], ["c2"]]
    assert found.confidence == pytest.approx(5 / 6)


def test_rating_per_candidate_has_a_consensus_for_each() -> None:
    question = {"type": "rating", "per": "candidate", "min": 1, "max": 5}
    answers = [
        Answer("i", "ann", {"A": 5, "B": 1}, SHOWN),
        Answer("i", "ben", {"B": 5, "A": 1}, SWAPPED),
        Answer("i", "cat", {"A": 4, "B": None}, SHOWN),
    ]
    found = question_consensus(question, answers)
    assert found.value == {"c1": 5, "c2": 1}
    assert found.n == 3
    assert found.parts["c2"].n == 2


def test_edit_and_text_take_the_words_most_people_wrote() -> None:
    answers = [
        Answer("i", "ann", {"text": "hello", "from": "A"}, SHOWN),
        Answer("i", "ben", {"text": "hello", "from": "B"}, SWAPPED),
        Answer("i", "cat", {"text": "hullo", "from": None}, SHOWN),
    ]
    found = question_consensus({"type": "edit"}, answers)
    assert found.value == {"text": "hello", "from": "c1"}
    turns = Answer("i", "ann", {"turns": ["a", "b"], "from": None}, SHOWN)
    assert question_consensus({"type": "edit"}, [turns]).value == {
        "turns": ["a", "b"],
        "from": None,
    }


def test_spans_consensus_keeps_what_most_marked() -> None:
    def span(start: int, end: int, key: str) -> dict[str, Any]:
        return {"on": f"candidate:{key}:0", "start": start, "end": end, "label": "error"}

    answers = [
        Answer("i", "ann", [span(0, 4, "A")], SHOWN),
        Answer("i", "ben", [span(2, 6, "B")], SWAPPED),
        Answer("i", "cat", [], SHOWN),
    ]
    found = question_consensus({"type": "spans"}, answers)
    assert found.value == [{"on": "candidate:c1:0", "start": 2, "end": 4, "label": "error"}]


@pytest.mark.parametrize(
    "kind", ["text", "edit", "label", "labels", "rating", "preference", "ranking", "spans"]
)
def test_no_answers_give_no_consensus(kind: str) -> None:
    for question in ({"type": kind}, {"type": kind, "per": "candidate"}):
        for answers in ([], [Answer("i", "ann", None, SHOWN)]):
            found = question_consensus(question, answers)
            assert (found.value, found.confidence, found.n) == (None, 0.0, 0)


def test_answers_to_two_items_are_refused() -> None:
    with pytest.raises(BadAnswer):
        question_consensus({"type": "label"}, [Answer("i", "a", "x"), Answer("j", "a", "x")])
