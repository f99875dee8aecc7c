"""The codec of the desk protocol: what is understood, what is refused as what, what is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.live import frames, protocol
from labeling.live.protocol import (
    MAX_CLIENT_BYTES,
    MAX_CLOSE_BYTES,
    MAX_SPENT_MS,
    Acknowledge,
    Active,
    Amend,
    CloseCode,
    Draft,
    Flag,
    Hello,
    Park,
    Ping,
    ProtocolError,
    Release,
    Skip,
    Submit,
    Want,
    decode,
)
from labeling.rules.vocabulary import IdleReason, RefusedCode, RevokedReason, SkipReason

HELD = {"task": "t1", "lease": "l1"}

EXAMPLES: list[tuple[dict[str, Any], Any]] = [
    ({"type": "hello", "protocol": 1, "want": 2}, Hello(protocol=1, want=2)),
    ({"type": "want", "n": 0}, Want(n=0)),
    ({"type": "draft", **HELD, "values": {"q": 1}}, Draft("t1", "l1", {"q": 1})),
    (
        {"type": "submit", **HELD, "values": {"q": "é"}, "spent_ms": 1200},
        Submit("t1", "l1", {"q": "é"}, 1200),
    ),
    (
        {"type": "submit", **HELD, "values": {}, "spent_ms": 0, "surplus": True},
        Submit("t1", "l1", {}, 0, surplus=True),
    ),
    ({"type": "skip", **HELD, "reason": "unclear"}, Skip("t1", "l1", SkipReason.UNCLEAR)),
    (
        {"type": "skip", **HELD, "reason": "other", "note": "both in Thai"},
        Skip("t1", "l1", SkipReason.OTHER, "both in Thai"),
    ),
    ({"type": "release", **HELD}, Release("t1", "l1")),
    ({"type": "park", **HELD}, Park("t1", "l1")),
    ({"type": "flag", "task": "t1", "reason": "private data"}, Flag("t1", "private data")),
    ({"type": "active", **HELD}, Active("t1", "l1")),
    ({"type": "acknowledge", "guidelines_version": "2.0"}, Acknowledge("2.0")),
    ({"type": "acknowledge", "guidelines_version": 2}, Acknowledge("2")),
    ({"type": "amend", "task": "t1"}, Amend("t1")),
    ({"type": "ping"}, Ping()),
]


def refusal(frame: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode(frame if isinstance(frame, str | bytes) else json.dumps(frame))
    return caught.value


@pytest.mark.parametrize(("raw", "message"), EXAMPLES)
def test_every_message_is_understood(raw: dict[str, Any], message: Any) -> None:
    assert decode(json.dumps(raw)) == message
    assert decode(json.dumps(raw, ensure_ascii=False)) == message


@pytest.mark.parametrize(("raw", "message"), EXAMPLES)
def test_ref_comes_back_and_unknown_fields_are_ignored(raw: dict[str, Any], message: Any) -> None:
    assert decode(json.dumps({**raw, "ref": "r7", "from_the_future": [1]})).ref == "r7"


@pytest.mark.parametrize(
    "frame",
    [
        b"{}",
        b'{"type":"ping"}',
        "",
        "ping",
        "[]",
        "null",
        '"ping"',
        '{"type":"ping"',
        '{"type":"ping"} {}',
        '\ufeff{"type":"ping"}',
        '{"type":"ping","type":"want"}',
        '{"type":"draft","task":"t","lease":"l","values":{"q":1,"q":2}}',
        '{"type":"draft","task":"t","lease":"l","values":{"q":NaN}}',
        '{"type":"draft","task":"t","lease":"l","values":{"q":-Infinity}}',
        '{"type":"draft","task":"t","lease":"l","values":{"q":1e999}}',
        '{"type":"want","n":' + "9" * 5000 + "}",
        '{"type":"draft","values":' + "[" * 100_000,
        '{"a":' * 40_000,
        '{"type":"ping","ref":"\ud83d"}',
        "{}",
        {"type": 1},
        {"type": None},
        {"type": ["ping"]},
        {"type": "shout"},
        {"type": "Ping"},
        {"type": "welcome"},
        {"type": "ping", "ref": 7},
        {"type": "ping", "ref": "\x00"},
        {"type": "hello", "want": 1},
        {"type": "hello", "protocol": 2, "want": 1},
        {"type": "hello", "protocol": "1", "want": 1},
        {"type": "hello", "protocol": True, "want": 1},
        {"type": "hello", "protocol": 1},
        {"type": "hello", "protocol": 1, "want": "2"},
        {"type": "hello", "protocol": 1, "want": True},
        {"type": "hello", "protocol": 1, "want": 2.0},
        {"type": "want", "n": None},
        {"type": "draft", "task": "t1", "values": {}},
        {"type": "draft", **HELD},
        {"type": "submit", **HELD, "values": {}},
        {"type": "submit", **HELD, "values": {}, "spent_ms": False},
        {"type": "submit", **HELD, "values": {}, "spent_ms": 1.5},
        {"type": "submit", **HELD, "values": {}, "spent_ms": 1, "surplus": 1},
        {"type": "submit", "task": 5, "lease": "l", "values": {}, "spent_ms": 1},
        {"type": "skip", **HELD},
        {"type": "skip", **HELD, "reason": "other", "note": 5},
        {"type": "acknowledge", "guidelines_version": True},
        {"type": "amend"},
    ],
)
def test_frame_that_is_not_a_message_is_refused_as_protocol(frame: Any) -> None:
    assert refusal(frame).code is RefusedCode.PROTOCOL


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "hello", "protocol": 1, "want": 9},
        {"type": "hello", "protocol": 1, "want": -1},
        {"type": "want", "n": 10**30},
        {"type": "draft", **HELD, "values": []},
        {"type": "submit", **HELD, "values": "x", "spent_ms": 1},
        {"type": "submit", **HELD, "values": {}, "spent_ms": -1},
        {"type": "skip", **HELD, "reason": "bored"},
        {"type": "skip", **HELD, "reason": "other", "note": "x" * 5001},
        {"type": "flag", "task": "t1", "reason": "  "},
        {"type": "flag", "task": "t1", "reason": "x" * 201},
        {"type": "release", "task": "", "lease": "l"},
        {"type": "release", "task": "\x00", "lease": "l"},
        {"type": "release", "task": "t" * 201, "lease": "l"},
    ],
)
def test_value_that_a_field_may_not_have_is_refused_as_invalid(frame: Any) -> None:
    error = refusal({**frame, "ref": "r1"})
    assert (error.code, error.ref) == (RefusedCode.INVALID, "r1")


def test_unknown_type_is_named_and_ref_comes_back() -> None:
    error = refusal({"type": "shout", "ref": "r1"})
    assert "shout" in error.detail
    assert error.ref == "r1"
    assert error.close is None


def test_other_version_ends_the_connection() -> None:
    assert refusal({"type": "hello", "protocol": 2, "want": 1}).close is CloseCode.PROTOCOL


def test_question_with_a_text_that_cannot_be_stored_is_named() -> None:
    values = {"fine": "ok", "why": {"A": "nul \x00"}, "half": "\ud800"}
    error = refusal({"type": "submit", **HELD, "values": values, "spent_ms": 1, "ref": "r"})
    assert error.code is RefusedCode.INVALID
    assert set(error.fields) == {"why", "half"}
    assert error.ref == "r"


def test_values_nested_too_deeply_are_refused() -> None:
    deep = "[" * 30 + "]" * 30
    frame = f'{{"type":"draft","task":"t","lease":"l","values":{{"q":{deep}}}}}'
    assert refusal(frame).code is RefusedCode.INVALID


def test_runaway_timer_does_not_cost_an_answer() -> None:
    message = decode(json.dumps({"type": "submit", **HELD, "values": {}, "spent_ms": 10**15}))
    assert isinstance(message, Submit)
    assert message.spent_ms == MAX_SPENT_MS


# --- sizes ---------------------------------------------------------------------------------


def draft_of(n_bytes: int, letter: str = "x") -> str:
    frame = '{"type":"draft","ref":"r1","task":"t","lease":"l","values":{"q":"%s"}}'
    room = n_bytes - len(frame % "")
    return frame % (letter * (room // len(letter.encode())) + "x" * (room % len(letter.encode())))


@pytest.mark.parametrize("letter", ["x", "ж", "漢", "👋"])
def test_size_is_counted_in_bytes_of_utf8(letter: str) -> None:
    fitting = draft_of(MAX_CLIENT_BYTES, letter)
    assert len(fitting.encode()) == MAX_CLIENT_BYTES
    assert isinstance(decode(fitting), Draft)
    error = refusal(draft_of(MAX_CLIENT_BYTES + 1, letter))
    assert (error.code, error.ref, error.close) == (RefusedCode.TOO_LARGE, "r1", None)


@pytest.mark.parametrize("letter", ["x", "漢"])
def test_frame_above_a_mebibyte_ends_the_connection(letter: str) -> None:
    assert refusal(draft_of(MAX_CLOSE_BYTES, letter)).close is None
    error = refusal(draft_of(MAX_CLOSE_BYTES + 1, letter))
    assert (error.code, error.close) == (RefusedCode.TOO_LARGE, CloseCode.TOO_BIG)
    assert CloseCode.TOO_BIG.value == 1009


# --- fuzz ----------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = sorted({name for raw, _ in EXAMPLES for name in raw} | {"ref"})
NEARLY = st.sampled_from([raw for raw, _ in EXAMPLES]).flatmap(
    lambda raw: st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=2).map(
        lambda changes: {**raw, **changes}
    )
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frame=st.text() | st.binary() | ANYTHING.map(json.dumps) | NEARLY.map(json.dumps))
def test_decoding_raises_nothing_but_protocol_errors(frame: str | bytes) -> None:
    try:
        message: Any = decode(frame)
    except ProtocolError as refused:
        frames.refused(
            refused.code, refused.detail, ref=refused.ref, fields=refused.fields
        ).encode()
    else:
        assert type(message).__name__.lower() in protocol._READERS


# --- server frames -------------------------------------------------------------------------

NOW = datetime(2026, 11, 5, 9, 30, 0, 250_000, tzinfo=UTC)
TASK = '{"task":"t1","lease":"l1","candidates":[],"questions":[],"draft":null}'


def test_instants_are_written_in_utc() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    assert frames.instant(east) == frames.instant(NOW)


def test_welcome_splices_project_and_tasks() -> None:
    frame = json.loads(
        frames.welcome(
            ref="r",
            annotator={"name": "Ann „A“ \n"},
            project_json='{"name":"P","questions":[]}',
            tasks_json=[TASK, TASK],
            progress={"done": 3},
            lease_s=300,
            server_time=NOW,
            hold_s=900,
        )
    )
    assert list(frame) == [
        "type",
        "ref",
        "protocol",
        "annotator",
        "project",
        "tasks",
        "progress",
        "lease_s",
        "server_time",
        "hold_s",
    ]
    assert frame["tasks"] == [json.loads(TASK)] * 2
    assert frame["annotator"] == {"name": "Ann „A“ \n"}


QUOTED = 'he said "no" \\ \u2028 Ж 👋 \x01'


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (frames.task(TASK), {"type": "task", "task": json.loads(TASK)}),
        (frames.task(TASK, ref="r"), {"type": "task", "ref": "r", "task": json.loads(TASK)}),
        (
            frames.accepted(ref="r", task="t1", progress={"done": 1, "quota_left": None}),
            {
                "type": "accepted",
                "ref": "r",
                "task": "t1",
                "duplicate": False,
                "progress": {"done": 1, "quota_left": None},
            },
        ),
        (
            frames.accepted(ref=None, task="t1", duplicate=True, progress_json='{"done":2}'),
            {"type": "accepted", "task": "t1", "duplicate": True, "progress": {"done": 2}},
        ),
        (
            frames.refused(RefusedCode.LEASE_LOST, QUOTED),
            {"type": "refused", "code": "lease_lost", "detail": QUOTED},
        ),
        (
            frames.refused("invalid", "d", ref=QUOTED, task=QUOTED, fields={QUOTED: QUOTED}),
            {
                "type": "refused",
                "ref": QUOTED,
                "task": QUOTED,
                "code": "invalid",
                "detail": "d",
                "fields": {QUOTED: QUOTED},
            },
        ),
        (frames.saved(task="t", ref="r"), {"type": "saved", "ref": "r", "task": "t"}),
        (frames.skipped(task="t", ref="r"), {"type": "skipped", "ref": "r", "task": "t"}),
        (frames.released(task="t", ref="r"), {"type": "released", "ref": "r", "task": "t"}),
        (frames.parked(task="t", ref="r"), {"type": "parked", "ref": "r", "task": "t"}),
        (frames.flagged(task="t"), {"type": "flagged", "task": "t"}),
        (frames.pong(), {"type": "pong"}),
        (frames.pong(ref="r"), {"type": "pong", "ref": "r"}),
        (
            frames.revoked(task="t", reason=RevokedReason.TAKEN_OVER),
            {"type": "revoked", "task": "t", "reason": "taken_over"},
        ),
        (frames.idle(IdleReason.NO_WORK), {"type": "idle", "reason": "no_work"}),
        (
            frames.progress({"done": 3, "quota_left": 2, "today": 1}),
            {"type": "progress", "done": 3, "quota_left": 2, "today": 1},
        ),
        (
            frames.returned(task="t", comment=QUOTED),
            {"type": "returned", "task": "t", "comment": QUOTED},
        ),
        (frames.notice(QUOTED), {"type": "notice", "text": QUOTED, "level": "info"}),
        (
            frames.feedback(task="t", text=QUOTED, correct=False),
            {"type": "feedback", "task": "t", "text": QUOTED, "correct": False},
        ),
    ],
)
def test_server_frame_is_compact_json_of_the_pinned_shape(
    frame: str, expected: dict[str, Any]
) -> None:
    assert json.loads(frame) == expected
    assert list(json.loads(frame)) == list(expected)
    assert frame == json.dumps(json.loads(frame), ensure_ascii=False, separators=(",", ":"))
