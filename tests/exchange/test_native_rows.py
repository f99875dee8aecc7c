"""The pinned native row: what is taken, and what makes a row bad, field by field."""

from __future__ import annotations

import json

import pytest

from labeling.errors import ErrorKind
from labeling.exchange.mapping import InvalidMapping
from labeling.exchange.rows import BadRow, Candidate, ItemRow, Message, Turn
from labeling.exchange.sniff import FORMATS, UnknownFormat
from labeling.exchange.source import MAX_RECORD_BYTES, UnreadableFile
from tests.exchange.cast import one_item, read, read_native

CALL = {"type": "function", "function": {"name": "lamp", "arguments": {"on": True}}}


def test_every_pinned_field_is_taken():
    row = {
        "id": "a1",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello", "reasoning": "greet"},
            {"role": "user", "content": "Bye"},
        ],
        "context": "At the door",
        "metadata": {"n": 1},
        "candidates": [{"text": "Ciao", "policy": "warm"}, {"turns": ["Adieu"]}, "Tschüss"],
        "source": "us",
        "licence": "CC0",
        "language": "en",
        "sensitivity": "none",
        "gold": {"better": {"better": "A", "strength": 2}},
        "parent": 7,
    }
    (item,) = read_native(row)
    assert isinstance(item, ItemRow)
    assert item.external_id == "a1"
    assert item.messages[2] == Message("assistant", "Hello", reasoning="greet")
    assert item.candidates == (
        Candidate((Turn("Ciao"),), "warm"),
        Candidate((Turn("Adieu"),)),
        Candidate((Turn("Tschüss"),)),
    )
    assert (item.context, item.metadata, item.gold) == ("At the door", {"n": 1}, row["gold"])
    assert (item.source, item.licence, item.language) == ("us", "CC0", "en")
    assert (item.sensitivity, item.parent_external_id) == ("none", "7")


def test_prompt_is_one_user_message_and_nulls_are_absent_values():
    (item,) = read_native({"prompt": "Hi", "context": None, "candidates": None, "messages": None})
    assert item.messages == (Message("user", "Hi"),)
    assert (item.external_id, item.context, item.candidates) == (None, None, ())


def test_unknown_keys_go_into_metadata_and_license_is_licence():
    (item,) = read_native({"prompt": "Hi", "topic": "x", "license": "MIT", "metadata": {"a": 1}})
    assert item.metadata == {"a": 1, "topic": "x"}
    assert item.licence == "MIT"
    (item,) = read_native({"prompt": "Hi", "licence": "CC0", "license": "MIT"})
    assert (item.licence, item.metadata) == ("CC0", {"license": "MIT"})


def test_tool_calls_and_results_are_kept_and_the_turn_stays_open():
    (item,) = read_native(
        {
            "messages": [
                {"role": "user", "content": "Light!"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "content": "on", "tool_call_id": "t1", "name": "lamp"},
            ],
            "candidates": [{"text": "", "tool_calls": [CALL]}, {"tool_calls": [CALL]}],
        }
    )
    assert item.messages[1] == Message("assistant", "", tool_calls=(CALL,))
    assert item.messages[2] == Message("tool", "on", tool_call_id="t1", name="lamp")
    assert item.candidates[0].turns == (Turn("", tool_calls=(CALL,)),)
    assert item.candidates[0] == item.candidates[1]


def test_empty_candidate_is_kept_for_a_policys_failures_are_not_hidden():
    (item,) = read_native({"prompt": "Hi", "candidates": [{"text": ""}, {"text": "x"}]})
    assert item.candidates[0].turns == (Turn(""),)


def test_two_open_turns_take_candidates_of_two_turns():
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    good, bad = read_native(
        {"messages": messages, "candidates": [{"turns": ["x", {"text": "y", "reasoning": "z"}]}]},
        {"messages": messages, "candidates": [{"turns": ["x", "y"]}, {"text": "x"}]},
    )
    assert good.candidates[0].turns == (Turn("x"), Turn("y", reasoning="z"))
    assert bad == BadRow(2, "candidates[1].turns", "has 1 turns, and the item has 2 open turns")


def user(content: object = "Hi", **more: object) -> dict[str, object]:
    return {"role": "user", "content": content, **more}


