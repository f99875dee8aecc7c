"""Why: an assignment as the desk sees it: the pinned task object, put together from rows.

Texts come rendered from the database and are spliced in, not parsed, wherever nothing
has to be left out. Nothing here may tell which policy wrote a candidate, whether an item
is gold, or what others answered (invariant 6 of the wire: docs/architecture.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labeling.operations.steps import Row
from labeling.rules.keys import candidate_keys
from labeling.rules.question_types import Question, QuestionType, to_wire
from labeling.rules.questions import parse_questions
from labeling.rules.states import ReasoningDisplay, Template


@dataclass(frozen=True, slots=True)
class QuestionSetView:
    """A version of a project's questions, parsed, and as they go on the wire."""

    questions: tuple[Question, ...]
    wire: str

    @property
    def needs_texts(self) -> bool:
        return any(q.type is QuestionType.SPANS for q in self.questions)


# Question sets never change once written, so a process may remember them.
_question_sets: dict[int, QuestionSetView] = {}
_MAX_REMEMBERED = 1_000


def remembered(questions_id: int) -> QuestionSetView | None:
    """Return a question set this process has read before."""
    return _question_sets.get(questions_id)


def remember(questions_id: int, raw: str) -> QuestionSetView:
    """Parse a question set as stored, and remember it."""
    questions = parse_questions(json.loads(raw))
    view = QuestionSetView(questions, _dump([to_wire(q) for q in questions]))
    if len(_question_sets) >= _MAX_REMEMBERED:
        _question_sets.clear()
    _question_sets[questions_id] = view
    return view


@dataclass(frozen=True, slots=True)
class Task:
    """One task for a desk: its ids, and the whole object as JSON."""

    task: str
    lease: str
    expires_at: datetime
    json: str
    is_parked: bool = False


def build_task(row: Row, *, project: Row, questions: QuestionSetView) -> Task:
    """Return the pinned task object of a row of `claim`, `held` or `one`."""
    hides = project["reasoning_display"] == ReasoningDisplay.HIDE
    candidates = [_without_reasoning(c) if hides else c for c in row["candidates"]]
    messages = _without_reasoning(row["rendered"]) if hides else row["rendered"]
    shown = ",".join(
        f'{{"key":"{key}","turns":{turns}}}'
        for key, turns in zip(candidate_keys(len(candidates)), candidates, strict=True)
    )
    metadata = _shown_metadata(row["metadata"], project["metadata_shown"])
    text = (
        f'{{"task":"{row["uid"]}","lease":"{row["lease"]}",'
        f'"expires_at":"{row["expires_at"].isoformat()}",'
        f'"item":{{"messages":{messages},"context":{_dump(row["context"])},'
        f'"metadata":{metadata}}},"candidates":[{shown}],"questions":{questions.wire},'
        f'"draft":{row["draft"] or "null"},"suggestion":{_suggestion(project, candidates)}'
        f"{',' + chr(34) + 'parked' + chr(34) + ':true' if row['parked'] else ''}}}"
    )
    return Task(str(row["uid"]), str(row["lease"]), row["expires_at"], text, row["parked"])


def _suggestion(project: Row, candidates: list[str]) -> str:
    """Return what a demonstration starts from: the model's answer, candidate A."""
    if project["template"] != Template.DEMONSTRATION or not candidates:
        return "null"
    texts = [turn["text"] for turn in json.loads(candidates[0])]
    if len(texts) == 1:
        return _dump({"text": texts[0], "from": "A"})
    return _dump({"turns": texts, "from": "A"})


def _shown_metadata(raw: str, names: list[str]) -> str:
    if not names:
        return "{}"
    metadata: Mapping[str, Any] = json.loads(raw)
    return _dump({name: metadata[name] for name in names if name in metadata})


def _without_reasoning(raw: str) -> str:
    if '"reasoning"' not in raw:
        return raw
    return _dump([{k: v for k, v in part.items() if k != "reasoning"} for part in json.loads(raw)])


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
