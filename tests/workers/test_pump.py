"""The pump against a model server that counts what it is asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from django.db import connection

from generation.kinds import BreakerState
from generation.models import Endpoint
from labeling.models import Candidate, GenerationAttempt, GenerationRequest, Item, Usage
from labeling.operations import candidates
from labeling.rules.states import ItemState, RequestState
from tests.candidates.world import World, make_world
from tests.workers.stub import StubServer, completion, run_stub
from workers.pump import Pace, Pump, PumpReport, Pumps

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = Pace(slice_s=20, lease_s=5, look_s=0.2, dry_s=0.1, grace_s=0.3)


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with run_stub() as stub:
        yield stub


def a_world(stub: StubServer, n_items: int, *, n_turns: int = 1, **more: Any) -> World:
    world = make_world(base_url=stub.base_url, **more)
    world.add_items(n_items, n_turns=n_turns)
    candidates.request_candidates(project_id=world.project.pk)
    return world


def pump(world: World, *, pace: Pace = QUICK, **more: Any) -> PumpReport:
    return asyncio.run(Pump(endpoint_id=world.endpoint.pk, worker="ann", pace=pace, **more).run())


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    return thread, results


def count(state: RequestState) -> int:
    return GenerationRequest.objects.filter(state=state).count()


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not come about"
        time.sleep(0.02)


def test_a_slice_answers_everything_and_opens_the_items(stub: StubServer) -> None:
    world = a_world(stub, 10)
    report = pump(world)
    assert (report.n_claimed, report.n_stored, report.n_failed) == (20, 20, 0)
    assert count(RequestState.DONE) == 20
    assert Item.objects.filter(state=ItemState.READY).count() == 10
    assert set(stub.calls.values()) == {1}
    assert sum(Usage.objects.values_list("tokens_out", flat=True)) == 20 * 11


def test_the_window_is_full_and_never_over(stub: StubServer) -> None:
    stub.delay_s = 0.1
    world = a_world(stub, 20, max_in_flight=6)
    pump(world)
    assert stub.most_in_flight == 6
    assert Candidate.objects.count() == 40


def test_two_pumps_share_one_window_and_double_nothing(stub: StubServer) -> None:
    stub.delay_s = 0.05
    world = a_world(stub, 30, max_in_flight=5)

    def work(name: str) -> PumpReport:
        return asyncio.run(Pump(endpoint_id=world.endpoint.pk, worker=name, pace=QUICK).run())

    running = [in_thread(lambda name=name: work(name)) for name in ("ann", "ben")]
    for thread, _ in running:
        thread.join()
    assert stub.most_in_flight <= 5
    assert stub.n_calls == 60
    assert Candidate.objects.count() == 60


def test_no_request_waits_for_the_slowest_of_its_batch(stub: StubServer) -> None:
    n_others_meanwhile: list[int] = []

    async def skewed(body: dict[str, Any]) -> web.StreamResponse:
        asked = body["messages"][-1]["content"]
        if asked == "Question 0.0":
            await asyncio.sleep(1.5)
            n_others_meanwhile.append(stub.n_answered)
        return completion(f"Fine, {asked} {body['seed']}.")

    stub.answer = skewed
    pump(a_world(stub, 15, max_in_flight=4))
    assert Candidate.objects.count() == 30
    assert min(n_others_meanwhile) >= 10


def test_each_open_turn_sees_the_answers_before_it(stub: StubServer) -> None:
    world = a_world(stub, 1, n_turns=2)
    pump(world)
    row = Candidate.objects.get(policy=world.cool)
    assert len(row.turns) == len(row.rendered) == 2
    second = next(
        body for body in stub.bodies if len(body["messages"]) == 3 and body["temperature"] == 0.2
    )
    assert [m["role"] for m in second["messages"]] == ["user", "assistant", "user"]
    assert second["messages"][1]["content"] == row.turns[0]["text"]
    assert row.tokens_out == 22


def test_a_turn_that_was_paid_for_is_not_asked_again(stub: StubServer) -> None:
    failed: set[str] = set()

    async def second_turn_fails_once(body: dict[str, Any]) -> web.StreamResponse:
        if len(body["messages"]) == 3 and str(body["seed"]) not in failed:
            failed.add(str(body["seed"]))
            return web.json_response({"error": "busy"}, status=503, headers={"Retry-After": "0"})
        return completion(f"Well, {body['messages'][-1]['content']} {body['seed']}.")

    stub.answer = second_turn_fails_once
    world = a_world(stub, 1, n_turns=2)
    pump(world)
    GenerationRequest.objects.update(next_attempt_at=None)
    pump(world)
    assert Candidate.objects.count() == 2
    first_turns = [body for body in stub.bodies if len(body["messages"]) == 1]
    assert len(first_turns) == 2


def test_permanent_errors_end_and_passing_ones_wait(stub: StubServer) -> None:
    async def picky(body: dict[str, Any]) -> web.StreamResponse:
        if body["messages"][-1]["content"] == "Question 0.0":
            return web.json_response({"error": {"message": "no such thing"}}, status=400)
        return web.json_response({"error": "busy"}, status=503, headers={"Retry-After": "30"})

    stub.answer = picky
    world = a_world(stub, 2)
    report = pump(world)
    assert report.n_failed == 4
    assert (count(RequestState.DEAD), count(RequestState.PENDING)) == (2, 2)
    assert Item.objects.get(external_id="q0").state == ItemState.BLOCKED
    assert Item.objects.get(external_id="q1").state == ItemState.WAITING
    assert set(GenerationAttempt.objects.values_list("outcome", flat=True)) == {
        "bad_request",
        "overloaded",
    }


def test_an_answer_that_names_its_model_is_drawn_again(stub: StubServer) -> None:
    async def boastful(body: dict[str, Any]) -> web.StreamResponse:
        is_first = stub.n_calls <= 2
        return completion("I am ChatGPT, at your service." if is_first else f"Sure {body['seed']}.")

    stub.answer = boastful
    pump(a_world(stub, 1))
    rows = list(Candidate.objects.all())
    assert [row.draws for row in rows] == [2, 2]
    assert all(row.rejections[0]["marks"] == ["gives_away"] for row in rows)
    assert not any(row.marks for row in rows)
    assert len({body["seed"] for body in stub.bodies}) == 4


def test_re_sampling_ends_and_takes_the_best_with_its_mark(stub: StubServer) -> None:
    async def always(body: dict[str, Any]) -> web.StreamResponse:
        return completion(f"I am ChatGPT number {body['seed']}.")

    stub.answer = always
    pump(a_world(stub, 1))
    assert stub.n_calls == 6  # two policies, one draw and two more
    for row in Candidate.objects.all():
        assert row.marks == ["gives_away"]
        assert len(row.rejections) == 2


def test_merely_bad_answers_are_marked_and_kept(stub: StubServer) -> None:
    async def cut(body: dict[str, Any]) -> web.StreamResponse:
        return completion(f"And so {body['seed']}", finish_reason="length")

    stub.answer = cut
    pump(a_world(stub, 1))
    assert stub.n_calls == 2
    assert {tuple(row.marks) for row in Candidate.objects.all()} == {("truncated",)}


def test_a_server_that_is_down_opens_the_breaker_and_kills_nothing() -> None:
    world = make_world(base_url="http://127.0.0.1:9/v1", max_in_flight=4)
    world.add_items(20)
    candidates.request_candidates(project_id=world.project.pk)
    report = pump(world)
    assert report.n_claimed < 20
    assert count(RequestState.DEAD) == 0
    assert Endpoint.objects.get().breaker_state == BreakerState.OPEN


def test_leases_are_renewed_while_a_call_takes_long(stub: StubServer) -> None:
    stub.delay_s = 1.5
    world = a_world(stub, 1)
    thread, _ = in_thread(
        lambda: pump(world, pace=Pace(slice_s=20, lease_s=1, look_s=0.2, dry_s=0.1))
    )
    until(lambda: stub.in_flight == 2)
    from labeling.operations import request_leases

    while thread.is_alive():
        assert request_leases.sweep_expired_leases() == 0
        time.sleep(0.1)
    assert Candidate.objects.count() == 2


def test_cancelled_requests_are_aborted_at_the_server(stub: StubServer) -> None:
    stub.delay_s = 30
    world = a_world(stub, 1)
    thread, _ = in_thread(lambda: pump(world))
    until(lambda: stub.in_flight == 2)
    candidates.cancel_requests(project_id=world.project.pk)
    thread.join(5)
    assert not thread.is_alive()
    until(lambda: stub.in_flight == 0)
    assert stub.n_aborted == 2


def test_a_process_that_must_stop_gives_its_requests_back(stub: StubServer) -> None:
    stub.delay_s = 30
    world, stop = a_world(stub, 2), threading.Event()
    thread, reports = in_thread(lambda: pump(world, wants_stop=stop.is_set))
    until(lambda: stub.in_flight == 4)
    stop.set()
    thread.join(5)
    assert reports[0].n_returned == 4
    assert count(RequestState.PENDING) == 4
    until(lambda: stub.in_flight == 0)


def test_a_drained_pump_ends_what_it_has_and_takes_nothing_new(stub: StubServer) -> None:
    stub.delay_s = 0.5
    world, drain = a_world(stub, 10, max_in_flight=4), threading.Event()
    thread, reports = in_thread(lambda: pump(world, wants_drain=drain.is_set))
    until(lambda: stub.in_flight == 4)
    drain.set()
    thread.join(5)
    assert (reports[0].n_claimed, reports[0].n_stored) == (4, 4)


def test_a_slice_gives_way_and_calls_its_successor_before_it_is_empty(stub: StubServer) -> None:
    stub.delay_s = 0.6
    world, in_flight_then = a_world(stub, 10, max_in_flight=4), []
    report = pump(
        world,
        pace=Pace(slice_s=0.2, lease_s=5, look_s=1, dry_s=0.1),
        on_giving_way=lambda: in_flight_then.append(stub.in_flight),
    )
    assert report.gave_way
    assert in_flight_then == [4]
    assert (report.n_stored, count(RequestState.PENDING)) == (4, 16)


def test_a_second_bell_does_not_start_a_second_pump_but_is_not_forgotten(
    stub: StubServer,
) -> None:
    stub.delay_s = 0.5
    world, pumps, rung = a_world(stub, 1), Pumps(), []

    def a_pump() -> Pump:
        return Pump(
            endpoint_id=world.endpoint.pk,
            worker="ann",
            pace=QUICK,
            on_giving_way=lambda: rung.append(1),
        )

    thread, reports = in_thread(lambda: pumps.run(a_pump()))
    until(lambda: stub.in_flight == 2)
    assert pumps.n_in_flight == 2
    assert pumps.run(a_pump()) is None
    thread.join(5)
    assert reports[0].n_stored == 2
    assert rung == [1]


def test_answers_in_hand_outlive_a_database_that_drops_every_connection(
    stub: StubServer,
) -> None:
    stub.delay_s = 0.1
    world = a_world(stub, 25, max_in_flight=6)
    thread, reports = in_thread(lambda: pump(world))
    for n_done in (5, 20, 35):
        until(lambda n_done=n_done: Candidate.objects.count() >= n_done or not thread.is_alive())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    thread.join(30)
    assert reports[0].n_stored == 50
    assert stub.n_calls == Candidate.objects.count() == 50
