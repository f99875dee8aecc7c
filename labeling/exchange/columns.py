"""Why: the columns of each format, so that every split and both file types agree.

Pure. JSON Lines holds nested values as they are. Parquet gives messages as lists of
structs; values without a fixed shape (metadata, values …) are Parquet's own JSON type,
which `datasets` decodes and other readers see as JSON text. Where tool calls occur,
every message is such a value: `datasets` 5.2 looks at the first element of a list only
to see if there is something to decode, and a first message hardly ever calls a tool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from labeling.exchange.records import ExportOptions

MESSAGES = "messages"
MESSAGES_LIST = "messages_list"
JSON = "json"
SCALARS: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "strings": pa.list_(pa.string()),
    "ints": pa.list_(pa.int64()),
}
PAIR = {"chosen": MESSAGES, "rejected": MESSAGES}
PAIR_LINEAGE = {
    "item_id": "string",
    "chosen_id": "string",
    "rejected_id": "string",
    "confidence": "float",
}
ONE_LINEAGE = {"item_id": "string", "candidate_id": "string", "confidence": "float"}
RAW = {
    "item_id": "string",
    "external_id": "string",
    "split": "string",
    "prompt": MESSAGES,
    "following_user_turns": "strings",
    "context": "string",
    "metadata": JSON,
    "candidates": JSON,
    "consensus": JSON,
    "response_id": "string",
    "annotator": "string",
    "values": JSON,
    "question_types": JSON,
    "questions_version": "string",
    "guidelines_version": "string",
    "created_at": "string",
    "spent_ms": "int",
    "surplus": "bool",
}


def columns_of(format: str, options: ExportOptions) -> dict[str, str]:
    """Return the columns of a format and their kinds, in order."""
    if format == "raw":
        return dict(RAW)
    if format == "sft":
        shape = {"prompt": MESSAGES, "completion": MESSAGES}
        columns = {"messages": MESSAGES} if options.sft_shape == "messages" else shape
        return columns | (ONE_LINEAGE if options.lineage else {})
    if format == "kto":
        columns = {"prompt": MESSAGES, "completion": MESSAGES, "label": "bool"}
        return columns | (ONE_LINEAGE if options.lineage else {})
    if format == "ranking":
        columns = {"prompt": MESSAGES, "completions": MESSAGES_LIST, "ranks": "ints"}
        lineage = {"item_id": "string", "confidence": "float", "completion_ids": "strings"}
        return columns | (lineage if options.lineage else {})
    columns = {"prompt": MESSAGES, **PAIR} if format == "preference" else PAIR | {"margin": "float"}
    return columns | (PAIR_LINEAGE if options.lineage else {})


@dataclass(slots=True)
class Observed:
    """What the rows of an export turned out to hold, over all splits."""

    message_keys: dict[str, None] = field(default_factory=dict)
    margin_missing: bool = False
    n_rows: int = 0

    def see(self, row: Mapping[str, Any], columns: Mapping[str, str]) -> None:
        """Take note of one row."""
        self.n_rows += 1
        if "margin" in columns and row.get("margin") is None:
            self.margin_missing = True
        for name, kind in columns.items():
            if kind == MESSAGES:
                self._see_messages(row[name])
            elif kind == MESSAGES_LIST:
                for messages in row[name]:
                    self._see_messages(messages)

    def _see_messages(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if len(message) > 2:
                self.message_keys.update(dict.fromkeys(message))

    @property
    def has_tool_calls(self) -> bool:
        return "tool_calls" in self.message_keys

    def final(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Return the columns that are written: `margin` only if every row has one."""
        drop = self.margin_missing or not self.n_rows
        return {n: kind for n, kind in columns.items() if not (n == "margin" and drop)}


def schema_of(columns: Mapping[str, str], observed: Observed, *, stored: bool) -> pa.Schema:
    """Return the Parquet schema; with `stored`, JSON as the text that it is stored as."""
    as_json = pa.string() if stored else pa.json_()
    messages = pa.list_(as_json if observed.has_tool_calls else _message_type(observed))
    kinds = SCALARS | {MESSAGES: messages, MESSAGES_LIST: pa.list_(messages), JSON: as_json}
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])


def _message_type(observed: Observed) -> pa.DataType:
    optional = sorted(set(observed.message_keys) - {"role", "content"})
    return pa.struct([(key, pa.string()) for key in ("role", "content", *optional)])


def as_stored(
    row: Mapping[str, Any], columns: Mapping[str, str], observed: Observed
) -> dict[str, Any]:
    """Return a row for the `stored` schema: free-form values as JSON text."""
    out: dict[str, Any] = {}
    for name, kind in columns.items():
        value = row.get(name)
        if value is None:
            out[name] = None
        elif kind == JSON:
            out[name] = _dump(value)
        elif kind == MESSAGES and observed.has_tool_calls:
            out[name] = [_dump(message) for message in value]
        elif kind == MESSAGES_LIST and observed.has_tool_calls:
            out[name] = [[_dump(message) for message in messages] for messages in value]
        else:
            out[name] = value
    return out


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
