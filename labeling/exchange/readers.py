"""Why: the one way in. A stream of bytes becomes items and bad rows, one at a time.

Pure and streaming: memory holds one record (4 MiB at most) or one small Parquet batch,
whatever the size of the file. What is wrong with the whole file (empty, unknown format,
a mapping that does not fit) is raised at the call; what is wrong with a row is given as
a `BadRow` in its place, and reading goes on.

Texts are never normalised: line ends inside texts, combining characters, direction
marks and emoji stay as they are. Only a byte order mark at the start of the file goes.
The same id twice is not an error here; whoever writes the rows counts it as there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, BinaryIO

from labeling.exchange import foreign, tables
from labeling.exchange.checks import BadValue
from labeling.exchange.items import build_item
from labeling.exchange.mapping import (
    InvalidMapping,
    Plan,
    apply_plan,
    check_columns,
    check_mapping,
    plan_columns,
)
from labeling.exchange.oasst import read_oasst
from labeling.exchange.rows import BadRow, ItemRow
from labeling.exchange.sniff import FORMATS, container_of, sniff_format, unknown_format
from labeling.exchange.source import (
    Record,
    UnreadableFile,
    head_of,
    json_records,
    parse_json,
    seekable,
)

Shape = Callable[[int, Any], Iterable[ItemRow | BadRow]]
Rows = Iterator[ItemRow | BadRow]

SHAPES: dict[str, Shape] = {
    "mt-bench": partial(foreign.read_fastchat, name="mt-bench", n_turns=2),
    "vicuna": partial(foreign.read_fastchat, name="vicuna", n_turns=1),
    "self-instruct": foreign.read_self_instruct,
    "ifeval": foreign.read_ifeval,
    "oasst": read_oasst,
    "oasst-prompts": foreign.read_prompt_strings,
    "pandalm": foreign.read_pandalm,
}
WITH_COLUMNS = ("native", "csv", "parquet")
# Optional keys need not stand in the first row of a JSON Lines file: so many rows, or
# bytes, are looked at before a mapping is called wrong.
LOOK_AHEAD_ROWS = 100
LOOK_AHEAD_BYTES = 4 * 1024 * 1024


def read_rows(
    stream: BinaryIO, *, filename: str, format: str | None, mapping: Mapping[str, str]
) -> Rows:
    """Return the rows of a file, in order.

    `format` is one of `sniff.FORMATS`, or None to have it guessed; a mapping says that
    the columns have other names than ours, so it is never guessed as a foreign format.

    Raises: UnreadableFile, UnknownFormat, InvalidMapping (all of kind invalid).
    """
    check_mapping(mapping)
    if format is not None and format not in FORMATS:
        raise unknown_format(f"There is no format {format!r}.")
    source = seekable(stream)
    head = head_of(source)
    chosen = format or _guess(head, filename, has_mapping=bool(mapping))
    if mapping and chosen not in WITH_COLUMNS:
        raise InvalidMapping(
            f"The format {chosen} has fixed fields and takes no mapping.",
            fields=dict.fromkeys(mapping, f"cannot be mapped in {chosen}"),
        )
    rows = _open(source, head, chosen, mapping)
    first = next(rows, None)
    if first is None:
        raise UnreadableFile("The file has no rows.", fields={"file": "has no rows"})
    return chain((first,), rows)


def _guess(head: bytes, filename: str, *, has_mapping: bool) -> str:
    container = container_of(head, filename)
    if has_mapping and container == "json":
        return "native"
    return sniff_format(head, filename)


def _open(source: BinaryIO, head: bytes, format: str, mapping: Mapping[str, str]) -> Rows:
    if format in ("csv", "parquet"):
        read = tables.read_csv if format == "csv" else tables.read_parquet
        columns, table = read(source)
        check_columns(mapping, columns)
        plan = plan_columns(columns, mapping)
        if not {"prompt", "messages"} & plan.fields.keys():
            raise InvalidMapping(
                "The file has no column prompt or messages; name it with prompt=<column>. "
                f"It has {', '.join(columns)}.",
                fields={"prompt": "is no column of the file"},
            )
        return _table_rows(table, plan)
    records = json_records(source, head)
    if format != "native":
        return _shaped(records, SHAPES[format])
    if mapping:
        records = _looked_ahead(records, mapping)
    return _shaped(records, _Native(mapping))


def _shaped(records: Iterator[Record | BadRow], shape: Shape) -> Rows:
    for record in records:
        if isinstance(record, BadRow):
            yield record
            continue
        try:
            yield from shape(record.row, parse_json(record.data))
        except BadValue as error:
            yield BadRow(record.row, error.field, error.reason)


def _table_rows(table: Iterator[tuple[int, dict[str, Any]] | BadRow], plan: Plan) -> Rows:
    for found in table:
        if isinstance(found, BadRow):
            yield found
            continue
        row, record = found
        try:
            yield build_item(row, apply_plan(plan, record, cells=True))
        except BadValue as error:
            yield BadRow(row, error.field, error.reason)


class _Native:
    """The shape of native rows; plans are kept per set of keys, which hardly varies."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping
        self._plans: dict[tuple[str, ...], Plan] = {}

    def __call__(self, row: int, record: Any) -> Iterator[ItemRow]:
        if not isinstance(record, dict):
            raise BadValue("line", "must be a JSON object")
        keys = tuple(record)
        plan = self._plans.get(keys)
        if plan is None:
            plan = plan_columns(keys, self._mapping)
            if len(self._plans) < LOOK_AHEAD_ROWS:
                self._plans[keys] = plan
        yield build_item(row, apply_plan(plan, record, cells=False))


def _looked_ahead(
    records: Iterator[Record | BadRow], mapping: Mapping[str, str]
) -> Iterator[Record | BadRow]:
    """Check the mapping against the keys of the first rows, then give all rows."""
    seen: list[Record | BadRow] = []
    keys: dict[str, None] = {}
    size = 0
    for record in records:
        seen.append(record)
        if isinstance(record, Record):
            size += len(record.data)
            try:
                value = parse_json(record.data)
            except BadValue:
                value = None
            keys.update(dict.fromkeys(value if isinstance(value, dict) else ()))
        all_found = all(theirs in keys for theirs in mapping.values())
        if all_found or len(seen) >= LOOK_AHEAD_ROWS or size >= LOOK_AHEAD_BYTES:
            break
    check_columns(mapping, keys)
    return chain(seen, records)
