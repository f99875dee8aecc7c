"""What each format makes of an item, and why an item gives no row."""

from __future__ import annotations

import pytest

from labeling.errors import Invalid
from labeling.exchange.records import ExportOptions, ExportQuestion
from labeling.exchange.rows import Turn
from labeling.exchange.tally import REASONS, Tally
from labeling.exchange.training_sets import FORMATS, rows
from labeling.exchange.verdicts import NoUsableQuestion
from tests.exchange.cast import (
    ANSWER,
    BETTER,
    ORDER,
    QUALITY,
    SAFE,
    candidate,
    item,
    response,
    two_turn_item,
)

THREE = (candidate("c1"), candidate("c2"), candidate("c3"))


def make(format, *items, questions=(BETTER,), **options):
    tally = Tally()
    opts = ExportOptions(questions=tuple(questions), **options)
    made = [row for _, row in rows(items, opts, format=format, tally=tally)]
    assert tally.items_in == len(items) == tally.items_used + tally.dropped.total()
    assert tally.rows_out == len(made)
    assert set(tally.dropped) | set(tally.skipped) <= set(REASONS)
    assert tally.sentence().endswith(".")
    return made, tally


def said(text):
    return [{"role": "assistant", "content": text}]


def ask(name="i1"):
    return [{"role": "user", "content": f"ask {name}"}]


def test_preference_has_an_explicit_prompt():
    made, _ = make("preference", item(consensus={"better": {"better": "c2", "strength": 2}}))
    assert made == [{"prompt": ask(), "chosen": said("by c2"), "rejected": said("by c1")}]


def test_two_open_turns_prompt_ends_at_the_first_and_the_rest_is_chosen_or_rejected():
    made, _ = make("preference", two_turn_item(consensus={"better": "c1"}))
    between = {"role": "user", "content": "and then?"}
    assert made[0]["prompt"] == ask("i2")
    assert made[0]["chosen"] == [*said("a1"), between, *said("a2")]
    assert made[0]["rejected"] == [*said("b1"), between, *said("b2")]
    made, _ = make("reward", two_turn_item(consensus={"better": {"better": "c1", "strength": 1}}))
    assert made[0]["chosen"] == [*ask("i2"), *said("a1"), between, *said("a2")]


def test_items_own_system_message_and_earlier_turns_are_in_the_prompt():
    prompt = (
        {"role": "system", "content": "Be kind.", "html": "<p>"},
        {"role": "user", "content": "a", "reasoning": None},
        {"role": "assistant", "content": "", "reasoning": "hm", "tool_calls": [{"x": 1}]},
        {"role": "tool", "content": "r", "tool_call_id": "t", "name": "n"},
        {"role": "user", "content": "b"},
    )
    made, _ = make("preference", item(prompt_messages=prompt, consensus={"better": "c1"}))
    assert made[0]["prompt"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls": [{"x": 1}], "reasoning": "hm"},
        {"role": "tool", "content": "r", "tool_call_id": "t", "name": "n"},
        {"role": "user", "content": "b"},
    ]
    made, _ = make(
        "preference",
        item(prompt_messages=prompt, consensus={"better": "c1"}),
        reasoning_key="reasoning_content",
    )
    assert made[0]["prompt"][2]["reasoning_content"] == "hm"
    assert "reasoning" not in made[0]["prompt"][2]


@pytest.mark.parametrize(
    ("made_of", "reason"),
    [
        (item(), "no_consensus"),
        (item(consensus={"better": None}), "no_consensus"),
        (item(consensus={"better": {"better": "tie"}}), "tie"),
        (item(consensus={"better": {"better": "neither", "leaning": "c1"}}), "neither"),
        (item(consensus={"better": "c9"}), "unknown_candidate"),
        (item(consensus={"better": "c1"}, candidates=(candidate("c1"),)), "too_few_candidates"),
        (item(consensus={"better": "c1"}, confidence=0.3), "low_confidence"),
        (
            item(
                consensus={"better": "c1"}, candidates=(candidate("c1", "x"), candidate("c2", "x"))
            ),
            "identical_texts",
        ),
        (
            item(
                consensus={"better": "c1"}, candidates=(candidate("c1", " "), candidate("c2", "x"))
            ),
            "empty_answer",
        ),
        (item(consensus={"better": "c1"}, following_user_turns=("more",)), "turn_mismatch"),
    ],
)
def test_item_without_a_row_is_counted_under_its_reason(made_of, reason):
    for format in ("preference", "reward"):
        made, tally = make(
            format, made_of, item("ok", consensus={"better": "c1"}), min_confidence=0.5
        )
        assert len(made) == 1
        assert dict(tally.dropped) == {reason: 1}
        assert REASONS[reason] in tally.sentence()


