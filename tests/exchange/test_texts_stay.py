"""Texts are never normalised, and streams of any kind give the same rows."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exchange.readers import read_rows
from labeling.exchange.rows import BadRow, ItemRow
from labeling.exchange.source import CHUNK_BYTES, MAX_RECORD_BYTES, Record, json_records
from tests.exchange.cast import one_item, read

TRAPS = [
    "👩‍👩‍👧‍👦 family and 🏳️‍🌈",
    "\u202eright to left\u202c שלום עולם مرحبا",
    unicodedata.normalize("NFD", "Ångström é"),
    unicodedata.normalize("NFC", "Ångström é"),
    "ﬁ ligature ① K",
    "line\r\nends\rof\nall\u2028kinds\u2029and\x85more\x0b\x0c",
    "\ufeffa mark inside",
    "  spaces around \t",
    'quotes " and \\ backslash, comma; semi',
    "𝒜 outside the basic plane",
]


@pytest.mark.parametrize("text", TRAPS)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_text_keeps_its_code_points_in_every_container(text, ascii_only):
    line = json.dumps({"prompt": text, "candidates": [text]}, ensure_ascii=ascii_only)
    cell = '"' + text.replace('"', '""') + '"'
    for data, name in (
        (line + "\n", "a.jsonl"),
        ("\ufeff" + line + "\r\n", "a.jsonl"),
        ("[" + line + "]", "a.json"),
        ("\ufeff \n[\n  " + line + "\n]\n", "a.json"),
        (f"prompt,candidate_1\n{cell},{cell}\n", "a.csv"),
        (f"\ufeffprompt,candidate_1\r\n{cell},{cell}\r\n", "a.csv"),
    ):
        item = one_item(data, filename=name)
        assert item.messages[0].content == text
        assert item.candidates[0].turns[0].text == text


def test_byte_order_mark_is_dropped_at_the_start_only():
    rows = read(b'\xef\xbb\xbf{"prompt": "a"}\n\xef\xbb\xbf{"prompt": "b"}\n')
    assert [type(row) for row in rows] == [ItemRow, BadRow]


def test_stream_that_cannot_seek_reads_the_same():
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._inner = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            return self._inner.readinto(buffer)

    data = b'{"prompt": "a"}\n{"prompt": "b"}\n'
    pipe = io.BufferedReader(Pipe(data))
    assert list(read_rows(pipe, filename="a.jsonl", format=None, mapping={})) == read(data)


def test_reading_is_lazy():
    class Counted(io.BytesIO):
        n_read = 0

        def readline(self, size: int = -1) -> bytes:
            self.n_read += 1
            return super().readline(size)

    stream = Counted(b'{"prompt": "a"}\n' * 1000)
    rows = read_rows(stream, filename="a.jsonl", format=None, mapping={})
    next(rows)
    assert stream.n_read < 5
    assert sum(1 for _ in rows) == 999


def test_list_with_an_element_too_long_drops_that_one():
    big = json.dumps({"prompt": "x" * (MAX_RECORD_BYTES + 10)})
    rows = read(f'[{{"prompt": "a"}}, {big}, {{"prompt": "c"}}]', filename="a.json")
    assert [type(row) for row in rows] == [ItemRow, BadRow, ItemRow]
    assert [row.row for row in rows] == [1, 2, 3]


def test_list_that_is_cut_off_says_so():
    rows = read('[{"prompt": "a"}, {"prompt": "b', filename="a.json")
    assert isinstance(rows[0], ItemRow)
    assert rows[1] == BadRow(2, "file", "ends in the middle of the list")


def test_what_stands_after_the_list_is_reported():
    rows = read('[{"prompt": "a"}] {"prompt": "b"}', filename="a.json")
    assert rows[1:] == [BadRow(2, "file", "goes on after the end of the list")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_list_is_cut_into_exactly_its_elements(values, indent, ascii_only):
    data = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8")
    records = list(json_records(io.BytesIO(data), data))
    assert all(isinstance(record, Record) for record in records)
    assert [json.loads(record.data) for record in records] == values


@pytest.mark.parametrize("shift", range(8))
def test_chunk_border_may_fall_anywhere(shift):
    pad = "x" * (CHUNK_BYTES - 24 + shift)
    values = [pad, '\\"', {"a": '\\\\"]'}, "\\"]
    data = json.dumps(values).encode()
    assert [json.loads(r.data) for r in json_records(io.BytesIO(data), data)] == values


@given(st.binary(max_size=400))
def test_no_bytes_whatever_break_the_reader(data):
    for name in ("a.jsonl", "a.json", "a.csv"):
        try:
            rows = read(data, filename=name)
        except Exception as error:
            assert getattr(error, "kind", None) == "invalid"  # noqa: PT017
        else:
            assert all(isinstance(row, ItemRow | BadRow) for row in rows)
