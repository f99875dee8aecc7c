"""Every reader on what real people wrote, the format guessed from the file."""

from __future__ import annotations

import collections
import io
import json

import pytest

from labeling.exchange.readers import read_rows
from labeling.exchange.rows import BadRow, ItemRow, n_open_turns
from labeling.exchange.sniff import sniff_format
from tests.exchange.cast import shared

FILES = [
    ("prompts/mt_bench_question.jsonl", "mt-bench", 80),
    ("prompts/vicuna_bench_question.jsonl", "vicuna", 80),
    ("prompts/self_instruct_seed_tasks.jsonl", "self-instruct", 175),
    ("prompts/user_oriented_instructions.jsonl", "self-instruct", 252),
    ("prompts/ifeval_input_data.jsonl", "ifeval", 541),
    ("prompts/oasst_en_100_tree.jsonl", "oasst", 480),
    ("prompts/oasst_prompt_lottery_en_250_text.jsonl", "oasst-prompts", 250),
    ("pandalm/testset-v1.json", "pandalm", 999),
]


def items_of(path: str, format: str | None = None) -> list[ItemRow]:
    with shared(path).open("rb") as stream:
        rows = list(read_rows(stream, filename=path, format=format, mapping={}))
    assert not [row for row in rows if isinstance(row, BadRow)]
    return [row for row in rows if isinstance(row, ItemRow)]


@pytest.mark.parametrize(("path", "format", "count"), FILES)
def test_file_is_recognised_and_read_without_a_bad_row(path, format, count):
    head = shared(path).read_bytes()[:65536]
    assert sniff_format(head, path) == format
    assert sniff_format(head[:900], "upload") == format
    items = items_of(path)
    assert len(items) == count
    assert items == items_of(path, format)
    ids = [item.external_id for item in items]
    assert format == "oasst-prompts" or len(set(ids)) == count


@pytest.mark.parametrize(("path", "format", "count"), FILES)
def test_native_export_of_a_foreign_file_reads_back_the_same(path, format, count):
    items = items_of(path)
    lines = [
        {
            "id": item.external_id,
            "messages": [{"role": m.role, "content": m.content} for m in item.messages],
            "metadata": item.metadata,
            "candidates": [
                {"turns": [t.text for t in c.turns], "policy": c.policy} for c in item.candidates
            ],
        }
        for item in items
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    back = list(read_rows(io.BytesIO(data), filename="x.jsonl", format="native", mapping={}))
    assert [row.content_hash for row in back] == [item.content_hash for item in items]
    assert [row.metadata for row in back] == [item.metadata for item in items]


def test_mt_bench_items_have_two_open_turns_and_their_category():
    items = items_of("prompts/mt_bench_question.jsonl")
    assert {n_open_turns(item.messages) for item in items} == {2}
    assert {m.role for item in items for m in item.messages} == {"user"}
    assert items[0].external_id == "mt-bench-81"
    assert items[0].metadata == {"question_id": 81, "category": "writing"}
    assert len({item.metadata["category"] for item in items}) == 8
    assert sum("reference" in item.metadata for item in items) == 39


def test_vicuna_items_have_one_open_turn():
    items = items_of("prompts/vicuna_bench_question.jsonl")
    assert {n_open_turns(item.messages) for item in items} == {1}


def test_self_instruct_prompt_is_instruction_and_input():
    items = items_of("prompts/self_instruct_seed_tasks.jsonl")
    assert items[1].messages[0].content == (
        "What is the relation between the given pairs?\n\nNight : Day :: Right : Left"
    )
    assert items[1].metadata["reference"].startswith("The relation between")
    assert not items[0].messages[0].content.endswith("\n")
    assert items[0].metadata["is_classification"] is False


def test_ifeval_keeps_its_checks_in_metadata():
    first = items_of("prompts/ifeval_input_data.jsonl")[0]
    assert first.metadata["key"] == 1000
    assert first.metadata["kwargs"][1] == {"num_highlights": 3}


def test_oasst_trees_become_roots_with_candidates_and_deeper_items_with_parents():
    items = items_of("prompts/oasst_en_100_tree.jsonl")
    roots = [item for item in items if item.parent_external_id is None]
    assert len(roots) == 100
    assert {item.row for item in roots} == set(range(1, 101))
    assert all(len(item.candidates) >= 2 for item in roots)
    assert sum(len(item.candidates) for item in items) == 687
    assert sum(not item.candidates for item in items) == 226
    by_id = {item.external_id: item for item in items}
    for item in items:
        assert n_open_turns(item.messages) == 1
        assert item.language == "en"
        assert all(c.policy is None for c in item.candidates)
        if item.parent_external_id is None:
            continue
        parent = by_id[item.parent_external_id]
        above = parent.metadata["candidates"]
        place = [c["message_id"] for c in above].index(item.metadata["continues"])
        assert item.messages[: len(parent.messages)] == parent.messages
        assert item.messages[-2].content == parent.candidates[place].turns[0].text
        assert item.messages[-2].role == "assistant"


def test_pandalm_judgments_are_preferences_over_the_candidates_in_file_order():
    items = items_of("pandalm/testset-v1.json")
    raw = json.loads(shared("pandalm/testset-v1.json").read_text())
    votes = collections.Counter()
    for item, record in zip(items, raw, strict=True):
        assert [c.policy for c in item.candidates] == record["cmp_key"].split("_")
        assert [c.turns[0].text for c in item.candidates] == [
            str(record["response1"]),
            str(record["response2"]),
        ]
        assert [j.annotator for j in item.judgments] == ["annotator1", "annotator2", "annotator3"]
        votes[item.judgments[0].value["better"]] += 1
        assert not {"annotator1", "response1", "instruction"} & item.metadata.keys()
    assert votes == {"B": 475, "A": 427, "tie": 97}
    assert items[0].judgments[0].value == {"better": "B", "strength": 1}


def test_pandalm_as_lines_of_json_reads_like_the_list():
    raw = json.loads(shared("pandalm/testset-v1.json").read_text())[:50]
    data = "".join(json.dumps(r) + "\n" for r in raw).encode()
    back = list(read_rows(io.BytesIO(data), filename="p.json", format=None, mapping={}))
    assert back == items_of("pandalm/testset-v1.json")[:50]


def test_rte_texts_csv_reads_with_a_mapping():
    mapping = {"prompt": "text", "id": "item", "metadata.second": "hypothesis"}
    with shared("rte/texts.csv").open("rb") as stream:
        rows = list(read_rows(stream, filename="texts.csv", format=None, mapping=mapping))
    assert len(rows) == 800
    assert all(isinstance(row, ItemRow) and set(row.metadata) == {"second"} for row in rows)


def test_argilla_parquet_reads_with_a_mapping():
    path = shared("argilla-export/data/train-00000-of-00001.parquet")
    with path.open("rb") as stream:
        rows = list(
            read_rows(stream, filename=path.name, format=None, mapping={"prompt": "instruction"})
        )
    assert len(rows) == 120