BAD = [
    ([1], "line"),
    ({}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": " \n"}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": "a\x00b"}, "prompt"),
    ({"prompt": "a", "messages": [user()]}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": ["Hi"]}, "messages[0]"),
    ({"messages": [user(), {"role": "bot", "content": "x"}]}, "messages[1].role"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
    ({"messages": [user("")]}, "messages[0].content"),
    ({"messages": [user(None)]}, "messages[0].content"),
    ({"messages": [user([{"type": "text", "text": "x"}])]}, "messages[0].content"),
    ({"messages": [user(weight=1)]}, "messages[0].weight"),
    ({"messages": [user(tool_calls=[CALL])]}, "messages[0].tool_calls"),
    ({"messages": [user(tool_call_id="t")]}, "messages[0].tool_call_id"),
    ({"messages": [user(name=3)]}, "messages[0].name"),
    ({"messages": [user(reasoning=3)]}, "messages[0].reasoning"),
    ({"messages": [user(), {"role": "assistant", "content": "x"}]}, "messages"),
    ({"messages": [user(), {"role": "assistant", "tool_calls": [CALL]}]}, "messages"),
    (
        {"messages": [user(), {"role": "assistant", "tool_calls": ["x"]}]},
        "messages[1].tool_calls[0]",
    ),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [user(), {"role": "system", "content": "x"}]}, "messages[1].role"),
    ({"messages": [user(), user(), {"role": "tool", "content": "x"}]}, "messages[2].role"),
    ({"prompt": "Hi", "id": True}, "id"),
    ({"prompt": "Hi", "id": 1.5}, "id"),
    ({"prompt": "Hi", "id": "x" * 256}, "id"),
    ({"prompt": "Hi", "parent": []}, "parent"),
    ({"prompt": "Hi", "context": {}}, "context"),
    ({"prompt": "Hi", "metadata": []}, "metadata"),
    ({"prompt": "Hi", "metadata": {"a": {"b": ["\x00"]}}}, "metadata.a.b[0]"),
    ({"prompt": "Hi", "metadata": {"a\x00": 1}}, "metadata"),
    ({"prompt": "Hi", "metadata": {"a": 1}, "a": 2}, "metadata.a"),
    ({"prompt": "Hi", "topic": "\x00"}, "metadata.topic"),
    ({"prompt": "Hi", "source": 3}, "source"),
    ({"prompt": "Hi", "licence": "x" * 121}, "licence"),
    ({"prompt": "Hi", "language": "x" * 17}, "language"),
    ({"prompt": "Hi", "sensitivity": "x" * 41}, "sensitivity"),
    ({"prompt": "Hi", "gold": "A"}, "gold"),
    ({"prompt": "Hi", "candidates": {}}, "candidates"),
    ({"prompt": "Hi", "candidates": ["x"] * 101}, "candidates"),
    ({"prompt": "Hi", "candidates": [3]}, "candidates[0]"),
    ({"prompt": "Hi", "candidates": [{}]}, "candidates[0].text"),
    ({"prompt": "Hi", "candidates": [{"text": None}]}, "candidates[0].text"),
    ({"prompt": "Hi", "candidates": [{"text": "x", "turns": ["x"]}]}, "candidates[0].turns"),
    ({"prompt": "Hi", "candidates": [{"turns": []}]}, "candidates[0].turns"),
    ({"prompt": "Hi", "candidates": [{"turns": "x"}]}, "candidates[0].turns"),
    ({"prompt": "Hi", "candidates": [{"turns": [1]}]}, "candidates[0].turns[0]"),
    ({"prompt": "Hi", "candidates": [{"text": "x", "policy": 1}]}, "candidates[0].policy"),
    ({"prompt": "Hi", "candidates": [{"text": "x", "score": 1}]}, "candidates[0].score"),
    ({"prompt": "Hi", "candidates": ["a\x00"]}, "candidates[0].text"),
]


@pytest.mark.parametrize(("record", "field"), BAD, ids=lambda v: str(v)[:60])
def test_bad_row_is_reported_with_its_field_and_the_next_row_goes_in(record, field):
    bad, good = read_native(record, {"prompt": "fine"})
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.field) == (1, field)
    assert bad.reason
    assert isinstance(good, ItemRow)
    assert good.row == 2


def nested(levels: int) -> str:
    return '{"prompt": "Hi", "metadata": {"a": ' + "[" * levels + "]" * levels + "}}"


