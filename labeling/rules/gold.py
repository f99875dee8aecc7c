"""Why: a right answer names candidates by their ids, for keys are drawn anew for each person.

Pure. Gold comes with keys in the order of the file (A is the first candidate); what is
stored has ids, as text, because they are also keys of JSON objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.errors import Invalid
from labeling.rules.answers import InvalidValues, validate_values
from labeling.rules.keys import with_ids
from labeling.rules.question_types import Question


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
    return {
        name: with_ids(value, kind=by_name[name].type, per=by_name[name].per, ids=texts)
        for name, value in valid.values.items()
    }
