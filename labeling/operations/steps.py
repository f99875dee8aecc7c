"""Why: the hot path is written once, without I/O, and run by two drivers (drivers.py).

An operation is a generator. Each `yield Step(...)` is one round trip: the statements
run in order inside one transaction and the generator gets a list of rows for each.
The step with `last=True` also commits; what the generator does after it (return an
`Outcome`, or raise `Refused`) no longer changes the database.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from labeling.errors import DomainError, ErrorKind
from labeling.events.types import Event
from labeling.operations import sql
from labeling.rules.vocabulary import RefusedCode

Row = Mapping[str, Any]
Results = list[list[Row]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statement:
    """A named statement of a file of operations/sql/ and its parameters."""

    name: str
    params: Mapping[str, Any]
    file: str = "desk"

    @property
    def text(self) -> str:
        return sql.statements(self.file)[self.name]


@dataclass(frozen=True, slots=True)
class Step:
    """The statements of one round trip."""

    statements: tuple[Statement, ...]
    last: bool = False


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What an operation came to, and the events to publish now that it is committed."""

    value: T
    events: tuple[Event, ...] = ()


Operation = Generator[Step, Results, Outcome[T]]

_KINDS = {
    RefusedCode.INVALID: ErrorKind.INVALID,
    RefusedCode.LEASE_LOST: ErrorKind.CONFLICT,
    RefusedCode.QUOTA_REACHED: ErrorKind.CONFLICT,
    RefusedCode.PAUSED: ErrorKind.CONFLICT,
    RefusedCode.FORBIDDEN: ErrorKind.FORBIDDEN,
    RefusedCode.NOT_FOUND: ErrorKind.NOT_FOUND,
}


class Refused(DomainError):
    """A desk's message that was not carried out; `code` is the protocol's word for why."""

    def __init__(
        self, code: RefusedCode, detail: str, *, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, fields=fields)
        self.code = code
        self.kind = _KINDS.get(code, ErrorKind.INVALID)
