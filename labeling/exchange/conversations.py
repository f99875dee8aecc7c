"""Why: how a prompt and an answer become TRL's lists of messages.

Pure. With several open turns the prompt ends at the first of them; what follows, the
user turns between included, is the completion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.exchange.records import ExportItem
from labeling.exchange.rows import Turn
from labeling.exchange.tally import Dropped

MESSAGE_KEYS = ("role", "content", "tool_calls", "tool_call_id", "name")
Messages = list[dict[str, Any]]


def prompt_of(item: ExportItem, reasoning_key: str | None) -> Messages:
    """Return the exported prompt: only what a chat template knows, and no nulls."""
    return [_exported(m, reasoning_key) for m in item.prompt_messages]


def _exported(message: Mapping[str, Any], reasoning_key: str | None) -> dict[str, Any]:
    out = {"role": message["role"], "content": message.get("content") or ""}
    out |= {k: _plain(message[k]) for k in MESSAGE_KEYS[2:] if message.get(k)}
    if reasoning_key and message.get("reasoning"):
        out[reasoning_key] = message["reasoning"]
    return out


def completion_of(item: ExportItem, turns: Sequence[Turn], reasoning_key: str | None) -> Messages:
    """Return assistant, user, assistant, … Raises: Dropped if the turns do not fit."""
    if len(turns) != len(item.following_user_turns) + 1:
        raise Dropped("turn_mismatch")
    out: Messages = []
    for turn, user in zip(turns, (*item.following_user_turns, None), strict=True):
        said: dict[str, Any] = {"role": "assistant", "content": turn.text}
        if turn.tool_calls:
            said["tool_calls"] = _plain(turn.tool_calls)
        if reasoning_key and turn.reasoning:
            said[reasoning_key] = turn.reasoning
        out.append(said)
        if user is not None:
            out.append({"role": "user", "content": user})
    return out


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def is_empty(turns: Sequence[Turn]) -> bool:
    """Tell whether some turn says nothing: no text that shows and no tool call."""
    return any(not t.text.strip() and not t.tool_calls for t in turns)
