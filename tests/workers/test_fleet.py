"""Processes and queues as rows, the sweeps over them, and the two verbs."""

from __future__ import annotations

import io
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from labeling.errors import NotFound
from labeling.models import AuditEntry, GenerationRequest, ImportRun, Process, QueueDepth
from labeling.operations import candidates, fleet, request_leases
from labeling.operations.audit import MACHINE
from labeling.queries import fleet as queries
from labeling.rules.states import ProcessKind, ProjectState, RequestState, RunState, WantedState
from tests.candidates.world import World, make_world, run_out
from workers import sweeps
from workers.doorbell import Bell

pytestmark = pytest.mark.django_db


def beat(name: str = "ann", **more: Any) -> fleet.Wanted:
    return fleet.beat_process(name=name, kind=ProcessKind.WORKER, queues=["generation"], **more)


def grow_old(name: str, seconds: float) -> None:
    long_ago = datetime.now(UTC) - timedelta(seconds=seconds)
    Process.objects.filter(name=name).update(seen_at=long_ago)


def test_a_beat_tells_and_hears_what_is_wanted() -> None:
    assert beat(is_start=True).state is WantedState.RUN
    fleet.set_wanted(actor=MACHINE, wanted=WantedState.DRAIN, process="ann")
    assert beat(n_in_flight=3).state is WantedState.DRAIN
    [row] = queries.list_processes(kind=ProcessKind.WORKER)
    assert (row.is_alive, row.n_in_flight, row.wanted) == (True, 3, "drain")
    assert AuditEntry.objects.get(action="fleet.wanted").after == {"wanted": "drain"}


def test_a_process_that_starts_anew_is_wanted_to_run() -> None:
    beat()
    fleet.set_wanted(actor=MACHINE, wanted=WantedState.DRAIN, process="ann")
    assert beat(is_start=True).state is WantedState.RUN


def test_a_silent_worker_is_not_alive_and_forgotten_after_a_day() -> None:
    beat()
    assert queries.has_worker("generation")
    grow_old("ann", 60)
    assert not queries.has_worker("generation")
    assert fleet.forget_processes() == 0
    grow_old("ann", 2 * 86400)
    assert fleet.forget_processes() == 1


def test_a_paused_queue_is_told_to_every_worker() -> None:
    fleet.record_queue_depths(depths={"generation": 4, "mail": 0})
    fleet.set_wanted(actor=MACHINE, wanted=WantedState.PAUSE, queue="mail")
    assert beat().paused_queues == {"mail"}
    fleet.record_queue_depths(depths={"generation": 5, "mail": 1})
    assert QueueDepth.objects.get(queue="mail").wanted == "pause"
    by_name = {row.name: row for row in queries.list_queues(["generation", "mail", "quality"])}
    assert (by_name["generation"].depth, by_name["generation"].has_worker) == (5, True)
    assert not by_name["mail"].has_worker


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(NotFound):
        fleet.set_wanted(actor=MACHINE, wanted=WantedState.DRAIN, process="nobody")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Bell]:
    rung: list[Bell] = []
    monkeypatch.setattr(sweeps, "ring", rung.append)
    return rung


def requested(world: World, n: int = 2) -> None:
    world.add_items(n)
    candidates.request_candidates(project_id=world.project.pk)


def test_the_sweep_rings_only_where_there_is_something_to_do(rung: list[Bell]) -> None:
    world = make_world()
    sweeps.sweep_requests()
    assert rung == []
    requested(world)
    sweeps.sweep_requests()
    assert [bell.kwargs for bell in rung] == [(("endpoint_id", world.endpoint.pk),)]
    rung.clear()
    world.project.state = ProjectState.PAUSED
    world.project.save()
    sweeps.sweep_requests()
    assert rung == []


