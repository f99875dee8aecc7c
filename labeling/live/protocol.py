"""Why: the desk protocol, version 1 (DESIGN.md section 7, pinned), as a pure codec.

`decode` turns a client's frame into a typed message or raises `ProtocolError`; the
builders in `frames` (re-exported here) write the server's. No sockets, no database, no
judgement of values: whether an answer fits its questions is decided in `rules.answers`.

What is refused as what: `protocol` is a frame that is not a message of this protocol (not
JSON, a name twice, an unknown type, a field missing or of the wrong JSON type); `invalid`
is a message whose field has a value it may not have (`want` 9, an unknown skip reason,
values nested too deeply); `too_large` is a frame over 256 KiB. A `ref` that could be read
comes back on the refusal. Fields that this version does not know are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, NoReturn

from labeling.errors import Invalid
from labeling.live import frames
from labeling.live.messages import (
    Acknowledge,
    Active,
    Amend,
    ClientMessage,
    Draft,
    Flag,
    Hello,
    Park,
    Ping,
    Release,
    Skip,
    Submit,
    Want,
)
from labeling.rules.answers import find_draft_mistake
from labeling.rules.question_types import MAX_NAME_CHARS, UNSTORABLE
from labeling.rules.vocabulary import IdleReason, RefusedCode, RevokedReason, SkipReason

__all__ = [
    "Acknowledge",
    "Active",
    "Amend",
    "ClientMessage",
    "CloseCode",
    "Draft",
    "Flag",
    "Hello",
    "IdleReason",
    "Park",
    "Ping",
    "ProtocolError",
    "RefusedCode",
    "Release",
    "RevokedReason",
    "Skip",
    "SkipReason",
    "Submit",
    "Want",
    "decode",
    "frames",
]

VERSION = 1
MAX_CLIENT_BYTES = 256 * 1024  # a larger frame is refused
MAX_CLOSE_BYTES = 1024 * 1024  # a frame above this closes the connection
MAX_SERVER_BYTES = 4 * 1024 * 1024
MAX_WANT = 8
MAX_ID_CHARS = 200
MAX_REASON_CHARS = 40
MAX_NOTE_CHARS = 5_000
# A timer that ran away must not cost anybody an answer: longer times count as this (a
# PostgreSQL integer, 24 days).
MAX_SPENT_MS = 2**31 - 1


class CloseCode(IntEnum):
    """How the server closes a connection."""

    PROTOCOL = 4400
    NOT_LOGGED_IN = 4401
    NOT_ALLOWED = 4403
    NO_SUCH_PROJECT = 4404
    TOO_BIG = 1009
    RESTART = 1012
    TRY_LATER = 1013


class ProtocolError(Invalid):
    """A frame that is refused; `close` is set where the connection must end as well."""

    def __init__(
        self,
        code: RefusedCode,
        detail: str,
        *,
        ref: str | None = None,
        fields: Mapping[str, str] | None = None,
        close: CloseCode | None = None,
    ) -> None:
        super().__init__(detail, fields=fields)
        self.code = code
        self.ref = ref
        self.close = close


def decode(frame: str | bytes) -> ClientMessage:
    """Read one client frame.

    Raises: ProtocolError, and nothing else, whatever the frame holds.
    """
    if not isinstance(frame, str):
        raise ProtocolError(RefusedCode.PROTOCOL, "Only text frames are spoken here.")
    size = _size(frame)
    if size > MAX_CLOSE_BYTES:
        raise ProtocolError(
            RefusedCode.TOO_LARGE, "The message is far too large.", close=CloseCode.TOO_BIG
        )
    message = _Fields(_parse(frame))
    if size > MAX_CLIENT_BYTES:
        raise ProtocolError(
            RefusedCode.TOO_LARGE,
            f"A message has at most {MAX_CLIENT_BYTES // 1024} KiB; this one has {size // 1024}.",
            ref=message.ref,
        )
    kind = message.text("type", MAX_NAME_CHARS)
    read = _READERS.get(kind)
    if read is None:
        message.refuse(RefusedCode.PROTOCOL, f"There is no message of type “{kind}”.")
    return read(message)


def _size(frame: str) -> int:
    """Count UTF-8 bytes."""
    if frame.isascii() or len(frame) > MAX_CLOSE_BYTES:
        return len(frame)
    try:
        return len(frame.encode())
    except UnicodeEncodeError:
        raise ProtocolError(RefusedCode.PROTOCOL, "The frame is not valid Unicode.") from None


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError("a number beyond all bounds")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_of, parse_float=_finite, parse_constant=_no_constant
)


def _parse(frame: str) -> dict[str, Any]:
    try:
        message = _DECODER.decode(frame)
    except RecursionError:
        raise ProtocolError(RefusedCode.PROTOCOL, "The message is nested too deeply.") from None
    except ValueError:  # malformed, a name twice, NaN, an integer of thousands of digits
        raise ProtocolError(RefusedCode.PROTOCOL, "The frame is not a JSON object.") from None
    if not isinstance(message, dict):
        raise ProtocolError(RefusedCode.PROTOCOL, "The frame is not a JSON object.")
    return message


class _Fields:
    """The fields of one message, read strictly; refusals carry its ref."""

    __slots__ = ("raw", "ref")

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.ref: str | None = None
        if raw.get("ref") is not None:
            ref = raw["ref"]
            if not isinstance(ref, str) or _is_unstorable(ref):
                raise ProtocolError(RefusedCode.PROTOCOL, "“ref” must be a string.")
            self.ref = ref

    def refuse(self, code: RefusedCode, detail: str, *, close: CloseCode | None = None) -> NoReturn:
        raise ProtocolError(code, detail, ref=self.ref, close=close)

    def text(self, name: str, max_chars: int) -> str:
        """Read a string that is needed and not blank."""
        value = self.raw.get(name)
        if not isinstance(value, str):
            self.refuse(RefusedCode.PROTOCOL, f"“{name}” must be a string.")
        if not value.strip() or len(value) > max_chars or _is_unstorable(value):
            self.refuse(RefusedCode.INVALID, f"“{name}” must have 1–{max_chars} characters.")
        return value

    def note(self) -> str:
        value = self.raw.get("note")
        if value is None or value == "":
            return ""
        if not isinstance(value, str):
            self.refuse(RefusedCode.PROTOCOL, "“note” must be a string.")
        if len(value) > MAX_NOTE_CHARS or _is_unstorable(value):
            self.refuse(RefusedCode.INVALID, f"“note” has at most {MAX_NOTE_CHARS} characters.")
        return value

    def integer(self, name: str, low: int, high: int | None = None) -> int:
        value = self.raw.get(name)
        if type(value) is not int:
            self.refuse(RefusedCode.PROTOCOL, f"“{name}” must be an integer.")
        if value < low or (high is not None and value > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            self.refuse(RefusedCode.INVALID, f"“{name}” must be {bounds}.")
        return value

    def boolean(self, name: str) -> bool:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, bool):
            self.refuse(RefusedCode.PROTOCOL, f"“{name}” must be true or false.")
        return value is True

    def values(self) -> dict[str, Any]:
        value = self.raw.get("values")
        if value is None:
            self.refuse(RefusedCode.PROTOCOL, "“values” is missing.")
        if not isinstance(value, dict):
            self.refuse(RefusedCode.INVALID, "“values” must be an object.")
        mistake = find_draft_mistake(value)
        if mistake is not None:
            raise ProtocolError(RefusedCode.INVALID, mistake, ref=self.ref, fields=_culprits(value))
        return value

    def task(self) -> str:
        return self.text("task", MAX_ID_CHARS)

    def lease(self) -> str:
        return self.text("lease", MAX_ID_CHARS)


def _is_unstorable(text: str) -> bool:
    return "\x00" in text or (not text.isascii() and UNSTORABLE.search(text) is not None)


def _culprits(values: dict[str, Any]) -> dict[str, str]:
    """Say which questions' values cannot be stored, as far as one can say it per question."""
    found: dict[str, str] = {}
    for name, value in values.items():
        mistake = find_draft_mistake({"": value})
        if mistake is not None:
            found[UNSTORABLE.sub("?", name[:MAX_NAME_CHARS])] = mistake
    return found


