"""The gate marks what is bad, and asks again only for what must not be seen."""

from __future__ import annotations

from typing import Any

import pytest

from generation.gate import GateReport, best, giveaway_words, gives_away, inspect, may_draw_again
from generation.kinds import GateMode, Mark
from generation.specs import AnswerTurn

PROSE = (
    "The capital of France is Paris. It lies on the Seine and has been the seat of kings, of "
    "republics and of two empires; today about two million people live within its gates."
)


def marks(text: str, finish: str = "stop", **more: Any) -> set[Mark]:
    return set(inspect([AnswerTurn(text)], finish_reasons=[finish], **more).marks)


def test_ordinary_answer_has_no_marks() -> None:
    report = inspect([AnswerTurn(PROSE)], finish_reasons=["stop"], mode=GateMode.RESAMPLE)
    assert report == GateReport((), False, ())


@pytest.mark.parametrize("text", ["", "  \n\t", "\u200b\u200d", "\ufeff"])
def test_answer_without_visible_text_is_empty(text: str) -> None:
    assert marks(text) == {Mark.EMPTY}


def test_reasoning_alone_is_empty_but_a_tool_call_is_not() -> None:
    thought = [AnswerTurn("", reasoning="Let me see.")]
    assert inspect(thought, finish_reasons=["stop"]).marks == (Mark.EMPTY,)
    called = [AnswerTurn("", tool_calls=({"function": {"name": "f"}},))]
    assert inspect(called, finish_reasons=["tool_calls"]).marks == ()


def test_one_empty_turn_of_two_is_empty() -> None:
    report = inspect([AnswerTurn(PROSE), AnswerTurn("")], finish_reasons=["stop", "stop"])
    assert report.marks == (Mark.EMPTY,)


def test_length_is_truncated() -> None:
    assert marks(PROSE, "length") == {Mark.TRUNCATED}


@pytest.mark.parametrize(
    "text",
    [
        PROSE + " I am not sure." * 12,
        "a" * 200,
        "哈哈" * 100,
        "\n".join(["Question: why?", "Answer: because."] * 10),
        PROSE + " Then he said yes and then she said no, and" * 6 + " Then he sa",
    ],
)
def test_text_that_repeats_itself_is_looping(text: str) -> None:
    assert Mark.LOOPING in marks(text)


@pytest.mark.parametrize(
    "text",
    [
        "-" * 400,
        "| a | b |\n|" + "---|" * 100,
        "ha ha ha",
        "\n".join(f"{i}. Item number {i} of the list" for i in range(60)),
        " ".join(f"{i}" for i in range(2000)),
        "Row, row, row your boat, gently down the stream.\nMerrily, merrily, merrily, merrily, "
        "life is but a dream.",
    ],
)
def test_rules_lists_and_songs_are_not_looping(text: str) -> None:
    assert Mark.LOOPING not in marks(text)


def test_same_answer_of_a_sibling_is_duplicate() -> None:
    others = [[AnswerTurn("Something else.")], [AnswerTurn("  the CAPITAL of France\nis Paris. ")]]
    assert marks("The capital of France is Paris.", siblings=others) == {Mark.DUPLICATE}


