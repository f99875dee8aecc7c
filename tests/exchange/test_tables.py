"""CSV and Parquet: columns by name or mapping, cells that are JSON, and broken rows."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labeling.exchange.mapping import InvalidMapping
from labeling.exchange.rows import BadRow, Candidate, ItemRow, Turn
from labeling.exchange.source import UnreadableFile
from tests.exchange.cast import one_item, read


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_delimiter_is_found(mark):
    data = mark.join(["id", "prompt", "language", "topic"]) + "\n"
    data += mark.join(["1", "What, now; then?" if mark == "\t" else "What?", "en", "x"]) + "\n"
    item = one_item(data, filename="a.csv")
    assert (item.row, item.external_id, item.language) == (2, "1", "en")
    assert item.metadata == {"topic": "x"}


def test_csv_candidates_come_from_their_columns():
    data = "prompt,model_a,response_a,response_b,candidate_3\nHi,warm,x,,z\n"
    item = one_item(data, filename="a.csv")
    assert item.candidates == (Candidate((Turn("x"),), "warm"), Candidate((Turn("z"),)))


def test_csv_mapping_names_their_columns():
    data = "frage,antwort1,antwort2,thema\nHi,x,y,z\n"
    item = one_item(
        data,
        filename="a.csv",
        mapping={
            "prompt": "frage",
            "candidate_1": "antwort1",
            "candidate_2": "antwort2",
            "metadata.topic": "thema",
        },
    )
    assert [c.turns[0].text for c in item.candidates] == ["x", "y"]
    assert item.metadata == {"topic": "z"}


def test_csv_cells_may_hold_json_line_ends_and_quotes():
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    head = b"messages,metadata,context\r\n"
    cells = [json.dumps(messages), '{"k": [1]}', 'say "hi"\r\nthere']
    row = ",".join('"' + c.replace('"', '""') + '"' for c in cells)
    item = one_item(head + row.encode() + b"\r\n", filename="a.csv")
    assert len(item.messages) == 2
    assert item.metadata == {"k": [1]}
    assert item.context == 'say "hi"\r\nthere'


def test_csv_bad_rows_are_counted_as_a_spreadsheet_counts():
    data = (
        b"prompt,candidate_1,metadata\n"
        b'"two\nlines",x,\n'
        b"one,two,,four\n"
        b"short\n"
        b"\xff,x,\n"
        b",x,\n"
        b'Hi,x,{"a\n'
        b'"a"b,x,\n'
        b"nul\x00,x,\n"
        b"fine,x,\n"
    )
    # the unbalanced quote of the JSON cell is inside an unquoted cell, which is fine in CSV
    rows = read(data, filename="a.csv")
    assert [(row.row, type(row)) for row in rows] == [
        (2, ItemRow),
        (3, BadRow),
        (4, BadRow),
        (5, BadRow),
        (6, BadRow),
        (7, BadRow),
        (8, BadRow),
        (9, BadRow),
        (10, ItemRow),
    ]
    assert [row.field for row in rows if isinstance(row, BadRow)] == [
        "line",
        "line",
        "prompt",
        "prompt",
        "metadata",
        "line",
        "prompt",
    ]


def test_csv_empty_lines_count_as_rows_and_are_left_out():
    rows = read("prompt\n\na\n\n\nb\n", filename="a.csv")
    assert [row.row for row in rows] == [3, 6]


def test_csv_quote_that_never_closes_is_reported():
    rows = read('prompt\nHi\n"and then\nnothing\n', filename="a.csv")
    assert isinstance(rows[0], ItemRow)
    assert rows[1] == BadRow(3, "line", "opens a quote that is never closed")


def test_csv_cell_longer_than_the_modules_default_is_read():
    item = one_item("prompt\n" + "x" * 300_000 + "\n", filename="a.csv")
    assert len(item.messages[0].content) == 300_000


def test_csv_without_a_prompt_column_names_the_columns():
    with pytest.raises(InvalidMapping, match="question, answer") as raised:
        read("question,answer\na,b\n", filename="a.csv")
    assert "prompt" in raised.value.fields
    with pytest.raises(InvalidMapping, match="no column 'frage'"):
        read("question,answer\na,b\n", filename="a.csv", mapping={"prompt": "frage"})


def test_csv_column_twice_or_no_rows_is_an_error():
    with pytest.raises(UnreadableFile, match="twice"):
        read("prompt,a,a\nx,y,z\n", filename="a.csv")
    with pytest.raises(UnreadableFile, match="no rows"):
        read("prompt,a\n", filename="a.csv")


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_parquet_structs_are_read_without_their_filling_nulls():
    rows = [
        {
            "id": "1",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Ho", "name": "bot"},
                {"role": "user", "content": "And?"},
            ],
            "candidates": [{"text": "x", "policy": "p"}, {"turns": ["y"]}],
            "metadata": {"a": 1},
            "day": date(2026, 11, 23),
            "price": Decimal("1.50"),
        },
        {"id": "2", "messages": [{"role": "user", "content": "Bye"}], "metadata": None},
    ]
    first, second = read(parquet(pa.Table.from_pylist(rows)), filename="a.parquet")
    assert first.messages[1].name == "bot"
    assert [c.policy for c in first.candidates] == ["p", None]
    assert first.metadata == {"a": 1, "day": "2026-11-23", "price": "1.50"}
    assert (second.row, second.candidates, second.metadata) == (2, (), {})


def test_parquet_json_text_is_read_and_bad_rows_are_reported():
    rows = [
        {"prompt": "Hi", "metadata": '{"a": 1}', "x": 1.0},
        {"prompt": None, "metadata": None, "x": None},
        {"prompt": "Hi", "metadata": "{", "x": None},
        {"prompt": "Hi", "metadata": None, "x": float("nan")},
    ]
    data = parquet(pa.Table.from_pylist(rows))
    first, *bad = read(data, filename="upload")
    assert first.metadata == {"a": 1, "x": 1.0}
    assert [(row.row, row.field) for row in bad] == [
        (2, "prompt"),
        (3, "metadata"),
        (4, "metadata.x"),
    ]


def test_parquet_text_that_is_not_utf8_is_one_bad_row():
    broken = pa.array([b"fine", b"\xff\xfe", b"fine too"]).view(pa.string())
    rows = read(parquet(pa.table({"prompt": broken})), filename="a.parquet")
    assert [(row.row, type(row)) for row in rows] == [(1, ItemRow), (2, BadRow), (3, ItemRow)]


def test_parquet_bytes_are_refused_and_a_broken_file_is_named():
    table = pa.table({"prompt": ["Hi"], "blob": [b"\x01"]})
    assert read(parquet(table), filename="a.parquet")[0].field == "metadata.blob"
    with pytest.raises(UnreadableFile, match="Parquet"):
        read(b"PAR1 and nothing more", filename="a.parquet")


def test_parquet_many_row_groups_come_in_order():
    out = io.BytesIO()
    table = pa.table({"prompt": [f"p{n}" for n in range(1000)]})
    pq.write_table(table, out, row_group_size=90)
    rows = read(out.getvalue(), filename="a.parquet")
    assert [row.messages[0].content for row in rows] == [f"p{n}" for n in range(1000)]
    assert [row.row for row in rows] == list(range(1, 1001))
