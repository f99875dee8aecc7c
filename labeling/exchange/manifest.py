"""Why: what a training set was made from and how, beside its files.

The clock is a parameter: the same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labeling.exchange.files import Outlet, Written, opened
from labeling.exchange.records import ExportOptions

FORMAT_VERSION = 1
NAME = "manifest.json"


def build_manifest(
    *,
    written: Written,
    options: ExportOptions,
    created_at: str,
    project: Mapping[str, Any],
    guidelines_version: str | int | None,
    questions_version: str | int | None,
    questions: Iterable[Mapping[str, Any]] = (),
    filters: Mapping[str, Any] | None = None,
    policies: Iterable[Mapping[str, Any]] = (),
    split_seed: int | str | None = None,
    split_shares: Mapping[str, float] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a training set; all given values must be plain JSON.

    `hash` covers the names and hashes of the files, not the time: two exports of the
    same data have the same. `extra` may add keys, not replace them.
    """
    tally = written.tally
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "created_at": created_at,
        "project": dict(project),
        "format": written.format,
        "file_type": written.file_type,
        "columns": list(written.columns),
        "guidelines_version": guidelines_version,
        "questions_version": questions_version,
        "questions": [dict(question) for question in questions],
        "filters": dict(filters or {}),
        "options": _plain_options(options),
        "policies": [dict(policy) for policy in policies],
        "split": {"by": "prompt", "seed": split_seed, "shares": dict(split_shares or {})},
        "counts": {
            "items_in": tally.items_in,
            "items_used": tally.items_used,
            "rows": tally.rows_out,
            "dropped": dict(sorted(tally.dropped.items())),
            "skipped": dict(sorted(tally.skipped.items())),
            "by_split": {file.split: file.rows for file in written.files},
        },
        "summary": tally.sentence(),
        "files": [asdict(file) for file in written.files],
        "hash": _hash_of(written),
    }
    return {**(extra or {}), **manifest}


def _plain_options(options: ExportOptions) -> dict[str, Any]:
    plain = asdict(options)
    del plain["questions"]
    plain["good_labels"] = sorted(options.good_labels)
    return plain


def _hash_of(written: Written) -> str:
    said = "".join(f"{file.sha256}  {file.name}\n" for file in written.files)
    return hashlib.sha256(said.encode()).hexdigest()


def write_manifest(out: Path | Outlet, manifest: Mapping[str, Any]) -> str:
    """Write `manifest.json` and return its name."""
    text = json.dumps(manifest, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    with opened(out, NAME) as file:
        file.write(text.encode("utf-8"))
    return NAME
