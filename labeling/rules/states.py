"""Why: the states and kinds of everything, in one pure place; models derive choices from it.

Pure: no Django. One class per word of the design; a member's value is what the
database, the API and the exports show.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a member may do in a workspace, strongest first."""

    OWNER = "owner"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    ANNOTATOR = "annotator"


class AnnotatorKind(StrEnum):
    HUMAN = "human"
    MODEL = "model"
    EXTERNAL = "external"


class ProjectState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    ARCHIVED = "archived"


class Template(StrEnum):
    DEMONSTRATION = "demonstration"
    PREFERENCE = "preference"
    RANKING = "ranking"
    RATING = "rating"
    CLASSIFICATION = "classification"
    RLHF = "rlhf"


class OrderStrategy(StrEnum):
    """In which order a project's items are handed out."""

    FINISH_STARTED = "finish_started"
    SPREAD = "spread"
    PRIORITY = "priority"
    RANDOM = "random"
    VALUE = "value"


class ReasoningDisplay(StrEnum):
    SHOW = "show"
    FOLD = "fold"
    HIDE = "hide"


class GateMode(StrEnum):
    MARK = "mark"
    RESAMPLE = "resample"


class ItemState(StrEnum):
    """`waiting` for candidates → `ready` (its slots are open) → `done` or `dispute`.

    `blocked` left the queue for the manager (too many skips, candidates that
    cannot be had); `withdrawn` was taken out by a person.
    """

    WAITING = "waiting"
    READY = "ready"
    DONE = "done"
    DISPUTE = "dispute"
    BLOCKED = "blocked"
    WITHDRAWN = "withdrawn"


class AssignmentState(StrEnum):
    """`held` and `parked` are live; with `answered` they take a slot."""

    HELD = "held"
    PARKED = "parked"
    ANSWERED = "answered"
    SKIPPED = "skipped"
    RELEASED = "released"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SURPLUS = "surplus"


LIVE_STATES = (AssignmentState.HELD, AssignmentState.PARKED)
TAKING_STATES = (*LIVE_STATES, AssignmentState.ANSWERED)
"""States in which an assignment takes one of its item's slots."""
BARRING_STATES = (*TAKING_STATES, AssignmentState.SKIPPED, AssignmentState.SURPLUS)
"""States in which the annotator is not given the item again."""


class EnrolmentState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


class ResponseSource(StrEnum):
    DESK = "desk"
    REST = "rest"
    IMPORT = "import"


class RequestState(StrEnum):
    """Of a generation request. `dead` is permanent; `cancelled` was not wanted any more."""

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class DisputeState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class FlagState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"


class RunState(StrEnum):
    """Of an import run or a snapshot."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ProcessKind(StrEnum):
    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


class WantedState(StrEnum):
    """What ops want of a process or queue; processes read it and obey."""

    RUN = "run"
    DRAIN = "drain"
    PAUSE = "pause"
