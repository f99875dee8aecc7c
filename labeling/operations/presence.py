"""Why: who is at which desk, who waits for work, and whose leases hold on.

Generators for operations/drivers.py; statements in sql/presence.sql. A desk is named by
its `uid`. One beat and one renewal serve all desks of a web process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labeling.operations.steps import Operation, Outcome, Row, Statement, Step
from labeling.rules.states import AssignmentState, ItemState, ProjectState
from labeling.rules.vocabulary import RevokedReason

GRACE_S = 10
"""How long a cleanly closed desk's tasks wait for a reload."""


@dataclass(frozen=True, slots=True)
class DeskNews:
    """What a beat found out about one desk."""

    uid: str
    may_stay: bool
    standing: tuple[str, str, int]
    """Enrolment state, project state, question set: a desk looks again when it changes."""


def open_desk(*, uid: str, enrolment_id: int, process: str, want: int) -> Operation[None]:
    """Write down that somebody sat down."""
    params = {"uid": uid, "enrolment": enrolment_id, "process": process, "want": want}
    yield Step((_statement("open_desk", params),), last=True)
    return Outcome(None)


def set_desk(*, uid: str, want: int, waits: bool) -> Operation[None]:
    """Write down what a desk wants, and put it in the line for work or take it out."""
    yield Step((_statement("set_desk", {"uid": uid, "want": want, "waits": waits}),), last=True)
    return Outcome(None)


def close_desk(*, uid: str, is_clean: bool) -> Operation[None]:
    """Write down that somebody left; after a clean close their tasks return soon."""
    params = {"uid": uid, "is_clean": is_clean, "grace_s": GRACE_S}
    yield Step((_statement("close_desk", params),), last=True)
    return Outcome(None)


def beat_desks(
    *, uids: Sequence[str], enrolments: Sequence[int]
) -> Operation[tuple[list[DeskNews], frozenset[str]]]:
    """Mark a process's desks as seen, renew their leases, and learn what changed for them.

    Returns the news of each desk, and which tasks are live at all of them together.
    """
    params = {"enrolments": list(enrolments)}
    [rows, _, live] = yield Step(
        (
            _statement("beat", {"uids": list(uids)}),
            _statement("renew", params),
            _statement("live", params),
        ),
        last=True,
    )
    news = [
        DeskNews(
            uid=str(row["uid"]),
            may_stay=row["may_stay"],
            standing=(row["enrolment_state"], row["project_state"], row["questions_id"]),
        )
        for row in rows
    ]
    return Outcome((news, frozenset(str(row["uid"]) for row in live)))


def find_gone(*, tasks: Sequence[str]) -> Operation[dict[str, RevokedReason]]:
    """Return which of these tasks are not live any more, and the protocol's word for why."""
    [rows] = yield Step((_statement("gone", {"tasks": list(tasks)}),), last=True)
    return Outcome({str(row["uid"]): _why_gone(row) for row in rows})


def _why_gone(row: Row) -> RevokedReason:
    if row["item_state"] == ItemState.WITHDRAWN:
        return RevokedReason.WITHDRAWN
    if row["project_state"] == ProjectState.PAUSED:
        return RevokedReason.PAUSED
    if row["state"] == AssignmentState.REVOKED:
        return RevokedReason.REMOVED
    if row["state"] == AssignmentState.EXPIRED:
        return RevokedReason.EXPIRED
    return RevokedReason.TAKEN_OVER


def wake_desks(*, project_id: int, n: int) -> Operation[list[str]]:
    """Take up to n desks out of the line, longest-waiting first, and return their uids."""
    [rows] = yield Step((_statement("wake", {"project": project_id, "n": n}),), last=True)
    return Outcome([str(row["uid"]) for row in rows])


def forget_desks() -> Operation[None]:
    """Close the desks of web processes that died, and drop old rows."""
    yield Step((_statement("forget_desks", {}),), last=True)
    return Outcome(None)


def _statement(name: str, params: Mapping[str, object]) -> Statement:
    return Statement(name, params, file="presence")
