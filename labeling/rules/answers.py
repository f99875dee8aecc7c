"""Why: decides whether an annotator's values answer a project's questions.

The value table of DESIGN.md section 7 (pinned), and nothing else: who may answer, and
under which lease, is decided elsewhere. Messages never repeat what the annotator wrote,
only names of questions and keys of candidates. Texts are never trimmed or normalised. Pure.

Choices the pinned table leaves open: null, and a blank text to an optional question,
count as no answer and are dropped; an empty list answers an optional `labels` or `spans`
question ("none of these") and not a required one; `from` may be left out for null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from labeling.errors import Invalid
from labeling.rules.question_types import (
    MAX_NAME_CHARS,
    UNSTORABLE,
    Per,
    Question,
    QuestionType,
    is_visible,
)

MAX_TEXT_CHARS = 200_000  # code points of one text
MAX_SPANS = 2_000
MAX_DRAFT_CHARS = 256 * 1024  # code points in a draft's keys and strings together
MAX_DRAFT_DEPTH = 16
MAX_DRAFT_NODES = 50_000  # a 256 KiB frame of "[],[],…" is refused before it is stored
MAX_UNKNOWN_SHOWN = 20

TIE = "tie"
NEITHER = "neither"

_ON = re.compile(r"(?:message:(?:0|[1-9][0-9]{0,5})|candidate:([^:]{1,8}):(0|[1-9][0-9]{0,2}))\Z")


class InvalidValues(Invalid):
    """Values that do not answer the questions; `fields` maps question names to messages."""


@dataclass(frozen=True, slots=True)
class ValidatedValues:
    """Values fit to be stored: only visible questions, only answered ones."""

    values: dict[str, object]
    hidden: tuple[str, ...] = ()
    """Questions that were answered though `show_if` hides them (for some candidate at least)."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What the values are about."""

    keys: tuple[str, ...]
    n_turns_open: int
    texts: Mapping[str, str] | None
    candidate: str | None = None


class _Wrong(Exception):
    """A message about one value; caught where the question's name is known."""


def validate_values(
    questions: Sequence[Question],
    values: object,
    *,
    candidate_keys: Sequence[str],
    n_turns_open: int,
    texts: Mapping[str, str] | None = None,
) -> ValidatedValues:
    """Check values against the questions and drop those of hidden questions.

    `texts` maps what spans may be on (`message:0`, `candidate:A:0`) to its text; without
    it, places and ends of spans are only checked for their form.

    Raises: InvalidValues with every question's mistake.
    """
    if not isinstance(values, Mapping):
        raise InvalidValues("The values must be an object of question names and values.")
    task = _Task(tuple(candidate_keys), n_turns_open, texts)
    names = {question.name for question in questions}
    unknown = [name for name in values if name not in names]
    fields = {_shown(name): "There is no such question." for name in unknown[:MAX_UNKNOWN_SHOWN]}
    checked: dict[str, object] = {}
    hidden: list[str] = []
    for question in questions:
        check = _check_per_candidate if question.per is Per.CANDIDATE else _check_per_task
        try:
            value, was_hidden = check(question, values, task)
        except _Wrong as wrong:
            fields[question.name] = str(wrong)
            continue
        if was_hidden:
            hidden.append(question.name)
        if value is not None:
            checked[question.name] = value
    if fields:
        raise InvalidValues("Some answers are missing or wrong.", fields=fields)
    return ValidatedValues(values=checked, hidden=tuple(hidden))


def _check_per_task(
    question: Question, values: Mapping[str, object], task: _Task
) -> tuple[object, bool]:
    """Return the checked value, or None for no answer, and whether a hidden one was dropped."""
    given = values.get(question.name)
    if not is_visible(question, values):
        return None, given is not None
    return _check_one(question, given, task), False


def _check_per_candidate(
    question: Question, values: Mapping[str, object], task: _Task
) -> tuple[object, bool]:
    given = values.get(question.name)
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise _Wrong("Must be an object of candidate keys and values.")
    if any(key not in task.keys for key in given):
        raise _Wrong(f"The candidates are {', '.join(task.keys) or 'none'}; another was named.")
    checked: dict[str, object] = {}
    wrong: list[str] = []
    dropped = False
    for key in task.keys:
        if not is_visible(question, values, key):
            dropped = dropped or given.get(key) is not None
            continue
        about = _Task(task.keys, task.n_turns_open, task.texts, candidate=key)
        try:
            value = _check_one(question, given.get(key), about)
        except _Wrong as mistake:
            wrong.append(f"{key}: {mistake}")
            continue
        if value is not None:
            checked[key] = value
    if wrong:
        raise _Wrong(" ".join(wrong))
    return checked or None, dropped


