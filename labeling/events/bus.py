"""Why: hand events to whoever subscribed, after the commit, in threads and on event loops.

Subscribers are doorbells (live/, workers/): short, and allowed to fail. A failing
one is logged and disturbs nobody, for sweeps find the rows anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from asgiref.sync import async_to_sync
from django.db import transaction

from labeling.events.types import Event

logger = logging.getLogger(__name__)

AsyncHandler = Callable[[Event], Awaitable[None]]
_under_way: set[asyncio.Task[None]] = set()
_handlers: dict[type[Event], list[AsyncHandler]] = defaultdict(list)


def subscribe(kind: type[Event], handler: AsyncHandler) -> None:
    """Have `handler` awaited for each event of exactly this kind; once, however often called."""
    if handler not in _handlers[kind]:
        _handlers[kind].append(handler)


def publish(*events: Event) -> None:
    """Deliver the events when the current transaction commits (at once outside of one)."""
    if events:
        transaction.on_commit(lambda: _deliver_from_here(events))


def _deliver_from_here(events: tuple[Event, ...]) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(deliver)(events)
    else:
        # Published on an event loop's own thread, which must not be held up.
        task = loop.create_task(deliver(events))
        _under_way.add(task)
        task.add_done_callback(_under_way.discard)


async def deliver(events: Iterable[Event]) -> None:
    """Await every subscriber of every event; what fails is logged and left to the sweeps."""
    for event in events:
        for handler in _handlers.get(type(event), ()):
            try:
                await handler(event)
            except Exception:
                logger.exception("doorbell failed", extra={"event": type(event).__name__})
