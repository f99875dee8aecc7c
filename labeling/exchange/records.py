"""Why: what a snapshot hands to the writers, so that these know no database.

Plain frozen values. Candidates are always meant by id: whoever builds these has already
turned the keys of each assignment (`A`, `B`, …) into ids, in values and in consensus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labeling.exchange.rows import Turn


@dataclass(frozen=True, slots=True)
class ExportCandidate:
    """`parameters`: sampling; `lineage`: whatever else is known (seed, tokens, latency …)."""

    id: str
    turns: tuple[Turn, ...]
    policy: str | None = None
    model: str | None = None
    model_revision: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    lineage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportResponse:
    """One current response. `annotator` is the pseudonym; `created_at` ISO 8601."""

    id: str
    annotator: str
    values: Mapping[str, Any]
    created_at: str
    question_types: Mapping[str, str] = field(default_factory=dict)
    questions_version: str | None = None
    guidelines_version: str | None = None
    spent_ms: int | None = None
    surplus: bool = False


@dataclass(frozen=True, slots=True)
class ConsensusView:
    """What the responses to one question of one item add up to; `value` by question type:

    preference  `{"better": id | "tie" | "neither", "strength"?: number}`, or only that word
    ranking     groups of ids, best first (a bare id is a group of one)
    rating      id → number (per candidate), or a number
    label       a value, or id → value (per candidate)
    edit        `{"text" | "turns", "from"}`: a reviewer chose among the written answers

    None means that there is none. `confidence` is within 0 and 1, or None if not measured.
    """

    value: Any
    confidence: float | None = None
    n: int = 0


@dataclass(frozen=True, slots=True)
class ExportItem:
    """One item. `prompt_messages` end at the first open turn (`rows.split_at_open_turns`)."""

    id: str
    prompt_messages: tuple[Mapping[str, Any], ...]
    following_user_turns: tuple[str, ...] = ()
    external_id: str | None = None
    context: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    candidates: tuple[ExportCandidate, ...] = ()
    responses: tuple[ExportResponse, ...] = ()
    consensus: Mapping[str, ConsensusView] = field(default_factory=dict)
    split: str = "train"


@dataclass(frozen=True, slots=True)
class ExportQuestion:
    """What the writers need to know of a question of the project."""

    name: str
    type: str
    per: str = "task"
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a training set is made.

    `question`: the one to learn from; None takes, for each item, the first on which it
        has a consensus, in the format's order of types. `reward` takes one question for
        all items, so that margins mean the same in every row.
    `min_confidence`: items below it give no row; an unmeasured confidence passes.
    `pairs`: of a ranking or ratings, "all" strictly ordered pairs or "best_worst".
    `min_gap`: of two ratings, the least difference that makes a pair.
    `sft_shape`: "prompt_completion" (TRL then trains on the completion only) or "messages".
    `demonstrations`: of several written answers to an item, "all" or the "first".
    `good_from`: kto, the rating from which an answer is good; None is the middle of the
        declared range, and a rating of exactly the middle gives no row.
    `good_labels`: kto, the values of a label per candidate that mean a good answer.
    `reasoning_key`: the message key for reasoning ("reasoning_content", "thinking" for
        some chat templates); None leaves reasoning out.
    `lineage`: adds columns with ids and confidence; TRL ignores them.
    """

    questions: tuple[ExportQuestion, ...] = ()
    question: str | None = None
    min_confidence: float = 0.0
    pairs: str = "all"
    min_gap: float = 0.0
    sft_shape: str = "prompt_completion"
    demonstrations: str = "all"
    good_from: float | None = None
    good_labels: frozenset[str] = frozenset()
    reasoning_key: str | None = "reasoning"
    lineage: bool = False
