"""Kappas, percent agreement and the annotator matrix against published tables."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.agreement.kappa import (
    Weights,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    kappa_of_table,
    percent_agreement,
)
from labeling.agreement.pairwise import agreement_matrix, agreement_with_others
from labeling.agreement.ratings import BadRatings, Rating, from_rows


def test_sas_table_plain_and_weighted(worked: Any) -> None:
    example = worked["sas_cohen"]
    table = {(i, j): n for i, row in enumerate(example["table"]) for j, n in enumerate(row)}
    published = example["published"]
    assert kappa_of_table(table) == pytest.approx(published["kappa"], abs=0.00005)
    linear = kappa_of_table(table, weights=Weights.LINEAR, order=[0, 1, 2])
    assert linear == pytest.approx(published["weighted_kappa_0_1_2"], abs=0.00005)


@pytest.mark.parametrize(("a", "b", "published"), [(1, 2, 0.85), (1, 3, 0.88), (2, 3, 0.86)])
def test_pandalm_cohen(pandalm: Any, a: int, b: int, published: float) -> None:
    first, second = ([row[f"annotator{i}"] for row in pandalm] for i in (a, b))
    assert cohen_kappa(first, second) == pytest.approx(published, abs=0.005)


def test_fleiss_1971(worked: Any) -> None:
    example = worked["fleiss_1971"]
    ratings = from_rows(example["units_x_raters"])
    assert fleiss_kappa(ratings) == pytest.approx(0.430245, abs=1e-6)
    assert percent_agreement(ratings) == pytest.approx(0.5556, abs=0.00005)


def test_wikipedia_fleiss(worked: Any) -> None:
    rows = [
        [category for category, n in enumerate(counts) for _ in range(n)]
        for counts in worked["wikipedia_fleiss"]["counts"]
    ]
    assert fleiss_kappa(from_rows(rows)) == pytest.approx(0.209931, abs=1e-6)


def test_missing_values_as_gwet_counts_them(worked: Any) -> None:
    example = worked["krippendorff_C"]
    ratings = from_rows(example["units_x_raters"])
    assert percent_agreement(ratings) == pytest.approx(0.8181818, abs=1e-6)
    assert fleiss_kappa(ratings) == pytest.approx(0.76117, abs=1e-5)
    assert gwet_ac1(ratings) == pytest.approx(0.77544, abs=1e-5)


def test_pandalm_fleiss(pandalm_ratings: list[Rating]) -> None:
    assert fleiss_kappa(pandalm_ratings) == pytest.approx(0.864175, abs=1e-6)


def test_undefined_kappas_are_none() -> None:
    assert cohen_kappa([], []) is None
    assert cohen_kappa(["y", "y"], ["y", "y"]) is None
    assert cohen_kappa([None, "y"], ["n", None]) is None
    assert fleiss_kappa([]) is None
    assert fleiss_kappa(from_rows([["y", "y"]])) is None
    assert percent_agreement(from_rows([["y", None]])) is None


def test_kappa_refuses_unequal_lengths_and_unknown_categories() -> None:
    with pytest.raises(BadRatings):
        cohen_kappa(["y"], [])
    with pytest.raises(BadRatings):
        cohen_kappa(["y"], ["n"], weights=Weights.LINEAR, order=["y"])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_cohen_is_symmetric(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    for weights in Weights:
        there = cohen_kappa(first, second, weights=weights)
        back = cohen_kappa(second, first, weights=weights)
        assert back == (None if there is None else pytest.approx(there))


def test_matrix_holds_the_published_pairs(pandalm_ratings: list[Rating]) -> None:
    shuffled = list(pandalm_ratings)
    Random(3).shuffle(shuffled)
    matrix = agreement_matrix(shuffled)
    assert matrix == agreement_matrix(pandalm_ratings)
    assert matrix.annotators == ("1", "2", "3")
    assert matrix.n == ((999,) * 3,) * 3
    assert matrix.kappa[0][0] is None
    assert matrix.kappa[0][1:] == pytest.approx((0.852, 0.8789), abs=5e-5)
    assert matrix.kappa[2][1] == matrix.kappa[1][2] == pytest.approx(0.8617, abs=5e-5)


def test_matrix_leaves_strangers_blank() -> None:
    ratings = [
        Rating("u", "ann", 1), Rating("u", "ben", 1), Rating("v", "cat", 1), Rating("v", "dan", 2)
    ]  # fmt: skip
    matrix = agreement_matrix(ratings)
    assert matrix.percent[0] == (None, 1.0, None, None)
    assert matrix.n[0] == (1, 1, 0, 0)
    assert agreement_matrix(ratings, min_shared=2).percent[0][1] is None


def test_the_one_who_answers_at_random_is_listed_first() -> None:
    rng = Random(5)
    truth = [rng.choice("xy") for _ in range(100)]
    rows = [[t, t, t if rng.random() < 0.9 else "x", rng.choice("xy")] for t in truth]
    assert agreement_with_others(from_rows(rows))[0].annotator == "3"