def test_requests_that_wait_for_their_next_attempt_ring_nothing(rung: list[Bell]) -> None:
    world = make_world()
    requested(world)
    later = datetime.now(UTC) + timedelta(minutes=1)
    GenerationRequest.objects.update(next_attempt_at=later)
    sweeps.sweep_requests()
    assert rung == []


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_give_each_request_back_once() -> None:
    world = make_world(max_in_flight=40)
    requested(world, 20)
    claimed = request_leases.claim_requests(
        endpoint_id=world.endpoint.pk, worker="gone", n=40, lease_s=30
    )
    run_out(*(request.id for request in claimed))
    barrier, freed = threading.Barrier(4), []

    def work() -> None:
        barrier.wait()
        freed.append(request_leases.sweep_expired_leases(limit=25))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(freed) + request_leases.sweep_expired_leases() == 40
    assert set(GenerationRequest.objects.values_list("attempts", flat=True)) == {1}


def test_runs_whose_bell_was_lost_are_rung_for_again(rung: list[Bell]) -> None:
    world = make_world()
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    _, lost, silent, _ = (
        ImportRun.objects.create(project=world.project, name="f", state=state, beat_at=beat_at)
        for state, beat_at in (
            (RunState.PENDING, None),
            (RunState.PENDING, None),
            (RunState.RUNNING, long_ago),
            (RunState.DONE, long_ago),
        )
    )
    ImportRun.objects.filter(pk=lost.pk).update(created_at=long_ago)
    sweeps.sweep_runs()
    assert [bell.kwargs for bell in rung] == [(("run_id", lost.pk),), (("run_id", silent.pk),)]


def run_verb(*arguments: str) -> tuple[dict[str, Any], str]:
    """Return the JSON object and what went wrong."""
    out, problem = io.StringIO(), ""
    try:
        call_command(*arguments, "--json", stdout=out, stderr=io.StringIO())
    except CommandError as error:
        problem = str(error)
    return json.loads(out.getvalue()) if out.getvalue() else {}, problem


def test_generate_counts_all_of_the_projects_requests() -> None:
    world = make_world()
    requested(world, 1)
    world.add_items(2)
    GenerationRequest.objects.filter(policy=world.cool).update(state=RequestState.DONE)
    data, problem = run_verb("generate", "chats")
    assert (data, problem) == ({"requested": 6, "done": 1, "dead": 0}, "")


def test_generate_fails_when_requests_are_dead() -> None:
    world = make_world()
    requested(world, 1)
    GenerationRequest.objects.update(state=RequestState.DEAD)
    data, problem = run_verb("generate", "chats", "--wait")
    assert data == {"requested": 2, "done": 0, "dead": 2}
    assert "2 requests are dead" in problem


def test_generate_does_not_wait_for_a_paused_project() -> None:
    world = make_world()
    requested(world, 1)
    world.project.state = ProjectState.PAUSED
    world.project.save()
    data, problem = run_verb("generate", "chats", "--wait")
    assert data["requested"] == 2
    assert "paused" in problem


def test_generate_names_a_project_that_is_not_there() -> None:
    assert run_verb("generate", "nope") == ({}, "There is no project nope.")


def test_fleet_shows_workers_queues_and_endpoints() -> None:
    world = make_world()
    requested(world, 1)
    beat("generation@one")
    data, problem = run_verb("fleet")
    assert problem == ""
    assert [row["name"] for row in data["workers"]] == ["generation@one"]
    assert {row["name"] for row in data["queues"]} >= {"generation", "default"}
    [endpoint] = data["endpoints"]
    assert (endpoint["name"], endpoint["pending"], endpoint["in_flight"]) == ("stub", 2, 0)
    assert endpoint["oldest_due_s"] is not None


def test_fleet_drains_and_resumes_a_process() -> None:
    beat("generation@one")
    run_verb("fleet", "--drain", "generation@one")
    assert Process.objects.get().wanted == "drain"
    run_verb("fleet", "--resume", "generation@one")
    assert Process.objects.get().wanted == "run"
    assert "no such process" in run_verb("fleet", "--drain", "nobody")[1]


def test_fleet_reads_well_without_json() -> None:
    make_world()
    beat("generation@one")
    out = io.StringIO()
    call_command("fleet", stdout=out)
    assert "generation@one" in out.getvalue()
    assert "NO WORKER SERVES IT" in out.getvalue()
