"""What finished items add up to, whatever happens around it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction

from labeling.models import Consensus, Item, QuestionSet
from labeling.operations import consensus
from labeling.operations.consensus import recompute, settle_finished
from tests.consensus.answering import (
    amend,
    answer_next,
    better,
    candidate_id,
    run_campaign,
)
from tests.desk.builders import build_campaign

pytestmark = pytest.mark.django_db(transaction=True)


def row_of(item: Item, question: str = "better") -> Consensus:
    return Consensus.objects.get(item=item, question=question)


def test_majority_names_the_candidate_whatever_key_each_annotator_saw() -> None:
    campaign = build_campaign(n_items=6)
    run_campaign(campaign, better(1, 3), better(1, 1), better(0))
    assert settle_finished() == 6
    for item in campaign.project.items.all():
        row = row_of(item)
        assert row.value == {"better": str(candidate_id(item, 1)), "strength": 2}
        assert (row.n_responses, row.method) == (3, "majority")
        assert row.confidence == pytest.approx(2 / 3)
        assert item.consensus_at is not None
    assert settle_finished() == 0


def test_tied_vote_decides_nothing_and_says_between_what() -> None:
    campaign = build_campaign(n_items=1, n_annotators=2, overlap=2)
    run_campaign(campaign, better(0), better("tie"))
    settle_finished()
    item = campaign.project.items.get()
    row = row_of(item)
    assert row.value is None
    assert row.tied == [{"better": str(candidate_id(item, 0)), "strength": 2}, {"better": "tie"}]


def test_only_finished_items_are_added_up() -> None:
    campaign = build_campaign(n_items=2)
    answer_next(campaign.enrolments[0], better(0))
    assert settle_finished() == 0
    assert not Consensus.objects.exists()


def test_amended_response_is_added_up_again() -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    assignment = answer_next(campaign.enrolments[0], better(0))
    assert assignment is not None
    settle_finished()
    amend(assignment, better("neither"))
    assert settle_finished() == 1
    assert row_of(assignment.item).value == {"better": "neither"}
    assert Consensus.objects.count() == 1


def test_two_sweeps_at_once_share_the_items() -> None:
    campaign = build_campaign(n_items=30, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    barrier = threading.Barrier(2)
    settled: list[int] = []

    def sweep() -> None:
        barrier.wait()
        settled.append(settle_finished())
        connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(settled) == 30
    assert Consensus.objects.count() == 30


def test_sweep_leaves_out_an_item_that_somebody_changes_just_now() -> None:
    campaign = build_campaign(n_items=2, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    busy = campaign.project.items.order_by("id").first()
    assert busy is not None
    settled: list[int] = []

    def sweep() -> None:
        settled.append(settle_finished())
        connections.close_all()

    with transaction.atomic():
        Item.objects.select_for_update().get(pk=busy.pk)
        thread = threading.Thread(target=sweep)
        thread.start()
        thread.join()
    assert settled == [1]
    assert settle_finished() == 1


def test_limit_holds_and_the_rest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus, "BATCH", 2)
    campaign = build_campaign(n_items=7, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    assert [settle_finished(limit=5), settle_finished(limit=5), settle_finished(limit=5)] == [
        5,
        2,
        0,
    ]


def test_queries_do_not_grow_with_the_items(django_assert_max_num_queries: Any) -> None:
    campaign = build_campaign(n_items=40, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    with django_assert_max_num_queries(9):
        assert settle_finished() == 40


def test_recompute_forgets_what_is_not_asked_or_not_finished_any_more() -> None:
    campaign = build_campaign(n_items=2, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    settle_finished()
    done, reopened = campaign.project.items.order_by("id")
    Consensus.objects.create(item=done, question="old", n_responses=1, method="majority")
    Item.objects.filter(pk=reopened.pk).update(done_at=None)
    assert recompute(item_ids=[done.pk, reopened.pk]) == 1
    assert list(Consensus.objects.values_list("item_id", "question")) == [(done.pk, "better")]
    reopened.refresh_from_db()
    assert reopened.consensus_at is None


def test_answer_that_does_not_fit_its_question_does_not_stop_the_sweep() -> None:
    campaign = build_campaign(n_items=2, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    broken = campaign.project.items.order_by("id").first()
    assert broken is not None
    broken.responses.update(values={"better": {"better": "Z", "strength": 1}})
    assert settle_finished() == 2
    assert (row_of(broken).value, row_of(broken).method) == (None, "unreadable")


def test_versions_of_a_question_that_mean_something_else_are_not_mixed() -> None:
    scale = {"name": "score", "type": "rating", "min": 1, "max": 5}
    campaign = build_campaign(n_items=1, n_annotators=2, overlap=2, questions=[scale])
    answer_next(campaign.enrolments[0], lambda item, keys: {"score": 5})
    project = campaign.project
    project.questions = QuestionSet.objects.create(
        project=project, version=2, questions=[{**scale, "max": 10}]
    )
    project.save(update_fields=["questions"])
    answer_next(campaign.enrolments[1], lambda item, keys: {"score": 9})
    settle_finished()
    row = row_of(project.items.get(), "score")
    assert (row.value, row.n_responses) == (9, 1)


def test_sweep_is_served_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM labeling_item WHERE done_at IS NOT NULL"
            " AND consensus_at IS NULL ORDER BY id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "item_without_consensus" in plan
