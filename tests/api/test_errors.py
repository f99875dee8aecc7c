"""Every refusal has the same three fields, whatever went wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.operations.tokens import create_token, revoke_token
from labeling.operations.users import shut_out
from tests.api.client import Api
from tests.cast import TEST, Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "7",
        '"x"',
        "{'a': 1}",
        '{"want": NaN}',
        '{"want": 1e999}',
        '{"want": ' + "9" * 5000 + "}",
        '{"want": 1, "want": 2}',
        '{"want": ' + "[" * 100_000,
        b'{"want": "\xff"}',
        b"\x00",
    ],
)
def test_bad_json_is_invalid_and_never_repeated(ana: Api, cats: str, body: Any) -> None:
    refused = ana.call("POST", f"projects/{cats}/tasks/claim/", body, status=400)
    assert refused["code"] == "invalid"
    assert "body" in refused["detail"]
    assert refused["fields"] == {}


def test_texts_that_cannot_be_stored_are_refused_not_crashed(maya: Api, cats: str) -> None:
    for text in ('"\\u0000"', '"\\ud800"'):
        body = f'{{"text": {text}}}'
        refused = maya.call("PUT", f"projects/{cats}/guidelines/", body, status=400)
        assert list(refused["fields"]) == ["text"]
        body = f'{{"rows": [{{"prompt": {text}}}]}}'
        added = maya.call("POST", f"projects/{cats}/items/", body, status=200)
        assert [bad["row"] for bad in added["bad"]] == [1]
        body = f'{{"values": {{"comment": {text}}}, "lease": "x"}}'
        refused = maya.call("POST", f"projects/{cats}/tasks/t/draft/", body, status=400)
        assert list(refused["fields"]) == ["values"]
        refused = maya.call("PATCH", f"projects/{cats}/", f'{{"name": {text}}}', status=400)
        assert list(refused["fields"]) == ["name"]
        body = f'{{"workspace": {text}, "name": "x", "template": "rlhf"}}'
        refused = maya.call("POST", "projects/", body, status=400)
        assert list(refused["fields"]) == ["workspace"]


def test_large_bodies_and_other_media_are_refused(maya: Api, cats: str, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024
    body = {"rows": [{"prompt": "x" * 2000}]}
    assert maya.post(f"projects/{cats}/items/", body, status=413)["code"] == "too_large"
    answer = maya.client.post(f"/api/v1/projects/{cats}/items/", "a=1", content_type="text/csv")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_wrong_method_is_told(maya: Api) -> None:
    assert maya.delete("projects/", status=405)["code"] == "method_not_allowed"
    assert maya.call("OPTIONS", "projects/", status=405)["code"] == "method_not_allowed"


def test_nobody_is_asked_for_a_token(client: Client) -> None:
    answer = client.get("/api/v1/projects/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer qm_x", "Bearer a b", "bearer \xff"]
)
def test_tokens_that_are_none_are_refused(client: Client, header: str) -> None:
    answer = client.get("/api/v1/me/", headers={"Authorization": header})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_tokens_end_with_their_life_their_revocation_and_their_user(cast: Cast) -> None:
    def status(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return Client().get("/api/v1/me/", headers=headers).status_code

    issued = [create_token(user=cast.ana, actor=TEST) for _ in range(3)]
    assert [status(one.secret) for one in issued] == [200, 200, 200]
    revoke_token(token=issued[0].token, actor=TEST)
    issued[1].token.expires_at = timezone.now() - timedelta(seconds=1)
    issued[1].token.save(update_fields=["expires_at"])
    assert [status(one.secret) for one in issued] == [401, 401, 200]
    shut_out(user=cast.ana, actor=TEST)
    assert status(issued[2].secret) == 401


def test_sessions_need_a_csrf_token_and_bearers_do_not(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.maya)
    answer = browser.post("/api/v1/tokens/", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    secret = create_token(user=cast.maya, actor=TEST).secret
    program = Client(enforce_csrf_checks=True)
    answer = program.post(
        "/api/v1/projects/",
        {"workspace": "lab", "name": "By program", "template": "classification"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 201


def test_database_that_does_not_answer_is_unavailable(
    maya: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(user: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("labeling.api.people.memberships_of", fail)
    refused = maya.get("workspaces/", status=503)
    assert refused["code"] == "unavailable"
    assert maya.last["Retry-After"] == "1"


def test_a_task_costs_few_queries(cast: Cast, cats: str) -> None:
    program = Api(cast.ana, scopes=["work"])
    program.post(f"projects/{cats}/tasks/claim/", {"want": 1})
    [task] = program.get(f"projects/{cats}/tasks/")["tasks"]
    body = {
        "lease": task["lease"],
        "values": {"preference": {"better": "A", "strength": 1}},
        "spent_ms": 1,
        "want": 1,
    }
    with CaptureQueriesContext(connection) as queries:
        program.post(f"projects/{cats}/tasks/{task['task']}/submit/", body)
    # Token and its use, project, role, enrolments, annotator, enrolment; then the operation.
    assert len(queries) <= 18, "\n".join(query["sql"][:100] for query in queries)
