"""Why: JSON bodies, read strictly and up to a size.

What PostgreSQL could not store, or what two parsers would read differently (a name twice in
one object, NaN, numbers beyond all bounds), is refused here with a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, MultiPartParser

from labeling.api.errors import TooLarge

DESK_MAX_BYTES = 256 * 1024  # as the desk protocol's frames


class JsonBody(BaseParser):
    """A JSON object of at most `max_bytes`."""

    media_type = "application/json"

    @property
    def max_bytes(self) -> int:
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read a body.

        Raises:
            TooLarge: more bytes than this route takes.
            ParseError: no JSON object.
        """
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise TooLarge(f"A body has at most {self.max_bytes // 1024} KiB here.")
        try:
            body = _DECODER.decode(raw.decode())
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {_without_text(error)}.") from None
        if not isinstance(body, dict):
            raise ParseError("The body must be a JSON object.")
        return body


class DeskBody(JsonBody):
    """What a desk sends."""

    max_bytes = DESK_MAX_BYTES


class Upload(MultiPartParser):
    """A file with fields beside it; Django spools it to disk."""


def _without_text(error: ValueError) -> str:
    """Say where it broke off, and never what stands there."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    return str(error)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError("a number is beyond all bounds")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 40:
        raise ValueError("a number is beyond all bounds")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_of,
    parse_float=_finite,
    parse_int=_integer,
    parse_constant=_no_constant,
)
