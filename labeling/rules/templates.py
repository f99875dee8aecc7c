"""Why: the six kinds of project one can start from, as data (DESIGN.md section 8, pinned).

What a template leaves to the manager it leaves off: no quality rule, ties allowed, overlap
fixed. The guidelines are a start to be edited; their texts are in `starter_guidelines`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labeling.errors import Invalid
from labeling.rules import starter_guidelines
from labeling.rules.questions import Question, parse_questions
from labeling.rules.states import Template


class UnknownTemplate(Invalid):
    """There is no template of this name."""


@dataclass(frozen=True, slots=True)
class SlateShape:
    """How many policies of the default endpoint answer each item, and how often.

    The first policy samples cool, the second warm. With `as_suggestion` the only answer is
    a suggestion to edit.
    """

    n_policies: int
    n_samples: int
    as_suggestion: bool = False

    @property
    def n_candidates(self) -> int:
        return self.n_policies * self.n_samples


@dataclass(frozen=True, slots=True)
class ProjectTemplate:
    """A start for a project; `candidates_needed` is what makes an item ready."""

    name: Template
    title: str
    description: str
    questions: tuple[Question, ...]
    overlap: int
    slate: SlateShape
    candidates_needed: int
    guidelines: str


def get_template(name: str) -> ProjectTemplate:
    """Find a template by its name.

    Raises: UnknownTemplate naming the ones there are.
    """
    try:
        return TEMPLATES[Template(name)]
    except ValueError:
        known = ", ".join(Template)
        raise UnknownTemplate(
            f"There is no such template. The templates are {known}.",
            fields={"template": f"Must be one of {known}."},
        ) from None


_QUALITY = {"1": "Very bad", "2": "Bad", "3": "Passable", "4": "Good", "5": "Excellent"}

_COMMENT: dict[str, Any] = {
    "name": "comment",
    "type": "text",
    "title": "Comment",
    "help": "What decided it, in a sentence. Optional.",
    "required": False,
    "rows": 2,
}

_DEMONSTRATION: list[dict[str, Any]] = [
    {
        "name": "answer",
        "type": "edit",
        "title": "The answer",
        "help": "Write the answer you would want to get, or improve the suggestion until it is.",
        "rows": 14,
    },
]

_PREFERENCE: list[dict[str, Any]] = [
    {
        "name": "preference",
        "type": "preference",
        "title": "Which answer is better?",
        "help": "3: much better, 2: better, 1: slightly better.",
        "steps": 3,
        "tie": True,
        "neither": True,
    },
    _COMMENT,
]

_RANKING: list[dict[str, Any]] = [
    {
        "name": "ranking",
        "type": "ranking",
        "title": "Order the answers, best first",
        "help": "Answers that are equally good share a place.",
    },
    _COMMENT,
]

_RATING: list[dict[str, Any]] = [
    {
        "name": "quality",
        "type": "rating",
        "title": "How good is this answer?",
        "per": "candidate",
        "min": 1,
        "max": 5,
        "anchors": _QUALITY,
    },
    _COMMENT,
]

_CLASSIFICATION: list[dict[str, Any]] = [
    {
        "name": "category",
        "type": "label",
        "title": "What does the user want?",
        "options": [
            {"value": "question", "title": "An answer to a question"},
            {"value": "writing", "title": "Something written or rewritten"},
            {"value": "coding", "title": "Code"},
            {"value": "reasoning", "title": "Maths or reasoning"},
            {"value": "conversation", "title": "Conversation or advice"},
            {"value": "other", "title": "Something else"},
        ],
    },
    {
        "name": "problems",
        "type": "labels",
        "title": "Is anything wrong with it?",
        "help": "Leave empty when nothing is.",
        "required": False,
        "options": [
            {"value": "unclear", "title": "Cannot be understood"},
            {"value": "incomplete", "title": "Something is missing"},
            {"value": "harmful", "title": "Asks for harm"},
            {"value": "private", "title": "Contains private data"},
        ],
    },
    _COMMENT,
]

_RLHF: list[dict[str, Any]] = [
    {
        "name": "quality",
        "type": "rating",
        "title": "How good is this answer?",
        "per": "candidate",
        "min": 1,
        "max": 5,
        "anchors": _QUALITY,
    },
    {
        "name": "problems",
        "type": "labels",
        "title": "What is wrong with it?",
        "help": "Leave empty when nothing is.",
        "required": False,
        "per": "candidate",
        "options": [
            {"value": "untrue", "title": "Says something untrue"},
            {"value": "off_task", "title": "Does not do what was asked"},
            {"value": "harmful", "title": "Harmful"},
            {"value": "language", "title": "Wrong or bad language"},
        ],
    },
    {
        "name": "ranking",
        "type": "ranking",
        "title": "Order the answers, best first",
        "help": "Answers that are equally good share a place.",
    },
    {
        "name": "ideal",
        "type": "edit",
        "title": "Make the best answer ideal",
        "help": "Start from the best one. Leave empty when it needs nothing.",
        "required": False,
    },
    _COMMENT,
]


def _all() -> tuple[ProjectTemplate, ...]:
    return (
        ProjectTemplate(
            name=Template.DEMONSTRATION,
            title="Demonstrations",
            description="People write the ideal answer, or edit a model's: for fine-tuning.",
            questions=parse_questions(_DEMONSTRATION),
            overlap=1,
            slate=SlateShape(1, 1, as_suggestion=True),
            candidates_needed=0,
            guidelines=starter_guidelines.DEMONSTRATION,
        ),
        ProjectTemplate(
            name=Template.PREFERENCE,
            title="Preferences",
            description="People say which of two answers is better: for reward models and DPO.",
            questions=parse_questions(_PREFERENCE),
            overlap=3,
            slate=SlateShape(2, 1),
            candidates_needed=2,
            guidelines=starter_guidelines.PREFERENCE,
        ),
        ProjectTemplate(
            name=Template.RANKING,
            title="Rankings",
            description="People order several answers, ties allowed.",
            questions=parse_questions(_RANKING),
            overlap=3,
            slate=SlateShape(2, 2),
            candidates_needed=2,
            guidelines=starter_guidelines.RANKING,
        ),
        ProjectTemplate(
            name=Template.RATING,
            title="Ratings",
            description="People rate every answer by itself on a five-point scale.",
            questions=parse_questions(_RATING),
            overlap=3,
            slate=SlateShape(2, 1),
            candidates_needed=1,
            guidelines=starter_guidelines.RATING,
        ),
        ProjectTemplate(
            name=Template.CLASSIFICATION,
            title="Classification",
            description="People sort conversations into categories; no model is needed.",
            questions=parse_questions(_CLASSIFICATION),
            overlap=3,
            slate=SlateShape(0, 0),
            candidates_needed=0,
            guidelines=starter_guidelines.CLASSIFICATION,
        ),
        ProjectTemplate(
            name=Template.RLHF,
            title="RLHF",
            description="People rate each of four answers, order them and edit the best.",
            questions=parse_questions(_RLHF),
            overlap=3,
            slate=SlateShape(2, 2),
            candidates_needed=0,
            guidelines=starter_guidelines.RLHF,
        ),
    )


TEMPLATES: Mapping[Template, ProjectTemplate] = {each.name: each for each in _all()}
