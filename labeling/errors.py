"""Why: one error type that every interface maps once (STYLE rule 9).

Pure. Subclasses live beside what raises them; this module holds only the base
and the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ErrorKind(StrEnum):
    """What an interface needs to know about an error to answer it."""

    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"


class DomainError(Exception):
    """An outcome the caller can do something about.

    `detail` is a sentence for people; `fields` maps a field, question or
    column name to what is wrong with it. Neither contains prompt or answer text.
    """

    kind: ErrorKind = ErrorKind.INVALID

    def __init__(self, detail: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields: dict[str, str] = dict(fields or {})


class NotFound(DomainError):
    kind = ErrorKind.NOT_FOUND


class Forbidden(DomainError):
    kind = ErrorKind.FORBIDDEN


class Conflict(DomainError):
    kind = ErrorKind.CONFLICT


class Invalid(DomainError):
    kind = ErrorKind.INVALID
