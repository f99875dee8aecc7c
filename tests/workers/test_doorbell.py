"""The doorbell never makes anybody wait, and forgets nothing that the sweeps would not find."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from labeling.events import bus
from labeling.events.types import (
    ImportQueued,
    ItemsFinished,
    NoticeSent,
    RequestsAdded,
    SnapshotQueued,
)
from workers import configuration, doorbell
from workers.doorbell import Bell, Doorbell, bell_of


def test_each_event_has_its_task_and_every_task_its_queue() -> None:
    from project.celery import app

    app.loader.import_default_modules()
    for event in (RequestsAdded(1), ImportQueued(2), SnapshotQueued(3), ItemsFinished(4)):
        bell = bell_of(event)
        route = app.amqp.router.route({}, bell.task)
        assert bell.task in app.tasks
        assert route["queue"].name in configuration.QUEUES
    for entry in configuration.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert app.amqp.router.route({}, entry["task"])["queue"].name in ("default", "quality")


def test_an_event_that_means_nothing_to_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="NoticeSent"):
        bell_of(NoticeSent(1, None, 1))


def test_subscribed_to_what_workers_act_on() -> None:
    for kind in (RequestsAdded, ImportQueued, SnapshotQueued, ItemsFinished):
        assert doorbell.on_event in bus._handlers[kind]


def test_the_same_bell_waits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, sent = threading.Event(), []

    def slow(task: str, kwargs: dict[str, Any], *, expires_s: float) -> None:
        sent.append((task, kwargs))
        let_go.wait(5)

    monkeypatch.setattr(doorbell, "send", slow)
    bells, other = Doorbell(), Bell("workers.run_import", (("run_id", 1),))
    futures = [bells.ring(Bell("workers.add_up")) for _ in range(3)]
    futures += [bells.ring(other), bells.ring(other)]
    let_go.set()
    assert all(future.result(5) for future in futures if future is not None)
    assert sent.count(("workers.run_import", {"run_id": 1})) == 1
    assert sent.count(("workers.add_up", {})) <= 2


def test_a_broker_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        doorbell._publisher.cache_clear()
        publisher = doorbell._publisher()
        monkeypatch.setattr(publisher.conf, "broker_url", f"redis://127.0.0.1:{port}/0")
        monkeypatch.setattr(doorbell, "_doorbell", Doorbell())
        began_at = time.monotonic()
        asyncio.run(doorbell.on_event(ItemsFinished(1)))
        assert time.monotonic() - began_at < 0.1
        future = doorbell._doorbell.ring(Bell("workers.run_import", (("run_id", 9),)))
        assert future is not None
        assert future.result(10) is False
        assert time.monotonic() - began_at < 3
    doorbell._publisher.cache_clear()


def test_after_a_failure_bells_are_dropped_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def broken(task: str, kwargs: dict[str, Any], *, expires_s: float) -> None:
        tried.append(task)
        raise ConnectionError

    monkeypatch.setattr(doorbell, "send", broken)
    bells = Doorbell()
    for k in range(10):
        future = bells.ring(Bell("workers.run_import", (("run_id", k),)))
        assert future is not None
        assert future.result(5) is False
    assert len(tried) == 1
