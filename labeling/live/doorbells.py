"""Why: turns events into hints for desks. Registered when the app is ready.

A hint says "look now" and to whom; the desk reads the rows. Nothing here writes, but for
taking woken desks out of the line.
"""

from __future__ import annotations

from channels.db import database_sync_to_async

from labeling.events import bus
from labeling.events.types import (
    EnrolmentChanged,
    Event,
    FlagAnswered,
    NoticeSent,
    ProjectChanged,
    TaskRevoked,
    UserShutOut,
    WorkAppeared,
)
from labeling.live.hub import ring
from labeling.operations import drivers
from labeling.operations.presence import wake_desks


async def wake_waiting(event: Event) -> None:
    """Wake as many waiting desks as there is work, longest-waiting first."""
    assert isinstance(event, WorkAppeared)
    # Django's driver in a thread: whoever publishes may be on a loop of a moment's life.
    uids = await database_sync_to_async(_wake, thread_sensitive=False)(event)
    if uids:
        await ring({"kind": "work", "uids": uids})


def _wake(event: WorkAppeared) -> list[str]:
    return drivers.run(lambda: wake_desks(project_id=event.project_id, n=event.n))


async def tell_revoked(event: Event) -> None:
    assert isinstance(event, TaskRevoked)
    await ring(
        {
            "kind": "revoked",
            "enrolment_id": event.enrolment_id,
            "task": event.task,
            "reason": event.reason,
        }
    )


async def tell_project(event: Event) -> None:
    assert isinstance(event, ProjectChanged)
    await ring({"kind": "changed", "project_id": event.project_id})


async def tell_enrolment(event: Event) -> None:
    assert isinstance(event, EnrolmentChanged)
    await ring({"kind": "changed", "enrolment_id": event.enrolment_id})


async def tell_notice(event: Event) -> None:
    assert isinstance(event, NoticeSent)
    await ring(
        {
            "kind": "notice",
            "project_id": event.project_id,
            "annotator_id": event.annotator_id,
            "notice_id": event.notice_id,
        }
    )


async def tell_answered(event: Event) -> None:
    assert isinstance(event, FlagAnswered)
    await ring({"kind": "answered", "enrolment_id": event.enrolment_id, "flag_id": event.flag_id})


async def shut_out(event: Event) -> None:
    assert isinstance(event, UserShutOut)
    await ring({"kind": "shut_out", "user_id": event.user_id})


def register() -> None:
    """Subscribe to everything a desk wants to hear of."""
    bus.subscribe(WorkAppeared, wake_waiting)
    bus.subscribe(TaskRevoked, tell_revoked)
    bus.subscribe(ProjectChanged, tell_project)
    bus.subscribe(EnrolmentChanged, tell_enrolment)
    bus.subscribe(NoticeSent, tell_notice)
    bus.subscribe(FlagAnswered, tell_answered)
    bus.subscribe(UserShutOut, shut_out)
