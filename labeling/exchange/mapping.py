"""Why: whose column is which of ours, for files whose columns have names (native, CSV, Parquet).

Pure. A mapping is `ours=theirs`. Ours are the keys of a native row, `metadata.<name>`,
`candidate_<n>` (the text of the n-th candidate) and `policy_<n>` (who wrote it). Without
a mapping a column of our own name is taken; so are `license`, `response_1`,
`response_a`, `candidate_a`, and `model_a` or `policy_a` beside such a column. A column
that is nobody's goes into `metadata` under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labeling.errors import Invalid
from labeling.exchange import checks
from labeling.exchange.items import FIELDS
from labeling.exchange.source import parse_json

NUMBERED = re.compile(r"(candidate|policy)_([1-9]\d?)")
THEIR_CANDIDATE = re.compile(r"(?:candidate|response)(?:_?([1-9]\d?)|_([a-z]))")
THEIR_POLICY = re.compile(r"(?:policy|model)(?:_?([1-9]\d?)|_([a-z]))")
SAME_FIELD = {"license": "licence"}
JSON_FIELDS = ("messages", "metadata", "candidates", "gold")
OURS = (*FIELDS, "metadata.<name>", "candidate_<n>", "policy_<n>")


class InvalidMapping(Invalid):
    """A mapping names something that does not exist; `fields` says which."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each of our fields comes from: every value is the name of a column."""

    fields: dict[str, str]
    metadata: dict[str, str]
    candidates: dict[int, str]
    policies: dict[int, str]


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Raise InvalidMapping where the left side is none of ours."""
    for ours in mapping:
        is_ours = ours in FIELDS or NUMBERED.fullmatch(ours)
        if not is_ours and not (ours.startswith("metadata.") and ours != "metadata."):
            raise InvalidMapping(
                f"There is no field {ours!r}; the fields are {', '.join(OURS)}.",
                fields={ours: "is not a field"},
            )


def check_columns(mapping: Mapping[str, str], columns: Iterable[str]) -> None:
    """Raise InvalidMapping where the right side is not a column of the file."""
    present = list(columns)
    for ours, theirs in mapping.items():
        if theirs not in present:
            raise InvalidMapping(
                f"The file has no column {theirs!r} for {ours}; it has {', '.join(present)}.",
                fields={ours: f"the file has no column {theirs!r}"},
            )


def plan_columns(columns: Iterable[str], mapping: Mapping[str, str]) -> Plan:
    """Decide what each column is. Columns of the mapping that are absent are left out."""
    plan = Plan({}, {}, {}, {})
    left = list(columns)
    for ours, theirs in mapping.items():
        if theirs in left:
            _place(plan, ours, theirs)
    taken = set(mapping.values())
    policies: dict[int, str] = {}
    for name in [c for c in left if c not in taken]:
        ours = SAME_FIELD.get(name, name)
        if ours in FIELDS and ours not in plan.fields:
            plan.fields[ours] = name
        elif (n := _number(THEIR_CANDIDATE, name)) and n not in plan.candidates:
            plan.candidates[n] = name
        elif (n := _number(THEIR_POLICY, name)) and n not in plan.policies:
            policies[n] = name
        else:
            plan.metadata.setdefault(name, name)
    for n, name in policies.items():
        if n in plan.candidates:
            plan.policies[n] = name
        else:
            plan.metadata.setdefault(name, name)
    return plan


def _place(plan: Plan, ours: str, theirs: str) -> None:
    numbered = NUMBERED.fullmatch(ours)
    if numbered is None:
        group, name = (
            (plan.metadata, ours[9:])
            if ours.startswith("metadata.")
            else (
                plan.fields,
                ours,
            )
        )
        group[name] = theirs
        return
    by_number = plan.candidates if numbered[1] == "candidate" else plan.policies
    by_number[int(numbered[2])] = theirs


def _number(pattern: re.Pattern[str], name: str) -> int | None:
    found = pattern.fullmatch(name)
    if found is None:
        return None
    return int(found[1]) if found[1] else ord(found[2]) - ord("a") + 1


def apply_plan(plan: Plan, record: Mapping[str, Any], *, cells: bool) -> dict[str, Any]:
    """Return the native row of a record. Raises: BadValue.

    `cells`: the file is a table, so an empty text is an absent value, and a text where
    a list or an object is wanted is JSON.
    """
    absent = (None, "") if cells else (None,)
    row: dict[str, Any] = {}
    for ours, theirs in plan.fields.items():
        value = record.get(theirs)
        if value not in absent:
            row[ours] = _from_cell(ours, value) if cells and ours in JSON_FIELDS else value
    extras = {
        name: record[theirs]
        for name, theirs in plan.metadata.items()
        if theirs in record and not (cells and record[theirs] in absent)
    }
    if extras:
        row["metadata"] = _merged(row.get("metadata"), extras)
    candidates = _flat_candidates(plan, record, absent)
    if candidates:
        if "candidates" in row:
            raise checks.BadValue("candidates", "are given both as a list and as columns")
        row["candidates"] = candidates
    return row


def _from_cell(ours: str, value: Any) -> Any:
    if not isinstance(value, str):
        return without_nulls(value) if ours in ("messages", "candidates") else value
    try:
        return parse_json(value.encode("utf-8", "surrogatepass"))
    except checks.BadValue as error:
        raise checks.BadValue(ours, f"must hold JSON, and it {error.reason}") from error


def without_nulls(value: Any) -> Any:
    """Return a Parquet value without the nulls that fill up its structs."""
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


def _merged(metadata: Any, extras: dict[str, Any]) -> dict[str, Any]:
    merged = {} if metadata is None else checks.an_object(metadata, "metadata")
    for name, value in extras.items():
        if name in merged:
            raise checks.BadValue(f"metadata.{name}", "is both in metadata and beside it")
        merged[checks.stored_text(name, "metadata")] = checks.storable(value, f"metadata.{name}")
    return merged


def _flat_candidates(
    plan: Plan, record: Mapping[str, Any], absent: tuple[Any, ...]
) -> list[dict[str, Any]]:
    candidates = []
    for n, theirs in sorted(plan.candidates.items()):
        value = record.get(theirs)
        if value in absent:
            continue
        if not isinstance(value, str):
            raise checks.BadValue(f"candidate_{n}", f"must be text, not {checks.name_of(value)}")
        policy = record.get(plan.policies[n]) if n in plan.policies else None
        candidates.append({"text": value, "policy": policy})
    return candidates
