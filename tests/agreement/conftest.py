"""The published data that agreement is checked against, where it is there."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from labeling.agreement.ratings import Rating

DATA = Path(
    os.environ.get("QUORUM_DATA_DIR") or Path(__file__).parents[2].parent / "shared" / "data"
)


def _file(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in {DATA}; set QUORUM_DATA_DIR to the folder of real data")
    return path


def _rows(name: str) -> list[dict[str, str]]:
    with _file(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def worked() -> Any:
    """Published worked examples."""
    return json.loads(_file("agreement/worked_examples.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def pandalm() -> Any:
    """999 pairs judged by three people."""
    return json.loads(_file("pandalm/testset-v1.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def pandalm_ratings(pandalm: Any) -> list[Rating]:
    return [
        Rating(str(row["idx"]), str(i), row[f"annotator{i}"]) for row in pandalm for i in (1, 2, 3)
    ]


@pytest.fixture(scope="session")
def rte() -> tuple[list[Rating], dict[str, str]]:
    """8,000 crowd labels and the truth per item."""
    rows = _rows("rte/labels.csv")
    ratings = [Rating(row["item"], row["worker"], row["label"]) for row in rows]
    return ratings, {row["item"]: row["gold"] for row in rows}


@pytest.fixture(scope="session")
def bluebird() -> tuple[list[Rating], dict[str, str]]:
    rows = _rows("bluebird/label.csv")
    ratings = [Rating(row["item"], row["worker"], row["label"]) for row in rows]
    return ratings, {row["item"]: row["truth"] for row in _rows("bluebird/truth.csv")}


@pytest.fixture(scope="session")
def anesthesia() -> list[Rating]:
    rows = _rows("dawid-skene-1979/anesthesia.csv")
    return [Rating(row["item"], row["rater"], row["rating"]) for row in rows]
