"""Why: one frozen type per thing that others may want to hear of.

Pure. An event is a doorbell: it carries ids and says "look now"; whoever hears it
reads the rows. Losing any of them costs time, never data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class WorkAppeared(Event):
    """About `n` slots of a project opened; waiting desks may claim them."""

    project_id: int
    n: int


@dataclass(frozen=True)
class ProjectChanged(Event):
    """A project's state, questions, guidelines or settings changed: desks look again."""

    project_id: int


@dataclass(frozen=True)
class EnrolmentChanged(Event):
    """An annotator's quota or standing in a project changed: their desks look again."""

    enrolment_id: int


@dataclass(frozen=True)
class TaskRevoked(Event):
    """An assignment was taken from its holder; `reason` is the protocol's word."""

    enrolment_id: int
    task: str
    reason: str


@dataclass(frozen=True)
class NoticeSent(Event):
    """A manager wrote to a project's desks, or to one annotator's (`annotator_id`)."""

    project_id: int
    annotator_id: int | None
    notice_id: int


@dataclass(frozen=True)
class FlagAnswered(Event):
    """A flag was answered; the asker's desk shows it."""

    enrolment_id: int
    flag_id: int


@dataclass(frozen=True)
class UserShutOut(Event):
    """A user logged out, was banned, or lost a role: their open sockets close."""

    user_id: int


@dataclass(frozen=True)
class RequestsAdded(Event):
    """Generation requests became claimable on an endpoint."""

    endpoint_id: int


@dataclass(frozen=True)
class ImportQueued(Event):
    """An import run waits for a worker."""

    run_id: int


@dataclass(frozen=True)
class SnapshotQueued(Event):
    """A snapshot waits for a worker."""

    snapshot_id: int


@dataclass(frozen=True)
class ItemsFinished(Event):
    """Items of a project are done and wait to be added up."""

    project_id: int
