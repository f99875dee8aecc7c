"""Training sets as files: the same content in both types, hashes, splits, a manifest."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tracemalloc
from dataclasses import replace

import datasets
import pyarrow.parquet as pq
import pytest

from labeling.errors import Invalid
from labeling.exchange.files import write_dataset
from labeling.exchange.manifest import build_manifest, write_manifest
from labeling.exchange.records import ExportOptions
from labeling.exchange.rows import Turn
from labeling.exchange.training_sets import FORMATS
from tests.exchange.cast import (
    ANSWER,
    BETTER,
    ORDER,
    QUALITY,
    candidate,
    item,
    response,
    two_turn_item,
)

OPTIONS = ExportOptions(questions=(BETTER, ORDER, QUALITY, ANSWER))
TRAP = "👩‍👩‍👧‍👦 \u202eשלום\u202c e\u0301 a\u2028b\u2029c\x85d\r\n\ttab"


def sample_items():
    """Items with unlike optional parts: reasoning here, tool calls there, in all splits."""
    calls = ({"type": "function", "function": {"name": "f", "arguments": {"a": [1, "x"]}}},)
    thinking = replace(candidate("c1"), turns=(Turn(TRAP, reasoning="hm"),))
    calling = replace(candidate("c2"), turns=(Turn("", tool_calls=calls),))
    consensus = {
        "better": {"better": "c1", "strength": 2},
        "order": [["c1"], ["c2"]],
        "quality": {"c1": 5, "c2": 1},
    }
    answers = (
        response("r1", "ann", {"better": {"better": "c1", "strength": 2}, "n": [1, None]}),
        response("r2", "bob", {"answer": {"text": TRAP, "from": "c1"}}, surplus=True),
    )
    made = [
        item("i1", consensus=consensus, responses=answers, metadata={"k": {"deep": [1]}}),
        item("i2", consensus=consensus, candidates=(thinking, candidate("c2"))),
        item("i3", consensus=consensus, candidates=(candidate("c1"), calling), split="test"),
        two_turn_item("i4", consensus=consensus, split="validation"),
        item("i5", consensus={"better": "tie"}),
    ]
    return [replace(m, responses=answers) for m in made]


def without_nulls(value):
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


def with_iso_time(row):
    """`datasets` reads a JSON text that looks like a time as one."""
    at = row.get("created_at")
    return row | {"created_at": f"{at.isoformat()}Z"} if hasattr(at, "isoformat") else row


@pytest.fixture
def load(tmp_path):
    """Load a file as a person who trains would, with a cache of the test's own."""

    def loaded(file_type, path):
        kind = "json" if file_type == "jsonl" else "parquet"
        return datasets.load_dataset(
            kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
        )

    return loaded


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("lineage", [False, True])
def test_both_file_types_hold_the_same(format, lineage, tmp_path, load):
    options = replace(OPTIONS, lineage=lineage)
    loaded = {}
    for file_type in ("jsonl", "parquet"):
        out = tmp_path / file_type
        written = write_dataset(
            out, format=format, file_type=file_type, items=sample_items(), options=options
        )
        assert [f.split for f in written.files] == ["train", "validation", "test"]
        assert sum(f.rows for f in written.files) == written.tally.rows_out
        for file in written.files:
            data = (out / file.name).read_bytes()
            assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
            rows = load(file_type, out / file.name)
            assert rows.column_names == list(written.columns)
            assert len(rows) == file.rows
            loaded[file_type, file.split] = [without_nulls(with_iso_time(row)) for row in rows]
    for split in ("train", "validation", "test"):
        plain = [
            without_nulls(json.loads(line))
            for line in (tmp_path / "jsonl" / f"{split}.jsonl").read_text("utf-8").splitlines()
        ]
        assert plain == loaded["jsonl", split] == loaded["parquet", split]


def test_parquet_schema_is_the_same_in_all_splits(tmp_path):
    written = write_dataset(
        tmp_path,
        format="preference",
        file_type="parquet",
        items=[i for i in sample_items() if i.id != "i3"]
        + [item("i9", consensus={"better": "c1"}, split="test")],
        options=OPTIONS,
    )
    schemas = [pq.read_schema(tmp_path / file.name) for file in written.files]
    assert schemas[0].equals(schemas[1])
    assert schemas[0].equals(schemas[2])
    fields = {f.name for f in schemas[0].field("chosen").type.value_type}
    assert fields == {"role", "content", "reasoning"}


def test_tool_calls_later_in_a_list_are_decoded_from_parquet(tmp_path, load):
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}]
    prompt = (
        {"role": "user", "content": "Light!"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "on"},
    )
    items = [item(prompt_messages=prompt, consensus={"better": "c1"}), item("i2")]
    write_dataset(tmp_path, format="preference", file_type="parquet", items=items, options=OPTIONS)
    (row,) = load("parquet", tmp_path / "train.parquet")
    assert row["prompt"] == list(prompt)


def test_whole_folder_loads_with_its_splits_beside_the_manifest(tmp_path):
    for file_type in ("jsonl", "parquet"):
        out = tmp_path / file_type
        written = write_dataset(
            out, format="kto", file_type=file_type, items=sample_items(), options=OPTIONS
        )
        write_manifest(out, manifest_of(written))
        found = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
        assert {k: len(v) for k, v in found.items()} == {f.split: f.rows for f in written.files}


