"""Why: looks at each answer before people see it. Pure.

Faults of transport and breaches of blindness are always sampled again; what is
merely bad (empty, truncated, looping, duplicate) is *marked*, and sampled again
only in the mode `resample`: hiding a policy's failures biases the data.

All of it is heuristic, tuned to rather miss than to cry wolf; each threshold is
a constant here. Reports never contain a word of the answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from generation.kinds import GateMode, Mark
from generation.specs import AnswerTurn

MARKS_BEHIND_BLINDNESS = frozenset({Mark.GIVES_AWAY, Mark.ERROR_TEXT})
"""Sampled again in every mode."""

WEIGHTS = {
    Mark.GIVES_AWAY: 100,
    Mark.ERROR_TEXT: 60,
    Mark.EMPTY: 50,
    Mark.LOOPING: 20,
    Mark.DUPLICATE: 10,
    Mark.TRUNCATED: 8,
    Mark.NEAR_DUPLICATE: 5,
}
REASONS = {
    Mark.GIVES_AWAY: "names the model or its maker",
    Mark.ERROR_TEXT: "is an error message of a server",
    Mark.EMPTY: "has neither text nor a tool call",
    Mark.LOOPING: "repeats itself",
    Mark.DUPLICATE: "is the same as another candidate",
    Mark.TRUNCATED: "was cut off at the token limit",
    Mark.NEAR_DUPLICATE: "is nearly the same as another candidate",
}

DEFAULT_MAX_DRAWS = 3
MAX_LOOP_PERIOD = 300
MIN_LOOP_CHARS = 120
MIN_LOOP_REPEATS = 4
LOOK_BACK_CHARS = 4000
MIN_WORDS_FOR_NGRAMS = 80
NGRAM = 5
MIN_DISTINCT_NGRAMS = 0.4
SHINGLE = 5
MIN_CHARS_FOR_NEAR = 40
NEAR_JACCARD = 0.85
MAX_COMPARED_CHARS = 20_000
MAX_ERROR_CHARS = 600

_FAMILIES = (
    r"chat-?gpt|gpt-?[2-9][\w.]*|mistral|mixtral|qwen[\w.]*|deepseek[\w.]*|gemma[\w.]*"
    r"|phi-[1-9][\w.]*|llama-?[1-9][\w.]*|smollm[\w.]*|ernie bot|olmo[\w.]*|tulu"
)
_EVERYDAY_FAMILIES = (
    r"(?-i:Claude|Gemini|Bard|Llama|LLaMA|Falcon|Vicuna|Alpaca|Grok|Copilot|Kimi|Zephyr|Phi)"
)
"""Names that are also words: only a capitalised one right after "I am" tells."""
_MAKERS = (
    r"openai|anthropic|google|deepmind|meta|mistral|alibaba|deepseek|hugging\s?face|microsoft"
    r"|xai|cohere|eleutherai|allenai|nvidia|baidu|moonshot|zhipu"
)
_GENERIC_WORDS = frozenset(
    {"instruct", "chat", "base", "model", "default", "local", "server", "latest", "main", "gguf"}
    | {"preview", "turbo", "mini", "large", "small", "medium", "test", "stub"}
)
_ME = (
    r"(?:\b(?:i\s+am|i['’]m|my\s+name\s+is|my\s+name['’]s|call\s+me)"
    r"|\b(?:assistant|model|ai|chatbot|bot),?\s+(?:named|called|known\s+as))\s+"
)
_FILLER = (
    r"(?:(?:an?|the|your|ai|artificial|intelligence|language|large|model|assistant|chatbot"
    r"|helpful|virtual|version|of|based|on|called|named|known|as)\b,?\s+){0,9}"
)
_MADE_BY = re.compile(
    r"\b(?:i\s+(?:am|was|have\s+been)|i['’](?:m|ve\s+been)|i\s+am\s+an?\s+\w+)"
    r"\s+(?:[\w-]+,?\s+){0,6}?"
    r"(?:created|made|developed|trained|built|designed|powered|provided)\s+by\s+(?:\w+\s+){0,2}?"
    rf"(?:{_MAKERS})\b",
    re.IGNORECASE,
)
_ERROR_TEXT = re.compile(
    r"(?:\W|<[^>]{1,80}>|http/\d\.\d)*"
    r"(?:internal server error|(?:error|status)(?: code)?:? ?[45]\d\d\b"
    r"|(?:50[0234]|429) (?:internal|bad gateway|service|gateway|too many)"
    r"|bad gateway|service (?:temporarily )?unavailable|gateway time-?out"
    r"|too many requests|rate limit (?:exceeded|reached)|upstream connect error"
    r"|cuda (?:error|out of memory)|traceback \(most recent call last\)"
    r"|connection (?:refused|reset by peer)|\{\"(?:error|detail)\":)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the gate says of one answer."""

    marks: tuple[Mark, ...]
    sample_again: bool
    reasons: tuple[str, ...]

    @property
    def weight(self) -> int:
        return sum(WEIGHTS[mark] for mark in self.marks)


