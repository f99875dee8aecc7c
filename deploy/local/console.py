"""What the stack says: to the terminal with a coloured name before each line, and to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TextIO

OWN_NAME = "quorum"
NAME_WIDTH = 12
LARGEST_LOG_BYTES = 10 * 1024 * 1024
N_OLD_LOGS = 3
COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR")


class Console:
    """The terminal. When nobody reads it any more it falls silent; the files go on."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._stream: TextIO | None = stream
        self._colour = colour
        self._colours: dict[str, int] = {OWN_NAME: 1}

    def say(self, text: str) -> None:
        """Print lines in the stack's own voice."""
        for line in text.splitlines() or [""]:
            self.line(OWN_NAME, line)

    def line(self, name: str, text: str) -> None:
        """Print one line of a process."""
        prefix = f"{name:<{NAME_WIDTH}}|"
        if self._colour:
            code = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            prefix = f"\033[{code}m{prefix}\033[0m"
        if self._stream is None:
            return
        try:
            print(prefix, text, file=self._stream, flush=True)
        except (OSError, ValueError):
            self._stream = None
        except UnicodeEncodeError:
            plain = text.encode("ascii", "backslashreplace").decode("ascii")
            print(prefix, plain, file=self._stream, flush=True)


class LogFile:
    """A log that is renamed `.1`, `.2`, … when it has grown to its largest size."""

    def __init__(self, path: Path, *, largest_bytes: int = LARGEST_LOG_BYTES) -> None:
        self._path = path
        self._largest_bytes = largest_bytes
        self._file = self._open()
        self._size = self._file.tell()

    def write(self, line: bytes) -> None:
        """Append one line (given without its end)."""
        if self._size and self._size + len(line) + 1 > self._largest_bytes:
            self._rotate()
        self._file.write(line + b"\n")
        self._size += len(line) + 1

    def close(self) -> None:
        """Close the file; a later write raises."""
        self._file.close()

    def _open(self) -> IO[bytes]:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "ab", buffering=0)
        file.seek(0, os.SEEK_END)
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(N_OLD_LOGS - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self._file = self._open()
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
