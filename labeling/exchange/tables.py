"""Why: CSV and Parquet as streams of records with named columns.

Pure. CSV: the delimiter is a comma, a semicolon or a tab, whichever cuts the heading
into the most columns; quotes are doubled to escape; a cell may span lines. Rows are
counted as a spreadsheet counts them: the heading is row 1, and empty lines count. An
empty cell is an absent value. Parquet is read by record batches; its rows are counted
from 1.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from labeling.exchange.rows import BadRow
from labeling.exchange.source import BOM, MAX_RECORD_BYTES, TOO_LONG, UnreadableFile

DELIMITERS = ",;\t"
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of such bytes
BATCH_ROWS = 128
# The limit is the process's and 128 KiB by default, less than one long answer.
csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))

Table = tuple[list[str], Iterator[tuple[int, dict[str, Any]] | BadRow]]


def read_csv(stream: BinaryIO) -> Table:
    """Return the columns and the records of a CSV file. Raises: UnreadableFile."""
    lines = _text_lines(stream)
    heading, delimiter = _heading(lines)
    return heading, _csv_records(lines, heading, delimiter)


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    """Give lines with their ends; bytes that are not UTF-8 come as lone surrogates."""
    first = True
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        if first:
            line, first = line.removeprefix(BOM), False
        yield line.decode("utf-8", "surrogateescape")


def _heading(lines: Iterator[str]) -> tuple[list[str], str]:
    for line in lines:
        if line.strip():
            break
    else:
        raise UnreadableFile("The file is empty.", fields={"file": "is empty"})
    try:
        cut = {mark: next(csv.reader([line], delimiter=mark)) for mark in DELIMITERS}
    except csv.Error as error:
        raise UnreadableFile(
            "The first line is not the heading of a CSV file.", fields={"file": "has no heading"}
        ) from error
    delimiter = max(DELIMITERS, key=lambda mark: len(cut[mark]))
    names = [name.strip() or f"column_{n}" for n, name in enumerate(cut[delimiter], start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableFile(
            f"The heading has the column {twice[0]!r} twice.", fields={"file": "has a column twice"}
        )
    return names, delimiter


def _csv_records(
    lines: Iterator[str], heading: list[str], delimiter: str
) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    row = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row += 1
            yield BadRow(row, "line", _csv_reason(error))
            continue
        row += 1
        if not cells:
            continue
        bad = _bad_cells(cells, heading)
        yield BadRow(row, *bad) if bad else (row, dict(zip(heading, cells, strict=True)))


def _csv_reason(error: csv.Error) -> str:
    said = str(error)
    if "field larger" in said:
        return TOO_LONG
    if "end of data" in said:
        return "opens a quote that is never closed"
    return f"is not CSV: {said}"


def _bad_cells(cells: list[str], heading: list[str]) -> tuple[str, str] | None:
    if len(cells) != len(heading):
        return "line", f"has {len(cells)} cells, and the heading has {len(heading)}"
    for name, cell in zip(heading, cells, strict=True):
        if NOT_UTF8.search(cell):
            return name, "is not valid UTF-8"
        if len(cell) > MAX_RECORD_BYTES:
            return name, TOO_LONG
    return None


def read_parquet(stream: BinaryIO) -> Table:
    """Return the columns and the records of a Parquet file. Raises: UnreadableFile."""
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise UnreadableFile(
            "The file is not a readable Parquet file.", fields={"file": "is not Parquet"}
        ) from error
    return list(file.schema_arrow.names), _parquet_records(file)


def _parquet_records(
    file: pq.ParquetFile,
) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    row = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            for at in range(batch.num_rows):
                row += 1
                try:
                    record = batch.slice(at, 1).to_pylist()[0]
                except UnicodeDecodeError:
                    yield BadRow(row, "record", "is not valid UTF-8")
                    continue
                except (ValueError, OverflowError):
                    yield BadRow(row, "record", "holds a value that cannot be read")
                    continue
                yield row, record
    except (pa.ArrowInvalid, OSError):
        yield BadRow(row + 1, "file", "is damaged from here on")
