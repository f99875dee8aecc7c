"""How far a project is, in five queries."""

from __future__ import annotations

import doctest
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.models import Desk, Response
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks
from labeling.queries import progress
from labeling.queries.progress import project_progress
from labeling.rules import forecast as forecasts
from labeling.rules.forecast import forecast
from tests.consensus.answering import amend, answer_next, better
from tests.desk.builders import Campaign, build_campaign

pytestmark = pytest.mark.django_db(transaction=True)


def sit_down(campaign: Campaign, n: int, **more: Any) -> Desk:
    enrolment = campaign.enrolments[n]
    return Desk.objects.create(
        enrolment=enrolment, channel=f"{n}-{Desk.objects.count()}", process="p", **more
    )


def test_counts_follow_what_happens() -> None:
    campaign = build_campaign(n_items=3, n_annotators=3, overlap=2)
    for n in range(2):
        answer_next(campaign.enrolments[n], better(0))
    drivers.run(lambda: claim_tasks(enrolment_id=campaign.enrolments[2].id, want=1))
    found = project_progress(campaign.project.pk)
    assert found.items["done"] == 1
    assert found.items["ready"] == 2
    assert found.n_items == 3
    assert (found.slots.total, found.slots.open) == (6, 3)
    assert (found.slots.held, found.slots.answered) == (1, 2)
    assert (found.responses.total, found.responses.today) == (2, 2)
    assert (found.responses.last_hour, found.responses.per_minute[-1]) == (2, 2)
    assert len(found.responses.per_minute) == 60
    assert found.as_dict()["slots"]["open"] == 3


def test_amended_answer_is_not_one_more() -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    assignment = answer_next(campaign.enrolments[0], better(0))
    assert assignment is not None
    amend(assignment, better(1))
    found = project_progress(campaign.project.pk)
    assert (found.responses.total, found.responses.today) == (1, 1)


def test_five_queries_however_much_there_is(django_assert_num_queries: Any) -> None:
    campaign = build_campaign(n_items=30, n_annotators=4)
    for enrolment in campaign.enrolments:
        answer_next(enrolment, better(0))
    for n in range(4):
        sit_down(campaign, n)
    with django_assert_num_queries(5):
        project_progress(campaign.project.pk)


def test_page_may_take_a_look_that_is_a_moment_old(
    django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHARE_OF_TIME", 1e6)
    campaign = build_campaign()
    project_progress(campaign.project.pk)
    with django_assert_num_queries(0):
        project_progress(campaign.project.pk, may_be_stale=True)
    with django_assert_num_queries(5):
        project_progress(campaign.project.pk)


def test_desks_tell_who_works_and_who_waits() -> None:
    campaign = build_campaign(n_items=1, n_annotators=4, overlap=1)
    drivers.run(lambda: claim_tasks(enrolment_id=campaign.enrolments[0].id, want=1))
    now = timezone.now()
    sit_down(campaign, 0)
    sit_down(campaign, 0)
    sit_down(campaign, 1, waiting_since=now - timedelta(seconds=90))
    sit_down(campaign, 2, seen_at=now - timedelta(seconds=30))
    sit_down(campaign, 3, closed_at=now)
    desks = project_progress(campaign.project.pk).desks
    assert [(d.annotator, d.state, d.n_held, d.n_desks) for d in desks] == [
        ("cats-ann-0", "working", 1, 2),
        ("cats-ann-1", "waiting", 0, 1),
    ]
    assert desks[1].since == now - timedelta(seconds=90)


def test_other_projects_are_not_in_it() -> None:
    campaign = build_campaign(slug="cats")
    other = build_campaign(slug="dogs", n_items=7)
    answer_next(other.enrolments[0], better(0))
    sit_down(other, 0)
    found = project_progress(campaign.project.pk)
    assert (found.n_items, found.responses.total, found.responses.last_hour) == (4, 0, 0)
    assert found.desks == ()
    assert found.forecast is None


def test_forecast_is_what_is_left_at_the_pace_of_the_last_hour() -> None:
    campaign = build_campaign(n_items=40, n_annotators=1, overlap=1)
    for _ in range(20):
        answer_next(campaign.enrolments[0], better(0))
    for n, pk in enumerate(Response.objects.values_list("pk", flat=True)):
        at = timezone.now() - timedelta(minutes=n, seconds=30)
        Response.objects.filter(pk=pk).update(submitted_at=at)
    found = project_progress(campaign.project.pk).forecast
    assert found is not None
    assert (found.per_minute, found.left_s) == (1.0, 1200)
    assert found.low_s < 1200
    assert found.high_s is None or found.high_s > 1200


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(forecasts).failed == 0


def test_uneven_work_gives_a_wider_range() -> None:
    even = forecast(1000, [10] * 60)
    uneven = forecast(1000, [0, 0, 0, 0, 0, 20, 20, 20, 20, 20] * 6)
    assert even is not None
    assert uneven is not None
    assert even.high_s is not None
    assert uneven.low_s < even.low_s
    assert uneven.high_s is None or uneven.high_s > even.high_s


def test_no_answers_lately_give_no_forecast() -> None:
    assert forecast(10, [0] * 60) is None
    assert forecast(10, [5] * 45 + [0] * 15) is None
    assert forecast(10, []) is None
