"""Why: decides what a submit is worth, given where its assignment stands.

Pure. The clock is not here: `is_expired` comes from the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labeling.rules.states import LIVE_STATES, AssignmentState, ItemState, ProjectState
from labeling.rules.vocabulary import RefusedCode


class SubmitVerdict(StrEnum):
    """What to do with a submit."""

    DUPLICATE = "duplicate"
    STORE = "store"
    RETAKE = "retake"
    REVISE = "revise"
    SURPLUS = "surplus"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an assignment stands when a submit for it arrives."""

    assignment: AssignmentState
    item: ItemState
    project: ProjectState
    is_current_lease: bool
    is_stored: bool
    has_open_slot: bool
    has_quota: bool
    wants_surplus: bool


@dataclass(frozen=True, slots=True)
class SubmitDecision:
    verdict: SubmitVerdict
    code: RefusedCode | None = None
    detail: str = ""


def judge_submit(standing: Standing) -> SubmitDecision:
    """Return what a submit is worth.

    A repeat is a duplicate, whatever happened since. A held or parked task under its
    current lease is stored, even if the lease has run out but nobody took the slot. A lost
    one takes its slot again if that is still open; otherwise it is refused by name,
    unless it is sent as surplus.
    """
    if standing.is_stored:
        return SubmitDecision(SubmitVerdict.DUPLICATE)
    if not standing.is_current_lease:
        return _late(standing, "This task went to somebody else, or has a newer lease.")
    if standing.project is ProjectState.PAUSED:
        return _refuse(RefusedCode.PAUSED, "The project is paused. Your text is kept.")
    if standing.assignment in LIVE_STATES:
        return SubmitDecision(SubmitVerdict.STORE)
    if standing.assignment is AssignmentState.ANSWERED:
        return SubmitDecision(SubmitVerdict.REVISE)
    if standing.assignment is AssignmentState.SKIPPED:
        return _late(standing, "You skipped this task.")
    if not (standing.has_open_slot and standing.item is ItemState.READY):
        return _late(standing, "The time for this task ran out and its place was filled.")
    if standing.project is not ProjectState.ACTIVE:
        return _late(standing, "The project is not taking answers any more.")
    if not standing.has_quota:
        return _refuse(RefusedCode.QUOTA_REACHED, "Your quota in this project is reached.")
    return SubmitDecision(SubmitVerdict.RETAKE)


def _late(standing: Standing, detail: str) -> SubmitDecision:
    is_free = standing.assignment not in (*LIVE_STATES, AssignmentState.ANSWERED)
    if standing.wants_surplus and is_free and standing.assignment is not AssignmentState.SURPLUS:
        return SubmitDecision(SubmitVerdict.SURPLUS)
    return _refuse(RefusedCode.LEASE_LOST, detail + " Your text is kept as a draft.")


def _refuse(code: RefusedCode, detail: str) -> SubmitDecision:
    return SubmitDecision(SubmitVerdict.REFUSE, code, detail)
