"""Why: hand out tasks and take them back: claim, resume, release, park, skip, flag, renew.

Generators for operations/drivers.py; statements are in sql/desk.sql. Responses are in
responses.py, closing in bulk (expiry, pause, withdrawal) in returns.py. `want` is how many
tasks a desk asks to hold, 0–8; two desks of one annotator share one allotment, for the
enrolment row is locked first.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator
from dataclasses import dataclass, replace

from uuid_utils.compat import uuid7

from labeling.events.types import Event, WorkAppeared
from labeling.operations.steps import Operation, Outcome, Refused, Results, Row, Statement, Step
from labeling.operations.tasks import QuestionSetView, Task, build_task, remember, remembered
from labeling.rules.states import AssignmentState, EnrolmentState, ItemState, ProjectState
from labeling.rules.vocabulary import IdleReason, RefusedCode, SkipReason

NIL = "00000000-0000-0000-0000-000000000000"
MAX_HELD = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an annotator is; `quota_left` counts what may still be answered, or None."""

    done: int
    today: int
    held: int
    parked: int
    quota_left: int | None

    def as_dict(self) -> dict[str, int | None]:
        return {
            "done": self.done,
            "today": self.today,
            "quota_left": self.quota_left,
            "held": self.held,
            "parked": self.parked,
        }


@dataclass(frozen=True, slots=True)
class Hand:
    """What a desk gets back: new tasks, its progress, and why it holds fewer than it wants.

    `held`, of a resume: what the annotator held or had parked before.

    `may_find_more`: the claim came back short though nothing forbids more; slots may be
    open below the frontier: `claim_tasks(rescan=True)`. `is_contended`, of a rescan: a slot
    is open that the annotator may take and somebody has locked just now; ask once more.
    """

    tasks: tuple[Task, ...]
    progress: Progress
    idle: IdleReason | None
    held: tuple[Task, ...] = ()
    may_find_more: bool = False
    is_contended: bool = False


def claim_tasks(*, enrolment_id: int, want: int, rescan: bool = False) -> Operation[Hand]:
    """Claim open slots until the annotator holds `want`, and say why if it is fewer.

    Two round trips. `rescan` looks from the beginning of the order, not the frontier.
    """
    [[desk]] = yield Step((enter(enrolment_id),))
    hand, _ = yield from commit_and_claim(desk, want=want, rescan=rescan)
    return Outcome(hand)


def resume_tasks(*, enrolment_id: int, want: int) -> Operation[Hand]:
    """Return what the annotator holds and parked, with the same leases, and claim up to `want`."""
    [[desk], _, rows] = yield Step(
        (
            enter(enrolment_id),
            Statement("resume", {"enrolment": enrolment_id}),
            Statement("held", {"enrolment": enrolment_id}),
        )
    )
    views = {}
    for row in rows:
        views[row["questions_id"]] = yield from known_questions(row["questions_id"])
    held = tuple(
        build_task(row, project=desk, questions=views[row["questions_id"]]) for row in rows
    )
    hand, _ = yield from commit_and_claim(desk, want=want)
    return Outcome(replace(hand, held=held))


def release_task(*, enrolment_id: int, task: str, lease: str, want: int) -> Operation[Hand]:
    """Give a task back; its slot opens again at a new place."""
    desk, row = yield from live_task(enrolment_id, task, lease)
    close = _close(row, state=AssignmentState.RELEASED)
    hand, _ = yield from commit_and_claim(desk, want=want, before=close)
    return Outcome(hand, (WorkAppeared(desk["project_id"], 1),))


def skip_task(
    *, enrolment_id: int, task: str, lease: str, reason: SkipReason, note: str, want: int
) -> Operation[Hand]:
    """Pass a task on for good: the annotator is never given the item again."""
    desk, row = yield from live_task(enrolment_id, task, lease)
    close = _close(row, state=AssignmentState.SKIPPED, reason=reason, note=note)
    hand, results = yield from commit_and_claim(desk, want=want, before=close)
    [closed] = results[1]
    events: tuple[Event, ...] = ()
    if closed["item_state"] == ItemState.READY:
        events = (WorkAppeared(desk["project_id"], 1),)
    return Outcome(hand, events)


