"""Why: each worker and the scheduler tell PostgreSQL every few seconds that they live, and
read there what ops want of them.

Runs in a thread, so that a stalled broker or a long task does not silence it. Wired to
Celery's signals by workers/tasks.py, which only Celery processes import.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from celery import signals
from django.conf import settings
from django.db import connection

from labeling.operations import fleet
from labeling.rules.states import ProcessKind, WantedState
from workers.pump import pumps

logger = logging.getLogger(__name__)

BEAT_S = 5.0


class Heart:
    """Beats for this process. `stopping` is set as soon as Celery begins to shut down."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.wanted = WantedState.RUN
        self.name = ""
        self.token = uuid4().hex[:8]
        """Tells this process from one of the same name before it."""
        self._over = threading.Event()
        self._consumer: Any = None
        self._queues: tuple[str, ...] = ()
        self._held_back: frozenset[str] = frozenset()

    def start(
        self, *, name: str, kind: ProcessKind, queues: Sequence[str] = (), consumer: Any = None
    ) -> None:
        """Begin to beat; `consumer` is the worker's, whose queues are held back on demand."""
        self.name, self._consumer, self._queues = name, consumer, tuple(queues)
        self._held_back = frozenset()
        self.stopping.clear()
        self._over.clear()
        threading.Thread(target=self._run, args=(kind,), name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Say that the process ends in order."""
        self._over.set()
        if self.name:
            _quietly(lambda: fleet.end_process(name=self.name))

    @property
    def _is_prefork(self) -> bool:
        pool = getattr(self._consumer, "pool", None)
        return type(pool).__module__ == "celery.concurrency.prefork"

    @property
    def lease_name(self) -> str:
        """What this process writes into the rows it leases: never that of another process.

        Under prefork the parent beats and its children lease: the process number tells them.
        """
        return f"{self.name or socket.gethostname()}#{os.getpid()}-{self.token}"

    @property
    def is_drained(self) -> bool:
        """Whether no new work should begin here."""
        return self.wanted is not WantedState.RUN

    def _run(self, kind: ProcessKind) -> None:
        is_start = True
        while not self._over.is_set():
            is_start = not self._beat(kind, is_start) and is_start
            self._over.wait(BEAT_S)

    def _beat(self, kind: ProcessKind, is_start: bool) -> bool:
        def beat() -> None:
            wanted = fleet.beat_process(
                name=self.name,
                kind=kind,
                version=settings.VERSION,
                queues=self._queues,
                n_in_flight=pumps.n_in_flight,
                facts={"pid": os.getpid(), "is_stopping": self.stopping.is_set()},
                is_start=is_start,
            )
            self.wanted = wanted.state
            is_all = wanted.state is not WantedState.RUN
            self._hold_back(frozenset(self._queues) if is_all else wanted.paused_queues)

        is_well = _quietly(beat)
        if self._is_prefork:
            # A child forked later would inherit the pool's sockets, and close them.
            connection.close_pool()  # type: ignore[attr-defined]
        return is_well

    def _hold_back(self, queues: frozenset[str]) -> None:
        """Stop consuming from these queues, and begin again with those no longer among them."""
        if self._consumer is None or self.stopping.is_set():
            return
        for queue in self._queues:
            if (queue in queues) == (queue in self._held_back):
                continue
            act = "cancel_task_queue" if queue in queues else "add_task_queue"
            # On the worker's own thread: kombu's channels are not thread-safe.
            self._consumer.call_soon(getattr(self._consumer, act), queue)
            logger.info(
                "queue %s",
                "held back" if queue in queues else "served again",
                extra={"queue": queue},
            )
        self._held_back = queues


def _quietly(beat: Callable[[], None]) -> bool:
    """Run a beat; False when the database is away. The thread must outlive that."""
    try:
        beat()
    except Exception as error:
        logger.warning("no heartbeat: %s", type(error).__name__)
        return False
    finally:
        connection.close()
    return True


heart = Heart()


def on_worker_ready(sender: Any, **_: Any) -> None:
    queues = sorted(sender.app.amqp.queues.consume_from)
    heart.start(name=sender.hostname, kind=ProcessKind.WORKER, queues=queues, consumer=sender)


def on_worker_shutting_down(**_: Any) -> None:
    heart.stopping.set()  # inside a signal handler: nothing else here


def on_worker_shutdown(**_: Any) -> None:
    heart.stop()


def on_beat_init(**_: Any) -> None:
    atexit.register(heart.stop)  # Celery has no signal for the scheduler's end
    heart.start(name=f"beat@{socket.gethostname()}", kind=ProcessKind.SCHEDULER)


signals.worker_ready.connect(on_worker_ready)
signals.worker_shutting_down.connect(on_worker_shutting_down)
signals.worker_shutdown.connect(on_worker_shutdown)
signals.beat_init.connect(on_beat_init)
