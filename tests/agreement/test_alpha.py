"""Krippendorff's alpha: published values, the definition as an oracle, invariances."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.agreement import alpha as alpha_module
from labeling.agreement import distances
from labeling.agreement.alpha import Level, alpha
from labeling.agreement.bootstrap import alpha_interval
from labeling.agreement.ratings import BadRatings, Rating, from_rows

tables = st.lists(
    st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=3, max_size=3),
    min_size=1,
    max_size=8,
)


def coincidence_alpha(rows: list[list[Any]], level: Level) -> float | None:
    """Compute alpha as Krippendorff (2011) writes it, cell by cell."""
    coincidences: Counter[tuple[Any, Any]] = Counter()
    for row in rows:
        values = [value for value in row if value is not None]
        for i, j in permutations(range(len(values)), 2):
            coincidences[values[i], values[j]] += 1 / (len(values) - 1)  # type: ignore[assignment]
    margins: Counter[Any] = Counter()
    for (c, _), count in coincidences.items():
        margins[c] += count
    n = sum(margins.values())

    def delta(c: Any, k: Any) -> float:
        if c == k:
            return 0
        if level is Level.NOMINAL:
            return 1
        if level is Level.INTERVAL:
            return float((c - k) ** 2)
        if level is Level.RATIO:
            return float(((c - k) / (c + k)) ** 2)
        low, high = min(c, k), max(c, k)
        between = sum(margins[g] for g in margins if low <= g <= high)
        return float((between - (margins[c] + margins[k]) / 2) ** 2)

    observed = sum(count * delta(c, k) for (c, k), count in coincidences.items())
    expected = sum(margins[c] * margins[k] * delta(c, k) for c in margins for k in margins)
    return None if expected == 0 else 1 - (n - 1) * observed / expected


@pytest.mark.parametrize(
    ("level", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_krippendorff_c_data(worked: Any, level: str, published: float) -> None:
    ratings = from_rows(worked["krippendorff_C"]["units_x_raters"])
    assert alpha(ratings, level=Level(level)) == pytest.approx(published, abs=0.0005)


def test_hayes_and_krippendorff_2007(worked: Any) -> None:
    example = worked["hayes_krippendorff_2007"]
    ratings = from_rows(example["units_x_raters"])
    for level, value in example["recomputed_krippendorff_0.9.0"].items():
        assert alpha(ratings, level=Level(level)) == pytest.approx(value, abs=0.00005)


def test_wikipedia_example_with_most_values_missing(worked: Any) -> None:
    example = worked["wikipedia_krippendorff"]
    raters = [
        [None if cell == "*" else int(cell) for cell in row.split()]
        for row in example["raters_x_units"]
    ]
    ratings = from_rows(zip(*raters, strict=True))
    for level, value in example["published"].items():
        assert alpha(ratings, level=Level(level)) == pytest.approx(value, abs=0.0005)


def test_pandalm_and_fleiss_alpha(worked: Any, pandalm_ratings: list[Rating]) -> None:
    assert alpha(pandalm_ratings) == pytest.approx(0.8642, abs=0.0001)
    fleiss = from_rows(worked["fleiss_1971"]["units_x_raters"])
    assert alpha(fleiss) == pytest.approx(0.43341, abs=0.00001)


@given(rows=tables, level=st.sampled_from(Level))
def test_alpha_equals_the_coincidence_definition(rows: list[list[Any]], level: Level) -> None:
    expected = coincidence_alpha(rows, level)
    assert alpha(from_rows(rows), level=level) == (
        None if expected is None else pytest.approx(expected, abs=1e-9)
    )


@given(rows=tables, level=st.sampled_from(Level), seed=st.integers(0, 99))
def test_alpha_ignores_the_order_and_names_of_units_and_annotators(
    rows: list[list[Any]], level: Level, seed: int
) -> None:
    ratings = from_rows(rows)
    shuffled = [Rating("u" + r.unit, str(9 - int(r.annotator)), r.value) for r in ratings]
    Random(seed).shuffle(shuffled)
    before, after = alpha(ratings, level=level), alpha(shuffled, level=level)
    assert after == (None if before is None else pytest.approx(before, abs=1e-9))


@given(rows=tables)
def test_distance_callable_gives_the_level_it_imitates(rows: list[list[Any]]) -> None:
    ratings = from_rows(rows)
    pairs: list[tuple[Level, Callable[[Any, Any], float]]] = [
        (Level.NOMINAL, distances.nominal),
        (Level.INTERVAL, lambda a, b: float((a - b) ** 2)),
        (Level.RATIO, distances.ratio),
    ]
    for level, distance in pairs:
        value = alpha(ratings, level=level)
        by_distance = alpha(ratings, distance=distance)
        assert by_distance == (None if value is None else pytest.approx(value, abs=1e-9))


@given(rows=tables)
def test_ordinal_alpha_depends_on_order_only(rows: list[list[Any]]) -> None:
    stretched = [[None if v is None else 10**v for v in row] for row in rows]
    value = alpha(from_rows(rows), level=Level.ORDINAL)
    assert alpha(from_rows(stretched), level=Level.ORDINAL) == (
        None if value is None else pytest.approx(value, abs=1e-9)
    )


@pytest.mark.parametrize("rows", [[], [["a", None]], [["a", "a"], ["a", "a"]]])
def test_alpha_is_none_without_pairs_or_variation(rows: list[list[Any]]) -> None:
    assert alpha(from_rows(rows)) is None
    assert alpha_interval(from_rows(rows), n_resamples=10) is None


def test_equal_fractions_are_no_variation() -> None:
    assert alpha(from_rows([[0.1, 0.1, 0.1]] * 3), level=Level.INTERVAL) is None


def test_systematic_disagreement_is_below_zero() -> None:
    value = alpha(from_rows([["a", "b"], ["b", "a"], ["a", "b"]]))
    assert value is not None
    assert value < 0


def test_singly_rated_units_change_nothing() -> None:
    rows = [["a", "a"], ["b", "b"], ["a", "b"]]
    assert alpha(from_rows([*rows, ["c", None], ["c", None]])) == alpha(from_rows(rows))


def test_a_later_rating_by_the_same_annotator_replaces_the_earlier() -> None:
    rows = from_rows([["a", "a"], ["b", "b"]])
    assert alpha([Rating("0", "0", "b"), *rows]) == 1.0


def test_strata_keep_chance_within_groups() -> None:
    ratings = from_rows([["a", "a"], ["a", "b"], ["x", "x"], ["x", "y"]])
    strata = {"0": 1, "1": 1, "2": 2, "3": 2}
    pooled, apart = alpha(ratings), alpha(ratings, strata=strata)
    assert apart == pytest.approx(0.0)
    assert pooled is not None
    assert pooled > 0.2


def test_levels_refuse_values_they_cannot_read() -> None:
    with pytest.raises(BadRatings):
        alpha(from_rows([["a", "b"]]), level=Level.INTERVAL)
    with pytest.raises(BadRatings):
        alpha(from_rows([["a", 1]]), level=Level.ORDINAL)
    with pytest.raises(BadRatings):
        alpha(from_rows([[-1, 1]]), level=Level.RATIO)


def test_level_may_be_plain_text_but_not_any_text() -> None:
    ratings = from_rows([[1, 2], [2, 2], [9, 9]])
    for level in Level:
        assert alpha(ratings, level=level.value) == alpha(ratings, level=level)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cardinal"):
        alpha(ratings, level="cardinal")  # type: ignore[arg-type]


def test_sampled_chance_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(4)
    rows = [[base, base + rng.randrange(9)] for base in (rng.randrange(200) for _ in range(300))]
    ratings = from_rows(rows)
    exact = alpha(ratings, level=Level.RATIO)
    monkeypatch.setattr(alpha_module, "MAX_PAIRS", 10_000)
    estimate = alpha(ratings, level=Level.RATIO)
    rng.shuffle(ratings)
    assert estimate == pytest.approx(exact, abs=0.02)
    assert alpha(ratings, level=Level.RATIO) == pytest.approx(estimate)


def test_interval_is_reproducible_and_holds_alpha(pandalm_ratings: list[Rating]) -> None:
    first = alpha_interval(pandalm_ratings, n_resamples=300, seed=7)
    again = alpha_interval(list(reversed(pandalm_ratings)), n_resamples=300, seed=7)
    assert first == again
    assert first is not None
    assert 0.83 < first.low < 0.8642 < first.high < 0.90


@pytest.mark.parametrize("level", list(Level))
def test_interval_exists_at_every_level(worked: Any, level: Level) -> None:
    ratings = from_rows(worked["hayes_krippendorff_2007"]["units_x_raters"])
    value = alpha(ratings, level=level)
    interval = alpha_interval(ratings, level=level, n_resamples=200, seed=1)
    assert interval is not None
    assert value is not None
    assert interval.low < value < interval.high


@pytest.mark.parametrize("level", list(Level))
def test_a_hundred_thousand_ratings_are_quick(level: Level) -> None:
    rng = Random(1)
    ratings = [Rating(str(i // 4), str(i % 4), rng.randrange(100)) for i in range(100_000)]
    begun = time.process_time()
    alpha(ratings, level=level)
    assert time.process_time() - begun < 5
