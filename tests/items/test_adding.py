"""Rows become items with candidates, once, in the order of the file, open when they may be."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from labeling.errors import NotFound
from labeling.events.types import RequestsAdded, WorkAppeared
from labeling.models import Candidate, GenerationRequest, Gold, Item, Project
from labeling.operations.adding import ProjectClosed, add_items
from labeling.rules.rendering import RENDERER_VERSION
from tests.items.cast import MANY, make_project, rows, states

pytestmark = pytest.mark.django_db
TWO = [{"text": "**one**", "policy": "secret-model"}, {"text": "two"}]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    for module in ("adding", "slots", "candidates"):
        monkeypatch.setattr(f"labeling.operations.{module}.bus.publish", lambda *e: seen.extend(e))
    return seen


def add(project: Project, *records: Any) -> Any:
    return add_items(project_id=project.pk, rows=rows(*records))


def test_texts_are_rendered_when_they_are_stored() -> None:
    project = make_project()
    messages = [
        {"role": "system", "content": "Be *kind*."},
        {"role": "user", "content": "Hi <b>you</b>"},
    ]
    add(project, {"id": "a", "messages": messages, "candidates": TWO, "context": "Here."})
    item = Item.objects.get()
    assert item.messages == messages
    assert [m["role"] for m in item.rendered] == ["system", "user"]
    assert "<em>kind</em>" in item.rendered[0]["html"]
    assert "&lt;b&gt;" in item.rendered[1]["html"]
    assert item.rendered[1]["content"] == "Hi <b>you</b>"
    assert item.renderer_version == RENDERER_VERSION
    assert item.context == "Here."


def test_candidates_keep_their_policy_to_themselves() -> None:
    project = make_project()
    add(project, {"prompt": "Q", "candidates": TWO})
    first, second = Candidate.objects.order_by("id")
    assert (first.policy_name, first.sample, second.policy_name, second.sample) == (
        "secret-model",
        0,
        "",
        1,
    )
    assert first.policy_id is None
    assert first.turns == [{"text": "**one**"}]
    assert "secret-model" not in str(first.rendered)
    assert "<strong>one</strong>" in first.rendered[0]["html"]


def test_reasoning_and_tools_are_kept_in_what_is_shown() -> None:
    project = make_project()
    calls = [{"id": "1", "function": {"name": "look"}}]
    messages = [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "found", "tool_call_id": "1", "name": "look"},
    ]
    turn = {"text": "A", "reasoning": "hm"}
    add(project, {"messages": messages, "candidates": [{"turns": [turn]}, {"text": "B"}]})
    shown = Item.objects.get().rendered
    assert shown[1]["tool_calls"] == calls
    assert (shown[2]["name"], shown[2]["tool_call_id"]) == ("look", "1")
    assert Candidate.objects.order_by("id")[0].rendered[0]["reasoning"] == "hm"


def test_places_follow_the_file(events: list[Any]) -> None:
    project = make_project()
    result = add(project, *({"id": f"q{n}", "prompt": f"Q{n}", "candidates": TWO} for n in "31452"))
    by_place = Item.objects.order_by("place").values_list("external_id", flat=True)
    assert list(by_place) == ["q3", "q1", "q4", "q5", "q2"]
    assert list(result.item_ids) == sorted(result.item_ids)
    assert states(project) == {"ready": 5}
    assert WorkAppeared(project.pk, 15) in events


def test_items_that_lack_candidates_ask_for_them(events: list[Any]) -> None:
    project = make_project(n_policies=2)
    add(project, {"id": "a", "prompt": "Q"}, {"id": "b", "prompt": "R", "candidates": TWO})
    assert states(project) == {"waiting": 1, "ready": 1}
    assert GenerationRequest.objects.filter(item__external_id="a").count() == 2
    assert GenerationRequest.objects.count() == 2
    assert any(isinstance(event, RequestsAdded) for event in events)


@pytest.mark.parametrize("state", ["active", "paused"])
def test_a_demonstration_waits_for_its_suggestion(state: str) -> None:
    project = make_project(needed=0, n_policies=1, state=state)
    add(project, {"prompt": "Q"})
    assert states(project) == {"waiting": 1}
    assert GenerationRequest.objects.count() == 1


def test_items_without_need_of_candidates_open_at_once() -> None:
    project = make_project(needed=0)
    add(project, {"prompt": "Q"})
    assert states(project) == {"ready": 1}


def test_a_draft_opens_nothing_yet() -> None:
    project = make_project(state="draft", n_policies=1)
    add(project, {"prompt": "Q"}, {"prompt": "R", "candidates": TWO})
    assert states(project) == {"waiting": 2}
    assert not GenerationRequest.objects.exists()


def test_the_same_rows_twice_add_nothing() -> None:
    project = make_project()
    records = [{"id": "a", "prompt": "Q"}, {"prompt": "R"}, {"prompt": "R", "context": "C"}]
    assert add(project, *records).added == 3
    again = add(project, *records)
    assert (again.added, again.already, again.item_ids) == (0, 3, ())
    assert Item.objects.count() == 3


def test_rows_repeated_within_one_file_go_in_once() -> None:
    project = make_project()
    result = add(
        project,
        {"id": "a", "prompt": "Q", "candidates": TWO},
        {"id": "a", "prompt": "other"},
        {"prompt": "R"},
        {"prompt": "R"},
    )
    assert (result.added, result.already) == (2, 2)
    assert Item.objects.get(external_id="a").messages[0]["content"] == "Q"
    assert Candidate.objects.count() == 2


def test_an_id_and_the_same_content_without_one_are_two_items() -> None:
    project = make_project()
    assert add(project, {"id": "a", "prompt": "Q"}, {"prompt": "Q"}).added == 2


def test_other_projects_do_not_matter() -> None:
    add(make_project("cats"), {"id": "a", "prompt": "Q"})
    assert add(make_project("dogs"), {"id": "a", "prompt": "Q"}).added == 1


def test_children_point_to_their_parent_and_to_the_answer_they_continue() -> None:
    project = make_project()
    talk = [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "More?"},
    ]
    result = add(
        project,
        {"id": "child", "messages": talk, "parent": "root"},
        {"id": "root", "prompt": "Q", "candidates": TWO},
        {"id": "orphan", "prompt": "O", "parent": "nobody"},
    )
    child = Item.objects.get(external_id="child")
    assert child.parent == Item.objects.get(external_id="root")
    assert child.continues == Candidate.objects.get(turns=[{"text": "two"}])
    assert [link.parent for link in result.unlinked] == ["nobody"]
    assert result.added == 3


def test_gold_is_stored_by_candidate_id() -> None:
    project = make_project(questions=MANY)
    gold = {
        "better": {"better": "B", "strength": 2},
        "order": [["B"], ["A"]],
        "quality": {"A": 1, "B": 5},
        "ideal": {"text": "ideal", "from": "B"},
        "marks": [{"on": "candidate:A:0", "start": 0, "end": 2, "label": "wrong"}],
    }
    add(project, {"prompt": "Q", "candidates": TWO, "gold": gold})
    a, b = (str(pk) for pk in Candidate.objects.order_by("id").values_list("id", flat=True))
    assert Item.objects.get().is_gold
    assert Gold.objects.get().values == {
        "better": {"better": b, "strength": 2},
        "order": [[b], [a]],
        "quality": {a: 1, b: 5},
        "ideal": {"text": "ideal", "from": b},
        "marks": [{"on": f"candidate:{a}:0", "start": 0, "end": 2, "label": "wrong"}],
    }


@pytest.mark.parametrize(
    ("gold", "field"),
    [({"nicer": "A"}, "gold.nicer"), ({"better": {"better": "C", "strength": 1}}, "gold.better")],
)
def test_gold_that_does_not_fit_is_a_bad_row(gold: dict[str, Any], field: str) -> None:
    project = make_project()
    result = add(project, {"prompt": "Q", "candidates": TWO, "gold": gold}, {"prompt": "R"})
    assert [(bad.row, bad.field) for bad in result.bad] == [(1, field)]
    assert (result.added, Item.objects.count()) == (1, 1)


def test_an_archived_project_takes_nothing() -> None:
    with pytest.raises(ProjectClosed):
        add(make_project(state="archived"), {"prompt": "Q"})
    with pytest.raises(NotFound):
        add_items(project_id=0, rows=rows({"prompt": "Q"}))


def test_queries_do_not_grow_with_the_rows() -> None:
    counts = []
    for name, n in (("few", 2), ("many", 60)):
        project = make_project(name, n_policies=2)
        records = [{"id": f"q{i}", "prompt": f"Q{i}", "candidates": TWO[:1]} for i in range(n)]
        with CaptureQueriesContext(
            connection,
        ) as seen:
            add(project, *records)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 20


@pytest.mark.django_db(transaction=True)
def test_two_importers_at_once_add_each_row_once() -> None:
    project = make_project(n_policies=1)
    records = [{"id": f"q{n}", "prompt": f"Q{n}"} for n in range(300)]
    records += [{"prompt": f"R{n}"} for n in range(300)]
    batches = [rows(*records), list(reversed(rows(*records)))] * 2
    barrier = threading.Barrier(len(batches))
    results: list[Any] = []

    def work(batch: Any) -> None:
        try:
            barrier.wait()
            results.append(add_items(project_id=project.pk, rows=batch))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.added for result in results) == 600
    assert sum(result.already for result in results) == 1800
    assert Item.objects.count() == 600
    assert GenerationRequest.objects.count() == 600
