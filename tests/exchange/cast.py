"""The fixed cast of the exchange tests: small files, and items as a snapshot gives them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from labeling.exchange.readers import read_rows
from labeling.exchange.records import (
    ConsensusView,
    ExportCandidate,
    ExportItem,
    ExportQuestion,
    ExportResponse,
)
from labeling.exchange.rows import BadRow, ItemRow, Turn

REPO = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("QUORUM_DATA_DIR", REPO.parent / "shared" / "data"))

BETTER = ExportQuestion("better", "preference")
ORDER = ExportQuestion("order", "ranking")
QUALITY = ExportQuestion("quality", "rating", per="candidate", min=1, max=5)
SAFE = ExportQuestion("safe", "label", per="candidate")
ANSWER = ExportQuestion("answer", "edit")


def shared(path: str) -> Path:
    """Return a file of the real data, or skip the test where the folder is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not at {DATA}; set QUORUM_DATA_DIR")
    return DATA / path


def read(
    data: bytes | str,
    *,
    filename: str = "items.jsonl",
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> list[ItemRow | BadRow]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_rows(io.BytesIO(raw), filename=filename, format=format, mapping=mapping or {}))


def read_native(*records: Any) -> list[ItemRow | BadRow]:
    return read("".join(json.dumps(r) + "\n" for r in records), format="native")


def one_item(data: bytes | str, **how: Any) -> ItemRow:
    (row,) = read(data, **how)
    assert isinstance(row, ItemRow), row
    return row


def candidate(name: str, *texts: str, **more: Any) -> ExportCandidate:
    return ExportCandidate(id=name, turns=tuple(Turn(t) for t in texts or (f"by {name}",)), **more)


def item(
    name: str = "i1",
    *,
    candidates: tuple[ExportCandidate, ...] | None = None,
    consensus: Mapping[str, Any] | None = None,
    confidence: float | None = 0.9,
    **more: Any,
) -> ExportItem:
    found = (candidate("c1"), candidate("c2")) if candidates is None else candidates
    views = {q: ConsensusView(v, confidence, 3) for q, v in (consensus or {}).items()}
    prompt = more.pop("prompt_messages", ({"role": "user", "content": f"ask {name}"},))
    return ExportItem(id=name, prompt_messages=prompt, candidates=found, consensus=views, **more)


def two_turn_item(name: str = "i2", **more: Any) -> ExportItem:
    return item(
        name,
        candidates=(candidate("c1", "a1", "a2"), candidate("c2", "b1", "b2")),
        following_user_turns=("and then?",),
        **more,
    )


def response(name: str, who: str, values: Mapping[str, Any], **more: Any) -> ExportResponse:
    return ExportResponse(
        id=name, annotator=who, values=values, created_at=f"2026-11-23T00:00:0{name[-1]}Z", **more
    )
