"""Why: a person who drops a file should not have to know the name of its format.

Pure. The guess looks at the first bytes and the keys of the first record that tells
something; the file's name only decides where the contents do not.
"""

from __future__ import annotations

import re
from typing import Any

from labeling.errors import Invalid
from labeling.exchange.checks import BadValue
from labeling.exchange.source import BOM, parse_json

FORMATS = (
    "native",
    "csv",
    "parquet",
    "mt-bench",
    "vicuna",
    "self-instruct",
    "ifeval",
    "oasst",
    "oasst-prompts",
    "pandalm",
)
MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:]', re.DOTALL)
TABLE_ENDINGS = (".csv", ".tsv")
JSON_ENDINGS = (".jsonl", ".json", ".ndjson")


class UnknownFormat(Invalid):
    """No reader fits; `fields` says `format`."""


def unknown_format(said: str) -> UnknownFormat:
    """Return the error that lists what there is."""
    return UnknownFormat(
        f"{said} The formats are {', '.join(FORMATS)}.",
        fields={"format": f"is none of {', '.join(FORMATS)}"},
    )


def container_of(head: bytes, filename: str) -> str | None:
    """Return "parquet", "csv" or "json", or None where neither bytes nor name tell."""
    name = filename.lower()
    if head.startswith(b"PAR1") or name.endswith(".parquet"):
        return "parquet"
    if name.endswith(TABLE_ENDINGS):
        return "csv"
    start = head.removeprefix(BOM).lstrip()[:1]
    if name.endswith(JSON_ENDINGS) or (start and start in b'{["'):
        return "json"
    first_line = head.split(b"\n", 1)[0].lower()
    return "csv" if b"prompt" in first_line or b"messages" in first_line else None


def sniff_format(head: bytes, filename: str) -> str:
    """Return the format of a file from its first bytes and its name. Raises: UnknownFormat."""
    container = container_of(head, filename)
    if container is None:
        raise unknown_format("The format of the file cannot be told.")
    if container != "json":
        return container
    return _shape_of(head) or "native"


def _shape_of(head: bytes) -> str | None:
    """Return the format of the first record that looks like one."""
    body = head.removeprefix(BOM).lstrip()
    if body.startswith(b"["):
        inner = body[1:].lstrip()
        return "oasst-prompts" if inner.startswith(b'"') else _by_keys(_keys(inner), None)
    for line in body.splitlines():
        try:
            record = parse_json(line)
        except BadValue:
            record = None
        if isinstance(record, str):
            return "oasst-prompts"
        keys = set(record) if isinstance(record, dict) else _keys(line)
        if found := _by_keys(keys, record):
            return found
    return None


def _keys(data: bytes) -> set[str]:
    """Return the keys of an object whose end may be cut off."""
    keys: set[str] = set()
    depth, last = 0, None
    for mark in MARK.findall(data.decode("utf-8", "replace")):
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
            if depth == 0:
                break
        elif mark == ":" and depth == 1 and last:
            keys.add(last[1:-1])
        last = mark if mark.startswith('"') else None
    return keys


def _by_keys(keys: set[str], record: Any) -> str | None:
    if {"turns", "question_id"} <= keys:
        turns = record.get("turns") if isinstance(record, dict) else None
        one = isinstance(turns, list) and len(turns) == 1
        return "vicuna" if one else "mt-bench"
    for name, wanted in (
        ("oasst", {"message_tree_id", "prompt"}),
        ("pandalm", {"cmp_key", "response1", "response2"}),
        ("self-instruct", {"instruction", "instances"}),
        ("ifeval", {"prompt", "instruction_id_list"}),
    ):
        if wanted <= keys:
            return name
    return "native" if keys & {"prompt", "messages"} else None
