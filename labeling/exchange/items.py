"""Why: the one place where an item row is built and judged, whatever file it came from.

Pure. Input is the native object of DESIGN.md section 8 as plain Python values; every
reader brings its records into that shape first. Beyond the pinned keys a row may have
`gold` (question → right answer) and `parent` (the id of the item that it continues).

Choices the pinned row leaves open: an `id` may be a whole number; a candidate may be a
bare string; a message may say `reasoning_content` or
`thinking` for `reasoning`; a candidate's text may be empty (a policy's failures are not
hidden), a message's may not, unless it calls tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.exchange import checks
from labeling.exchange.checks import BadValue
from labeling.exchange.rows import (
    MAX_CANDIDATES,
    MAX_OPEN_TURNS,
    Candidate,
    ItemRow,
    Judgment,
    Message,
    Turn,
    content_hash,
    open_turns,
)

ROLES = ("system", "user", "assistant", "tool")
FIELDS = (
    "id",
    "prompt",
    "messages",
    "context",
    "metadata",
    "candidates",
    "source",
    "licence",
    "language",
    "sensitivity",
    "gold",
    "parent",
)
REASONING = ("reasoning", "reasoning_content", "thinking")
MESSAGE_KEYS = {"role", "content", "tool_calls", "tool_call_id", "name", *REASONING}
CANDIDATE_KEYS = {"text", "turns", "policy", "tool_calls", *REASONING}
TURN_KEYS = {"text", "tool_calls", *REASONING}


def build_item(
    row: int, fields: Mapping[str, Any], *, judgments: Iterable[Judgment] = ()
) -> ItemRow:
    """Return the item of a native row whose keys are all among `FIELDS`.

    A value of None is an absent one. Raises: BadValue, naming the field.
    """
    messages = _messages_of(fields)
    n_open = _checked_open_turns(messages)
    candidates = _candidates(fields.get("candidates"), n_open)
    context = fields.get("context")
    context = None if context in (None, "") else checks.text(context, "context")
    gold, metadata = fields.get("gold"), fields.get("metadata")
    return ItemRow(
        row=row,
        external_id=checks.identifier(fields.get("id"), "id"),
        messages=messages,
        context=context,
        metadata={} if metadata is None else checks.an_object(metadata, "metadata"),
        candidates=candidates,
        source=checks.short(fields.get("source"), "source"),
        licence=checks.short(fields.get("licence"), "licence"),
        language=checks.short(fields.get("language"), "language"),
        sensitivity=checks.short(fields.get("sensitivity"), "sensitivity"),
        gold=None if gold is None else checks.an_object(gold, "gold"),
        parent_external_id=checks.identifier(fields.get("parent"), "parent"),
        content_hash=content_hash(messages=messages, context=context, candidates=candidates),
        judgments=tuple(judgments),
    )


def _messages_of(fields: Mapping[str, Any]) -> tuple[Message, ...]:
    prompt, messages = fields.get("prompt"), fields.get("messages")
    if prompt is not None and messages is not None:
        raise BadValue("messages", "is given beside a prompt; give one of the two")
    if messages is None:
        if prompt is None:
            raise BadValue("prompt", "is missing, and there are no messages")
        return (Message("user", checks.text(prompt, "prompt")),)
    listed = checks.a_list(messages, "messages")
    if not listed:
        raise BadValue("messages", "is empty")
    return tuple(_message(m, f"messages[{n}]") for n, m in enumerate(listed))


def _message(value: Any, at: str) -> Message:
    _known_keys(value, MESSAGE_KEYS, at)
    role = value.get("role")
    if role not in ROLES:
        raise BadValue(f"{at}.role", f"must be one of {', '.join(ROLES)}")
    calls = _tool_calls(value, at)
    if calls and role != "assistant":
        raise BadValue(f"{at}.tool_calls", "only an assistant calls tools")
    call_id = value.get("tool_call_id")
    if call_id is not None and role != "tool":
        raise BadValue(f"{at}.tool_call_id", "only a tool's result has one")
    content = value.get("content")
    if calls and (content is None or content == ""):
        content = ""
    else:
        content = checks.text(content, f"{at}.content")
    name = value.get("name")
    return Message(
        role=role,
        content=content,
        reasoning=_reasoning(value, at),
        tool_calls=calls,
        tool_call_id=None if call_id is None else checks.text(call_id, f"{at}.tool_call_id"),
        name=None if name is None else checks.text(name, f"{at}.name"),
    )


def _known_keys(value: Any, known: set[str], at: str) -> None:
    if not isinstance(value, Mapping):
        raise BadValue(at, f"must be an object, not {checks.name_of(value)}")
    for key, inner in value.items():
        if key not in known and inner is not None:
            checks.stored_text(key, at)
            raise BadValue(f"{at}.{key}", f"is none of {', '.join(sorted(known))}")


def _reasoning(value: Mapping[str, Any], at: str) -> str | None:
    for key in REASONING:
        if value.get(key):
            return checks.text(value[key], f"{at}.{key}")
    return None


def _tool_calls(value: Mapping[str, Any], at: str) -> tuple[dict[str, Any], ...] | None:
    calls = value.get("tool_calls")
    if calls is None or calls == []:
        return None
    field = f"{at}.tool_calls"
    return tuple(
        checks.an_object(call, f"{field}[{n}]")
        for n, call in enumerate(checks.a_list(calls, field))
    )


def _checked_open_turns(messages: tuple[Message, ...]) -> int:
    """Return the number of open turns, or raise where a policy could not answer them."""
    found = open_turns(messages)
    last = messages[-1]
    if last.role == "assistant":
        raise BadValue("messages", "ends with an assistant turn, so there is nothing to answer")
    if not found:
        raise BadValue("messages", "has no user turn to answer")
    if len(found) > MAX_OPEN_TURNS:
        raise BadValue("messages", f"has more than {MAX_OPEN_TURNS} open turns")
    prompt_end = found[1] if len(found) > 1 else len(messages)
    for position in range(found[0] + 1, len(messages)):
        role = messages[position].role
        if role == "system" or (position >= prompt_end and role != "user"):
            raise BadValue(
                f"messages[{position}].role", "only user turns may come after an open turn"
            )
    return len(found)


def _candidates(value: Any, n_open: int) -> tuple[Candidate, ...]:
    if value is None:
        return ()
    listed = checks.a_list(value, "candidates")
    if len(listed) > MAX_CANDIDATES:
        raise BadValue("candidates", f"has more than {MAX_CANDIDATES}")
    return tuple(_candidate(c, f"candidates[{n}]", n_open) for n, c in enumerate(listed))


def _candidate(value: Any, at: str, n_open: int) -> Candidate:
    if isinstance(value, str):
        value = {"text": value}
    _known_keys(value, CANDIDATE_KEYS, at)
    policy = checks.short(value.get("policy"), f"{at}.policy")
    if value.get("turns") is None:
        turns: tuple[Turn, ...] = (_turn({k: v for k, v in value.items() if k != "policy"}, at),)
    elif value.get("text") is not None:
        raise BadValue(f"{at}.turns", "is given beside a text; give one of the two")
    else:
        listed = checks.a_list(value["turns"], f"{at}.turns")
        turns = tuple(_turn(t, f"{at}.turns[{n}]") for n, t in enumerate(listed))
    if len(turns) != n_open:
        raise BadValue(
            f"{at}.turns", f"has {len(turns)} turns, and the item has {n_open} open turns"
        )
    return Candidate(turns=turns, policy=policy)


def _turn(value: Any, at: str) -> Turn:
    if isinstance(value, str):
        return Turn(checks.stored_text(value, at))
    _known_keys(value, TURN_KEYS | {"turns"}, at)
    calls = _tool_calls(value, at)
    content = value.get("text")
    if content is None and calls:
        content = ""
    if not isinstance(content, str):
        raise BadValue(f"{at}.text", f"must be text, not {checks.name_of(content)}")
    return Turn(checks.stored_text(content, f"{at}.text"), _reasoning(value, at), calls)