def park_task(*, enrolment_id: int, task: str, lease: str, want: int) -> Operation[Hand]:
    """Keep a task over night: it leaves the hand and stays the annotator's.

    Raises:
        Refused: `invalid` where as many are parked as the project allows.
    """
    desk, row = yield from live_task(enrolment_id, task, lease)
    if row["state"] == AssignmentState.PARKED:
        hand, _ = yield from commit_and_claim(desk, want=want)
        return Outcome(hand)
    if desk["n_parked"] >= desk["max_parked"]:
        raise Refused(
            RefusedCode.INVALID,
            f"You have {desk['n_parked']} parked tasks already; finish one of them first.",
        )
    park = Statement("park", {"assignment": row["id"], "enrolment": enrolment_id})
    hand, _ = yield from commit_and_claim(desk, want=want, before=(park,))
    return Outcome(hand)


def flag_task(*, enrolment_id: int, task: str, reason: str, note: str) -> Operation[None]:
    """Ask the project's leads about a task, whatever its state."""
    [_, rows] = yield Step((enter(enrolment_id), find(enrolment_id, task)))
    row = one_task(rows)
    params = {
        "uid": str(uuid7()),
        "assignment": row["id"],
        "reason": reason,
        "note": note,
    }
    yield Step((Statement("flag", params),), last=True)
    return Outcome(None)


def mark_active(*, enrolment_id: int, task: str, lease: str) -> Operation[None]:
    """Renew leases because the person is at it."""
    desk, row = yield from live_task(enrolment_id, task, lease)
    yield Step((touch(desk, row),), last=True)
    return Outcome(None)


def acknowledge_guidelines(*, enrolment_id: int, version: str, want: int) -> Operation[Hand]:
    """Remember that the annotator read the guidelines, and claim.

    Raises:
        Refused: `invalid` where `version` is not like `2.1`.
    """
    major = version.partition(".")[0]
    if not major.isascii() or not major.isdigit() or len(major) > 6:
        raise Refused(RefusedCode.INVALID, "guidelines_version must look like 2.1.")
    [[desk]] = yield Step((enter(enrolment_id),))
    read = min(int(major), desk["guidelines_needed"])
    statement = Statement("acknowledge", {"enrolment": enrolment_id, "major": read})
    hand, _ = yield from commit_and_claim(desk, want=want, before=(statement,))
    return Outcome(hand)


# --- what the operations share ------------------------------------------------


def enter(enrolment_id: int) -> Statement:
    """Return the statement that locks the enrolment."""
    return Statement("enter", {"enrolment": enrolment_id})


def find(enrolment_id: int, task: str, lease: str = NIL) -> Statement:
    """Return the statement that locks and reads one assignment of the enrolment."""
    return Statement(
        "task", {"enrolment": enrolment_id, "task": as_uuid(task), "lease": as_uuid(lease)}
    )


def touch(desk: Row, row: Row) -> Statement:
    """Return the statement that renews leases because of an act on this task."""
    return Statement(
        "touch",
        {
            "enrolment": desk["enrolment_id"],
            "assignment": row["id"],
            "lease_s": desk["lease_s"],
        },
    )


