"""Why: take tasks back in bulk: leases that ran out, pauses, withdrawals, people who leave.

Generators for operations/drivers.py like assignments.py, and plain functions for whoever
is not a desk. Lock order: enrolments, then items by id. A sweep leaves out enrolments
that are acting just now; it comes again.
"""

from __future__ import annotations

from collections import Counter

from labeling.events.types import Event, TaskRevoked, WorkAppeared
from labeling.operations import drivers
from labeling.operations.steps import Operation, Outcome, Statement, Step
from labeling.rules.states import AssignmentState, ItemState
from labeling.rules.vocabulary import RevokedReason

BATCH = 500


def expire_leases(*, limit: int = BATCH) -> int:
    """Give the tasks whose leases ran out back to the queue; return how many."""
    held = drivers.run(lambda: _close_found("expired", limit=limit))
    return held + drivers.run(lambda: _close_found("expired_parked", limit=limit))


def revoke_all_of(
    *,
    reason: RevokedReason,
    project_id: int | None = None,
    annotator_id: int | None = None,
    enrolment_id: int | None = None,
    item_id: int | None = None,
) -> int:
    """Take back every live task of a project, an annotator, an enrolment or an item.

    Drafts stay; the slots open again. Returns how many. Waits for who is acting just now.

    Raises:
        ValueError: nothing was named, which would mean everything.
    """
    wanted = {
        "project": project_id,
        "annotator": annotator_id,
        "enrolment": enrolment_id,
        "item": item_id,
    }
    if all(value is None for value in wanted.values()):
        raise ValueError("name a project, an annotator, an enrolment or an item")
    total = 0
    while True:
        n = drivers.run(lambda: _close_wanted(wanted, reason))
        total += n
        if n < BATCH:
            return total


def _close_wanted(wanted: dict[str, int | None], reason: RevokedReason) -> Operation[int]:
    [found] = yield Step((Statement("closing", {**wanted, "limit": BATCH}),))
    return (
        yield from _close(
            [row["id"] for row in found],
            sorted({row["enrolment_id"] for row in found}),
            lock="lock_enrolments_waiting",
            state=AssignmentState.REVOKED,
            reason=reason,
            only_expired=False,
        )
    )


def _close_found(name: str, *, limit: int) -> Operation[int]:
    [found] = yield Step((Statement(name, {"limit": limit}),))
    return (
        yield from _close(
            [row["id"] for row in found],
            sorted({row["enrolment_id"] for row in found}),
            lock="lock_enrolments",
            state=AssignmentState.EXPIRED,
            reason=RevokedReason.EXPIRED,
            only_expired=True,
        )
    )


def _close(
    assignments: list[int],
    enrolments: list[int],
    *,
    lock: str,
    state: AssignmentState,
    reason: RevokedReason,
    only_expired: bool,
) -> Operation[int]:
    if not assignments:
        return Outcome(0)
    [locked] = yield Step((Statement(lock, {"enrolments": enrolments}),))
    params = {
        "assignments": assignments,
        "enrolments": [row["id"] for row in locked],
        "state": state.value,
        "only_expired": only_expired,
        "skipped": 0,
        "skip_reason": "",
        "skip_note": "",
    }
    [_, closed] = yield Step(
        (Statement("lock_items", params), Statement("close", params)), last=True
    )
    events: list[Event] = [
        TaskRevoked(row["enrolment_id"], str(row["uid"]), reason.value) for row in closed
    ]
    opened = Counter(row["project_id"] for row in closed if row["item_state"] == ItemState.READY)
    events += [WorkAppeared(project, n) for project, n in opened.items()]
    return Outcome(len(closed), tuple(events))
