"""The API behind a real web process: what the test client cannot show."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import Any

import pytest

from labeling.models import Snapshot
from labeling.operations.snapshots import queue_snapshot, run_snapshot
from labeling.operations.tokens import create_token
from tests.api.conftest import project_of
from tests.cast import TEST, Cast
from tests.wire.conftest import Web, start_web, web

__all__ = ["start_web", "web"]
pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]


def ask(
    web: Web, secret: str, method: str, path: str, body: Any = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Send one request; a body may be an iterator, which is sent in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    connection.request(method, f"/api/v1/{path}", body=body, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def test_bodies_are_taken_up_to_a_size_and_with_a_length(cast: Cast, cats: str, web: Web) -> None:
    secret = create_token(user=cast.maya, actor=TEST).secret
    ana = create_token(user=cast.ana, scopes=["work"], actor=TEST).secret
    claim = f"projects/{cats}/tasks/claim/"
    status, _, answer = ask(web, ana, "POST", claim, json.dumps({"want": 1}))
    assert (status, len(json.loads(answer)["tasks"])) == (200, 1)

    large = json.dumps({"want": 1, "filler": "x" * 300_000})
    assert ask(web, ana, "POST", claim, large)[0] == 413
    status, _, answer = ask(web, ana, "POST", claim, iter([b'{"want":', b" 2}"]))
    assert (status, json.loads(answer)["code"]) == (411, "length_required")

    assert ask(web, "qm_wrong", "GET", "me/")[1]["WWW-Authenticate"] == "Bearer"
    assert ask(web, secret, "GET", "me/")[0] == 200
    assert ask(web, secret, "GET", "nothing/")[1]["Content-Type"] == "application/json"


def test_archive_is_streamed_as_it_is_stored(
    cast: Cast, cats: str, start_web: Any, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    secret = create_token(user=cast.maya, actor=TEST).secret
    snapshot = queue_snapshot(project=project_of(cats), format="raw", actor=TEST)
    assert run_snapshot(snapshot_id=snapshot.pk)
    stored = Snapshot.objects.select_related("archive").get().archive
    assert stored is not None
    web = start_web(DATA_DIR=str(tmp_path))
    place = f"projects/{cats}/snapshots/{snapshot.uid}"
    status, headers, body = ask(web, secret, "GET", f"{place}/archive/")
    assert (status, headers["Content-Length"]) == (200, str(stored.n_bytes))
    assert hashlib.sha256(body).hexdigest() == stored.sha256
    status, _, body = ask(web, secret, "GET", f"{place}/files/manifest.json/")
    assert (status, json.loads(body)["format"]) == (200, "raw")
