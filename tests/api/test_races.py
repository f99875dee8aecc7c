"""Many clients at once, each in a thread with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from labeling.models import Item, Response
from tests.api.client import Api
from tests.api.conftest import BETTER
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def all_at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Run each in a thread, from one barrier; return what they returned."""
    barrier = threading.Barrier(len(acts))
    found: list[Any] = [None] * len(acts)

    def run(place: int) -> None:
        try:
            barrier.wait(30)
            found[place] = acts[place]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_one_task_sent_five_times_at_once_is_stored_once(cast: Cast, ana: Api, cats: str) -> None:
    [task] = ana.post(f"projects/{cats}/tasks/claim/", {"want": 1})["tasks"]
    path = f"projects/{cats}/tasks/{task['task']}/submit/"
    body = {"lease": task["lease"], "values": BETTER, "spent_ms": 1}
    clients = [Api(cast.ana, scopes=["work"]) for _ in range(5)]
    answers = all_at_once([lambda api=api: api.post(path, body) for api in clients])  # type: ignore[misc]
    assert sorted(answer["duplicate"] for answer in answers) == [False, True, True, True, True]
    assert Response.objects.count() == 1


def test_overlap_is_exact_when_everybody_claims_at_once(cast: Cast, cats: str) -> None:
    people = (cast.olga, cast.maya, cast.ravi, cast.ana, cast.ben, cast.chi)
    clients = [Api(user, scopes=["work"]) for user in people]
    path = f"projects/{cats}/tasks/claim/"
    hands = all_at_once([lambda api=api: api.post(path, {"want": 2}) for api in clients])  # type: ignore[misc]
    assert sum(len(hand["tasks"]) for hand in hands) == 8
    assert {item.n_taken for item in Item.objects.all()} == {2}


def test_two_clients_of_one_annotator_share_one_quota(cast: Cast, maya: Api, cats: str) -> None:
    maya.put(f"projects/{cats}/quotas/", {"total": 3, "per_day": None})
    clients = [Api(cast.ana, scopes=["work"]) for _ in range(4)]
    path = f"projects/{cats}/tasks/claim/"
    hands = all_at_once([lambda api=api: api.post(path, {"want": 8}) for api in clients])  # type: ignore[misc]
    assert sum(len(hand["tasks"]) for hand in hands) == 3
