"""Why: bytes in, records out, with bounded memory and no bad byte ending the file.

Pure of any format's meaning: lines, the elements of a JSON array, and JSON itself.
A stream that cannot seek (an upload, a pipe) is copied to a temporary file first.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, NoReturn

from labeling.errors import Invalid
from labeling.exchange.checks import BadValue
from labeling.exchange.rows import BadRow

MAX_RECORD_BYTES = 4 * 1024 * 1024
HEAD_BYTES = 256 * 1024
SPOOL_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
BOM = b"\xef\xbb\xbf"
TOO_LONG = f"is longer than {MAX_RECORD_BYTES // (1024 * 1024)} MiB"
OUTSIDE = re.compile(rb'["\[\]{},]')
INSIDE = re.compile(rb'["\\]')


class UnreadableFile(Invalid):
    """The file as a whole cannot be read; `fields` says `file`."""


class Record(NamedTuple):
    """The bytes of one record and its line or record number, from 1."""

    row: int
    data: bytes


def seekable(stream: BinaryIO) -> BinaryIO:
    """Return a stream that can seek, its start at the current position."""
    if stream.seekable():
        return stream
    spool: Any = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool  # type: ignore[no-any-return]


def head_of(stream: BinaryIO) -> bytes:
    """Return the first bytes, leaving the stream where it was. Raises: UnreadableFile if none."""
    start = stream.tell()
    head = stream.read(HEAD_BYTES)
    stream.seek(start)
    if not head.removeprefix(BOM).strip():
        raise UnreadableFile("The file is empty.", fields={"file": "is empty"})
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile("The file is UTF-16; save it as UTF-8.", fields={"file": "is UTF-16"})
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise UnreadableFile("The file is packed; unpack it.", fields={"file": "is compressed"})
    return head


def lines(stream: BinaryIO) -> Iterator[Record | BadRow]:
    """Give every line that is not blank, without its line end; only LF and CRLF end lines."""
    number = 0
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        number += 1
        if len(line) > MAX_RECORD_BYTES and not line.endswith(b"\n"):
            while not line.endswith(b"\n") and (line := stream.readline(CHUNK_BYTES)):
                pass
            yield BadRow(number, "line", TOO_LONG)
            continue
        if number == 1:
            line = line.removeprefix(BOM)
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if line.strip():
            yield Record(number, line)


def json_records(stream: BinaryIO, head: bytes) -> Iterator[Record | BadRow]:
    """Give the records of JSON Lines, or the elements of a file that is one JSON array."""
    return _array_elements(stream) if _is_one_list(head) else lines(stream)


def _is_one_list(head: bytes) -> bool:
    """Tell a file that is one list from lines of JSON whose first happens to be a list."""
    body = head.removeprefix(BOM).lstrip()
    first, _, rest = body.partition(b"\n")
    if not body.startswith(b"[") or not rest.strip():
        return body.startswith(b"[")
    try:
        parse_json(first)
    except BadValue:
        return True
    return False


def _array_elements(stream: BinaryIO) -> Iterator[Record | BadRow]:
    """Cut a JSON array into its elements by brackets and quotes alone.

    The state between chunks is the depth and whether a string is open. An element that
    grows too long is dropped as it comes in, so memory stays bounded.
    """
    cutter = _Cutter()
    while chunk := stream.read(CHUNK_BYTES):
        yield from cutter.feed(chunk)
    if cutter.more:
        yield BadRow(cutter.row + 1, "file", "goes on after the end of the list")
    if not cutter.closed:
        yield BadRow(cutter.row + 1, "file", "ends in the middle of the list")


class _Cutter:
    """The scanner of `_array_elements`."""

    def __init__(self) -> None:
        self.row = 0
        self.closed = False
        self.more = False  # something stands after the end
        self._depth = 0
        self._in_string = False
        self._skip = 0  # bytes to step over: the one after a backslash
        self._kept = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[Record | BadRow]:
        if self.closed:
            self.more = self.more or bool(chunk.strip())
            return
        at, start = self._skip, 0
        self._skip = 0
        while not self.closed:
            found = (INSIDE if self._in_string else OUTSIDE).search(chunk, at)
            if found is None:
                break
            at = found.end()
            mark = found.group()
            if mark == b"\\":
                at += 1
            elif mark == b'"':
                self._in_string = not self._in_string
            elif mark in b"[{":
                self._depth += 1
                start = at if self._depth == 1 else start
            else:
                self._depth -= mark in b"]}"
                if self._depth == 0 or (mark == b"," and self._depth == 1):
                    self._keep(chunk[start : at - 1])
                    start = at
                    self.closed = self._depth == 0
                    yield from self._cut()
        if self.closed:
            self.more = bool(chunk[at:].strip())
        else:
            self._skip = max(0, at - len(chunk))
            if self._depth:
                self._keep(chunk[start:])

    def _keep(self, part: bytes) -> None:
        if len(self._kept) + len(part) > MAX_RECORD_BYTES:
            self._too_long = True
            self._kept.clear()
        if not self._too_long:
            self._kept += part

    def _cut(self) -> Iterator[Record | BadRow]:
        data = bytes(self._kept).strip()
        self._kept.clear()
        too_long, self._too_long = self._too_long, False
        if not data and not too_long:
            return  # an empty list, or a comma too many
        self.row += 1
        yield BadRow(self.row, "record", TOO_LONG) if too_long else Record(self.row, data)


def parse_json(data: bytes) -> Any:
    """Return the JSON value of one record. Raises: BadValue that says what is wrong."""
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadValue("line", f"is not valid UTF-8 at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise BadValue("line", f"is not JSON at character {error.pos + 1}") from error
    except ValueError as error:
        raise BadValue("line", "holds a number that cannot be read") from error
    except RecursionError as error:
        raise BadValue("line", "is nested too deeply") from error


def _no_constant(name: str) -> NoReturn:
    raise BadValue("line", f"holds {name}, which is not JSON")