def _read_hello(message: _Fields) -> Hello:
    version = message.raw.get("protocol")
    if type(version) is not int or version != VERSION:
        message.refuse(
            RefusedCode.PROTOCOL,
            f"Protocol {VERSION} is spoken here.",
            close=CloseCode.PROTOCOL,
        )
    return Hello(version, message.integer("want", 0, MAX_WANT), message.ref)


def _read_want(message: _Fields) -> Want:
    return Want(message.integer("n", 0, MAX_WANT), message.ref)


def _read_draft(message: _Fields) -> Draft:
    return Draft(message.task(), message.lease(), message.values(), message.ref)


def _read_submit(message: _Fields) -> Submit:
    return Submit(
        message.task(),
        message.lease(),
        message.values(),
        min(message.integer("spent_ms", 0), MAX_SPENT_MS),
        message.boolean("surplus"),
        message.ref,
    )


def _read_skip(message: _Fields) -> Skip:
    reason = message.text("reason", MAX_REASON_CHARS)
    if reason not in _SKIP_REASONS:
        message.refuse(RefusedCode.INVALID, f"“reason” must be one of {', '.join(_SKIP_REASONS)}.")
    return Skip(message.task(), message.lease(), SkipReason(reason), message.note(), message.ref)


def _read_flag(message: _Fields) -> Flag:
    reason = message.text("reason", MAX_REASON_CHARS)
    return Flag(message.task(), reason, message.note(), message.ref)


def _read_acknowledge(message: _Fields) -> Acknowledge:
    version = message.raw.get("guidelines_version")
    if type(version) is int and abs(version) < 2**31:
        return Acknowledge(str(version), message.ref)
    return Acknowledge(message.text("guidelines_version", MAX_NAME_CHARS), message.ref)


_SKIP_REASONS = tuple(reason.value for reason in SkipReason)

_READERS: dict[str, Callable[[_Fields], ClientMessage]] = {
    "hello": _read_hello,
    "want": _read_want,
    "draft": _read_draft,
    "submit": _read_submit,
    "skip": _read_skip,
    "release": lambda m: Release(m.task(), m.lease(), m.ref),
    "park": lambda m: Park(m.task(), m.lease(), m.ref),
    "flag": _read_flag,
    "active": lambda m: Active(m.task(), m.lease(), m.ref),
    "acknowledge": _read_acknowledge,
    "amend": lambda m: Amend(m.task(), m.ref),
    "ping": lambda m: Ping(m.ref),
}