def test_empty_rejected_answer_is_a_pair():
    pair = (candidate("c1", "x"), candidate("c2", ""))
    made, _ = make("preference", item(consensus={"better": "c1"}, candidates=pair))
    assert made[0]["rejected"] == said("")


def test_ranking_gives_all_ordered_pairs_or_best_against_worst():
    ranked = item(candidates=THREE, consensus={"order": [["c3"], ["c1", "c2"]]})
    made, _ = make("preference", ranked, questions=[ORDER])
    assert [(r["chosen"], r["rejected"]) for r in made] == [
        (said("by c3"), said("by c1")),
        (said("by c3"), said("by c2")),
    ]
    full = item(candidates=THREE, consensus={"order": [["c3"], ["c1"], ["c2"]]})
    assert len(make("preference", full, questions=[ORDER])[0]) == 3
    made, _ = make("preference", full, questions=[ORDER], pairs="best_worst")
    assert [(r["chosen"], r["rejected"]) for r in made] == [(said("by c3"), said("by c2"))]
    tied = item(candidates=THREE, consensus={"order": [["c1", "c2", "c3"]]})
    assert make("preference", tied, questions=[ORDER])[1].dropped == {"tie": 1}


def test_one_pair_of_equal_texts_is_skipped_and_counted():
    same = (candidate("c1", "x"), candidate("c2", "x"), candidate("c3", "y"))
    made, tally = make(
        "preference",
        item(candidates=same, consensus={"order": [["c1"], ["c2"], ["c3"]]}),
        questions=[ORDER],
    )
    assert len(made) == 2
    assert tally.skipped == {"identical_texts": 1}


def test_ratings_give_pairs_with_their_difference_as_margin():
    rated = item(candidates=THREE, consensus={"quality": {"c1": 2, "c2": 4.5, "c3": 2}})
    made, _ = make("reward", rated, questions=[QUALITY])
    assert [(r["chosen"][-1], r["margin"]) for r in made] == [(said("by c2")[0], 2.5)] * 2
    assert make("reward", rated, questions=[QUALITY], min_gap=3)[1].dropped == {"no_order": 1}


def test_margin_is_the_consensus_strength_or_the_mean_of_the_responses():
    votes = [("c1", 3), ("c1", 2), ("c2", 1), ("tie", None)]
    answers = tuple(
        response(
            f"r{n}",
            f"p{n}",
            {"better": {"better": b} if s is None else {"better": b, "strength": s}},
        )
        for n, (b, s) in enumerate(votes)
    )
    surplus = (response("r8", "p8", {"better": {"better": "c1", "strength": 3}}, surplus=True),)
    by_mean = item("m", consensus={"better": "c1"}, responses=answers + surplus)
    given = item("g", consensus={"better": {"better": "c1", "strength": 2.5}}, responses=answers)
    none = item("n", consensus={"better": "c1"})
    made, _ = make("reward", by_mean, given, none)
    assert [r["margin"] for r in made] == [1.0, 2.5, None]
    assert "prompt" not in made[0]


def test_rewards_are_implicit_prompts():
    made, _ = make("reward", item(consensus={"better": {"better": "c2", "strength": 2}}))
    assert made == [
        {"chosen": ask() + said("by c2"), "rejected": ask() + said("by c1"), "margin": 2}
    ]


def test_preference_among_three_says_one_is_better_than_each_other():
    made, _ = make("preference", item(candidates=THREE, consensus={"better": "c2"}))
    assert [r["rejected"] for r in made] == [said("by c1"), said("by c3")]


def test_question_can_be_named_and_types_are_tried_in_order():
    both = item(consensus={"better": "c1", "quality": {"c1": 1, "c2": 5}})
    made, _ = make("preference", both, questions=[QUALITY, BETTER])
    assert made[0]["chosen"] == said("by c1")
    made, _ = make("preference", both, questions=[QUALITY, BETTER], question="quality")
    assert made[0]["chosen"] == said("by c2")
    made, _ = make("kto", both, questions=[BETTER, QUALITY])
    assert [r["label"] for r in made] == [False, True]


