"""What becomes of an answer, a refusal by the gate, and a failure."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from generation.specs import AnswerTurn
from labeling.models import AuditEntry, Candidate, GenerationRequest, Item, Usage
from labeling.operations import candidates, request_leases
from labeling.operations.candidates import CallRecord, CandidateDraft
from labeling.rules.states import ItemState, ProjectState, RequestState
from tests.candidates.world import World, make_world, run_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    world.add_items(1)
    candidates.request_candidates(project_id=world.project.pk)
    return world


def claim(world: World, n: int = 100, worker: str = "ann") -> list[request_leases.ClaimedRequest]:
    return request_leases.claim_requests(
        endpoint_id=world.endpoint.pk, worker=worker, n=n, lease_s=30
    )


def a_call(outcome: str = "ok") -> CallRecord:
    return CallRecord(started_at=datetime.now(UTC), outcome=outcome, tokens_in=7, tokens_out=11)


def a_draft(text: str = "**Yes**", **more: object) -> CandidateDraft:
    return CandidateDraft(turns=[AnswerTurn(text)], parameters={"temperature": 0.2}, **more)  # type: ignore[arg-type]


def store(request: request_leases.ClaimedRequest, text: str = "**Yes**") -> bool:
    return candidates.store_candidate(
        request_id=request.id, lease=request.lease, candidate=a_draft(text), calls=[a_call()]
    )


def fail(request: request_leases.ClaimedRequest, *, permanent: bool, **more: float) -> bool:
    return candidates.fail_request(
        request_id=request.id,
        lease=request.lease,
        error_class="bad_request" if permanent else "overloaded",
        detail="no",
        permanent=permanent,
        calls=[a_call("bad_request" if permanent else "overloaded")],
        **more,
    )


def state_of(item: Item | None = None) -> str:
    return Item.objects.values_list("state", flat=True).get()


def test_an_answer_is_stored_with_html_lineage_attempt_and_usage(world: World) -> None:
    request = claim(world, n=1)[0]
    assert candidates.store_candidate(
        request_id=request.id,
        lease=request.lease,
        candidate=CandidateDraft(
            turns=[AnswerTurn("**Yes**", reasoning="hm")],
            parameters={"temperature": 0.2},
            model="stub",
            model_revision="r1",
            seed=64,
            tokens_in=7,
            tokens_out=11,
            finish_reason="stop",
            marks=["truncated"],
        ),
        calls=[a_call()],
    )
    row = Candidate.objects.get()
    assert row.turns == [{"text": "**Yes**", "reasoning": "hm"}]
    assert "<strong>Yes</strong>" in row.rendered[0]["html"]
    assert (row.policy_name, row.model_revision, row.seed, row.draws) == ("cool", "r1", 64, 1)
    assert row.marks == ["truncated"]
    usage = Usage.objects.get()
    assert (usage.n_calls, usage.tokens_in, usage.tokens_out) == (1, 7, 11)
    done = GenerationRequest.objects.get(id=request.id)
    assert (done.state, done.lease, done.attempts) == (RequestState.DONE, None, 1)
    assert done.attempt_rows.get().outcome == "ok"


def test_the_same_answer_twice_is_stored_once(world: World) -> None:
    request = claim(world, n=1)[0]
    assert store(request)
    assert not store(request)
    assert Candidate.objects.count() == 1


def test_the_last_answer_of_a_slate_opens_the_item(world: World) -> None:
    first, second = claim(world)
    store(first)
    assert state_of() == ItemState.WAITING
    store(second)
    assert state_of() == ItemState.READY


def test_a_late_answer_is_kept_and_the_second_of_another_worker_is_not(world: World) -> None:
    slow = claim(world, n=1)[0]
    run_out(slow.id)
    request_leases.sweep_expired_leases()
    quick = next(r for r in claim(world, worker="ben") if r.id == slow.id)
    assert store(slow, "late")
    assert not store(quick, "doubled")
    assert Candidate.objects.get().turns == [{"text": "late"}]
    assert Usage.objects.get().n_calls == 2  # both were paid for


def test_an_answer_to_a_cancelled_request_is_not_stored(world: World) -> None:
    request = claim(world, n=1)[0]
    candidates.cancel_requests(project_id=world.project.pk)
    assert not store(request)
    assert Candidate.objects.count() == 0


def test_candidates_of_an_item_that_people_see_do_not_change(world: World) -> None:
    request = claim(world, n=1)[0]
    Item.objects.update(state=ItemState.READY, place=1)
    assert not store(request)
    assert Candidate.objects.count() == 0
    assert GenerationRequest.objects.get(id=request.id).state == RequestState.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_the_last_two_answers_at_the_same_time_open_the_item(world: World) -> None:
    barrier = threading.Barrier(2)

    def work(request: request_leases.ClaimedRequest) -> None:
        barrier.wait()
        store(request)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(request,)) for request in claim(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state_of() == ItemState.READY


@pytest.mark.django_db(transaction=True)
def test_many_stores_of_one_request_at_the_same_time_give_one_candidate(world: World) -> None:
    request, barrier, stored = claim(world, n=1)[0], threading.Barrier(6), []

    def work() -> None:
        barrier.wait()
        stored.append(store(request))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [False] * 5 + [True]
    assert Candidate.objects.count() == 1


def test_a_passing_error_waits_and_keeps_the_item_waiting(world: World) -> None:
    request = claim(world, n=1)[0]
    assert fail(request, permanent=False, retry_after_s=60)
    row = GenerationRequest.objects.get(id=request.id)
    assert (row.state, row.error_class, row.last_error) == ("pending", "overloaded", "no")
    assert row.next_attempt_at is not None
    assert row.next_attempt_at > datetime.now(UTC) + timedelta(seconds=50)
    assert [r.id for r in claim(world) if r.id == request.id] == []


def test_passing_errors_never_kill_a_request(world: World) -> None:
    request = claim(world, n=1)[0]
    for _ in range(30):
        assert fail(request, permanent=False)
        GenerationRequest.objects.filter(id=request.id).update(next_attempt_at=None)
        request = next(r for r in claim(world) if r.id == request.id)
    assert GenerationRequest.objects.get(id=request.id).attempts == 30


def test_a_failure_under_a_lost_lease_changes_nothing(world: World) -> None:
    request = claim(world, n=1)[0]
    run_out(request.id)
    request_leases.sweep_expired_leases()
    claim(world, worker="ben")
    assert not fail(request, permanent=True)
    assert GenerationRequest.objects.get(id=request.id).state == RequestState.LEASED


def test_a_permanent_error_blocks_the_item_for_the_manager_to_see(world: World) -> None:
    first, second = claim(world)
    store(first)
    assert fail(second, permanent=True)
    assert GenerationRequest.objects.get(id=second.id).state == RequestState.DEAD
    assert state_of() == ItemState.BLOCKED
    entry = AuditEntry.objects.get(action="item.blocked")
    assert entry.after["state"] == "blocked"


def test_an_item_with_enough_candidates_is_ready_though_one_is_dead() -> None:
    world = make_world()
    world.project.candidates_needed = 1
    world.project.save()
    world.add_items(1)
    candidates.request_candidates(project_id=world.project.pk)
    first, second = claim(world)
    fail(first, permanent=True)
    assert state_of() == ItemState.WAITING
    store(second)
    assert state_of() == ItemState.READY


def test_retrying_the_dead_unblocks_the_item(world: World) -> None:
    first, second = claim(world)
    store(first)
    fail(second, permanent=True)
    assert candidates.retry_dead(project_id=world.project.pk) == 1
    assert state_of() == ItemState.WAITING
    again = claim(world)[0]
    assert again.id == second.id
    store(again)
    assert state_of() == ItemState.READY


def test_answers_of_a_paused_project_are_stored_all_the_same(world: World) -> None:
    requests = claim(world)
    world.project.state = ProjectState.PAUSED
    world.project.save()
    assert all(store(request) for request in requests)


def test_refused_draws_are_kept_with_the_candidate(world: World) -> None:
    request = claim(world, n=1)[0]
    key = {"request_id": request.id, "lease": request.lease}
    assert candidates.reject_draw(
        **key, rejection={"marks": ["gives_away"], "seed": 1}, calls=[a_call()]
    )
    assert candidates.store_candidate(**key, candidate=a_draft(draw=1), calls=[a_call()])
    row = Candidate.objects.get()
    assert row.rejections == [{"draw": 0, "marks": ["gives_away"], "seed": 1}]
    assert row.draws == 2
    assert Usage.objects.get().n_calls == 2


def test_an_earlier_draw_may_be_taken_in_the_end(world: World) -> None:
    request = claim(world, n=1)[0]
    key = {"request_id": request.id, "lease": request.lease}
    for _ in range(2):
        candidates.reject_draw(**key, rejection={"marks": ["gives_away"]})
    candidates.store_candidate(**key, candidate=a_draft(draw=0))
    row = Candidate.objects.get()
    assert [entry["draw"] for entry in row.rejections] == [1]
    assert row.draws == 2


def test_first_turns_outlive_their_worker(world: World) -> None:
    request = claim(world, n=1)[0]
    turns = [{"text": "first", "finish_reason": "stop"}]
    assert candidates.save_turn(
        request_id=request.id, lease=request.lease, turns=turns, calls=[a_call()]
    )
    run_out(request.id)
    request_leases.sweep_expired_leases()
    again = next(r for r in claim(world, worker="ben") if r.id == request.id)
    assert again.turns_so_far == turns
