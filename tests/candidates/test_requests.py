"""The queue of generation requests: made once, claimed fairly, leased, given back."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from generation import operations as generation_operations
from generation.kinds import EndpointState, PolicyState
from labeling.events import bus
from labeling.events.types import RequestsAdded
from labeling.models import Batch, Candidate, GenerationRequest, Item, SlateEntry, SlateVersion
from labeling.operations import candidates, request_leases
from labeling.rules.states import ProjectState, RequestState
from tests.candidates.world import World, make_world, run_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def claim(world: World, n: int = 100, worker: str = "ann") -> list[request_leases.ClaimedRequest]:
    return request_leases.claim_requests(
        endpoint_id=world.endpoint.pk, worker=worker, n=n, lease_s=30
    )


def test_each_item_gets_a_request_per_policy_and_sample(world: World) -> None:
    world.project.slate.entries.filter(policy=world.warm).update(n_samples=2)
    world.add_items(3)
    assert candidates.request_candidates(project_id=world.project.pk) == 9
    rows = GenerationRequest.objects.filter(item__external_id="q0").order_by("id")
    assert [(row.policy_id, row.sample) for row in rows] == [
        (world.cool.pk, 0),
        (world.warm.pk, 0),
        (world.warm.pk, 1),
    ]
    assert all(row.uid.version == 7 for row in rows)


def test_the_same_slate_twice_gives_nothing_new(world: World) -> None:
    world.add_items(3)
    assert candidates.request_candidates(project_id=world.project.pk) == 6
    assert candidates.request_candidates(project_id=world.project.pk) == 0
    assert GenerationRequest.objects.count() == 6


def test_items_are_requested_in_batches_of_their_ids(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "REQUEST_BATCH", 2)
    items = world.add_items(5)
    wanted = [item.pk for item in items[1:4]]
    assert candidates.request_candidates(project_id=world.project.pk, item_ids=wanted) == 6
    asked = set(GenerationRequest.objects.values_list("item_id", flat=True))
    assert asked == set(wanted)


def test_ids_of_another_project_are_left_alone(world: World) -> None:
    other = world.another_project("others")
    items = world.add_items(1, project=other)
    ids = [items[0].pk]
    assert candidates.request_candidates(project_id=world.project.pk, item_ids=ids) == 0


def test_items_with_enough_ready_made_candidates_are_not_topped_up(world: World) -> None:
    enough, too_few = world.add_items(2)
    for item, n in ((enough, 2), (too_few, 1)):
        for sample in range(n):
            Candidate.objects.create(item=item, sample=sample, turns=[], rendered=[])
    assert candidates.request_candidates(project_id=world.project.pk) == 2
    assert set(GenerationRequest.objects.values_list("item_id", flat=True)) == {too_few.pk}


def test_one_ready_made_candidate_is_enough_where_none_is_needed() -> None:
    world = make_world()
    world.project.candidates_needed = 0
    world.project.save()
    with_one, without = world.add_items(2)
    Candidate.objects.create(item=with_one, turns=[], rendered=[])
    candidates.request_candidates(project_id=world.project.pk)
    assert set(GenerationRequest.objects.values_list("item_id", flat=True)) == {without.pk}


def test_an_item_uses_the_slate_of_its_batch(world: World) -> None:
    slate = SlateVersion.objects.create(project=world.project, version=2)
    SlateEntry.objects.create(slate=slate, policy=world.warm)
    batch = Batch.objects.create(project=world.project, name="second", slate=slate)
    world.add_items(1)
    Item.objects.update(batch=batch)
    candidates.request_candidates(project_id=world.project.pk)
    assert [row.policy_id for row in GenerationRequest.objects.all()] == [world.warm.pk]


def test_new_requests_ring_for_their_endpoint(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[object] = []
    monkeypatch.setattr(bus, "publish", lambda *events: rung.extend(events))
    world.add_items(3)
    candidates.request_candidates(project_id=world.project.pk)
    assert rung == [RequestsAdded(world.endpoint.pk)]


def test_a_claim_takes_due_requests_with_their_messages(world: World) -> None:
    world.add_items(2, n_turns=2)
    candidates.request_candidates(project_id=world.project.pk)
    claimed = claim(world, n=3)
    assert len(claimed) == 3
    assert claimed[0].messages[1]["content"] == "Question 0.1"
    assert len({request.lease for request in claimed}) == 3
    assert len(claim(world, n=3)) == 1


def test_no_more_is_leased_than_the_endpoint_takes() -> None:
    world = make_world(max_in_flight=5)
    world.add_items(10)
    candidates.request_candidates(project_id=world.project.pk)
    assert len(claim(world, worker="ann")) == 5
    assert claim(world, worker="ben") == []


@pytest.mark.parametrize("state", [ProjectState.DRAFT, ProjectState.PAUSED, ProjectState.FINISHED])
def test_only_active_projects_are_generated(world: World, state: ProjectState) -> None:
    world.add_items(2)
    candidates.request_candidates(project_id=world.project.pk)
    world.project.state = state
    world.project.save()
    assert claim(world) == []


def test_drained_endpoints_and_stopped_policies_are_not_claimed(world: World) -> None:
    world.add_items(2)
    candidates.request_candidates(project_id=world.project.pk)
    generation_operations.set_policy_state(policy_id=world.warm.pk, state=PolicyState.STOPPED)
    assert {request.policy_id for request in claim(world)} == {world.cool.pk}
    generation_operations.set_policy_state(policy_id=world.warm.pk, state=PolicyState.ACTIVE)
    generation_operations.set_endpoint_state(
        endpoint_id=world.endpoint.pk, state=EndpointState.DRAINED
    )
    assert claim(world) == []


def test_projects_share_an_endpoint_though_one_came_first(world: World) -> None:
    small = world.another_project("small")
    world.add_items(50)
    candidates.request_candidates(project_id=world.project.pk)
    world.add_items(2, project=small)
    candidates.request_candidates(project_id=small.pk)
    by_project = [request.project_id for request in claim(world, n=8)]
    assert by_project.count(small.pk) == 4


@pytest.mark.django_db(transaction=True)
def test_claims_at_the_same_time_share_out_the_window_exactly() -> None:
    world = make_world(max_in_flight=20)
    world.add_items(40)
    candidates.request_candidates(project_id=world.project.pk)
    barrier, claimed = threading.Barrier(8), []

    def work(k: int) -> None:
        from django.db import connections

        barrier.wait()
        claimed.extend(claim(world, n=7, worker=f"w{k}"))
        connections.close_all()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 20
    assert len({request.id for request in claimed}) == 20


def test_renewing_says_which_leases_are_lost_and_which_are_unwanted(world: World) -> None:
    world.add_items(3)
    candidates.request_candidates(project_id=world.project.pk)
    kept, _, swept, _, cancelled, _ = claim(world)
    run_out(swept.id)
    assert request_leases.sweep_expired_leases() == 1
    candidates.cancel_requests(item_ids=[cancelled.item_id])
    held = {request.id: request.lease for request in (kept, swept, cancelled)}
    renewal = request_leases.renew_leases(leases=held, lease_s=30)
    assert renewal.lost == {swept.id}
    assert renewal.unwanted == {cancelled.id}


def test_an_expired_lease_that_nobody_swept_is_taken_up_again(world: World) -> None:
    world.add_items(1)
    candidates.request_candidates(project_id=world.project.pk)
    request = claim(world)[0]
    run_out(request.id)
    request_leases.renew_leases(leases={request.id: request.lease}, lease_s=30)
    assert request_leases.sweep_expired_leases() == 0


def test_a_sweep_gives_lost_requests_back_once_and_notes_it(world: World) -> None:
    world.add_items(1)
    candidates.request_candidates(project_id=world.project.pk)
    requests = claim(world)
    run_out(*(request.id for request in requests))
    assert request_leases.sweep_expired_leases() == 2
    assert request_leases.sweep_expired_leases() == 0
    row = GenerationRequest.objects.get(id=requests[0].id)
    assert (row.state, row.lease, row.attempts) == (RequestState.PENDING, None, 1)
    assert [a.outcome for a in row.attempt_rows.all()] == ["lease_expired"]
    assert [a.worker for a in row.attempt_rows.all()] == ["ann"]
    assert len(claim(world)) == 2


def test_a_worker_that_drains_gives_its_leases_back_at_once(world: World) -> None:
    world.add_items(2)
    candidates.request_candidates(project_id=world.project.pk)
    mine, _ = claim(world, n=2, worker="ann"), claim(world, n=1, worker="ben")
    assert request_leases.return_leases(worker="ann", request_ids=[mine[0].id]) == 1
    assert request_leases.return_leases(worker="ann") == 1
    assert GenerationRequest.objects.filter(state=RequestState.LEASED).count() == 1
    assert len(claim(world)) == 3


def test_cancelled_requests_are_wanted_again_when_asked_for(world: World) -> None:
    world.add_items(2)
    candidates.request_candidates(project_id=world.project.pk)
    claim(world, n=1)
    assert candidates.cancel_requests(project_id=world.project.pk) == 4
    assert claim(world) == []
    assert candidates.request_candidates(project_id=world.project.pk) == 4
    assert len(claim(world)) == 4


def test_cancelling_nothing_in_particular_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a project"):
        candidates.cancel_requests()


def test_unknown_requests_are_named() -> None:
    from labeling.errors import NotFound

    with pytest.raises(NotFound):
        candidates.reject_draw(request_id=0, lease=uuid4(), rejection={})
