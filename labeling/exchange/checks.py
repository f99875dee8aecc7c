"""Why: what a value from outside must be before anything is built from it.

Pure. A check returns the value or raises `BadValue` with the field's path and a reason
that never quotes the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from labeling.exchange.rows import MAX_CHARS

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_DEPTH = 64  # of nested lists and objects


class BadValue(Exception):
    """A value that makes its row bad; never leaves the package."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


def name_of(value: object) -> str:
    """Return the JSON word for a value's type, for messages to people."""
    if value is None:
        return "null"
    for kind, word in ((bool, "true or false"), (int | float, "a number"), (str, "text")):
        if isinstance(value, kind):
            return word
    return "a list" if isinstance(value, list | tuple) else "an object"


def storable(value: Any, field: str, depth: int = 0) -> Any:
    """Return a JSON value unchanged, or raise if PostgreSQL could not hold it.

    Dates become ISO 8601 text and decimals text (Parquet has them, JSON has not).
    """
    if isinstance(value, str):
        return stored_text(value, field)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadValue(field, "is not a finite number, which JSON cannot hold")
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if depth >= MAX_DEPTH:
        raise BadValue(field, f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, list | tuple):
        return [storable(v, f"{field}[{n}]", depth + 1) for n, v in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            stored_text(k, field): storable(v, f"{field}.{k}", depth + 1) for k, v in value.items()
        }
    raise BadValue(field, f"holds a {type(value).__name__}, which JSON cannot hold")


def stored_text(value: str, field: str) -> str:
    """Return the text as it is, or raise if it holds a NUL or half a surrogate pair."""
    found = UNSTORABLE.search(value)
    if found is None:
        return value
    if found.group() == "\x00":
        raise BadValue(_printable(field), "contains a NUL character, which cannot be stored")
    raise BadValue(_printable(field), "contains half a surrogate pair, which is not a character")


def _printable(field: str) -> str:
    return UNSTORABLE.sub("\ufffd", field)


def text(value: object, field: str) -> str:
    """Return a text that is not blank."""
    if not isinstance(value, str):
        raise BadValue(field, f"must be text, not {name_of(value)}")
    if not value.strip():
        raise BadValue(field, "is empty")
    return stored_text(value, field)


def short(value: object, field: str, *, limit: int | None = None) -> str | None:
    """Return a short text of a column with a limit, or None where it is absent or empty."""
    if value is None or value == "":
        return None
    out = text(value, field)
    limit = limit or MAX_CHARS[field.rsplit(".", 1)[-1]]
    if len(out) > limit:
        raise BadValue(field, f"is longer than {limit} characters")
    return out


def identifier(value: object, field: str) -> str | None:
    """Return an id as text; whole numbers are taken as their digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return short(value, field, limit=MAX_CHARS["id"])


def an_object(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadValue(field, f"must be an object, not {name_of(value)}")
    checked: dict[str, Any] = storable(value, field)
    return checked


def a_list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise BadValue(field, f"must be a list, not {name_of(value)}")
    return list(value)
