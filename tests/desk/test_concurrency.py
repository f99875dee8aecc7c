"""The invariants of handing out, with real processes and threads on real PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import Count, F, Q

from labeling.models import Assignment, Enrolment, Item, Response
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks
from labeling.operations.responses import submit_response
from labeling.operations.returns import expire_leases
from tests.desk.builders import build_campaign

pytestmark = pytest.mark.django_db(transaction=True)
BETTER = {"better": {"better": "A", "strength": 1}}


def together(n: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(0 … n-1)` in threads that all start at once; return what each returned."""
    barrier = threading.Barrier(n)
    results: list[Any] = [None] * n

    def one(k: int) -> None:
        try:
            barrier.wait(timeout=30)
            results[k] = work(k)
        except Exception as error:
            results[k] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(k,)) for k in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return results


@pytest.mark.stack
def test_fifty_claimers_in_five_processes_fill_six_hundred_slots_exactly() -> None:
    campaign = build_campaign(n_items=200, n_annotators=50, overlap=3)
    ids = [str(enrolment.id) for enrolment in campaign.enrolments]
    children = [_start_claimers(ids[k::5]) for k in range(5)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    outcomes = [n for child in children for n in json.loads(child.stdout.readline())]
    for child in children:
        child.wait(timeout=30)
    assert all(isinstance(n, int) for n in outcomes), outcomes
    assert sum(outcomes) == 600
    assert campaign.item_states() == {"done": 200}
    assert Response.objects.count() == 600
    twice = Response.objects.values("item", "annotator").annotate(n=Count("id")).filter(n__gt=1)
    assert not twice.exists()
    wrong = Enrolment.objects.exclude(n_counted=F("n_answered"), n_held=0, n_parked=0)
    assert not wrong.exists()


def _start_claimers(enrolments: list[str]) -> Any:
    database = connection.settings_dict["NAME"]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.desk.claimer_process", database, *enrolments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings"},
    )


def test_two_tabs_of_one_annotator_never_hold_more_than_the_quota() -> None:
    campaign = build_campaign(n_items=40, n_annotators=1, quota_total=5)
    [ana] = campaign.enrolments
    hands = together(8, lambda _: drivers.run(lambda: claim_tasks(enrolment_id=ana.id, want=8)))
    assert sum(len(hand.tasks) for hand in hands) == 5
    ana.refresh_from_db()
    assert (ana.n_held, ana.n_counted) == (5, 5)


def test_a_submit_sent_ten_times_at_once_is_stored_once() -> None:
    campaign = build_campaign(n_items=3, n_annotators=1)
    [ana] = campaign.enrolments
    [task] = drivers.run(lambda: claim_tasks(enrolment_id=ana.id, want=1)).tasks
    accepted = together(
        10,
        lambda _: drivers.run(
            lambda: submit_response(
                enrolment_id=ana.id,
                task=task.task,
                lease=task.lease,
                values=BETTER,
                spent_ms=1,
                want=0,
            )
        ),
    )
    assert Counter(a.is_duplicate for a in accepted) == {True: 9, False: 1}
    assert Response.objects.count() == 1


def test_submit_and_expiry_at_once_leave_one_truth() -> None:
    campaign = build_campaign(n_items=10, n_annotators=10, overlap=1, lease_s=1)
    tasks = {}
    for enrolment in campaign.enrolments:
        [tasks[enrolment.id]] = drivers.run(
            lambda e=enrolment: claim_tasks(enrolment_id=e.id, want=1)
        ).tasks
    Assignment.objects.update(expires_at="2020-01-01T00:00:00Z")

    def work(k: int) -> Any:
        if k >= 10:
            return expire_leases()
        enrolment = campaign.enrolments[k]
        task = tasks[enrolment.id]
        return drivers.run(
            lambda: submit_response(
                enrolment_id=enrolment.id,
                task=task.task,
                lease=task.lease,
                values=BETTER,
                spent_ms=1,
                want=0,
            )
        )

    results = together(14, work)
    assert not [r for r in results if isinstance(r, Exception)]
    expire_leases()
    assert Response.objects.count() == 10
    over = Item.objects.exclude(n_taken=1, n_answered=1, state="done")
    assert not over.exists()


def test_two_sweeps_at_once_close_each_lease_once() -> None:
    campaign = build_campaign(n_items=60, n_annotators=10)
    for enrolment in campaign.enrolments:
        drivers.run(lambda e=enrolment: claim_tasks(enrolment_id=e.id, want=6))
    Assignment.objects.update(expires_at="2020-01-01T00:00:00Z")
    closed = together(4, lambda _: expire_leases())
    closed.append(expire_leases())
    assert sum(closed) == 60
    assert not Item.objects.exclude(n_taken=0).exists()
    assert not Enrolment.objects.exclude(n_held=0, n_counted=0).exists()


@pytest.mark.stack
def test_a_claimer_killed_in_its_transaction_leaves_nothing_behind() -> None:
    campaign = build_campaign(n_items=2, n_annotators=2, overlap=1)
    ana, ben = campaign.enrolments
    code = f"""
import os, django
django.setup()
from django.db import connections, transaction
connections["default"].settings_dict["NAME"] = {connection.settings_dict["NAME"]!r}
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks
with transaction.atomic():
    hand = drivers.run(lambda: claim_tasks(enrolment_id={ana.id}, want=2))
    print(len(hand.tasks), flush=True)
    import time; time.sleep(60)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings"},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"2\n"
    hand = drivers.run(lambda: claim_tasks(enrolment_id=ben.id, want=2))
    assert hand.tasks == ()
    assert hand.may_find_more
    child.send_signal(signal.SIGKILL)
    child.wait()
    got: tuple[Any, ...] = ()
    for _ in range(200):
        got += drivers.run(lambda: claim_tasks(enrolment_id=ben.id, want=2)).tasks
        if len(got) == 2:
            break
    assert len(got) == 2
    assert Assignment.objects.filter(~Q(enrolment=ben)).count() == 0