def _check_one(question: Question, given: object, task: _Task) -> object:
    value = None if given is None else _CHECKS[question.type](question, given, task)
    if question.required and (value is None or value == []):
        raise _Wrong("An answer is needed.")
    return value


def _check_text(question: Question, given: object, task: _Task) -> str | None:
    text = _storable_text(given)
    return text if text.strip() else None


def _storable_text(given: object) -> str:
    if not isinstance(given, str):
        raise _Wrong("Must be a text.")
    if len(given) > MAX_TEXT_CHARS:
        raise _Wrong(f"At most {MAX_TEXT_CHARS} characters.")
    if UNSTORABLE.search(given):
        raise _Wrong("Contains a character that cannot be stored (NUL or half a surrogate pair).")
    return given


def _check_edit(question: Question, given: object, task: _Task) -> dict[str, object] | None:
    by_turns = task.n_turns_open > 1
    wanted = "turns" if by_turns else "text"
    value = _object(given, allowed={wanted, "from"}, needed={wanted})
    origin = value.get("from")
    if origin is not None:
        _check_key(origin, task)
    if not by_turns:
        text = _storable_text(value["text"])
        return {"text": text, "from": origin} if text.strip() else None
    turns = value["turns"]
    if not isinstance(turns, list) or len(turns) != task.n_turns_open:
        raise _Wrong(f"Must have {task.n_turns_open} turns.")
    texts = [_storable_text(turn) for turn in turns]
    if sum(map(len, texts)) > MAX_TEXT_CHARS:
        raise _Wrong(f"At most {MAX_TEXT_CHARS} characters.")
    if not any(text.strip() for text in texts):
        return None
    if not all(text.strip() for text in texts):
        raise _Wrong("Every turn needs a text.")
    return {"turns": texts, "from": origin}


def _check_label(question: Question, given: object, task: _Task) -> str:
    if not isinstance(given, str) or given not in question.option_values:
        raise _Wrong("Must be one of the options.")
    return given


def _check_labels(question: Question, given: object, task: _Task) -> list[str]:
    if not isinstance(given, list):
        raise _Wrong("Must be a list of options.")
    chosen = [_check_label(question, each, task) for each in given]
    if len(set(chosen)) != len(chosen):
        raise _Wrong("Names an option twice.")
    return chosen


def _check_rating(question: Question, given: object, task: _Task) -> int:
    assert question.min is not None
    assert question.max is not None
    if type(given) is not int or not question.min <= given <= question.max:
        raise _Wrong(f"Must be an integer from {question.min} to {question.max}.")
    return given


def _check_preference(question: Question, given: object, task: _Task) -> dict[str, object]:
    value = _object(given, allowed={"better", "strength", "leaning"}, needed={"better"})
    better, strength, leaning = value["better"], value.get("strength"), value.get("leaning")
    if leaning is not None:
        if better != NEITHER:
            raise _Wrong("“leaning” only goes with neither.")
        _check_key(leaning, task)
    if better in (TIE, NEITHER):
        if not (question.tie if better == TIE else question.neither):
            raise _Wrong(f"“{better}” is not offered.")
        if strength is not None:
            raise _Wrong(f"No strength goes with {better}.")
        if leaning is not None:
            return {"better": better, "leaning": leaning}
        return {"better": better}
    _check_key(better, task)
    steps = question.steps or 1
    if strength is None and steps == 1:
        strength = 1
    if type(strength) is not int or not 1 <= strength <= steps:
        raise _Wrong(f"The strength must be an integer from 1 to {steps}.")
    return {"better": better, "strength": strength}


def _check_ranking(question: Question, given: object, task: _Task) -> list[list[str]]:
    if not isinstance(given, list) or not all(isinstance(group, list) and group for group in given):
        raise _Wrong("Must be a list of groups, best first, none empty.")
    ranked = [key for group in given for key in group]
    if len(ranked) != len(task.keys) or not all(isinstance(key, str) for key in ranked):
        raise _Wrong(f"Must have every candidate exactly once: {', '.join(task.keys)}.")
    if set(ranked) != set(task.keys):
        raise _Wrong(f"Must have every candidate exactly once: {', '.join(task.keys)}.")
    return [list(group) for group in given]