def test_item_without_a_consensus_on_the_first_question_falls_back_except_for_margins():
    rated = item(consensus={"quality": {"c1": 1, "c2": 5}})
    made, _ = make("preference", rated, questions=[QUALITY, BETTER])
    assert made[0]["chosen"] == said("by c2")
    assert make("reward", rated, questions=[QUALITY, BETTER])[1].dropped == {"no_consensus": 1}


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "raw"])
def test_format_without_a_question_to_learn_from_is_refused(format):
    per_task = ExportQuestion("mood", "rating", min=1, max=5)
    with pytest.raises(NoUsableQuestion):
        make(format, item(), questions=[per_task])
    with pytest.raises(NoUsableQuestion):
        make(format, item(), questions=[BETTER, per_task], question="mood")


def test_unknown_format_and_options_are_named():
    with pytest.raises(Invalid, match="sft, preference"):
        make("dpo", item())
    for option in ("pairs", "sft_shape", "demonstrations"):
        with pytest.raises(Invalid) as raised:
            make("sft", item(), **{option: "some"})
        assert option in raised.value.fields


def test_sft_edited_text_wins_over_the_best_candidate():
    written = item(
        consensus={"better": "c1"},
        responses=(
            response("r2", "ann", {"answer": {"text": "mine", "from": "c1"}}),
            response("r1", "bob", {"answer": {"text": "ours", "from": None}}),
            response("r3", "cat", {"answer": {"text": "mine", "from": None}}),
            response("r4", "dan", {"answer": {"text": "extra", "from": None}}, surplus=True),
            response("r5", "eve", {}),
        ),
    )
    made, tally = make("sft", written, questions=[BETTER, ANSWER])
    assert made == [
        {"prompt": ask(), "completion": said("ours")},
        {"prompt": ask(), "completion": said("mine")},
    ]
    assert tally.skipped == {"identical_texts": 1}
    made, _ = make("sft", written, questions=[BETTER, ANSWER], demonstrations="first")
    assert [r["completion"] for r in made] == [said("ours")]
    made, _ = make("sft", written, questions=[BETTER, ANSWER], question="better")
    assert [r["completion"] for r in made] == [said("by c1")]


def test_sft_takes_the_settled_text_alone():
    settled = item(
        consensus={"answer": {"text": "ruled", "from": None}},
        responses=(response("r1", "ann", {"answer": {"text": "mine", "from": None}}),),
    )
    made, _ = make("sft", settled, questions=[ANSWER])
    assert [r["completion"] for r in made] == [said("ruled")]


def test_sft_of_two_turns_and_unchanged_turn_keeps_its_reasoning():
    source = candidate("c1")
    source = type(source)(id="c1", turns=(Turn("a", reasoning="hm"), Turn("b", reasoning="ha")))
    edited = item(
        candidates=(source,),
        following_user_turns=("go on",),
        responses=(response("r1", "ann", {"answer": {"turns": ["a", "new"], "from": "c1"}}),),
    )
    made, _ = make("sft", edited, questions=[ANSWER])
    assert made[0]["completion"] == [
        {"role": "assistant", "content": "a", "reasoning": "hm"},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": "new"},
    ]


def test_sft_best_candidate_by_ranking_and_rating_and_messages_shape():
    ranked = item(candidates=THREE, consensus={"order": [["c3"], ["c1", "c2"]]})
    made, _ = make("sft", ranked, questions=[ORDER], sft_shape="messages")
    assert made == [{"messages": ask() + said("by c3")}]
    rated = item(candidates=THREE, consensus={"quality": {"c1": 2, "c2": 4, "c3": 4}})
    assert make("sft", rated, questions=[QUALITY])[0][0]["completion"] == said("by c2")


@pytest.mark.parametrize("word", ["tie", "neither"])
def test_sft_has_no_best_candidate_in_a_tie(word):
    assert make("sft", item(consensus={"better": word}))[1].dropped == {word: 1}


def test_sft_without_an_answer():
    assert make("sft", item(), questions=[ANSWER])[1].dropped == {"no_answer": 1}
    blank = item(responses=(response("r1", "ann", {"answer": {"text": " ", "from": None}}),))
    assert make("sft", blank, questions=[ANSWER])[1].dropped == {"empty_answer": 1}


