"""Judgments that come with a file are responses like any others, and add up."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F

from labeling.agreement.answers import Answer
from labeling.agreement.question import question_agreement
from labeling.errors import Conflict
from labeling.events.types import ItemsFinished
from labeling.models import (
    Annotator,
    Assignment,
    Candidate,
    DayCount,
    Enrolment,
    Item,
    Response,
)
from labeling.operations.judgments import pseudonym_of
from labeling.rules.states import AnnotatorKind
from tests.items.cast import TEST, load, make_project, native, shared, states

pytestmark = pytest.mark.django_db


def pair(n: int = 1, **judged: int) -> dict[str, Any]:
    return {
        "idx": n,
        "instruction": f"Do {n}",
        "input": "",
        "response1": "one",
        "response2": "two",
        "cmp_key": "opt_bloom",
        **judged,
    }


def three(n: int = 1) -> dict[str, Any]:
    return pair(n, annotator1=1, annotator2=2, annotator3=0)


def test_pandalm_reproduces_its_published_agreement() -> None:
    project = make_project()
    progress = load(project, shared("pandalm/testset-v1.json"))
    assert (progress.added, progress.n_judgments, progress.bad) == (999, 2997, [])
    assert states(project) == {"done": 999}
    rows = Response.objects.select_related("annotator").order_by("id")
    shown = dict(Assignment.objects.values_list("id", "shown"))
    answers = [
        Answer(
            item=str(row.item_id),
            annotator=row.annotator.pseudonym,
            value=row.values["better"],
            candidates=dict(zip("AB", map(str, shown[row.assignment_id]), strict=True)),
        )
        for row in rows
    ]
    found = question_agreement({"name": "better", "type": "preference"}, answers)
    assert found.alpha == pytest.approx(0.8642, abs=5e-5)
    assert (found.n_units, found.n_ratings, found.n_annotators) == (999, 2997, 3)


def test_everything_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Any] = []
    monkeypatch.setattr("labeling.operations.adding.bus.publish", lambda *e: events.extend(e))
    project = make_project()
    load(project, native(three(1), three(2)))
    people = Annotator.objects.order_by("pseudonym")
    assert [p.pseudonym for p in people] == [f"pandalm-annotator-{n}" for n in (1, 2, 3)]
    assert {p.kind for p in people} == {AnnotatorKind.EXTERNAL}
    for enrolment in Enrolment.objects.all():
        assert (enrolment.n_answered, enrolment.n_counted, enrolment.n_held) == (2, 2, 0)
    assert list(DayCount.objects.values_list("n_counted", "n_answered")) == [(2, 2)] * 3
    item = Item.objects.order_by("id").first()
    assert item is not None
    assert item.done_at is not None
    assert (item.overlap, item.n_taken, item.n_answered) == (3, 3, 3)
    ids = list(Candidate.objects.filter(item=item).order_by("id").values_list("id", flat=True))
    assignment = Assignment.objects.filter(item=item).order_by("id").first()
    assert assignment is not None
    assert (assignment.state, assignment.shown) == ("answered", ids)
    response = Response.objects.get(assignment=assignment)
    assert response.source == "import"
    assert response.values == {"better": {"better": "A", "strength": 1}}
    assert response.is_current
    assert events == [ItemsFinished(project.pk)]


def test_more_judgments_than_overlap_raise_the_items_overlap() -> None:
    project = make_project(overlap=1)
    load(project, native(three()))
    item = Item.objects.get()
    assert (item.overlap, item.n_answered, item.state) == (3, 3, "done")


def test_fewer_judgments_than_overlap_leave_slots_open() -> None:
    project = make_project(overlap=3)
    load(project, native(pair(1, annotator1=1)))
    item = Item.objects.get()
    assert (item.overlap, item.n_taken, item.n_answered, item.state) == (3, 1, 1, "ready")
    assert Item.objects.filter(n_taken__lt=F("overlap"), place__isnull=False).exists()


def test_the_same_file_twice_adds_no_judgment() -> None:
    project = make_project()
    load(project, native(three()))
    again = load(project, native(three()))
    assert (again.added, again.already, again.n_judgments) == (0, 1, 0)
    assert Response.objects.count() == 3
    assert set(Enrolment.objects.values_list("n_answered", flat=True)) == {1}


def test_a_project_without_a_preference_leaves_judgments_out() -> None:
    project = make_project(questions=[{"name": "note", "type": "text"}])
    progress = load(project, native(three()))
    assert (progress.added, progress.n_judgments, progress.n_judgments_left_out) == (1, 0, 3)
    assert states(project) == {"ready": 1}


def test_a_tie_where_none_is_offered_is_left_out() -> None:
    project = make_project(questions=[{"name": "better", "type": "preference", "tie": False}])
    progress = load(project, native(three()))
    assert (progress.n_judgments, progress.n_judgments_left_out) == (2, 1)
    item = Item.objects.get()
    assert (item.n_taken, item.n_answered, item.state) == (2, 2, "ready")


def test_a_persons_pseudonym_is_not_taken_over() -> None:
    project = make_project()
    Annotator.objects.create(workspace=project.workspace, pseudonym="pandalm-annotator-1")
    with pytest.raises(Conflict):
        load(project, native(three()))
    assert not Item.objects.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("annotator1", "pandalm-annotator-1"),
        ("Jo Ann", "pandalm-Jo-Ann"),
        ("7", "pandalm-7"),
        ("x" * 200, "pandalm-" + "x" * 72),
    ],
)
def test_pseudonyms(name: str, expected: str) -> None:
    assert pseudonym_of("pandalm", name) == expected


def test_actor_is_written_down() -> None:
    project = make_project()
    load(project, native(three()))
    assert project.audit.get(action="import.done").via == TEST.via