def inspect(
    turns: Sequence[AnswerTurn],
    *,
    finish_reasons: Sequence[str],
    siblings: Sequence[Sequence[AnswerTurn]] = (),
    policy_words: Collection[str] = (),
    prompt_text: str = "",
    mode: GateMode = GateMode.MARK,
) -> GateReport:
    """Return what is wrong with an answer and whether to draw another one.

    `siblings` are the other candidates of the item so far; `policy_words` come
    from `giveaway_words`; names that occur in `prompt_text` give nothing away.
    """
    found = {
        Mark.GIVES_AWAY: any(
            gives_away(text, policy_words=policy_words, prompt_text=prompt_text)
            for turn in turns
            for text in (turn.content, turn.reasoning)
        ),
        Mark.ERROR_TEXT: any(is_error_text(turn.content) for turn in turns),
        Mark.EMPTY: not turns or any(is_empty(turn) for turn in turns),
        Mark.LOOPING: any(is_looping(turn.content) for turn in turns),
        Mark.TRUNCATED: any(reason == "length" for reason in finish_reasons),
        **_likeness(turns, siblings),
    }
    marks = tuple(mark for mark in WEIGHTS if found[mark])
    counted = marks if mode is GateMode.RESAMPLE else MARKS_BEHIND_BLINDNESS.intersection(marks)
    return GateReport(
        marks=marks,
        sample_again=bool(counted),
        reasons=tuple(REASONS[mark] for mark in marks),
    )


def may_draw_again(report: GateReport, *, n_draws: int, max_draws: int = DEFAULT_MAX_DRAWS) -> bool:
    """Say whether to ask once more; `n_draws` counts those drawn, this one included."""
    return report.sample_again and n_draws < max_draws


def best(draws: Sequence[GateReport]) -> int:
    """Return the position of the draw to take when none is clean: lightest marks, then first.

    Raises: ValueError, for no draws.
    """
    if not draws:
        raise ValueError("There is no draw to choose from.")
    return min(range(len(draws)), key=lambda i: (draws[i].weight, len(draws[i].marks), i))


def is_empty(turn: AnswerTurn) -> bool:
    """Say whether a turn has no visible text and calls no tool; reasoning alone is empty."""
    return not turn.tool_calls and not _visible(turn.content)


def is_looping(text: str) -> bool:
    """Say whether a text is stuck: its end repeats one unit, or most of its 5-grams recur.

    Rows of rules and dots do not count.

    >>> is_looping("The cat sat. " + "I am sorry. " * 20)
    True
    >>> is_looping("-" * 500)
    False
    """
    return _ends_in_loop(text.rstrip()[-LOOK_BACK_CHARS:]) or _has_few_ngrams(text)


def is_error_text(text: str) -> bool:
    """Say whether a whole answer is a server's error message (not one that speaks of it)."""
    return len(text) <= MAX_ERROR_CHARS and _ERROR_TEXT.match(text) is not None


def gives_away(text: str, *, policy_words: Collection[str] = (), prompt_text: str = "") -> bool:
    """Say whether a text tells which model wrote it.

    It does when it introduces itself by a name of a model, says who made it, or
    uses a distinctive name of this policy's model, unless the prompt did.

    >>> gives_away("Hello! I am ChatGPT, a helpful assistant.")
    True
    >>> gives_away("A llama is as tall as a man.", policy_words={"Llama"})
    False
    """
    if not text:
        return False
    prompt = prompt_text.casefold()
    if any(match["name"].casefold() not in prompt for match in _introductions(text, policy_words)):
        return True
    if (made := _MADE_BY.search(text)) and made[0].casefold() not in prompt:
        return True
    return any(
        word.casefold() not in prompt and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I)
        for word in policy_words
        if _is_distinctive(word)
    )


