"""Why: writes the server's frames of the desk protocol as compact JSON text.

The hot path: thousands of frames a second. A parameter called `…_json` is JSON text made
elsewhere (once, when a text is stored) and is spliced in as it stands: it must be valid.
Everything else is encoded here. A `ref` of None is left out. Pure.

Frames of the pinned table whose shape it leaves open: a `task` frame is
`{"type": "task", "task": <task object>}`, with `ref` when it answers an `amend`;
`progress` carries its figures beside `type`, and as an object inside `welcome` and
`accepted`; `notice` carries `text` and `level`, `feedback` carries `task`, `text` and
`correct`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring as quote  # the C one where there is one
from typing import Any, Literal

from labeling.rules.vocabulary import IdleReason, RefusedCode, RevokedReason

Reply = Literal["saved", "skipped", "released", "parked", "flagged", "pong"]

PONG = '{"type":"pong"}'

to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def instant(at: datetime) -> str:
    """Write an aware instant in UTC with milliseconds: `2026-11-05T09:30:00.250Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def welcome(
    *,
    annotator: Any,
    project_json: str,
    tasks_json: Iterable[str],
    progress: Mapping[str, Any],
    lease_s: int,
    server_time: datetime,
    ref: str | None = None,
    **more: Any,
) -> str:
    """Greet a desk. `annotator` is whatever the project shows of it; `more` are extra fields."""
    extra = "".join(f",{quote(name)}:{to_json(value)}" for name, value in more.items())
    return (
        f'{{"type":"welcome"{_ref(ref)},"protocol":1,"annotator":{to_json(annotator)},'
        f'"project":{project_json},"tasks":[{",".join(tasks_json)}],'
        f'"progress":{to_json(dict(progress))},"lease_s":{lease_s},'
        f'"server_time":"{instant(server_time)}"{extra}}}'
    )


def task(task_json: str, *, ref: str | None = None) -> str:
    """Hand out a task; `ref` only when it answers an `amend`."""
    return f'{{"type":"task"{_ref(ref)},"task":{task_json}}}'


def accepted(
    *,
    ref: str | None,
    task: str,
    duplicate: bool = False,
    progress: Mapping[str, Any] | None = None,
    progress_json: str | None = None,
) -> str:
    """Confirm a stored answer, with the progress as figures or as JSON text."""
    figures = progress_json if progress_json is not None else to_json(dict(progress or {}))
    return (
        f'{{"type":"accepted"{_ref(ref)},"task":{quote(task)},'
        f'"duplicate":{"true" if duplicate else "false"},"progress":{figures}}}'
    )


def refused(
    code: RefusedCode | str,
    detail: str,
    *,
    ref: str | None = None,
    task: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> str:
    """Refuse a message by name."""
    about = "" if task is None else f',"task":{quote(task)}'
    mistakes = f',"fields":{to_json(dict(fields))}' if fields else ""
    return (
        f'{{"type":"refused"{_ref(ref)}{about},"code":{quote(str(code))},'
        f'"detail":{quote(detail)}{mistakes}}}'
    )


def reply(kind: Reply, *, ref: str | None = None, task: str | None = None) -> str:
    """Confirm a message that has no other answer (`saved`, `skipped`, …, `pong`)."""
    about = "" if task is None else f',"task":{quote(task)}'
    return f'{{"type":"{kind}"{_ref(ref)}{about}}}'


def saved(*, task: str, ref: str | None = None) -> str:
    return reply("saved", ref=ref, task=task)


def skipped(*, task: str, ref: str | None = None) -> str:
    return reply("skipped", ref=ref, task=task)


def released(*, task: str, ref: str | None = None) -> str:
    return reply("released", ref=ref, task=task)


def parked(*, task: str, ref: str | None = None) -> str:
    return reply("parked", ref=ref, task=task)


def flagged(*, task: str, ref: str | None = None) -> str:
    return reply("flagged", ref=ref, task=task)


def pong(*, ref: str | None = None) -> str:
    return PONG if ref is None else reply("pong", ref=ref)


def revoked(*, task: str, reason: RevokedReason) -> str:
    """Tell a desk that a task is no longer its own."""
    return f'{{"type":"revoked","task":{quote(task)},"reason":"{reason.value}"}}'


def idle(reason: IdleReason) -> str:
    """Tell a desk why it holds fewer tasks than it wants."""
    return _IDLE[reason]


def progress(figures: Mapping[str, Any]) -> str:
    return to_json({"type": "progress", **figures})


def returned(*, task: str, comment: str) -> str:
    """Give a response back to its author with the reviewer's comment."""
    return f'{{"type":"returned","task":{quote(task)},"comment":{quote(comment)}}}'


def notice(text: str, *, level: str = "info", **more: Any) -> str:
    """Pass on a manager's message."""
    return to_json({"type": "notice", "text": text, "level": level, **more})


def feedback(*, task: str, text: str, correct: bool | None = None, **more: Any) -> str:
    """Say what a gold task or a ruling says, where the project shows it."""
    return to_json({"type": "feedback", "task": task, "text": text, "correct": correct, **more})


def _ref(ref: str | None) -> str:
    return "" if ref is None else f',"ref":{quote(ref)}'


_IDLE = {reason: f'{{"type":"idle","reason":"{reason.value}"}}' for reason in IdleReason}
