"""Why: what a model server's bytes mean. Pure; raises `CallFailed` with the exact outcome.

The server is not trusted: every field is checked before it is used, and text
that PostgreSQL cannot store (NUL, lone surrogates) is made storable here.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from generation.errors import CallFailed
from generation.kinds import Outcome
from generation.specs import Choice, Completion, FoundModel, Usage

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_NAME = 300
MAX_MODELS = 1000


class _NotANumber(ValueError):
    pass


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text.

    Raises: CallFailed(bad_json | not_a_number); Python's own reader would take NaN.
    """
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except _NotANumber:
        raise CallFailed(Outcome.NOT_A_NUMBER) from None
    except (ValueError, RecursionError):
        raise CallFailed(Outcome.BAD_JSON) from None


def parse_completion(raw: bytes, *, n: int, latency_ms: int, header_id: str = "") -> Completion:
    """Return the completion that an answer of `/chat/completions` holds.

    Choices beyond n are dropped; fewer are kept and said (`Completion.n_missing`):
    they were paid for.

    Raises: CallFailed(bad_json | not_a_number | bad_schema | no_choices).
    """
    payload = _object(parse_json(raw), "the answer")
    if "error" in payload and "choices" not in payload:
        raise CallFailed(Outcome.BAD_SCHEMA, message=error_message(raw))
    choices = payload.get("choices")
    if not isinstance(choices, list):
        _refuse("choices is not a list")
    if not choices:
        raise CallFailed(Outcome.NO_CHOICES)
    parsed = sorted(
        (_choice(choice, position) for position, choice in enumerate(choices)),
        key=lambda choice: choice.index,
    )
    return Completion(
        choices=tuple(parsed[:n]),
        usage=_usage(payload.get("usage")),
        model=_name(payload.get("model")),
        server_request_id=_name(payload.get("id")) or header_id,
        latency_ms=latency_ms,
        n_asked=n,
    )


def parse_models(raw: bytes) -> tuple[FoundModel, ...]:
    """Return the entries of an answer of `/models`, by id.

    Raises: CallFailed(bad_json | not_a_number | bad_schema).
    """
    entries = _object(parse_json(raw), "the answer").get("data")
    if not isinstance(entries, list):
        _refuse("data is not a list")
    found: dict[str, FoundModel] = {}
    for entry in entries[:MAX_MODELS]:
        model_id = _name(_object(entry, "a model").get("id"))
        if not model_id:
            _refuse("a model without id")
        found[model_id] = FoundModel(model_id, _model_len(entry))
    return tuple(found[model_id] for model_id in sorted(found))


def error_message(raw: bytes, *, limit: int = 300) -> str:
    """Return what a server's error answer says, shortened; "" where it says nothing readable."""
    text = raw[: 16 * limit].decode(errors="replace")
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        payload = None
    if isinstance(payload, dict):
        error = payload.get("error", payload)
        said = error.get("message") if isinstance(error, dict) else error
        said = said or payload.get("detail") or payload.get("message")
        text = said if isinstance(said, str) else text
    return str(storable(" ".join(text.split())))[:limit]


def storable(value: Any) -> Any:
    """Return a JSON value in which every text can be stored by PostgreSQL.

    >>> storable({"a": ["x\\x00y"]})
    {'a': ['x\ufffdy']}
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [storable(member) for member in value]
    if isinstance(value, dict):
        return {storable(key): storable(member) for key, member in value.items()}
    return value


def _choice(choice: Any, position: int) -> Choice:
    choice = storable(_object(choice, "a choice"))
    message = _object(choice.get("message"), "message")
    reasoning = message.get("reasoning")
    if reasoning is None:
        reasoning = message.get("reasoning_content")
    tool_calls = message.get("tool_calls") or []
    if not isinstance(tool_calls, list) or not all(isinstance(call, dict) for call in tool_calls):
        _refuse("tool_calls is not a list of objects")
    index = choice.get("index", position)
    if isinstance(index, bool) or not isinstance(index, int):
        _refuse("index is not a whole number")
    return Choice(
        content=_text(message.get("content"), "content"),
        reasoning=_text(reasoning, "reasoning"),
        tool_calls=tuple(tool_calls),
        finish_reason=_name(choice.get("finish_reason"))[:40],
        index=index,
    )


def _text(value: Any, name: str) -> str:
    """Return a message's text, given as a string, as parts or not at all."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [part.get("text", "") for part in value if isinstance(part, dict)]
        if len(parts) == len(value) and all(isinstance(part, str) for part in parts):
            return "".join(parts)
    _refuse(f"{name} is not a text")


def _usage(value: Any) -> Usage:
    if not isinstance(value, dict):
        return Usage()
    return Usage(_count(value.get("prompt_tokens")), _count(value.get("completion_tokens")))


def _model_len(entry: dict[str, Any]) -> int | None:
    """Return a model's length as vLLM tells it, or as llama.cpp's server does."""
    length = _count(entry.get("max_model_len"))
    meta = entry.get("meta")
    if length is None and isinstance(meta, dict):
        length = _count(meta.get("n_ctx"))
    return length or None


def _count(value: Any) -> int | None:
    """Return a count that fits an integer column, else None: lineage, not worth a failure."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count else None


def _name(value: Any) -> str:
    return str(storable(value))[:_MAX_NAME] if isinstance(value, str) else ""


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{name} is not an object")
    return value


def _refuse(why: str) -> NoReturn:
    raise CallFailed(Outcome.BAD_SCHEMA, message=why)


def _refuse_constant(name: str) -> NoReturn:
    raise _NotANumber(name)