def _introductions(text: str, policy_words: Collection[str]) -> Iterator[re.Match[str]]:
    """Yield the places where a text introduces itself by a model's name."""
    odd = [re.escape(word) for word in policy_words if _is_distinctive(word)]
    everyday = [re.escape(word) for word in policy_words if not _is_distinctive(word)]
    names = "|".join([_FAMILIES, *odd])
    capitals = "|".join([_EVERYDAY_FAMILIES, *everyday])
    yield from re.finditer(
        rf"(?:{_ME}{_FILLER}|\bas\s+)(?P<name>{names})(?!\w)", text, re.IGNORECASE
    )
    yield from re.finditer(
        rf"{_ME}(?P<name>{capitals})(?!\w)(?!\s+(?-i:[A-Z]))", text, re.IGNORECASE
    )


def giveaway_words(*names: str) -> frozenset[str]:
    """Return the words of models' names that would betray them.

    >>> sorted(giveaway_words("HuggingFaceTB/SmolLM2-135M-Instruct"))
    ['SmolLM', 'SmolLM2', 'SmolLM2-135M-Instruct']
    """
    words: set[str] = set()
    for name in names:
        base = re.split(r"[/\\]", name.strip())[-1].removesuffix(".gguf")
        head = re.split(r"[-_:.\s]", base, maxsplit=1)[0]
        words.update((base, head, head.rstrip("0123456789")))
    return frozenset(
        word for word in words if len(word) >= 3 and word.casefold() not in _GENERIC_WORDS
    )


def _is_distinctive(word: str) -> bool:
    """Say whether a word is surely a model's name: letters with a digit or an inner capital."""
    has_letter = any(char.isalpha() for char in word)
    is_odd = any(char.isdigit() for char in word) or any(char.isupper() for char in word[1:])
    return len(word) >= 4 and has_letter and is_odd


def _likeness(
    turns: Sequence[AnswerTurn], siblings: Sequence[Sequence[AnswerTurn]]
) -> dict[Mark, bool]:
    """Return whether an answer equals or nearly equals one of its siblings.

    Tool calls are part of what is compared; empty answers are alike to none
    (they are marked as empty).
    """
    mine = _comparable(turns)
    others = [_comparable(sibling) for sibling in siblings]
    is_same = bool(mine) and mine in others
    is_near = not is_same and any(_is_near(mine, other) for other in others)
    return {Mark.DUPLICATE: is_same, Mark.NEAR_DUPLICATE: is_near}


def _comparable(turns: Sequence[AnswerTurn]) -> str:
    whole = "\n".join(
        turn.content + "".join(str(call.get("function", call)) for call in turn.tool_calls)
        for turn in turns
    )
    return " ".join(unicodedata.normalize("NFKC", whole).casefold().split())


def _is_near(mine: str, other: str) -> bool:
    short, long = sorted((len(mine), len(other)))
    if short < MIN_CHARS_FOR_NEAR or short < NEAR_JACCARD * long * 0.9:
        return False
    a, b = _shingles(mine), _shingles(other)
    return len(a & b) >= NEAR_JACCARD * len(a | b)


def _shingles(text: str) -> set[str]:
    text = text[:MAX_COMPARED_CHARS]
    return {text[i : i + SHINGLE] for i in range(max(len(text) - SHINGLE + 1, 1))}


def _ends_in_loop(tail: str) -> bool:
    """Say whether the end has a period: the unit may be cut off in its last round."""
    length = len(tail)
    for period in range(1, min(MAX_LOOP_PERIOD, length // MIN_LOOP_REPEATS) + 1):
        run = 0
        while run < length - period and tail[length - 1 - run] == tail[length - 1 - run - period]:
            run += 1
        is_long = run >= max(MIN_LOOP_CHARS, (MIN_LOOP_REPEATS - 1) * period)
        if is_long and any(char.isalpha() for char in tail[length - period :]):
            return True
    return False


def _has_few_ngrams(text: str) -> bool:
    words = text.casefold().split()[-2000:]
    if len(words) < MIN_WORDS_FOR_NGRAMS:
        return False
    ngrams = [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]
    return len(set(ngrams)) < MIN_DISTINCT_NGRAMS * len(ngrams)


def _visible(text: str) -> bool:
    """Say whether a text has a character that is neither blank nor invisible."""
    return any(
        not char.isspace() and unicodedata.category(char) not in ("Cc", "Cf") for char in text
    )
