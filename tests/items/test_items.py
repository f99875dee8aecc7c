"""What managers do to single items, and how they see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.errors import Conflict, Invalid, NotFound
from labeling.events.types import TaskRevoked, WorkAppeared
from labeling.models import (
    Annotator,
    Assignment,
    Candidate,
    Enrolment,
    GenerationRequest,
    Gold,
    Item,
    Project,
)
from labeling.operations import drivers
from labeling.operations.adding import add_items
from labeling.operations.assignments import claim_tasks
from labeling.operations.audit import Actor
from labeling.operations.items import (
    ItemWithdrawn,
    mark_gold,
    raise_overlap,
    set_priority,
    unmark_gold,
    withdraw_item,
)
from labeling.operations.responses import submit_response
from labeling.queries.items import count_items, item_detail, item_id_of, list_items
from labeling.rules.gold import GoldMistake
from labeling.rules.states import ItemState
from tests.items.cast import TEST, load, make_project, make_user, native, rows

pytestmark = pytest.mark.django_db
TWO = [{"text": "one", "policy": "cool"}, {"text": "two", "policy": "warm"}]


def enrol(project: Project, pseudonym: str) -> Enrolment:
    annotator = Annotator.objects.create(workspace=project.workspace, pseudonym=pseudonym)
    return Enrolment.objects.create(project=project, annotator=annotator)


def add(project: Project, n: int = 1, **more: Any) -> list[int]:
    records = [{"id": f"q{i}", "prompt": f"Question {i}", **more} for i in range(n)]
    return list(add_items(project_id=project.pk, rows=rows(*records)).item_ids)


def hold(enrolment: Enrolment) -> Any:
    return drivers.run(lambda: claim_tasks(enrolment_id=enrolment.pk, want=1))


def answer(enrolment: Enrolment) -> None:
    assignment = Assignment.objects.get(enrolment=enrolment, state="held")
    drivers.run(
        lambda: submit_response(
            enrolment_id=enrolment.pk,
            task=str(assignment.uid),
            lease=str(assignment.lease),
            values={"better": {"better": "A", "strength": 1}},
            spent_ms=1000,
            want=0,
        )
    )


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    for module in ("items", "drivers"):
        monkeypatch.setattr(f"labeling.operations.{module}.bus.publish", lambda *e: seen.extend(e))
    return seen


def test_withdrawing_takes_tasks_back_from_desks(events: list[Any]) -> None:
    project = make_project()
    (item_id,) = add(project, candidates=TWO)
    ann, ben = enrol(project, "ann"), enrol(project, "ben")
    hold(ann), hold(ben)
    events.clear()
    mia = make_user()
    assert withdraw_item(item_id=item_id, actor=Actor(user=mia, via="page")) == 2
    item = Item.objects.get()
    assert (item.state, item.n_taken) == ("withdrawn", 0)
    assert set(Assignment.objects.values_list("state", flat=True)) == {"revoked"}
    revoked = [event for event in events if isinstance(event, TaskRevoked)]
    assert {(e.enrolment_id, e.reason) for e in revoked} == {
        (ann.pk, "withdrawn"),
        (ben.pk, "withdrawn"),
    }
    assert not any(isinstance(event, WorkAppeared) for event in events)
    entry = project.audit.get(action="item.withdrawn")
    assert (entry.actor, entry.before, entry.after) == (
        mia,
        {"state": "ready"},
        {"state": "withdrawn"},
    )
    assert withdraw_item(item_id=item_id, actor=TEST) == 0
    assert project.audit.filter(action="item.withdrawn").count() == 1


def test_withdrawing_keeps_what_was_answered_and_cancels_what_was_asked() -> None:
    project = make_project(n_policies=1)
    answered, asked = add(project, candidates=TWO), None
    ann = enrol(project, "ann")
    hold(ann)
    answer(ann)
    withdraw_item(item_id=answered[0], actor=TEST)
    assert Item.objects.get(pk=answered[0]).n_answered == 1
    asked = add_items(project_id=project.pk, rows=rows({"prompt": "without"})).item_ids[0]
    withdraw_item(item_id=asked, actor=TEST)
    assert GenerationRequest.objects.get().state == "cancelled"


def test_one_more_opens_a_finished_item_at_a_new_place(events: list[Any]) -> None:
    project = make_project(overlap=1)
    item_id, other = add(project, 2, candidates=TWO)
    ann = enrol(project, "ann")
    hold(ann)
    answer(ann)
    item = Item.objects.get(pk=item_id)
    assert item.state == "done"
    events.clear()
    assert raise_overlap(item_id=item_id, actor=TEST) == 2
    item.refresh_from_db()
    assert (item.state, item.overlap, item.done_at) == ("ready", 2, None)
    last = Item.objects.get(pk=other).place
    assert item.place is not None
    assert last is not None
    assert item.place > last
    assert events == [WorkAppeared(project.pk, 1)]


def test_one_more_does_not_move_an_item_that_is_open() -> None:
    (item_id,) = add(make_project(), candidates=TWO)
    place = Item.objects.get().place
    raise_overlap(item_id=item_id, actor=TEST)
    assert Item.objects.get().place == place


def test_one_more_leaves_a_waiting_item_waiting() -> None:
    (item_id,) = add(make_project())
    assert raise_overlap(item_id=item_id, actor=TEST) == 4
    assert Item.objects.get().state == "waiting"


def test_a_withdrawn_item_takes_no_more() -> None:
    (item_id,) = add(make_project())
    withdraw_item(item_id=item_id, actor=TEST)
    with pytest.raises(ItemWithdrawn):
        raise_overlap(item_id=item_id, actor=TEST)
    with pytest.raises(NotFound):
        raise_overlap(item_id=0, actor=TEST)


def test_priority_reaches_what_is_asked_for() -> None:
    (item_id,) = add(make_project(n_policies=2))
    set_priority(item_id=item_id, priority=5, actor=TEST)
    assert Item.objects.get().priority == 5
    assert set(GenerationRequest.objects.values_list("priority", flat=True)) == {5}
    with pytest.raises(Invalid):
        set_priority(item_id=item_id, priority=1000, actor=TEST)


def test_gold_is_marked_and_unmarked() -> None:
    project = make_project()
    (item_id,) = add(project, candidates=TWO)
    values = {"better": {"better": "B", "strength": 1}}
    mark_gold(item_id=item_id, values=values, feedback="Two is right.", actor=TEST)
    second = str(Candidate.objects.order_by("id").last().pk)  # type: ignore[union-attr]
    gold = Gold.objects.get()
    assert (gold.values["better"]["better"], gold.feedback) == (second, "Two is right.")
    assert Item.objects.get().is_gold
    unmark_gold(item_id=item_id, actor=TEST)
    assert not Gold.objects.exists()
    with pytest.raises(Conflict):
        unmark_gold(item_id=item_id, actor=TEST)
    with pytest.raises(GoldMistake):
        mark_gold(item_id=item_id, values={"nicer": 1}, actor=TEST)


# --- lists and details -----------------------------------------------------------


def test_pages_follow_each_other_without_gaps() -> None:
    project = make_project()
    add(project, 7, candidates=TWO)
    add(make_project("dogs"), 2)
    seen: list[str | None] = []
    after: str | None = None
    while True:
        page = list_items(project_id=project.pk, after=after, limit=3)
        seen += [line.external_id for line in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [f"q{i}" for i in range(7)]
    assert page.items[0].n_candidates == 2
    assert page.items[0].preview == "Question 6"


def test_search_and_state_narrow_the_list() -> None:
    project = make_project()
    add(project, 3)
    load(project, native({"id": "x", "prompt": 'He said "hi"\nthere', "candidates": TWO}))

    def found(**how: Any) -> list[str | None]:
        return [line.external_id for line in list_items(project_id=project.pk, **how).items]

    assert found(search="question 1") == ["q1"]
    assert found(search="Q2") == ["q2"]
    assert found(search='said "hi"\nthere') == ["x"]
    assert found(search="100%") == []
    assert found(search="\0") == ["q0", "q1", "q2", "x"]
    uid = str(Item.objects.get(external_id="q0").uid)
    assert found(search=uid) == ["q0"]
    assert found(state=ItemState.READY) == ["x"]
    assert count_items(project_id=project.pk)["waiting"] == 3


def test_lists_take_one_query_and_details_seven() -> None:
    project = make_project(n_policies=2, overlap=2)
    add(project, 30)
    add_items(project_id=project.pk, rows=rows({"id": "r", "prompt": "R", "candidates": TWO}))
    for name in ("ann", "ben"):
        enrolment = enrol(project, name)
        hold(enrolment)
        answer(enrolment)
    with CaptureQueriesContext(connection) as seen:
        list_items(project_id=project.pk, state=ItemState.WAITING, search="quest", limit=20)
    assert len(seen) == 1
    for external_id in ("q0", "r"):
        uid = str(Item.objects.get(external_id=external_id).uid)
        with CaptureQueriesContext(connection) as seen:
            item_detail(project_id=project.pk, uid=uid)
        assert len(seen) == 7


def test_a_detail_says_who_did_what() -> None:
    project = make_project(overlap=1)
    (item_id,) = add(project, candidates=TWO, metadata={"topic": "cats"})
    ann = enrol(project, "ann")
    hold(ann)
    answer(ann)
    set_priority(item_id=item_id, priority=1, actor=Actor(user=make_user(), via="page"))
    uid = str(Item.objects.get().uid)
    assert item_id_of(project_id=project.pk, uid=uid) == item_id
    detail = item_detail(project_id=project.pk, uid=uid)
    assert [c.policy for c in detail.candidates] == ["cool", "warm"]
    (response,) = detail.responses
    assert (response.annotator, response.source) == ("ann", "desk")
    assert sorted(response.shown) == [c.id for c in detail.candidates]
    assert detail.audit[0].who == "mia@example.org"
    assert (detail.metadata, detail.line.state) == ({"topic": "cats"}, "done")


def test_an_item_of_another_project_is_not_there() -> None:
    cats, dogs = make_project("cats"), make_project("dogs")
    add(cats)
    uid = str(Item.objects.get().uid)
    for wrong in (uid, "nonsense"):
        with pytest.raises(NotFound):
            item_detail(project_id=dogs.pk, uid=wrong)
        with pytest.raises(NotFound):
            item_id_of(project_id=dogs.pk, uid=wrong)
    assert list_items(project_id=dogs.pk, after=uid).items == ()
