"""From submitted values to a question's agreement: keys, types, missing values."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.agreement.answers import Answer, BadAnswer
from labeling.agreement.consensus import question_consensus
from labeling.agreement.from_values import ratings_for, strength_ratings
from labeling.agreement.question import question_agreement

PREFERENCE = {"name": "better", "type": "preference", "per": "task", "steps": 3}
IDS = ("c1", "c2", "c3")


def rekey(value: Any, old: dict[str, str], new: dict[str, str]) -> Any:
    """Say the same with other keys: every key of `old` becomes the one `new` gives its id."""
    key_of = {candidate: key for key, candidate in new.items()}
    if isinstance(value, dict):
        return {rekey(k, old, new): rekey(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [rekey(one, old, new) for one in value]
    if isinstance(value, str) and value.startswith("candidate:"):
        _, key, turn = value.split(":")
        return f"candidate:{key_of[old[key]]}:{turn}"
    return key_of[old[value]] if isinstance(value, str) and value in old else value


def values_of(kind: str, rng: Random) -> Any:
    keys = ["A", "B", "C"]
    rng.shuffle(keys)
    span = {"on": f"candidate:{keys[0]}:0", "start": 1, "end": 5, "label": "error"}
    return {
        "preference": {"better": keys[0], "strength": rng.randint(1, 3)},
        "ranking": [[keys[0]], sorted(keys[1:])],
        "rating": {key: rng.randint(1, 5) for key in keys},
        "spans": [span, {**span, "on": "message:0"}],
        "edit": {"text": "words", "from": keys[0]},
    }[kind]


@given(
    kind=st.sampled_from(["preference", "ranking", "rating", "spans", "edit"]),
    first=st.permutations(IDS),
    second=st.permutations(IDS),
    seed=st.integers(0, 999),
)
def test_the_order_candidates_were_shown_in_changes_nothing(
    kind: str, first: list[str], second: list[str], seed: int
) -> None:
    question = {"type": kind, "per": "candidate" if kind == "rating" else "task"}
    old, new = (dict(zip("ABC", ids, strict=True)) for ids in (first, second))
    value = values_of(kind, Random(seed))
    one = Answer("i", "ann", value, old)
    other = Answer("i", "ann", rekey(value, old, new), new)
    by_unit = [{r.unit: r.value for r in ratings_for(question, [a])} for a in (one, other)]
    assert by_unit[0] == by_unit[1]
    assert question_consensus(question, [one]) == question_consensus(question, [other])


def pandalm_answers(pandalm: Any, rng: Random) -> list[Answer]:
    """Judge as the three did, each with an order of their own."""
    answers = []
    for row in pandalm:
        ids = [f"{row['idx']}-1", f"{row['idx']}-2"]
        for i in (1, 2, 3):
            shown = dict(zip("AB", rng.sample(ids, 2), strict=True))
            key_of = {candidate: key for key, candidate in shown.items()}
            judged = row[f"annotator{i}"]
            value: dict[str, Any] = {"better": "tie"}
            if judged:
                value = {"better": key_of[ids[judged - 1]], "strength": 1}
            answers.append(Answer(str(row["idx"]), f"p{i}", value, shown))
    return answers


def test_pandalm_through_shuffled_keys(pandalm: Any) -> None:
    found = question_agreement(PREFERENCE, pandalm_answers(pandalm, Random(1)), n_resamples=50)
    assert found.alpha == pytest.approx(0.8642, abs=0.0001)
    assert (found.n_units, found.n_ratings, found.n_annotators) == (999, 2997, 3)
    assert found.extras["fleiss_kappa"] == pytest.approx(0.864175, abs=1e-6)
    assert found.interval is not None
    assert json.loads(json.dumps(found.as_dict()))["level"] == "nominal"


def test_strength_is_signed_and_neither_is_off_the_line() -> None:
    shown, swapped = {"A": "c1", "B": "c2"}, {"A": "c2", "B": "c1"}
    answers = [
        Answer("i", "ann", {"better": "A", "strength": 3}, shown),
        Answer("i", "ben", {"better": "A", "strength": 1}, swapped),
        Answer("i", "cat", {"better": "tie"}, shown),
        Answer("i", "dan", {"better": "neither", "leaning": "A"}, shown),
    ]
    assert [r.value for r in strength_ratings(PREFERENCE, answers)] == [-3, 1, 0]
    assert [r.value for r in ratings_for(PREFERENCE, answers)] == ["#1", "#2", "tie", "neither"]


def test_rating_per_candidate_has_a_unit_per_candidate() -> None:
    question = {"type": "rating", "per": "candidate", "min": 1, "max": 5}
    answers = [
        Answer("i", "ann", {"A": 1, "B": 5}, {"A": "c1", "B": "c2"}),
        Answer("i", "ben", {"A": 5, "B": 1}, {"A": "c2", "B": "c1"}),
    ]
    found = question_agreement(question, answers)
    assert (found.alpha, found.level, found.n_units) == (1.0, "ordinal", 2)
    assert found.extras["interval_alpha"] == 1.0


def test_same_labels_on_items_with_different_candidates_is_not_beyond_chance() -> None:
    # Everybody flips a coin. Ids never coincide across items, places do.
    rng = Random(11)
    answers = [
        Answer(
            str(i), who, {"better": rng.choice("AB"), "strength": 1}, {"A": f"{i}a", "B": f"{i}b"}
        )
        for i in range(400)
        for who in ("ann", "ben")
    ]
    found = question_agreement(PREFERENCE, answers)
    assert found.alpha == pytest.approx(0, abs=0.12)


def test_rankings_of_two_and_three_candidates_are_compared_among_themselves() -> None:
    two, three = {"A": "1", "B": "2"}, {"A": "1", "B": "2", "C": "3"}
    answers = [
        Answer("i", "ann", [["A"], ["B"]], two),
        Answer("i", "ben", [["A"], ["B"]], two),
        Answer("j", "ann", [["C"], ["B"], ["A"]], three),
        Answer("j", "ben", [["C"], ["A", "B"]], three),
        Answer("k", "ann", [["B"], ["A"]], two),
        Answer("k", "ben", [["B"], ["A"]], two),
    ]
    found = question_agreement({"type": "ranking"}, answers, n_resamples=20)
    assert found.level == "kemeny"
    assert found.alpha is not None
    assert 0.5 < found.alpha < 1
    assert found.extras["pair_percent"] == pytest.approx(4 / 5)
    assert found.extras["similarity"] == pytest.approx((1 + 5 / 6 + 1) / 3)


def test_sets_and_spans_give_partial_credit() -> None:
    labels = question_agreement(
        {"type": "labels"},
        [
            Answer("i", "ann", ["x", "y"]), Answer("i", "ben", ["x"]),
            Answer("j", "ann", ["z"]), Answer("j", "ben", ["z"]),
        ],
    )  # fmt: skip
    assert labels.level == "masi"
    assert labels.alpha is not None
    assert labels.percent == 0.5
    assert 0.5 < labels.alpha < 1
    mark = {"on": "message:0", "start": 0, "end": 4, "label": "pii"}
    spans = question_agreement(
        {"type": "spans"},
        [
            Answer("i", "ann", [mark]), Answer("i", "ben", [{**mark, "end": 3}]),
            Answer("j", "ann", []), Answer("j", "ben", []),
        ],
    )  # fmt: skip
    assert spans.level == "span_overlap"
    assert spans.alpha is not None
    assert 0.5 < spans.alpha < 1
    assert spans.extras["similarity"] == pytest.approx((6 / 7 + 1) / 2)


@pytest.mark.parametrize(("kind", "value"), [("text", "a"), ("edit", {"text": "a", "from": None})])
def test_texts_have_percent_only(kind: str, value: Any) -> None:
    found = question_agreement({"type": kind}, [Answer("i", who, value) for who in ("ann", "ben")])
    assert (found.alpha, found.percent, found.extras["undefined"]) == (None, 1.0, "not_measured")


def test_why_alpha_is_missing_is_said() -> None:
    alone = question_agreement({"type": "label"}, [Answer("i", "ann", "x")])
    assert (alone.n_units, alone.percent, alone.extras["undefined"]) == (0, None, "no_pairs")
    assert alone.extras["n_single"] == 1
    same = question_agreement({"type": "label"}, [Answer("i", a, "x") for a in ("ann", "ben")])
    assert (same.alpha, same.percent, same.extras["undefined"]) == (None, 1.0, "no_variation")
    assert question_agreement({"type": "ranking"}, []).n_ratings == 0


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("preference", {"better": "Z", "strength": 1}),
        ("preference", {"better": "A", "strength": 0}),
        ("preference", "A"),
        ("ranking", [["A"]]),
        ("ranking", [["A"], ["A", "B"]]),
        ("rating", "3"),
        ("rating", True),
        ("labels", "xy"),
        ("spans", [{"on": "candidate:Z:0", "start": 0, "end": 1, "label": "x"}]),
        ("spans", [{"on": "message:0", "start": 2, "end": 1, "label": "x"}]),
        ("edit", {"text": 3, "from": None}),
        ("nonsense", 1),
    ],
)
def test_values_of_the_wrong_shape_are_refused(kind: str, value: Any) -> None:
    with pytest.raises(BadAnswer):
        ratings_for({"type": kind}, [Answer("i", "ann", value, {"A": "c1", "B": "c2"})])


def test_results_do_not_depend_on_the_hash_seed() -> None:
    program = """
from random import Random
from labeling.agreement import alpha as module
from labeling.agreement.answers import Answer
from labeling.agreement.question import question_agreement
module.MAX_PAIRS = 200
rng = Random(1)
answers = [Answer(str(i), who, rng.sample("abcdefgh", rng.randrange(1, 5)))
           for i in range(60) for who in ("ann", "ben")]
found = question_agreement({"type": "labels"}, answers, n_resamples=20)
print(round(found.alpha, 9), round(found.interval.low, 9), round(found.interval.high, 9))
"""
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(p or "." for p in sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
