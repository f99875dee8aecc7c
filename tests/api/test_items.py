"""Items, imports and responses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import ImportRun, Item, Project
from labeling.operations.imports import run_import
from tests.api.client import Api
from tests.api.conftest import BETTER, project_of, rows
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def jsonl(rows: list[Any], name: str = "cats.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(json.dumps(row) for row in rows).encode())


def answer(api: Api, slug: str) -> Any:
    [task] = api.post(f"projects/{slug}/tasks/claim/", {"want": 1})["tasks"]
    path = f"projects/{slug}/tasks/{task['task']}/submit/"
    api.post(path, {"lease": task["lease"], "values": BETTER, "spent_ms": 7})
    return task


def test_rows_go_in_once_and_bad_ones_are_named(maya: Api, cats: str) -> None:
    given = [*rows(5), {"id": "x"}, 7, {"prompt": "Hi", "messages": []}]
    added = maya.post(f"projects/{cats}/items/", {"rows": given})
    assert (added["added"], added["already"]) == (1, 4)
    assert [(bad["row"], bad["field"]) for bad in added["bad"]] == [
        (6, "prompt"),
        (7, "line"),
        (8, "messages"),
    ]
    assert Item.objects.filter(project__slug=cats).count() == 5


def test_texts_of_rows_stay_as_they_are(maya: Api, cats: str) -> None:
    text = "a\r\nb\u2028 e\u0301 ‮ 🐈\t "
    maya.post(f"projects/{cats}/items/", {"rows": [{"id": "odd", "prompt": text}]})
    assert Item.objects.get(external_id="odd").messages[0]["content"] == text


@pytest.mark.parametrize(
    ("body", "field"),
    [({"rows": []}, "rows"), ({"rows": {}}, "rows"), ({}, "rows"), ({"row": [1]}, "row")],
)
def test_bodies_without_rows_are_refused(maya: Api, cats: str, body: Any, field: str) -> None:
    assert field in maya.post(f"projects/{cats}/items/", body, status=400)["fields"]


def test_list_is_filtered_searched_and_paged(maya: Api, cats: str) -> None:
    page = maya.get(f"projects/{cats}/items/?limit=3")
    assert [item["external_id"] for item in page["results"]] == ["q0", "q1", "q2"]
    rest = maya.get(f"projects/{cats}/items/?limit=3&cursor={page['next']}")
    assert [item["external_id"] for item in rest["results"]] == ["q3"]
    assert rest["next"] is None
    assert len(maya.get(f"projects/{cats}/items/?state=ready")["results"]) == 4
    assert maya.get(f"projects/{cats}/items/?state=done")["results"] == []
    found = maya.get(f"projects/{cats}/items/?search=part 2")["results"]
    assert [item["external_id"] for item in found] == ["q2"]
    for wrong in ("state=lost", "limit=0", "limit=201", "limit=x", "sort=id"):
        field = wrong.partition("=")[0]
        refused = maya.get(f"projects/{cats}/items/?{wrong}", status=400)
        assert list(refused["fields"]) == [field]
    maya.get(f"projects/{cats}/items/?cursor=nonsense", status=404)


def test_detail_shows_where_candidates_come_from(maya: Api, cats: str) -> None:
    item = maya.get(f"projects/{cats}/items/")["results"][0]
    detail = maya.get(f"projects/{cats}/items/{item['id']}/")
    assert detail["preview"] == item["preview"]
    assert [candidate["policy"] for candidate in detail["candidates"]] == ["model-x", "model-y"]
    assert detail["messages"][0]["content"].startswith("Why do cats purr")
    maya.get(f"projects/{cats}/items/nonsense/", status=404)


def test_manager_withdraws_hurries_and_asks_more(ana: Api, maya: Api, cats: str) -> None:
    ana.post(f"projects/{cats}/tasks/claim/", {"want": 1})
    held = Item.objects.get(project__slug=cats, n_taken=1)
    path = f"projects/{cats}/items/{held.uid}"
    assert maya.put(f"{path}/priority/", {"priority": 5}) == {"priority": 5}
    assert "priority" in maya.put(f"{path}/priority/", {"priority": 500}, status=400)["fields"]
    assert maya.post(f"{path}/one-more/") == {"overlap": 3}
    assert maya.post(f"{path}/withdraw/") == {"n_returned": 1}
    assert maya.post(f"{path}/one-more/", status=409)["code"] == "conflict"
    held.refresh_from_db()
    assert (held.state, held.priority, held.n_taken) == ("withdrawn", 5, 0)


def test_gold_is_marked_checked_and_unmarked(maya: Api, cats: str) -> None:
    item = maya.get(f"projects/{cats}/items/")["results"][0]
    path = f"projects/{cats}/items/{item['id']}/gold/"
    maya.put(path, {"values": BETTER, "feedback": "A says why."})
    assert Item.objects.get(uid=item["id"]).is_gold
    maya.put(path, {"values": {"nothing": 1}}, status=400)
    maya.delete(path)
    assert not Item.objects.get(uid=item["id"]).is_gold
    maya.delete(path, status=409)


def test_upload_is_queued_and_its_progress_and_bad_rows_told(maya: Api, cats: str) -> None:
    file = jsonl([*rows(2, "new"), {"id": "bad"}])
    queued = maya.upload(f"projects/{cats}/imports/", 202, file=file)
    assert (queued["state"], queued["format"]) == ("pending", "native")
    assert run_import(run_id=ImportRun.objects.get().pk)
    done = maya.get(f"projects/{cats}/imports/{queued['id']}/")
    assert (done["state"], done["added"], done["n_bad"]) == ("done", 2, 1)
    assert done["bad"] == [
        {"row": 3, "field": "prompt", "reason": "is missing, and there are no messages"}
    ]
    [line] = maya.get(f"projects/{cats}/imports/")["results"]
    assert line["id"] == queued["id"]


def test_small_file_is_read_at_once_with_its_columns_mapped(maya: Api, cats: str) -> None:
    file = SimpleUploadedFile("cats.csv", b"nr,question\n1,Why?\n2,How?\n")
    path = f"projects/{cats}/imports/?wait=true"
    read = maya.upload(path, 200, file=file, map=["id=nr", "prompt=question"])
    assert read == {"added": 2, "already": 0, "n_read": 2, "n_bad": 0, "bad": []}
    file.seek(0)
    again = maya.upload(path, 200, file=file, map=["id=nr", "prompt=question"])
    assert (again["added"], again["already"]) == (0, 2)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "file"),
        ({"file": jsonl([]), "format": "native"}, "file"),
        ({"file": jsonl(rows(1)), "format": "poem"}, "format"),
        ({"file": jsonl(rows(1)), "map": "prompt"}, "map"),
        ({"file": jsonl(rows(1)), "map": "prompt=nothing"}, "prompt"),
        ({"file": jsonl(rows(1)), "colour": "red"}, "colour"),
    ],
)
def test_uploads_that_cannot_be_read_are_refused_at_once(
    maya: Api, cats: str, fields: dict[str, Any], field: str
) -> None:
    refused = maya.upload(f"projects/{cats}/imports/", 400, **fields)
    assert field in refused["fields"], refused
    assert not ImportRun.objects.exists()


def test_responses_name_candidates_by_what_was_shown(cast: Cast, maya: Api, cats: str) -> None:
    task = answer(Api(cast.ana), cats)
    [line] = maya.get(f"projects/{cats}/responses/")["results"]
    assert line["values"] == BETTER
    assert (line["came_by"], line["spent_ms"], line["questions_version"]) == ("rest", 7, 1)
    detail = maya.get(f"projects/{cats}/items/{line['item']}/")
    shown = {candidate["id"]: candidate["turns"][0]["text"] for candidate in detail["candidates"]}
    for candidate in task["candidates"]:
        assert shown[line["candidates"][candidate["key"]]] == candidate["turns"][0]["text"]


def test_responses_are_filtered_and_paged(cast: Cast, maya: Api, cats: str) -> None:
    for user in (cast.ana, cast.ana, cast.ben):
        answer(Api(user), cats)
    first = maya.get(f"projects/{cats}/responses/?limit=2")
    rest = maya.get(f"projects/{cats}/responses/?limit=2&cursor={first['next']}")
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    name = rest["results"][0]["annotator"]
    assert len(maya.get(f"projects/{cats}/responses/?annotator={name}")["results"]) == 1
    item = first["results"][0]["item"]
    assert maya.get(f"projects/{cats}/responses/?item={item}")["results"]
    refused = maya.get(f"projects/{cats}/responses/?cursor=no", status=400)
    assert list(refused["fields"]) == ["cursor"]


def test_lists_need_the_same_queries_for_many_rows(cast: Cast, maya: Api, cats: str) -> None:
    answer(Api(cast.ana), cats)
    paths = ("items", "responses", "quotas", "imports")

    def counts() -> dict[str, int]:
        found = {}
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                maya.get(f"projects/{cats}/{path}/")
            found[path] = len(queries)
        return found

    before = counts()
    maya.post(f"projects/{cats}/items/", {"rows": rows(10, "more")})
    for user in (cast.ana, cast.ana, cast.ben, cast.chi):
        answer(Api(user), cats)
    maya.upload(f"projects/{cats}/imports/?wait=true", 200, file=jsonl(rows(2, "file")))
    assert counts() == before
    assert before["items"] <= 6
    assert before["responses"] <= 7


def test_rows_of_another_project_are_not_found(cast: Cast, maya: Api, cats: str) -> None:
    other = Project.objects.create(
        workspace=cast.lab, name="Other", slug="other", template="preference"
    )
    item = project_of(cats).items.first()
    assert item is not None
    run = ImportRun.objects.create(project=project_of(cats), name="x")
    maya.get(f"projects/{other.slug}/items/{item.uid}/", status=404)
    maya.post(f"projects/{other.slug}/items/{item.uid}/withdraw/", status=404)
    maya.get(f"projects/{other.slug}/imports/{run.uid}/", status=404)
    maya.get(f"projects/{other.slug}/items/?cursor={item.uid}")  # finds nothing, tells nothing
