"""Quotas: set, lowered below what is used, raised; nobody passes one meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.errors import Invalid
from labeling.events.types import EnrolmentChanged
from labeling.models import DayCount, Enrolment, Project
from labeling.operations import drivers, members, users
from labeling.operations.assignments import claim_tasks
from labeling.operations.projects import create_project
from labeling.operations.quotas import (
    ensure_enrolment,
    set_enrolment_state,
    set_quota,
    set_quota_of_all,
)
from labeling.operations.slots import open_ready_items
from labeling.queries.access import annotator_for
from labeling.queries.quotas import progress_of_annotators
from labeling.rules.states import EnrolmentState, Role, Template
from labeling.rules.vocabulary import IdleReason
from tests.cast import TEST, Cast, make_items
from tests.people.test_users import run_at_once


@pytest.fixture
def enrolment(cast: Cast, lab_project: Project) -> Enrolment:
    """Return Ana's enrolment in a project with twenty open items."""
    make_items(lab_project, 20)
    open_ready_items(project_id=lab_project.pk)
    return ensure_enrolment(lab_project, annotator_for(cast.ana, lab_project))


def claim(enrolment: Enrolment, want: int) -> Any:
    return drivers.run(lambda: claim_tasks(enrolment_id=enrolment.pk, want=want))


def test_enrolment_takes_over_the_projects_quotas(cast: Cast, lab_project: Project) -> None:
    Project.objects.update(quota_total=10, quota_day=4)
    lab_project.refresh_from_db()
    enrolment = ensure_enrolment(lab_project, annotator_for(cast.ana, lab_project))
    assert (enrolment.quota_total, enrolment.cap_total, enrolment.quota_day) == (10, 10, 4)
    assert ensure_enrolment(lab_project, annotator_for(cast.ana, lab_project)) == enrolment


def test_quota_lowered_below_what_is_used_lets_nothing_more_out(
    cast: Cast, enrolment: Enrolment, events: Any
) -> None:
    assert len(claim(enrolment, 5).tasks) == 5
    with events() as heard:
        row = set_quota(enrolment=enrolment, total=2, per_day=1, actor=cast.actor(cast.maya))
    assert (row.quota_total, row.cap_total) == (2, 5)
    assert DayCount.objects.get().cap == 5
    assert heard == [EnrolmentChanged(enrolment.pk)]
    hand = claim(enrolment, 8)
    assert (hand.tasks, hand.idle) == ((), IdleReason.QUOTA_REACHED)


def test_raised_quota_lets_exactly_more_out(enrolment: Enrolment) -> None:
    set_quota(enrolment=enrolment, total=3, per_day=None, actor=TEST)
    assert len(claim(enrolment, 8).tasks) == 3
    set_quota(enrolment=enrolment, total=8, per_day=5, actor=TEST)
    assert len(claim(enrolment, 8).tasks) == 2
    set_quota(enrolment=enrolment, total=None, per_day=None, actor=TEST)
    assert len(claim(enrolment, 8).tasks) == 3
    assert DayCount.objects.get().cap is None


def test_days_gone_by_keep_their_caps(enrolment: Enrolment) -> None:
    claim(enrolment, 1)
    yesterday = timezone.now().date() - timedelta(days=2)
    DayCount.objects.create(enrolment=enrolment, on_date=yesterday, n_counted=7, cap=9)
    set_quota(enrolment=enrolment, total=None, per_day=3, actor=TEST)
    caps = dict(DayCount.objects.values_list("on_date", "cap"))
    assert caps.pop(yesterday) == 9
    assert list(caps.values()) == [3]


@pytest.mark.parametrize("bad", [-1, 1_000_001, True, 1.5, "3"])
def test_what_is_no_quota_is_refused(enrolment: Enrolment, bad: Any) -> None:
    with pytest.raises(Invalid) as error:
        set_quota(enrolment=enrolment, total=None, per_day=bad, actor=TEST)
    assert list(error.value.fields) == ["per_day"]


def test_paused_or_removed_annotator_holds_nothing(cast: Cast, enrolment: Enrolment) -> None:
    claim(enrolment, 3)
    assert set_enrolment_state(enrolment=enrolment, state=EnrolmentState.PAUSED, actor=TEST) == 3
    assert claim(enrolment, 3).idle == IdleReason.PAUSED
    set_enrolment_state(enrolment=enrolment, state=EnrolmentState.ACTIVE, actor=TEST)
    assert len(claim(enrolment, 3).tasks) == 3
    set_enrolment_state(enrolment=enrolment, state=EnrolmentState.REMOVED, actor=TEST)
    enrolment.refresh_from_db()
    assert (enrolment.n_held, enrolment.n_counted) == (0, 0)


def test_everybodys_quota_is_set_at_once(cast: Cast, enrolment: Enrolment) -> None:
    project = Project.objects.get(pk=enrolment.project_id)
    assert set_quota_of_all(project=project, total=7, per_day=None, actor=TEST) == 1
    later = ensure_enrolment(project, annotator_for(cast.ben, project))
    enrolment.refresh_from_db()
    assert (enrolment.quota_total, later.quota_total) == (7, 7)


def test_progress_shows_each_annotator_in_one_query(
    cast: Cast, enrolment: Enrolment, django_assert_num_queries: Any
) -> None:
    project = Project.objects.get(pk=enrolment.project_id)
    ensure_enrolment(project, annotator_for(cast.ben, project))
    claim(enrolment, 2)
    set_quota(enrolment=enrolment, total=5, per_day=4, actor=TEST)
    with django_assert_num_queries(1):
        rows = progress_of_annotators(project)
    assert [row.n_held for row in sorted(rows, key=lambda row: row.annotator_id)] == [2, 0]
    [ana] = progress_of_annotators(project, annotator_id=enrolment.annotator_id)
    assert (ana.n_answered, ana.n_left, ana.n_counted_today) == (0, 4, 2)
    assert not ana.is_at_desk


@pytest.mark.django_db(transaction=True)
def test_two_desks_that_open_at_once_share_one_enrolment() -> None:
    lab = members.create_workspace(name="Lab", actor=TEST)
    ana = users.create_user(email="ana@lab.example", password=None, actor=TEST)
    members.set_role(workspace=lab, user=ana, role=Role.ANNOTATOR, actor=TEST)
    project = create_project(
        name="Cats", workspace=lab, template=Template.CLASSIFICATION, actor=TEST
    )
    annotator = annotator_for(ana, project)
    run_at_once([lambda: ensure_enrolment(project, annotator)] * 4)
    assert Enrolment.objects.count() == 1
