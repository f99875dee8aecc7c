"""Why: take answers: drafts, submits (first, late, surplus) and amendments.

Generators for operations/drivers.py; the verdict is rules/leases.py's. A submit is known
by (task, lease): a repeat changes nothing and is accepted again. Two round trips, plus one
where span questions need the texts they point into.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from uuid_utils.compat import uuid7

from labeling.events.types import ItemsFinished
from labeling.operations.assignments import (
    Hand,
    Progress,
    as_uuid,
    commit_and_claim,
    enter,
    find,
    is_live,
    known_questions,
    one_task,
    progress_of,
    touch,
)
from labeling.operations.steps import Operation, Outcome, Refused, Results, Row, Statement, Step
from labeling.operations.tasks import Task, build_task
from labeling.rules.answers import InvalidValues, find_draft_mistake, validate_values
from labeling.rules.keys import candidate_keys
from labeling.rules.leases import Standing, SubmitVerdict, judge_submit
from labeling.rules.states import AssignmentState, ItemState, ProjectState, ResponseSource
from labeling.rules.vocabulary import RefusedCode

MAX_SPENT_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored submit: whether it was stored before, and what the desk holds now."""

    task: str
    is_duplicate: bool
    hand: Hand


def submit_response(
    *,
    enrolment_id: int,
    task: str,
    lease: str,
    values: Mapping[str, object],
    spent_ms: int,
    want: int,
    wants_surplus: bool = False,
    source: ResponseSource = ResponseSource.DESK,
) -> Operation[Accepted]:
    """Check, store, count, and claim the next, in one transaction.

    Raises:
        Refused: `not_found`, `invalid` (with the questions' messages), `lease_lost`, `paused`,
            `quota_reached`; in the last three the values are kept as the task's draft.
    """
    [[desk], rows] = yield Step((enter(enrolment_id), find(enrolment_id, task, lease)))
    row = one_task(rows)
    decision = judge_submit(_standing(desk, row, lease, wants_surplus))
    if decision.verdict is SubmitVerdict.REFUSE:
        yield from _keep_as_draft(row, values)
        raise Refused(decision.code or RefusedCode.LEASE_LOST, decision.detail)
    before: tuple[Statement, ...] = ()
    if decision.verdict is not SubmitVerdict.DUPLICATE:
        valid = yield from _validated(row, values)
        before = _stores(
            decision.verdict,
            {
                "uid": str(uuid7()),
                "enrolment": enrolment_id,
                "project": desk["project_id"],
                "annotator": desk["annotator_id"],
                "item": row["item_id"],
                "assignment": row["id"],
                "lease": as_uuid(lease),
                "questions": row["questions_id"],
                "guidelines": row["guidelines_id"],
                "counted_on": row["counted_on"],
                "revision": (row["revision"] or 0) + 1,
                "values": json.dumps(valid, ensure_ascii=False),
                "spent_ms": max(0, min(spent_ms, MAX_SPENT_MS)),
                "source": source.value,
                "retaken": int(decision.verdict is SubmitVerdict.RETAKE),
                "from_held": int(row["state"] == AssignmentState.HELD),
                "from_parked": int(row["state"] == AssignmentState.PARKED),
            },
        )
    hand, results = yield from commit_and_claim(desk, want=want, before=before)
    is_done = (
        decision.verdict in (SubmitVerdict.STORE, SubmitVerdict.RETAKE)
        and results[0][0]["state"] == ItemState.DONE
    )
    accepted = Accepted(str(row["uid"]), decision.verdict is SubmitVerdict.DUPLICATE, hand)
    return Outcome(accepted, (ItemsFinished(desk["project_id"]),) if is_done else ())


def save_draft(
    *, enrolment_id: int, task: str, lease: str, values: Mapping[str, object]
) -> Operation[None]:
    """Keep what is typed so far, and renew the lease as the person acts.

    Raises:
        Refused: `not_found`; `invalid`; `lease_lost`, and then the text is kept all the same.
    """
    [[desk], rows] = yield Step((enter(enrolment_id), find(enrolment_id, task, lease)))
    row = one_task(rows)
    mistake = find_draft_mistake(values)
    if mistake:
        raise Refused(RefusedCode.INVALID, mistake)
    is_amending = row["state"] == AssignmentState.ANSWERED and str(row["lease"]) == as_uuid(lease)
    if not (is_live(row, lease) or is_amending):
        yield from _keep_as_draft(row, values)
        raise Refused(RefusedCode.LEASE_LOST, "This task is not yours any more. Your text is kept.")
    yield Step((_draft(row, values), touch(desk, row)), last=True)
    return Outcome(None)