@pytest.mark.parametrize(
    "line",
    [
        b'{"prompt": "Hi"',
        b"prompt",
        b'{"prompt": "\xff"}',
        b'{"prompt": "\xed\xa0\x80"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "Hi", "metadata": {"a": NaN}}',
        b'{"prompt": "Hi", "metadata": {"a": 1e999}}',
        b'{"prompt": "Hi", "metadata": {"a": ' + b"9" * 5000 + b"}}",
        nested(80).encode(),
        nested(100_000).encode(),
        b'{"prompt": "' + b"x" * MAX_RECORD_BYTES + b'"}',
    ],
    ids=lambda line: repr(line[:40]),
)
def test_broken_line_is_bad_and_reading_goes_on(line):
    rows = read(b'{"prompt": "one"}\n' + line + b'\n{"prompt": "three"}\n')
    assert [type(row) for row in rows] == [ItemRow, BadRow, ItemRow]
    assert [row.row for row in rows] == [1, 2, 3]
    assert "x" * 20 not in rows[1].reason


def test_bad_first_line_does_not_hide_the_format():
    rows = read(b'{"oops\n\n{"question_id": 1, "turns": ["a", "b"]}\n')
    assert [(type(row), row.row) for row in rows] == [(BadRow, 1), (ItemRow, 3)]
    assert rows[1].external_id == "mt-bench-1"


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"[]", b" [ ] "])
def test_empty_file_says_so(data):
    with pytest.raises(UnreadableFile, match=r"empty|no rows") as raised:
        read(data)
    assert raised.value.kind == ErrorKind.INVALID
    assert "file" in raised.value.fields


@pytest.mark.parametrize("data", [b"\xff\xfe{\x00", b"\x1f\x8b\x08", b"PK\x03\x04"])
def test_utf16_and_packed_files_are_named(data):
    with pytest.raises(UnreadableFile, match=r"UTF-16|packed"):
        read(data)


def test_unknown_format_lists_the_formats():
    with pytest.raises(UnknownFormat) as raised:
        read(b'{"prompt": "x"}', format="yaml")
    assert all(name in raised.value.detail for name in FORMATS)
    with pytest.raises(UnknownFormat):
        read(b"hello\nworld\n", filename="notes.txt")


def test_mapping_renames_keys_and_sends_the_rest_to_metadata():
    line = {"question": "Hi", "a": "x", "who": "warm", "b": "y", "topic": {"k": 1}, "id": 3}
    item = one_item(
        json.dumps(line),
        mapping={
            "prompt": "question",
            "candidate_1": "a",
            "policy_1": "who",
            "candidate_2": "b",
            "metadata.theme": "topic",
        },
    )
    assert item.messages[0].content == "Hi"
    assert item.candidates == (Candidate((Turn("x"),), "warm"), Candidate((Turn("y"),)))
    assert (item.metadata, item.external_id) == ({"theme": {"k": 1}}, "3")


def test_mapping_of_an_optional_key_may_be_absent_from_the_first_row():
    first, second = read(
        '{"prompt": "a"}\n{"prompt": "b", "lang": "de"}\n', mapping={"language": "lang"}
    )
    assert (first.language, second.language) == (None, "de")


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"prompts": "question"}, "prompts"),
        ({"metadata.": "question"}, "metadata."),
        ({"candidate_0": "question"}, "candidate_0"),
        ({"prompt": "nothing"}, "prompt"),
    ],
)
def test_mapping_that_fits_nothing_names_the_field(mapping, field):
    with pytest.raises(InvalidMapping) as raised:
        read('{"question": "a"}\n', mapping=mapping)
    assert field in raised.value.fields
    assert raised.value.kind == ErrorKind.INVALID


def test_foreign_format_takes_no_mapping():
    with pytest.raises(InvalidMapping, match="takes no mapping"):
        read('"Hi"\n', format="oasst-prompts", mapping={"language": "lang"})


def test_content_hash_covers_texts_and_not_provenance():
    base = {"prompt": "Hi", "candidates": [{"text": "x", "policy": "p"}]}
    same = base | {"id": "z", "source": "s", "metadata": {"a": 1}, "candidates": ["x"]}
    others = [
        {"prompt": "Ho", "candidates": ["x"]},
        {"prompt": "Hi", "candidates": ["y"]},
        {"prompt": "Hi"},
        base | {"context": "c"},
        {"messages": [{"role": "system", "content": "s"}, user()], "candidates": ["x"]},
    ]
    first, second, *rest = read_native(base, same, *others)
    assert first.content_hash == second.content_hash
    assert len({first.content_hash, *(r.content_hash for r in rest)}) == 1 + len(others)
    assert first.content_hash == (
        "143afcbc14a79b6fe6c94011adaf32c664d3e28b578f71c187a1bb540ee160ab"
    )
