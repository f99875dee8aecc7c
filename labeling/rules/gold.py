"""Why: a right answer names candidates by their ids, for keys are drawn anew for each person.

Pure. Gold comes with keys in the order of the file (A is the first candidate); what is
stored has ids, as text, because they are also keys of JSON objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.errors import Invalid
from labeling.rules.answers import InvalidValues, validate_values
from labeling.rules.question_types import Per, Question, QuestionType


class GoldMistake(Invalid):
    """A right answer that does not answer the project's questions; `field` is its path."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}", fields={field: reason})
        self.field = field
        self.reason = reason


def gold_by_id(
    gold: Mapping[str, Any],
    *,
    questions: Sequence[Question],
    ids: Mapping[str, int],
    n_turns_open: int,
) -> dict[str, Any]:
    """Return right answers with candidate ids for keys. Not every question needs one.

    `ids` maps the keys in file order to candidate ids.

    Raises: GoldMistake, for the first question with a mistake.
    """
    named = [question for question in questions if question.name in gold]
    unknown = sorted(gold.keys() - {question.name for question in named})
    if unknown:
        raise GoldMistake(f"gold.{unknown[0]}", "is no question of this project")
    try:
        valid = validate_values(named, gold, candidate_keys=tuple(ids), n_turns_open=n_turns_open)
    except InvalidValues as error:
        name, reason = next(iter(error.fields.items()), ("", error.detail))
        raise GoldMistake(f"gold.{name}", reason) from error
    if valid.hidden:
        raise GoldMistake(f"gold.{valid.hidden[0]}", "is hidden by the other right answers")
    by_name = {question.name: question for question in named}
    texts = {key: str(candidate) for key, candidate in ids.items()}
    return {name: _named(by_name[name], value, texts) for name, value in valid.values.items()}


def _named(question: Question, value: Any, ids: Mapping[str, str]) -> Any:
    if question.per is Per.CANDIDATE:
        return {ids[key]: _one(question.type, given, ids) for key, given in value.items()}
    return _one(question.type, value, ids)


def _one(kind: QuestionType, value: Any, ids: Mapping[str, str]) -> Any:
    match kind:
        case QuestionType.PREFERENCE:
            keys = ("better", "leaning")
            return value | {k: ids.get(value[k], value[k]) for k in keys if k in value}
        case QuestionType.RANKING:
            return [[ids[key] for key in group] for group in value]
        case QuestionType.EDIT:
            return value | {"from": ids.get(value.get("from"))}
        case QuestionType.SPANS:
            return [span | {"on": _place(span["on"], ids)} for span in value]
        case _:
            return value


def _place(on: str, ids: Mapping[str, str]) -> str:
    if not on.startswith("candidate:"):
        return on
    _, key, turn = on.split(":")
    return f"candidate:{ids[key]}:{turn}"