def as_uuid(text: str) -> str:
    """Return the text if it is a UUID, else the nil one, which nothing has."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return NIL


def one_task(rows: list[Row]) -> Row:
    """Return the only row.

    Raises:
        Refused: `not_found` where the enrolment has no such task.
    """
    if not rows:
        raise Refused(RefusedCode.NOT_FOUND, "You have no such task.")
    return rows[0]


def live_task(
    enrolment_id: int, task: str, lease: str
) -> Generator[Step, Results, tuple[Row, Row]]:
    """Lock the enrolment and one of its live assignments under its current lease.

    Raises:
        Refused: `not_found`, or `lease_lost` where it is not live or the lease is another.
    """
    [[desk], rows] = yield Step((enter(enrolment_id), find(enrolment_id, task, lease)))
    row = one_task(rows)
    if not is_live(row, lease):
        raise Refused(RefusedCode.LEASE_LOST, "This task is not yours any more.")
    return desk, row


def is_live(row: Row, lease: str) -> bool:
    """Return whether a row of `task` is held or parked under this lease."""
    live = row["state"] in (AssignmentState.HELD, AssignmentState.PARKED)
    return live and str(row["lease"]) == as_uuid(lease)


def known_questions(questions_id: int) -> Generator[Step, Results, QuestionSetView]:
    """Return a question set, from memory, or with one more round trip."""
    view = remembered(questions_id)
    if view is None:
        [[found]] = yield Step((Statement("questions", {"questions": questions_id}),))
        view = remember(questions_id, found["questions"])
    return view


def commit_and_claim(
    desk: Row, *, want: int, before: tuple[Statement, ...] = (), rescan: bool = False
) -> Generator[Step, Results, tuple[Hand, Results]]:
    """Run `before`, claim, and commit: the last step of every operation of a desk."""
    questions = yield from known_questions(desk["questions_id"])
    want = max(0, min(want, MAX_HELD))
    progress = Statement("progress", {"enrolment": desk["enrolment_id"]})
    params = {
        "enrolment": desk["enrolment_id"],
        "project": desk["project_id"],
        "annotator": desk["annotator_id"],
        "questions": desk["questions_id"],
        "guidelines": desk["guidelines_id"],
        "want": want,
        "rescan": rescan,
        "uids": [str(uuid7()) for _ in range(want)],
    }
    look = (Statement("has_head", params),) if rescan else ()
    results = yield Step((*before, Statement("claim", params), *look, progress), last=True)
    [state] = results[-1]
    rows = results[len(before)]
    tasks = tuple(build_task(row, project=desk, questions=questions) for row in rows)
    idle = idle_reason(state) if state["n_held"] < want else None
    is_short = idle is IdleReason.NO_WORK
    is_contended = is_short and rescan and results[-2][0]["found"]
    hand = Hand(tasks, progress_of(state), idle, may_find_more=is_short, is_contended=is_contended)
    return hand, results


def progress_of(state: Row) -> Progress:
    """Return the protocol's progress of a row of `progress`."""
    left = [
        quota - used
        for quota, used in (
            (state["quota_total"], state["n_answered"]),
            (state["quota_day"], state["day_answered"]),
        )
        if quota is not None
    ]
    return Progress(
        done=state["n_answered"],
        today=state["day_answered"],
        held=state["n_held"],
        parked=state["n_parked"],
        quota_left=max(0, min(left)) if left else None,
    )


def idle_reason(state: Row) -> IdleReason:
    """Return why a desk of this standing holds fewer tasks than it wants."""
    if state["project_state"] == ProjectState.PAUSED or state["state"] == EnrolmentState.PAUSED:
        return IdleReason.PAUSED
    if state["state"] == EnrolmentState.REMOVED:
        return IdleReason.NOT_QUALIFIED
    if state["guidelines_major"] < state["guidelines_needed"]:
        return IdleReason.NOT_QUALIFIED
    total, day = state["quota_total"], state["quota_day"]
    if total is not None and state["n_counted"] >= total:
        return IdleReason.QUOTA_REACHED
    if day is not None and state["day_counted"] >= day:
        return IdleReason.QUOTA_REACHED
    return IdleReason.NO_WORK


def _close(
    row: Row, *, state: AssignmentState, reason: str = "", note: str = ""
) -> tuple[Statement, Statement]:
    return (
        Statement("lock_items", {"assignments": [row["id"]]}),
        Statement(
            "close",
            {
                "assignments": [row["id"]],
                "enrolments": [row["enrolment_id"]],
                "state": state.value,
                "only_expired": False,
                "skipped": 1 if state is AssignmentState.SKIPPED else 0,
                "skip_reason": reason,
                "skip_note": note,
            },
        ),
    )