def test_kto_from_a_preference_and_neither_is_bad_twice():
    made, tally = make(
        "kto",
        item(consensus={"better": "c2"}),
        item(consensus={"better": "neither"}),
        item(consensus={"better": "tie"}),
    )
    assert [r["label"] for r in made] == [False, True, False, False]
    assert made[1] == {"prompt": ask(), "completion": said("by c2"), "label": True}
    assert tally.dropped == {"tie": 1}


def test_kto_from_ratings_leaves_the_middle_out():
    rated = item(candidates=THREE, consensus={"quality": {"c1": 3, "c2": 3.5, "c3": 1}})
    made, _ = make("kto", rated, questions=[QUALITY])
    assert [(r["completion"], r["label"]) for r in made] == [
        (said("by c2"), True),
        (said("by c3"), False),
    ]
    assert [r["label"] for r in make("kto", rated, questions=[QUALITY], good_from=3)[0]] == [
        True,
        True,
        False,
    ]
    middle = item(consensus={"quality": {"c1": 3, "c2": 3}})
    assert make("kto", middle, questions=[QUALITY])[1].dropped == {"not_absolute": 1}


def test_kto_from_labels_rankings_and_contradictions():
    labelled = item(consensus={"safe": {"c1": "yes", "c2": "no"}})
    made, _ = make("kto", labelled, questions=[SAFE], good_labels=frozenset({"yes"}))
    assert [r["label"] for r in made] == [True, False]
    ranked = item(candidates=THREE, consensus={"order": [["c3"], ["c1"], ["c2"]]})
    made, _ = make("kto", ranked, questions=[ORDER])
    assert [(r["completion"], r["label"]) for r in made] == [
        (said("by c2"), False),
        (said("by c3"), True),
    ]
    same = (candidate("c1", "x"), candidate("c2", "x"))
    dropped = make("kto", item(candidates=same, consensus={"better": "c1"}))[1].dropped
    assert dropped == {"contradiction": 1}


def test_ranking_ranks_share_and_follow():
    ranked = item(candidates=THREE, consensus={"order": [["c3"], ["c1", "c2"]]})
    made, _ = make("ranking", ranked, questions=[ORDER])
    assert made == [
        {
            "prompt": ask(),
            "completions": [said("by c1"), said("by c2"), said("by c3")],
            "ranks": [2, 2, 1],
        }
    ]
    made, _ = make("ranking", item(consensus={"better": "tie"}))
    assert made[0]["ranks"] == [1, 1]


def test_raw_has_a_row_per_response_with_lineage():
    full = item(
        candidates=(candidate("c1", policy="warm", model="m", parameters={"temperature": 1}),),
        consensus={"better": "c1"},
        responses=(
            response("r1", "ann", {"better": "c1"}, spent_ms=7, guidelines_version="1.0"),
            response("r2", "bob", {"better": "c1"}, surplus=True),
        ),
        external_id="x",
        split="test",
    )
    made, tally = make("raw", full, item("empty"), questions=[])
    assert [(r["response_id"], r["annotator"], r["surplus"]) for r in made] == [
        ("r1", "ann", False),
        ("r2", "bob", True),
    ]
    assert made[0]["candidates"][0]["policy"] == "warm"
    assert made[0]["consensus"]["better"] == {"value": "c1", "confidence": 0.9, "n": 3}
    assert (made[0]["split"], made[0]["external_id"], made[0]["spent_ms"]) == ("test", "x", 7)
    assert tally.dropped == {"no_responses": 1}


def test_lineage_columns_are_added_on_request():
    opts = {"lineage": True}
    made, _ = make("preference", item(consensus={"better": "c2"}), **opts)
    assert {k: made[0][k] for k in ("item_id", "chosen_id", "rejected_id", "confidence")} == {
        "item_id": "i1",
        "chosen_id": "c2",
        "rejected_id": "c1",
        "confidence": 0.9,
    }
    assert make("sft", item(consensus={"better": "c2"}), **opts)[0][0]["candidate_id"] == "c2"
    ranked = make("ranking", item(consensus={"better": "c2"}), **opts)[0][0]
    assert ranked["completion_ids"] == ["c1", "c2"]


def test_rows_of_candidates_with_tool_calls_compare():
    calls = ({"function": {"name": "x", "arguments": {}}},)
    made_of = type(candidate("c1"))(id="c1", turns=(Turn("", tool_calls=calls),))
    for format in ("preference", "kto", "sft", "reward"):
        made, _ = make(
            format, item(candidates=(made_of, candidate("c2")), consensus={"better": "c1"})
        )
        assert made
