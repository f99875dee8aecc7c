"""Real workers that are killed, doubled and cut off: nothing is lost, nothing stored twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction

from labeling.models import Candidate, GenerationRequest, Item, Process
from labeling.operations import candidates, request_leases
from labeling.operations.audit import MACHINE
from labeling.operations.fleet import set_wanted
from labeling.queries.fleet import has_worker
from labeling.rules.states import ItemState, RequestState, WantedState
from tests.candidates.world import World, make_world, run_out
from tests.workers.stack import Stack, until
from tests.workers.stub import StubServer, run_stub
from workers import doorbell
from workers.doorbell import Bell

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with run_stub() as stub:
        yield stub


@pytest.fixture
def stack(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.start_broker()
    doorbell._publisher.cache_clear()
    publisher = doorbell._publisher()
    monkeypatch.setattr(publisher.conf, "broker_url", f"{stack.redis_url}/0")
    try:
        yield stack
    finally:
        stack.stop()
        doorbell._publisher.cache_clear()


def ring(world: World) -> None:
    doorbell.send("workers.pump_endpoint", {"endpoint_id": world.endpoint.pk}, expires_s=60)


def requested(world: World, n_items: int) -> None:
    world.add_items(n_items)
    candidates.request_candidates(project_id=world.project.pk)


def n_in(state: RequestState) -> int:
    return GenerationRequest.objects.filter(state=state).count()


def leased_ids() -> list[int]:
    leased = GenerationRequest.objects.filter(state=RequestState.LEASED)
    return list(leased.values_list("id", flat=True))


def test_a_worker_killed_between_answer_and_store_loses_and_doubles_nothing(
    stub: StubServer, stack: Stack
) -> None:
    world = make_world(base_url=stub.base_url, max_in_flight=4)
    requested(world, 4)
    first = stack.worker("first")
    with transaction.atomic():  # holds the items: every answer waits to be stored
        list(Item.objects.select_for_update().all())
        ring(world)
        until(lambda: stub.n_answered == 4, what="the model's answers")
        time.sleep(0.5)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert Candidate.objects.count() == 0
    lost = leased_ids()
    assert len(lost) == 4
    run_out(*lost)
    assert request_leases.sweep_expired_leases() == 4
    stack.worker("second")
    ring(world)
    until(lambda: n_in(RequestState.DONE) == 8, what="every request's end")
    assert Candidate.objects.count() == 8
    assert Item.objects.filter(state=ItemState.READY).count() == 4
    assert stub.n_calls == 8 + 4  # those of the dead were asked again, and no other


def test_two_workers_share_one_endpoint_exactly(stub: StubServer, stack: Stack) -> None:
    stub.delay_s = 0.1
    world = make_world(base_url=stub.base_url, max_in_flight=6)
    requested(world, 40)
    stack.worker("ann"), stack.worker("ben")
    until(lambda: Process.objects.count() == 2, what="two heartbeats")
    ring(world), ring(world), ring(world)
    until(lambda: n_in(RequestState.DONE) == 80, what="every request's end")
    assert stub.most_in_flight <= 6
    assert stub.n_calls == Candidate.objects.count() == 80


def test_sigterm_gives_leases_back_and_ends_soon(stub: StubServer, stack: Stack) -> None:
    stub.delay_s = 60
    world = make_world(base_url=stub.base_url, max_in_flight=4)
    requested(world, 4)
    worker = stack.worker("ann")
    ring(world)
    until(lambda: stub.in_flight == 4, what="four calls")
    assert has_worker("generation")
    began_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert time.monotonic() - began_at < 10
    assert (n_in(RequestState.PENDING), n_in(RequestState.LEASED)) == (8, 0)
    assert not has_worker("generation")
    until(lambda: stub.in_flight == 0, what="the server's rest")


def test_answers_go_on_while_the_broker_is_dead(stub: StubServer, stack: Stack) -> None:
    stub.delay_s = 0.2
    world = make_world(base_url=stub.base_url, max_in_flight=4)
    requested(world, 30)
    worker = stack.worker("ann", "generation,default")
    ring(world)
    until(lambda: n_in(RequestState.DONE) > 4, what="the first answers")
    stack.kill_broker()
    until(lambda: n_in(RequestState.DONE) == 60, what="the rest without a broker")
    assert worker.poll() is None
    stack.start_broker()
    stack.scheduler()
    requested(world, 2)  # its doorbell may go nowhere: the sweep finds the rows
    until(lambda: n_in(RequestState.DONE) == 64, 60, what="work after the broker's return")
    assert Candidate.objects.count() == stub.n_calls == 64


def test_rows_whose_doorbell_was_lost_are_found(stub: StubServer, stack: Stack) -> None:
    world = make_world(base_url=stub.base_url)
    requested(world, 2)
    with connection.cursor() as cursor:  # as if another worker had died with them
        cursor.execute(
            "UPDATE labeling_generationrequest SET state = 'leased', lease = gen_random_uuid(), "
            "leased_until = now() - interval '1 minute', worker = 'gone'"
        )
    stack.worker("ann", "generation,default,quality")
    stack.scheduler()
    until(lambda: n_in(RequestState.DONE) == 4, 60, what="every request's end")
    until(lambda: Process.objects.filter(kind="scheduler").exists(), what="the scheduler's beat")


def test_a_bell_without_a_broker_is_quick_and_raises_nothing(stack: Stack) -> None:
    stack.kill_broker()
    bells = doorbell.Doorbell()
    began_at = time.monotonic()
    rung = [bells.ring(Bell("workers.add_up", (("n", k),))) for k in range(50)]
    assert time.monotonic() - began_at < 0.2
    assert not any(future.result(timeout=3) for future in rung if future is not None)
    assert time.monotonic() - began_at < 2


def test_a_drained_worker_takes_nothing_until_it_is_resumed(stub: StubServer, stack: Stack) -> None:
    stub.delay_s = 0.3
    world = make_world(base_url=stub.base_url, max_in_flight=2)
    requested(world, 60)
    stack.worker("ann")
    until(lambda: Process.objects.exists(), what="a heartbeat")
    ring(world)
    until(lambda: stub.n_calls > 4, what="the first calls")
    set_wanted(actor=MACHINE, wanted=WantedState.DRAIN, process="ann@test")
    until(lambda: "held back" in stack.log("ann"), what="the word of the drain")
    until(lambda: n_in(RequestState.LEASED) == 0, what="the drain")
    n_then = stub.n_calls
    ring(world)
    time.sleep(1)
    assert stub.n_calls == n_then < 120
    stub.delay_s = 0.0
    set_wanted(actor=MACHINE, wanted=WantedState.RUN, process="ann@test")
    # A bell that the worker took and dropped while it was drained is the sweep's to repeat.
    until(lambda: ring(world) or stub.n_calls > n_then, what="new calls after it was resumed")
    until(lambda: n_in(RequestState.DONE) == 120, 60, what="the rest")