def _check_spans(question: Question, given: object, task: _Task) -> list[dict[str, object]]:
    if not isinstance(given, list):
        raise _Wrong("Must be a list of spans.")
    if len(given) > MAX_SPANS:
        raise _Wrong(f"At most {MAX_SPANS} spans.")
    return [_check_span(question, each, task, n) for n, each in enumerate(given, start=1)]


def _check_span(question: Question, given: object, task: _Task, n: int) -> dict[str, object]:
    keys = {"on", "start", "end", "label"}
    span = _object(given, allowed=keys, needed=keys)
    on, start, end = span["on"], span["start"], span["end"]
    if not isinstance(on, str) or not _is_place(on, task):
        raise _Wrong(f"Span {n} is on a text that this task does not have.")
    if type(start) is not int or type(end) is not int or not 0 <= start < end:
        raise _Wrong(f"Span {n}: start and end must be integers, 0 ≤ start < end.")
    if end > (len(task.texts[on]) if task.texts is not None else MAX_TEXT_CHARS * 10):
        raise _Wrong(f"Span {n} ends beyond its text.")
    if not isinstance(span["label"], str) or span["label"] not in question.option_values:
        raise _Wrong(f"Span {n}: the label must be one of the options.")
    return {"on": on, "start": start, "end": end, "label": span["label"]}


def _is_place(on: str, task: _Task) -> bool:
    match = _ON.match(on)
    if match is None:
        return False
    key, turn = match.groups()
    if task.candidate is not None and key != task.candidate:
        return False
    if task.texts is not None:
        return on in task.texts
    return key is None or (key in task.keys and int(turn) < max(1, task.n_turns_open))


def _check_key(given: object, task: _Task) -> None:
    if not isinstance(given, str) or given not in task.keys:
        raise _Wrong(f"The candidates are {', '.join(task.keys) or 'none'}; another was named.")


def _object(given: object, *, allowed: set[str], needed: set[str]) -> Mapping[str, object]:
    if not isinstance(given, Mapping) or not needed <= given.keys():
        raise _Wrong(f"Must be an object with {', '.join(sorted(needed))}.")
    if not given.keys() <= allowed:
        raise _Wrong(f"Has a key other than {', '.join(sorted(allowed))}.")
    return given


_CHECKS: dict[QuestionType, Callable[[Question, object, _Task], object]] = {
    QuestionType.TEXT: _check_text,
    QuestionType.EDIT: _check_edit,
    QuestionType.LABEL: _check_label,
    QuestionType.LABELS: _check_labels,
    QuestionType.RATING: _check_rating,
    QuestionType.PREFERENCE: _check_preference,
    QuestionType.RANKING: _check_ranking,
    QuestionType.SPANS: _check_spans,
}


def is_draft_ok(values: object) -> bool:
    """Tell whether a draft can be kept: an object of bounded size and depth, storable texts."""
    return find_draft_mistake(values) is None


def find_draft_mistake(values: object) -> str | None:
    """Say what keeps a draft from being stored, or None. Looks at shape, not at questions."""
    if not isinstance(values, Mapping):
        return "The values must be an object of question names and values."
    budget = MAX_DRAFT_CHARS
    n_nodes = 0
    waiting: list[tuple[object, int]] = [(values, 1)]
    while waiting:
        node, depth = waiting.pop()
        n_nodes += 1
        if depth > MAX_DRAFT_DEPTH:
            return "The values are nested too deeply."
        if isinstance(node, str):
            budget -= len(node)
            if "\x00" in node or (not node.isascii() and UNSTORABLE.search(node)):
                return "The values contain a character that cannot be stored."
        elif isinstance(node, Mapping):
            if not all(isinstance(key, str) for key in node):
                return "The values must be JSON."
            waiting.extend((key, depth) for key in node)
            waiting.extend((child, depth + 1) for child in node.values())
        elif isinstance(node, list):
            waiting.extend((child, depth + 1) for child in node)
        elif not _is_number_or_nothing(node):
            return "The values must be JSON."
        if budget < 0 or n_nodes + len(waiting) > MAX_DRAFT_NODES:
            return "The values are too large."
    return None


def _is_number_or_nothing(node: object) -> bool:
    if isinstance(node, float):
        return node - node == 0  # neither NaN nor infinite
    return node is None or isinstance(node, bool | int)


def _shown(name: object) -> str:
    return UNSTORABLE.sub("?", str(name)[:MAX_NAME_CHARS])