def amend_response(*, enrolment_id: int, task: str) -> Operation[tuple[Task, Progress]]:
    """Reopen one's own response under a new lease; the task's draft is what was answered.

    Raises:
        Refused: `not_found`; `forbidden` where nothing is answered or the time for it is over;
            `paused`.
    """
    [[desk], rows] = yield Step((enter(enrolment_id), find(enrolment_id, task)))
    row = one_task(rows)
    _check_may_amend(desk, row)
    view = yield from known_questions(row["questions_id"])
    params = {"assignment": row["id"], "lease_s": desk["lease_s"]}
    results = yield Step(
        (
            Statement("amend", params),
            Statement("one", {"assignment": row["id"]}),
            Statement("progress", {"enrolment": enrolment_id}),
        ),
        last=True,
    )
    [shown], [state] = results[1], results[2]
    reopened = build_task(shown, project=desk, questions=view)
    return Outcome((reopened, progress_of(state)))


def _check_may_amend(desk: Row, row: Row) -> None:
    if desk["project_state"] == ProjectState.PAUSED:
        raise Refused(RefusedCode.PAUSED, "The project is paused.")
    if row["state"] != AssignmentState.ANSWERED:
        raise Refused(RefusedCode.FORBIDDEN, "You have not answered this task.")
    is_late = (
        desk["amend_s"] is not None
        and (desk["at"] - row["closed_at"]).total_seconds() > desk["amend_s"]
    )
    if is_late or desk["project_state"] != ProjectState.ACTIVE:
        raise Refused(RefusedCode.FORBIDDEN, "The time to amend this answer is over.")


def _standing(desk: Row, row: Row, lease: str, wants_surplus: bool) -> Standing:
    total = desk["quota_total"]
    return Standing(
        assignment=AssignmentState(row["state"]),
        item=ItemState(row["item_state"]),
        project=ProjectState(desk["project_state"]),
        is_current_lease=str(row["lease"]) == as_uuid(lease),
        is_stored=row["response_id"] is not None,
        has_open_slot=row["n_taken"] < row["overlap"],
        has_quota=(total is None or desk["n_counted"] < total)
        and (desk["quota_day"] is None or row["day_counted"] < desk["quota_day"]),
        wants_surplus=wants_surplus,
    )


def _stores(verdict: SubmitVerdict, params: Mapping[str, object]) -> tuple[Statement, ...]:
    if verdict is SubmitVerdict.REVISE:
        return (Statement("retire_current", params), Statement("store_revision", params))
    if verdict is SubmitVerdict.SURPLUS:
        return (Statement("retire_current", params), Statement("store_surplus", params))
    return (Statement("store_response", params),)


def _validated(
    row: Row, values: Mapping[str, object]
) -> Generator[Step, Results, dict[str, object]]:
    view = yield from known_questions(row["questions_id"])
    texts: dict[str, str] | None = None
    if view.needs_texts:
        [[found]] = yield Step((Statement("texts", {"assignment": row["id"]}),))
        texts = _texts_by_place(found)
    try:
        return validate_values(
            view.questions,
            values,
            candidate_keys=candidate_keys(row["n_shown"]),
            n_turns_open=row["n_open_turns"],
            texts=texts,
        ).values
    except InvalidValues as error:
        raise Refused(RefusedCode.INVALID, error.detail, fields=error.fields) from error


def _texts_by_place(found: Row) -> dict[str, str]:
    places = {
        f"message:{n}": message.get("content") or ""
        for n, message in enumerate(json.loads(found["messages"]))
    }
    shown = found["candidates"]
    for key, turns in zip(candidate_keys(len(shown)), shown, strict=True):
        for n, turn in enumerate(json.loads(turns)):
            places[f"candidate:{key}:{n}"] = turn["text"]
    return places


def _keep_as_draft(row: Row, values: Mapping[str, object]) -> Generator[Step, Results, None]:
    """Store the text of an answer that came too late, and commit."""
    if find_draft_mistake(values) is None:
        yield Step((_draft(row, values),), last=True)


def _draft(row: Row, values: Mapping[str, object]) -> Statement:
    return Statement(
        "save_draft",
        {"assignment": row["id"], "values": json.dumps(values, ensure_ascii=False)},
    )
