"""Why: what a desk can say, as frozen data; `protocol.decode` makes these.

`ref` is whatever the client wants back on the reply. Import them from `protocol`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labeling.rules.vocabulary import SkipReason


@dataclass(frozen=True, slots=True)
class Hello:
    protocol: int
    want: int
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Want:
    n: int
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    task: str
    lease: str
    values: dict[str, Any]
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Submit:
    task: str
    lease: str
    values: dict[str, Any]
    spent_ms: int
    surplus: bool = False
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    task: str
    lease: str
    reason: SkipReason
    note: str = ""
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    task: str
    lease: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Park:
    task: str
    lease: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    task: str
    reason: str
    note: str = ""
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Active:
    task: str
    lease: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """`guidelines_version` as text, whether the client sent it as a string or an integer."""

    guidelines_version: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Amend:
    task: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    ref: str | None = None


ClientMessage = (
    Hello
    | Want
    | Draft
    | Submit
    | Skip
    | Release
    | Park
    | Flag
    | Active
    | Acknowledge
    | Amend
    | Ping
)
