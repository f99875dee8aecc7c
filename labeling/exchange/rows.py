"""Why: what every reader gives back, whatever the file looked like.

Plain frozen values and the two definitions that hang on them: which turns of a
conversation are open, and what the content hash covers. No parsing here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

# What the columns of the items table hold; a longer value is a bad row, not a crash.
MAX_CHARS = {
    "id": 255,
    "parent": 255,
    "source": 255,
    "licence": 120,
    "language": 16,
    "sensitivity": 40,
    "policy": 160,
}
MAX_CANDIDATES = 100
MAX_OPEN_TURNS = 100

M = TypeVar("M", "Message", Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant turn of a candidate. An empty text is kept: models do answer nothing."""

    text: str
    reasoning: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready-made answer: one turn per open turn of its item."""

    turns: tuple[Turn, ...]
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str
    reasoning: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Judgment:
    """An answer that came with the file, as the value of a `preference` question.

    Keys "A", "B", … are the item's candidates in the order of the file.
    """

    annotator: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item to add. `row` is the line (JSON Lines, CSV) or record number, from 1.

    `gold` maps question names to right answers, candidates by key in file order.
    """

    row: int
    external_id: str | None
    messages: tuple[Message, ...]
    context: str | None
    metadata: dict[str, Any]
    candidates: tuple[Candidate, ...]
    source: str | None
    licence: str | None
    language: str | None
    sensitivity: str | None
    gold: dict[str, Any] | None
    parent_external_id: str | None
    content_hash: str
    judgments: tuple[Judgment, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out. `reason` never contains the row's text."""

    row: int
    field: str
    reason: str


def as_dict(message: Message) -> dict[str, Any]:
    """Return a message as the JSON object Quorum stores: only keys that have a value."""
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    for key in ("reasoning", "tool_calls", "tool_call_id", "name"):
        value = getattr(message, key)
        if value is not None:
            out[key] = list(value) if key == "tool_calls" else value
    return out


def turn_as_dict(turn: Turn) -> dict[str, Any]:
    """Return a turn as the JSON object Quorum stores: only keys that have a value."""
    out: dict[str, Any] = {"text": turn.text}
    if turn.reasoning is not None:
        out["reasoning"] = turn.reasoning
    if turn.tool_calls is not None:
        out["tool_calls"] = list(turn.tool_calls)
    return out


def open_turns(messages: Sequence[Message | Mapping[str, Any]]) -> list[int]:
    """Return the positions of the open turns: user turns with no answer after them.

    An assistant message that calls a tool and is followed by the tool's result is not
    an answer yet: the turn that it serves stays open.

    >>> open_turns([{"role": "user"}, {"role": "user"}])
    [0, 1]
    >>> open_turns([{"role": "user"}, {"role": "assistant"}, {"role": "user"}])
    [2]
    >>> open_turns([{"role": "user"}, {"role": "assistant", "tool_calls": [{}]}, {"role": "tool"}])
    [0]
    """
    found: list[int] = []
    after: str | None = None
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        role = _of(message, "role")
        if role == "assistant" and not (_of(message, "tool_calls") and after == "tool"):
            break
        if role == "user":
            found.append(position)
        after = role
    return found[::-1]


def n_open_turns(messages: Sequence[Message | Mapping[str, Any]]) -> int:
    """Count the open turns of a conversation (see `open_turns`)."""
    return len(open_turns(messages))


def split_at_open_turns(
    messages: Sequence[M],
) -> tuple[tuple[M, ...], tuple[str, ...]]:
    """Return the prompt up to and including the first open turn, and the later user texts.

    Tool calls and results that belong to the first open turn are part of the prompt.
    """
    later = open_turns(messages)[1:]
    cut = later[0] if later else len(messages)
    return tuple(messages[:cut]), tuple(str(_of(messages[at], "content")) for at in later)


def _of(message: Message | Mapping[str, Any], key: str) -> Any:
    return message.get(key) if isinstance(message, Mapping) else getattr(message, key)


def canonical_json(value: Any) -> str:
    """Return the one spelling of a JSON value: sorted keys, no spaces, code points as they are."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def content_hash(
    *, messages: Iterable[Message], context: str | None, candidates: Iterable[Candidate]
) -> str:
    """Return the SHA-256 (hex) by which the same content is known again.

    It covers, as UTF-8 canonical JSON (`canonical_json`) of one object:
    `messages` (`as_dict` each), `context` (null where absent) and `candidates`, a list of
    lists of turns (`turn_as_dict` each), in the order of the file. Policies, metadata,
    ids, source, licence, language and gold are left out: they say where a text comes
    from, not what it is.
    """
    content = {
        "messages": [as_dict(m) for m in messages],
        "context": context,
        "candidates": [[turn_as_dict(t) for t in c.turns] for c in candidates],
    }
    return hashlib.sha256(canonical_json(content).encode("utf-8")).hexdigest()