def test_nearly_same_answer_of_a_sibling_is_near_duplicate() -> None:
    near = PROSE.replace("two million", "three million")
    assert marks(near, siblings=[[AnswerTurn(PROSE)]]) == {Mark.NEAR_DUPLICATE}
    assert marks("Yes.", siblings=[[AnswerTurn("Yes!")]]) == set()
    assert marks(PROSE, siblings=[[AnswerTurn(PROSE[: len(PROSE) // 2])]]) == set()


@pytest.mark.parametrize(
    "text",
    [
        "As SmolLM, I cannot do that.",
        "Hello! I am ChatGPT, a helpful assistant.",
        "I'm an AI assistant named SmolLM2.",
        "My name is Claude.",
        "I am a large language model, trained by Google.",
        "I was created by Hugging Face.",
        "I’m Qwen, created by Alibaba Cloud.",
        "You are talking to the assistant called Gemini.",
        "This was written by SmolLM2-135M-Instruct.",
    ],
)
def test_answer_that_names_its_model_gives_it_away(text: str) -> None:
    words = giveaway_words("HuggingFaceTB/SmolLM2-135M-Instruct")
    report = inspect([AnswerTurn(text)], finish_reasons=["stop"], policy_words=words)
    assert report.marks == (Mark.GIVES_AWAY,)
    assert report.sample_again


@pytest.mark.parametrize(
    "text",
    [
        "Claude Monet painted water lilies.",
        "I am Claude Monet, the painter of water lilies.",
        "I'm a Gemini and love cats.",
        "A llama is an animal of the Andes.",
        "OpenAI trained GPT-4 in 2022.",
        "The instruct model is a base for local chat.",
        "I am happy. The tool was built by Microsoft.",
    ],
)
def test_speaking_of_models_or_animals_gives_nothing_away(text: str) -> None:
    assert not gives_away(text, policy_words=giveaway_words("Llama", "local", "base-chat"))


def test_name_that_the_prompt_brought_gives_nothing_away() -> None:
    words = giveaway_words("SmolLM2-135M-Instruct")
    assert gives_away("SmolLM2 is small.", policy_words=words)
    assert not gives_away("SmolLM2 is small.", policy_words=words, prompt_text="What is SmolLM2?")


def test_reasoning_gives_away_too() -> None:
    turn = AnswerTurn(PROSE, reasoning="I am ChatGPT, so I should …")
    assert inspect([turn], finish_reasons=["stop"]).marks == (Mark.GIVES_AWAY,)


@pytest.mark.parametrize(
    "text",
    [
        "Internal Server Error",
        "<html><h1>502 Bad Gateway</h1></html>",
        "Error code: 500 - {'error': 'x'}",
        '{"error": {"message": "engine dead"}}',
        "upstream connect error or disconnect/reset before headers",
        "CUDA out of memory. Tried to allocate 2 GiB",
    ],
)
def test_servers_error_text_is_sampled_again(text: str) -> None:
    report = inspect([AnswerTurn(text)], finish_reasons=["stop"])
    assert (report.marks, report.sample_again) == ((Mark.ERROR_TEXT,), True)


def test_speaking_of_errors_is_fine() -> None:
    assert marks('HTTP status 500 means "Internal Server Error".') == set()
    assert marks("You should answer with status 404 when a page is missing.") == set()


def test_bad_answers_are_only_marked_unless_the_project_resamples() -> None:
    marked = inspect([AnswerTurn("")], finish_reasons=["stop"], mode=GateMode.MARK)
    assert (marked.marks, marked.sample_again) == ((Mark.EMPTY,), False)
    again = inspect([AnswerTurn("")], finish_reasons=["stop"], mode=GateMode.RESAMPLE)
    assert again.sample_again
    assert may_draw_again(again, n_draws=2, max_draws=3)
    assert not may_draw_again(again, n_draws=3, max_draws=3)
    assert not may_draw_again(marked, n_draws=1, max_draws=3)


def test_best_of_the_rejected_has_the_lightest_marks() -> None:
    def report(*found: Mark) -> GateReport:
        return GateReport(found, True, ())

    assert best([report(Mark.EMPTY), report(Mark.TRUNCATED), report(Mark.TRUNCATED)]) == 1
    assert best([report(Mark.GIVES_AWAY), report(Mark.LOOPING, Mark.TRUNCATED)]) == 1
    assert best([report(Mark.TRUNCATED), report()]) == 1
    with pytest.raises(ValueError, match="no draw"):
        best([])


def test_reports_hold_no_word_of_the_answer() -> None:
    report = inspect([AnswerTurn("I am ChatGPT. xyzzy")], finish_reasons=["length"])
    assert "xyzzy" not in repr(report)
