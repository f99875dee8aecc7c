"""A whole campaign over REST alone: made, filled, answered, agreed on, taken out."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from labeling.models import Snapshot
from labeling.operations.consensus import settle_finished
from labeling.operations.snapshots import run_snapshot
from tests.api.client import Api
from tests.api.conftest import rows
from tests.cast import Cast

pytestmark = pytest.mark.django_db

N_ITEMS = 6


def answer_everything(api: Api, slug: str) -> int:
    """Prefer the answer that knows something, one submit after the other."""
    path = f"projects/{slug}/tasks"
    tasks: list[Any] = api.post(f"{path}/claim/", {"want": 2})["tasks"]
    n_done = 0
    while tasks:
        task = tasks.pop(0)
        better = next(c["key"] for c in task["candidates"] if "like" in c["turns"][0]["text"])
        accepted = api.post(
            f"{path}/{task['task']}/submit/",
            {
                "lease": task["lease"],
                "values": {"preference": {"better": better, "strength": 2}},
                "spent_ms": 900,
                "want": 2,
            },
        )
        tasks += accepted["tasks"]
        n_done += 1
    assert accepted["idle"] == "no_work"
    return n_done


def body_of(answer: Any) -> bytes:
    return b"".join(answer)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_whole_life_over_rest(cast: Cast) -> None:
    maya = Api(cast.maya, scopes=["manage"])
    made = maya.post(
        "projects/",
        {
            "workspace": "lab",
            "name": "Purring",
            "template": "preference",
            "config": {"slate": [], "overlap": 2},
        },
        status=201,
    )
    project = f"projects/{made['slug']}"
    text = "\n".join(json.dumps(row) for row in rows(N_ITEMS)).encode()
    file = SimpleUploadedFile("cats.jsonl", text)
    assert maya.upload(f"{project}/imports/?wait=true", 200, file=file)["added"] == N_ITEMS
    assert maya.post(f"{project}/activate/")["state"] == "active"

    workers = [Api(user, scopes=["work"]) for user in (cast.ana, cast.ben)]
    assert [answer_everything(api, made["slug"]) for api in workers] == [N_ITEMS, N_ITEMS]
    progress = maya.get(f"{project}/progress/")
    assert progress["items"]["done"] == N_ITEMS
    assert progress["responses"]["total"] == 2 * N_ITEMS
    assert len(maya.get(f"{project}/responses/")["results"]) == 2 * N_ITEMS
    settle_finished()
    agreement = maya.get(f"{project}/agreement/")["questions"]["preference"]
    assert (agreement["percent"], agreement["n_units"]) == (1.0, N_ITEMS)

    wanted = {"format": "preference", "options": {"shares": {"train": 1.0}}}
    queued = maya.post(f"{project}/snapshots/", wanted, status=202)
    place = f"{project}/snapshots/{queued['id']}"
    assert maya.get(f"{place}/archive/", status=409)["code"] == "conflict"
    assert run_snapshot(snapshot_id=Snapshot.objects.get().pk)
    done = maya.get(f"{place}/")
    assert (done["state"], done["n_rows"]) == ("done", N_ITEMS)
    assert done["manifest"]["counts"]["rows"] == N_ITEMS
    check_files(maya, place, done["files"])
    assert maya.post(f"{project}/finish/")["state"] == "finished"


def check_files(api: Api, place: str, names: list[str]) -> None:
    """Take every file away, alone and in the archive."""
    archive = api.client.get(f"/api/v1/{place}/archive/", headers=api.headers)
    assert archive["Content-Type"] == "application/zip"
    packed = zipfile.ZipFile(io.BytesIO(body_of(archive)))
    assert set(packed.namelist()) == set(names)
    for name in names:
        alone = api.client.get(f"/api/v1/{place}/files/{name}/", headers=api.headers)
        assert alone.status_code == 200
        assert body_of(alone) == packed.read(name)
    [data] = [name for name in names if name.endswith(".jsonl")]
    lines = [json.loads(line) for line in packed.read(data).splitlines()]
    assert all("like" in line["chosen"][0]["content"] for line in lines)
    api.get(f"{place}/files/other.jsonl/", status=404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "format"),
        ({"format": "poem"}, "format"),
        ({"format": "raw", "file_type": "xml"}, "file_type"),
        ({"format": "raw", "options": {"pairs": "some"}}, "pairs"),
        ({"format": "raw", "options": {"colour": 1}}, "colour"),
        ({"format": "raw", "options": 7}, "options"),
    ],
)
def test_snapshots_that_cannot_be_made_are_refused(
    maya: Api, cats: str, body: Any, field: str
) -> None:
    assert field in maya.post(f"projects/{cats}/snapshots/", body, status=400)["fields"]
    assert maya.get(f"projects/{cats}/snapshots/")["results"] == []