def test_same_input_gives_the_same_bytes(tmp_path):
    for file_type in ("jsonl", "parquet"):
        hashes = set()
        for name in ("one", "two"):
            out = tmp_path / file_type / name
            written = write_dataset(
                out, format="raw", file_type=file_type, items=sample_items(), options=OPTIONS
            )
            write_manifest(out, manifest_of(written))
            hashes.add(tuple(p.read_bytes() for p in sorted(out.iterdir())))
            assert len(list(out.iterdir())) == 4
        assert len(hashes) == 1


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_margin_column_is_there_only_when_every_row_of_every_split_has_one(
    file_type, tmp_path, load
):
    with_margin = item("i1", consensus={"better": {"better": "c1", "strength": 2}})
    without = item("i2", consensus={"better": "c1"}, split="test")
    for items, columns in (
        ([with_margin], ["chosen", "rejected", "margin"]),
        ([with_margin, without], ["chosen", "rejected"]),
    ):
        write_dataset(tmp_path, format="reward", file_type=file_type, items=items, options=OPTIONS)
        assert load(file_type, tmp_path / f"train.{file_type}").column_names == columns


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_no_row_at_all_is_one_empty_file(file_type, tmp_path):
    written = write_dataset(
        tmp_path, format="reward", file_type=file_type, items=[item()], options=OPTIONS
    )
    assert [(f.name, f.rows) for f in written.files] == [(f"train.{file_type}", 0)]
    assert written.tally.dropped == {"no_consensus": 1}
    if file_type == "parquet":
        assert pq.read_table(tmp_path / "train.parquet").column_names == ["chosen", "rejected"]


def test_export_replaces_a_former_one_and_leaves_other_files_alone(tmp_path):
    written = write_dataset(
        tmp_path, format="raw", file_type="parquet", items=sample_items(), options=OPTIONS
    )
    write_manifest(tmp_path, manifest_of(written))
    (tmp_path / "notes.txt").write_text("mine")
    write_dataset(tmp_path, format="sft", file_type="jsonl", items=[], options=OPTIONS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "train.jsonl"]


def test_error_while_rows_are_made_leaves_no_half_file(tmp_path):
    def broken():
        yield item(consensus={"better": "c1"})
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        write_dataset(
            tmp_path, format="preference", file_type="jsonl", items=broken(), options=OPTIONS
        )
    assert list(tmp_path.iterdir()) == []


def test_outlet_of_ones_own_gets_the_files():
    files: dict[str, bytes] = {}

    class Memory:
        def open(self, name):
            @contextlib.contextmanager
            def opened():
                buffer = io.BytesIO()
                yield buffer
                files[name] = buffer.getvalue()

            return opened()

    for file_type in ("jsonl", "parquet"):
        written = write_dataset(
            Memory(), format="kto", file_type=file_type, items=sample_items(), options=OPTIONS
        )
        write_manifest(Memory(), manifest_of(written))
        for file in written.files:
            assert hashlib.sha256(files[file.name]).hexdigest() == file.sha256
    assert json.loads(files["manifest.json"])["format"] == "kto"


def test_unknown_file_type_and_split_are_refused(tmp_path):
    with pytest.raises(Invalid, match="jsonl and parquet"):
        write_dataset(tmp_path, format="sft", file_type="csv", items=[], options=OPTIONS)
    with pytest.raises(Invalid, match="split"):
        write_dataset(
            tmp_path,
            format="preference",
            file_type="jsonl",
            items=[item(consensus={"better": "c1"}, split="dev")],
            options=OPTIONS,
        )


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_memory_stays_flat_while_rows_grow(file_type, tmp_path):
    def many(n):
        for at in range(n):
            pair = (candidate("c1", f"{at}a" * 2000), candidate("c2", f"{at}b" * 2000))
            yield item(f"i{at}", candidates=pair, consensus={"better": "c1"})

    tracemalloc.start()
    write_dataset(
        tmp_path, format="preference", file_type=file_type, items=many(3000), options=OPTIONS
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = 3000 * 18_000
    assert peak < size / 2, peak


def manifest_of(written, created_at="2026-11-23T05:00:00Z"):
    return build_manifest(
        written=written,
        options=OPTIONS,
        created_at=created_at,
        project={"slug": "p", "name": "P"},
        guidelines_version="1.2",
        questions_version=3,
        questions=[{"name": "better", "type": "preference"}],
        filters={"min_confidence": 0},
        policies=[{"name": "warm", "model": "m", "revision": None, "parameters": {"t": 1}}],
        split_seed=7,
        split_shares={"train": 0.8, "validation": 0.1, "test": 0.1},
        extra={"snapshot": "s1", "files": "not to be replaced"},
    )


def test_manifest_explains_the_rows(tmp_path):
    written = write_dataset(
        tmp_path, format="preference", file_type="jsonl", items=sample_items(), options=OPTIONS
    )
    write_manifest(tmp_path, manifest_of(written))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    counts = manifest["counts"]
    assert counts["items_in"] == 5 == counts["items_used"] + sum(counts["dropped"].values())
    assert counts["rows"] == 4 == sum(counts["by_split"].values())
    assert counts["dropped"] == {"tie": 1}
    assert manifest["summary"] == (
        "4 rows from 4 of 5 items; 1 item gave none: the answers are equally good (1)."
    )
    assert [f["name"] for f in manifest["files"]] == [
        "train.jsonl",
        "validation.jsonl",
        "test.jsonl",
    ]
    assert manifest["columns"] == ["prompt", "chosen", "rejected"]
    assert manifest["snapshot"] == "s1"
    assert manifest["options"]["pairs"] == "all"
    later = manifest_of(written, created_at="2027-01-01T00:00:00Z")
    assert later["hash"] == manifest["hash"]
