"""The hot path's operations, each run by both drivers on real PostgreSQL."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from labeling.models import Assignment, DayCount, Draft, Enrolment, Item, Response
from labeling.operations import drivers
from labeling.operations.assignments import (
    acknowledge_guidelines,
    claim_tasks,
    flag_task,
    mark_active,
    park_task,
    release_task,
    resume_tasks,
    skip_task,
)
from labeling.operations.responses import amend_response, save_draft, submit_response
from labeling.operations.returns import expire_leases, revoke_all_of
from labeling.operations.steps import Refused
from labeling.rules.vocabulary import IdleReason, RefusedCode, RevokedReason, SkipReason
from tests.desk.builders import Campaign, build_campaign, enrol, run_async

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[Callable[[], Any]], Any]
BETTER = {"better": {"better": "A", "strength": 2}}


@pytest.fixture(params=["rest", "socket"])
def run(request: pytest.FixtureRequest) -> Run:
    """Whichever of the two drivers."""
    return drivers.run if request.param == "rest" else run_async


def claim(run: Run, enrolment: Enrolment, want: int = 1, **more: Any) -> Any:
    return run(lambda: claim_tasks(enrolment_id=enrolment.id, want=want, **more))


def submit(run: Run, enrolment: Enrolment, task: Any, want: int = 0, **more: Any) -> Any:
    given = {"values": BETTER, "spent_ms": 1200, **more}
    return run(
        lambda: submit_response(
            enrolment_id=enrolment.id, task=task.task, lease=task.lease, want=want, **given
        )
    )


def counts(enrolment: Enrolment) -> tuple[int, int, int, int]:
    enrolment.refresh_from_db()
    return (enrolment.n_held, enrolment.n_parked, enrolment.n_answered, enrolment.n_counted)


def age_lease(task: Any, seconds: int = 600) -> None:
    Assignment.objects.filter(uid=task.task).update(
        expires_at=timezone.now() - timedelta(seconds=seconds)
    )


def test_claim_gives_the_pinned_task_object_and_nothing_that_tells_the_policy(run: Run) -> None:
    campaign = build_campaign(metadata_shown=["topic"])
    hand = claim(run, campaign.enrolments[0], want=2)
    assert [t.task for t in hand.tasks] == sorted(t.task for t in hand.tasks)
    task = json.loads(hand.tasks[0].json)
    assert set(task) == {
        "task",
        "lease",
        "expires_at",
        "item",
        "candidates",
        "questions",
        "draft",
        "suggestion",
    }
    assert task["item"]["messages"] == [
        {"role": "user", "content": "Question 0 🐈?", "html": "<p>0</p>"}
    ]
    assert task["item"]["metadata"] == {"topic": "cats"}
    assert [c["key"] for c in task["candidates"]] == ["A", "B"]
    assert "model-x" not in hand.tasks[0].json
    assert hand.progress.held == 2
    assert hand.idle is None


def test_keys_follow_the_order_drawn_from_the_stored_seed(run: Run) -> None:
    campaign = build_campaign(n_items=30)
    hand = claim(run, campaign.enrolments[0], want=8)
    orders = set()
    for task in hand.tasks:
        row = Assignment.objects.get(uid=task.task)
        texts = [c["turns"][0]["text"] for c in json.loads(task.json)["candidates"]]
        by_id = {c.id: c.turns[0]["text"] for c in row.item.candidates.all()}
        assert [by_id[i] for i in row.shown] == texts
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT array_agg(c ORDER BY md5(%s || ':' || c)) FROM unnest(%s) c",
                [str(row.order_seed), row.shown],
            )
            assert cursor.fetchone()[0] == row.shown
        orders.add(tuple(texts))
    assert len(orders) == 2


def test_submit_stores_once_finishes_the_item_and_brings_the_next(run: Run) -> None:
    campaign = build_campaign(n_items=2, n_annotators=1, overlap=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    accepted = submit(run, ana, task, want=1)
    assert not accepted.is_duplicate
    assert len(accepted.hand.tasks) == 1
    again = submit(run, ana, task, want=1, values={"better": {"better": "tie"}})
    assert again.is_duplicate
    assert Response.objects.get(assignment__uid=task.task).values == BETTER
    assert campaign.item_states() == {"done": 1, "ready": 1}
    assert counts(ana) == (1, 0, 1, 2)
    assert DayCount.objects.get(enrolment=ana).n_answered == 1


def test_a_wrong_answer_is_refused_by_question_and_nothing_changes(run: Run) -> None:
    campaign = build_campaign()
    [task] = claim(run, campaign.enrolments[0]).tasks
    with pytest.raises(Refused) as refused:
        submit(run, campaign.enrolments[0], task, values={"better": {"better": "Z"}})
    assert refused.value.code is RefusedCode.INVALID
    assert set(refused.value.fields) == {"better"}
    assert not Response.objects.exists()
    assert counts(campaign.enrolments[0])[0] == 1


def test_nobody_gets_the_same_item_twice_and_no_work_is_said(run: Run) -> None:
    campaign = build_campaign(n_items=2, n_annotators=1)
    [ana] = campaign.enrolments
    hand = claim(run, ana, want=8)
    assert len(hand.tasks) == 2
    assert hand.idle is IdleReason.NO_WORK
    for task in hand.tasks:
        submit(run, ana, task)
    assert claim(run, ana, want=8, rescan=True).tasks == ()


def test_overlap_is_exact(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=5, overlap=3)
    got = [len(claim(run, e).tasks) for e in campaign.enrolments]
    assert got == [1, 1, 1, 0, 0]


def test_the_database_refuses_a_fourth_slot() -> None:
    campaign = build_campaign(n_items=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Item.objects.filter(project=campaign.project).update(n_taken=4)


def test_released_task_may_come_back_as_the_same_row_with_a_new_lease(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    hand = run(lambda: release_task(enrolment_id=ana.id, task=task.task, lease=task.lease, want=0))
    assert hand.tasks == ()
    assert counts(ana) == (0, 0, 0, 0)
    [back] = claim(run, ana).tasks
    assert back.task == task.task
    assert back.lease != task.lease


def test_skipped_item_never_comes_back_and_leaves_the_queue_after_k_skips(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=3, skip_limit=2)
    for enrolment in campaign.enrolments[:2]:
        [task] = claim(run, enrolment).tasks
        hand = run(
            lambda task=task, enrolment=enrolment: skip_task(
                enrolment_id=enrolment.id,
                task=task.task,
                lease=task.lease,
                reason=SkipReason.UNCLEAR,
                note="",
                want=1,
            )
        )
        assert hand.tasks == ()
    assert campaign.item_states() == {"blocked": 1}
    assert claim(run, campaign.enrolments[2]).idle is IdleReason.NO_WORK
    assert counts(campaign.enrolments[0]) == (0, 0, 0, 0)


def test_expired_lease_returns_slot_to_queue(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=2, overlap=1)
    ana, ben = campaign.enrolments
    [task] = claim(run, ana).tasks
    assert claim(run, ben).tasks == ()
    age_lease(task)
    assert expire_leases() == 1
    assert expire_leases() == 0
    [taken] = claim(run, ben).tasks
    assert taken.task != task.task
    assert counts(ana) == (0, 0, 0, 0)


def test_late_submit_takes_its_slot_again_if_it_is_open(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    age_lease(task)
    expire_leases()
    assert not submit(run, ana, task).is_duplicate
    assert counts(ana) == (0, 0, 1, 1)
    assert campaign.item_states() == {"done": 1}


def test_late_submit_after_the_slot_was_filled_is_refused_kept_and_may_be_surplus(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=2, overlap=1)
    ana, ben = campaign.enrolments
    [task] = claim(run, ana).tasks
    age_lease(task)
    expire_leases()
    [other] = claim(run, ben).tasks
    submit(run, ben, other)
    with pytest.raises(Refused) as refused:
        submit(run, ana, task)
    assert refused.value.code is RefusedCode.LEASE_LOST
    assert Draft.objects.get(assignment__uid=task.task).values == BETTER
    submit(run, ana, task, wants_surplus=True)
    assert submit(run, ana, task).is_duplicate
    surplus = Response.objects.get(assignment__uid=task.task)
    assert surplus.is_surplus
    item = campaign.project.items.get()
    assert (item.n_taken, item.n_answered) == (1, 1)
    assert counts(ana) == (0, 0, 0, 0)


def test_an_old_lease_is_worth_nothing_once_a_new_one_is_out(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1)
    [ana] = campaign.enrolments
    [first] = claim(run, ana).tasks
    age_lease(first)
    expire_leases()
    [second] = claim(run, ana).tasks
    with pytest.raises(Refused) as refused:
        submit(run, ana, first)
    assert refused.value.code is RefusedCode.LEASE_LOST
    submit(run, ana, second)


def test_quota_counts_what_is_on_the_desk(run: Run) -> None:
    campaign = build_campaign(n_items=9, n_annotators=1, quota_total=3)
    [ana] = campaign.enrolments
    hand = claim(run, ana, want=8)
    assert len(hand.tasks) == 3
    assert hand.idle is IdleReason.QUOTA_REACHED
    assert hand.progress.quota_left == 3
    accepted = submit(run, ana, hand.tasks[0], want=8)
    assert accepted.hand.tasks == ()
    assert accepted.hand.progress.quota_left == 2


def test_daily_quota_is_counted_on_the_day_of_the_claim(run: Run) -> None:
    campaign = build_campaign(n_items=9, n_annotators=1, quota_day=2)
    [ana] = campaign.enrolments
    assert len(claim(run, ana, want=5).tasks) == 2
    DayCount.objects.filter(enrolment=ana).update(on_date="2020-01-01")
    Assignment.objects.filter(enrolment=ana).update(counted_on="2020-01-01")
    hand = claim(run, ana, want=5)
    assert len(hand.tasks) == 2
    for assignment in Assignment.objects.filter(counted_on="2020-01-01"):
        run(
            lambda a=assignment: submit_response(
                enrolment_id=ana.id,
                task=str(a.uid),
                lease=str(a.lease),
                values=BETTER,
                spent_ms=1,
                want=0,
            )
        )
    old = DayCount.objects.get(enrolment=ana, on_date="2020-01-01")
    assert (old.n_counted, old.n_answered) == (2, 2)


def test_paused_project_takes_no_answer_and_keeps_the_words(run: Run) -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    campaign.project.state = "paused"
    campaign.project.save(update_fields=["state"])
    with pytest.raises(Refused) as refused:
        submit(run, ana, task)
    assert refused.value.code is RefusedCode.PAUSED
    assert Draft.objects.filter(assignment__uid=task.task).exists()
    assert claim(run, ana, want=2).idle is IdleReason.PAUSED
    assert revoke_all_of(project_id=campaign.project.id, reason=RevokedReason.PAUSED) == 1
    campaign.project.state = "active"
    campaign.project.save(update_fields=["state"])
    hand = claim(run, ana, want=8)
    [again] = [t for t in hand.tasks if t.task == task.task]
    assert json.loads(again.json)["draft"] == BETTER


def test_parked_task_leaves_the_hand_and_stays_ones_own(run: Run) -> None:
    campaign = build_campaign(n_items=9, n_annotators=1, max_parked=1)
    [ana] = campaign.enrolments
    first, second = claim(run, ana, want=2).tasks
    hand = run(lambda: park_task(enrolment_id=ana.id, task=first.task, lease=first.lease, want=2))
    assert len(hand.tasks) == 1
    assert counts(ana) == (2, 1, 0, 3)
    with pytest.raises(Refused):
        run(lambda: park_task(enrolment_id=ana.id, task=second.task, lease=second.lease, want=2))
    resumed = run(lambda: resume_tasks(enrolment_id=ana.id, want=2))
    assert {t.task for t in resumed.held if t.is_parked} == {first.task}
    submit(run, ana, first)
    assert counts(ana) == (2, 0, 1, 3)


def test_resume_keeps_leases_and_starts_them_anew(run: Run) -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    age_lease(task, seconds=-5)
    resumed = run(lambda: resume_tasks(enrolment_id=ana.id, want=1))
    assert [(t.task, t.lease) for t in resumed.held] == [(task.task, task.lease)]
    row = Assignment.objects.get(uid=task.task)
    assert row.expires_at > timezone.now() + timedelta(seconds=200)


def test_draft_is_kept_renews_the_lease_and_comes_with_the_task(run: Run) -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    age_lease(task, seconds=-5)
    typed = {"better": {"better": "B", "strength": 1}, "note": "halb fertig 🐈"}
    run(lambda: save_draft(enrolment_id=ana.id, task=task.task, lease=task.lease, values=typed))
    row = Assignment.objects.get(uid=task.task)
    assert row.opened_at is not None
    assert row.expires_at > timezone.now() + timedelta(seconds=200)
    [back] = run(lambda: resume_tasks(enrolment_id=ana.id, want=1)).held
    assert json.loads(back.json)["draft"] == typed


def test_draft_under_a_lost_lease_is_refused_and_kept(run: Run) -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    age_lease(task)
    expire_leases()
    with pytest.raises(Refused) as refused:
        run(
            lambda: save_draft(enrolment_id=ana.id, task=task.task, lease=task.lease, values=BETTER)
        )
    assert refused.value.code is RefusedCode.LEASE_LOST
    assert Draft.objects.get(assignment__uid=task.task).values == BETTER


def test_amend_reopens_and_the_newest_revision_counts(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    submit(run, ana, task)
    reopened, _ = run(lambda: amend_response(enrolment_id=ana.id, task=task.task))
    assert reopened.lease != task.lease
    assert json.loads(reopened.json)["draft"] == BETTER
    submit(run, ana, reopened, values={"better": {"better": "tie"}})
    assert submit(run, ana, reopened).is_duplicate
    revisions = list(Response.objects.order_by("revision").values_list("revision", "is_current"))
    assert revisions == [(1, False), (2, True)]
    assert counts(ana) == (0, 0, 1, 1)
    item = campaign.project.items.get()
    assert (item.n_taken, item.n_answered, item.state) == (1, 1, "done")


def test_amend_is_refused_when_its_time_is_over(run: Run) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, amend_s=60)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    with pytest.raises(Refused) as refused:
        run(lambda: amend_response(enrolment_id=ana.id, task=task.task))
    assert refused.value.code is RefusedCode.FORBIDDEN
    submit(run, ana, task)
    Assignment.objects.update(closed_at=timezone.now() - timedelta(seconds=61))
    with pytest.raises(Refused):
        run(lambda: amend_response(enrolment_id=ana.id, task=task.task))


def test_flag_and_active_are_kept(run: Run) -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    run(lambda: flag_task(enrolment_id=ana.id, task=task.task, reason="unclear", note="hm?"))
    run(lambda: mark_active(enrolment_id=ana.id, task=task.task, lease=task.lease))
    row = Assignment.objects.get(uid=task.task)
    assert row.flags.get().note == "hm?"
    assert row.opened_at is not None


def test_new_major_guidelines_are_acknowledged_before_work(run: Run) -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    project = campaign.project
    project.guidelines = project.guidelines_versions.create(major=2, text="Be kind.")
    project.save(update_fields=["guidelines"])
    assert claim(run, ana).idle is IdleReason.NOT_QUALIFIED
    hand = run(lambda: acknowledge_guidelines(enrolment_id=ana.id, version="2.0", want=1))
    assert len(hand.tasks) == 1
    submit(run, ana, hand.tasks[0])
    assert Response.objects.get().guidelines == project.guidelines


def test_strangers_task_is_not_found(run: Run) -> None:
    campaign = build_campaign(n_annotators=2)
    ana, ben = campaign.enrolments
    [task] = claim(run, ana).tasks
    for uid in (task.task, str(uuid.uuid4()), "no uuid"):
        with pytest.raises(Refused) as refused:
            run(
                lambda uid=uid: submit_response(
                    enrolment_id=ben.id,
                    task=uid,
                    lease=task.lease,
                    values=BETTER,
                    spent_ms=1,
                    want=0,
                )
            )
        assert refused.value.code is RefusedCode.NOT_FOUND


def test_frontier_moves_past_done_items_and_returned_ones_are_found(run: Run) -> None:
    campaign = build_campaign(n_items=6, n_annotators=2)
    ana, ben = campaign.enrolments
    for task in claim(run, ana, want=4).tasks:
        submit(run, ana, task)
    fifth = claim(run, ana).tasks[0]
    ana.refresh_from_db()
    open_places = campaign.project.items.order_by("place").values_list("place", flat=True)
    assert ana.frontier == open_places[4] - 1
    run(lambda: release_task(enrolment_id=ana.id, task=fifth.task, lease=fifth.lease, want=0))
    left = claim(run, ana, want=8).tasks
    assert {t.task for t in left} >= {fifth.task}
    assert len(left) == 2
    assert len(claim(run, ben, want=8).tasks) == 6


def test_spans_are_checked_against_the_texts_in_code_points(run: Run) -> None:
    labels = [{"value": "claim"}]
    questions = [{"name": "where", "type": "spans", "required": True, "options": labels}]
    campaign = build_campaign(n_annotators=1, questions=questions)
    [ana] = campaign.enrolments
    [task] = claim(run, ana).tasks
    n = len("Question 0 🐈?")

    def spans(end: int, on: str = "message:0") -> dict[str, Any]:
        return {"where": [{"on": on, "start": 9, "end": end, "label": "claim"}]}

    for wrong in (spans(n + 1), spans(3), spans(n, "message:1"), spans(n, "candidate:C:0")):
        with pytest.raises(Refused):
            submit(run, ana, task, values=wrong)
    submit(run, ana, task, values=spans(n))


def test_submit_takes_two_round_trips() -> None:
    campaign = build_campaign(n_annotators=1)
    [ana] = campaign.enrolments
    [task] = drivers.run(lambda: claim_tasks(enrolment_id=ana.id, want=1)).tasks
    steps = []
    operation = submit_response(
        enrolment_id=ana.id, task=task.task, lease=task.lease, values=BETTER, spent_ms=1, want=1
    )

    def counted() -> Any:
        step = next(operation)
        while True:
            steps.append(step)
            try:
                step = operation.send((yield step))
            except StopIteration as stop:
                return stop.value

    assert len(drivers.run(counted).hand.tasks) == 1
    assert len(steps) == 2


def test_enrol_helper_makes_two_tabs_share_one_allotment(run: Run) -> None:
    campaign = build_campaign(n_items=9, n_annotators=0)
    ana = enrol(campaign.project, "ana")
    assert len(claim(run, ana, want=2).tasks) == 2
    assert claim(run, ana, want=2).tasks == ()
    assert isinstance(campaign, Campaign)
