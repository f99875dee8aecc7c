"""Why: training sets as files: one per split, with counts and hashes, in bounded memory.

The rows of a split first go to a temporary file: only when all are seen is it known
which optional columns there are. The same items and options give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from labeling.errors import Invalid
from labeling.exchange.columns import Observed, as_stored, columns_of, schema_of
from labeling.exchange.records import ExportItem, ExportOptions
from labeling.exchange.splits import SPLITS
from labeling.exchange.tally import Tally
from labeling.exchange.training_sets import rows

FILE_TYPES = ("jsonl", "parquet")
GROUP_ROWS = 1_000
GROUP_BYTES = 8 * 1024 * 1024
# Some programs cut text files at these too; inside JSON an escape means the same.
LINE_ENDS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}


class Outlet(Protocol):
    """Where files go: a folder, or a storage with an `open` of its own."""

    def open(self, name: str) -> BinaryIO:
        """Return a new, writable, binary file; it is closed by whoever asked."""


class Folder:
    """An outlet that makes files appear whole: written beside, then renamed."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path

    @contextmanager
    def whole(self, name: str) -> Iterator[BinaryIO]:
        """Give a file that takes its name only when it was written without an error."""
        part = self._path / f".{name}.part"
        try:
            with part.open("wb") as file:
                yield file
            os.replace(part, self._path / name)
        finally:
            part.unlink(missing_ok=True)

    def remove_former(self) -> None:
        """Remove the files that an earlier manifest of ours in this folder names, and it."""
        manifest = self._path / "manifest.json"
        try:
            former = json.loads(manifest.read_bytes())
            names = {file["name"] for file in former["files"]}
        except (OSError, ValueError, TypeError, KeyError):
            return
        for name in names & {f"{split}.{kind}" for split in SPLITS for kind in FILE_TYPES}:
            (self._path / name).unlink(missing_ok=True)
        manifest.unlink()


@dataclass(frozen=True, slots=True)
class WrittenFile:
    name: str
    split: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """A training set as it was written; `columns` are those that the files have."""

    format: str
    file_type: str
    columns: tuple[str, ...]
    files: tuple[WrittenFile, ...]
    tally: Tally


def write_dataset(
    out: Path | Outlet,
    *,
    format: str,
    file_type: str,
    items: Iterable[ExportItem],
    options: ExportOptions,
) -> Written:
    """Write `train`, `validation` and `test` (those that have rows) and say what was written.

    A set without any row is one empty `train` file. In a folder, a former export is
    replaced. Raises: Invalid (format, file type, option, nothing to learn from).
    """
    if file_type not in FILE_TYPES:
        raise Invalid(
            f"There is no file type {file_type!r}; there are {' and '.join(FILE_TYPES)}.",
            fields={"file_type": f"is none of {', '.join(FILE_TYPES)}"},
        )
    tally = Tally()
    observed = Observed()
    with ExitStack() as stack:
        spools: dict[str, IO[bytes]] = {}
        columns: dict[str, str] = {}
        for split, row in rows(items, options, format=format, tally=tally):
            columns = columns or columns_of(format, options)
            observed.see(row, columns)
            if split not in spools:
                if split not in SPLITS:
                    raise Invalid(f"There is no split {split!r}.")
                spools[split] = stack.enter_context(tempfile.TemporaryFile())
            spools[split].write(encode_row(row))
        if not spools:
            spools["train"] = stack.enter_context(tempfile.TemporaryFile())
        columns = observed.final(columns_of(format, options))
        if isinstance(out, Path):
            out.mkdir(parents=True, exist_ok=True)
            Folder(out).remove_former()
        files = tuple(
            _write_split(out, split, spools[split], columns, observed, file_type)
            for split in SPLITS
            if split in spools
        )
    return Written(format, file_type, tuple(columns), files, tally)


def encode_row(row: Mapping[str, Any]) -> bytes:
    """Return a row as one line of JSON in UTF-8, its texts as they are."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(LINE_ENDS).encode("utf-8") + b"\n"


def _write_split(
    out: Path | Outlet,
    split: str,
    spool: IO[bytes],
    columns: Mapping[str, str],
    observed: Observed,
    file_type: str,
) -> WrittenFile:
    name = f"{split}.{file_type}"
    spool.seek(0)
    with opened(out, name) as file:
        hashing = _Hashing(file)
        if file_type == "jsonl":
            n_rows = _write_lines(hashing, spool, columns)
        else:
            n_rows = _write_parquet(hashing, spool, columns, observed)
    return WrittenFile(name, split, n_rows, hashing.n_bytes, hashing.hash.hexdigest())


@contextmanager
def opened(out: Path | Outlet, name: str) -> Iterator[BinaryIO]:
    """Give a new file of an outlet, closed (and in a folder: named) at the end."""
    if isinstance(out, Path):
        with Folder(out).whole(name) as file:
            yield file
    else:
        with out.open(name) as file:
            yield file


class _Hashing:
    """A writable file that counts and hashes what goes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.n_bytes = 0
        self.closed = False  # pyarrow asks

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.hash.update(data)
        self.n_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self.n_bytes


def _write_lines(file: _Hashing, spool: IO[bytes], columns: Mapping[str, str]) -> int:
    n_rows = 0
    for n_rows, line in enumerate(spool, start=1):  # noqa: B007
        row = json.loads(line)
        file.write(encode_row({key: row.get(key) for key in columns}))
    return n_rows


def _write_parquet(
    file: _Hashing, spool: IO[bytes], columns: Mapping[str, str], observed: Observed
) -> int:
    schema = schema_of(columns, observed, stored=False)
    n_rows = 0
    stored = schema_of(columns, observed, stored=True)
    with pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, compression="zstd") as writer:
        for group in _groups(spool):
            pylist = [as_stored(json.loads(line), columns, observed) for line in group]
            writer.write_table(pa.Table.from_pylist(pylist, schema=stored).cast(schema))
            n_rows += len(group)
    return n_rows


def _groups(spool: IO[bytes]) -> Iterator[list[bytes]]:
    """Give the lines in groups, each one Parquet row group."""
    group: list[bytes] = []
    size = 0
    for line in spool:
        group.append(line)
        size += len(line)
        if len(group) >= GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
