"""Why: rings the workers when rows appear for them: one Celery message says "look now".

Whoever publishes (a web process, often on its event loop) never waits for the broker:
messages leave through one thread, the same bell is not queued twice, and when the
broker is away they are dropped with a line in the log: the sweeps find the rows.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from labeling.events import bus
from labeling.events.types import (
    Event,
    ImportQueued,
    ItemsFinished,
    RequestsAdded,
    SnapshotQueued,
)

logger = logging.getLogger(__name__)

CONNECT_S = 0.3
HOLD_OFF_S = 1.0
"""After a failure bells are dropped for so long: what waits must not wait in a row."""

PUBLISHER_OPTIONS = {"socket_connect_timeout": CONNECT_S, "socket_timeout": 0.5}


@dataclass(frozen=True, slots=True)
class Bell:
    """One message: the task's name, its ids, and for how long it makes sense."""

    task: str
    kwargs: tuple[tuple[str, int], ...] = ()
    expires_s: float = 60.0


def bell_of(event: Event) -> Bell:
    """Return the message that an event means to the workers.

    Raises: ValueError, for an event that means nothing to them.
    """
    match event:
        case RequestsAdded(endpoint_id):
            return Bell("workers.pump_endpoint", (("endpoint_id", endpoint_id),))
        case ImportQueued(run_id):
            return Bell("workers.run_import", (("run_id", run_id),))
        case SnapshotQueued(snapshot_id):
            return Bell("workers.write_snapshot", (("snapshot_id", snapshot_id),))
        case ItemsFinished():
            return Bell("workers.add_up", expires_s=5.0)
    raise ValueError(f"no bell for {type(event).__name__}")


class Doorbell:
    """Sends bells from a thread of its own. `send` is replaceable for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[Bell] = set()
        self._thread: ThreadPoolExecutor | None = None
        self._pid = 0
        self._quiet_until = 0.0

    def ring(self, bell: Bell) -> Future[bool] | None:
        """Queue a bell and return at once; None if the same one waits already."""
        with self._lock:
            if self._pid != os.getpid():  # a fork inherits no threads
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="doorbell")
                self._pid, self._waiting = os.getpid(), set()
            if bell in self._waiting:
                return None
            self._waiting.add(bell)
            assert self._thread is not None
            return self._thread.submit(self._deliver, bell)

    def _deliver(self, bell: Bell) -> bool:
        # Off the list first: rows that come from here on need a bell of their own.
        with self._lock:
            self._waiting.discard(bell)
        if time.monotonic() < self._quiet_until:
            return False
        try:
            send(bell.task, dict(bell.kwargs), expires_s=bell.expires_s)
        except Exception as error:  # whatever a broker's client raises; sweeps repair it
            self._quiet_until = time.monotonic() + HOLD_OFF_S
            logger.warning("doorbell not rung: %s", type(error).__name__, extra={"task": bell.task})
            return False
        return True


_doorbell = Doorbell()


def send(task: str, kwargs: Mapping[str, Any], *, expires_s: float) -> None:
    """Send one message; fails within a second when the broker is away.

    Raises: what kombu raises.
    """
    _publisher().send_task(task, kwargs=dict(kwargs), expires=expires_s, retry=False)


@cache
def _publisher() -> Any:
    """Return a Celery application that only sends: the workers' is not imported here, and
    waits longer for its broker than a publisher may.
    """
    from celery import Celery

    app = Celery("doorbell", set_as_current=False)
    app.config_from_object("workers.configuration")
    app.conf.broker_connection_timeout = CONNECT_S
    if app.conf.is_redis:
        app.conf.broker_transport_options = {
            **app.conf.broker_transport_options,
            **PUBLISHER_OPTIONS,
        }
    return app


def ring(bell: Bell) -> None:
    """Send a bell soon, from another thread."""
    _doorbell.ring(bell)


async def on_event(event: Event) -> None:
    """Ring for an event; does not wait, so neither does whoever committed."""
    ring(bell_of(event))


def install() -> None:
    """Subscribe to the events that workers act on."""
    for kind in (RequestsAdded, ImportQueued, SnapshotQueued, ItemsFinished):
        bus.subscribe(kind, on_event)
