"""`set_up_local` makes the first rows of a local stack, as often as it is called."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from generation.models import Endpoint, Policy
from labeling.exchange.readers import read_rows
from labeling.exchange.rows import ItemRow, n_open_turns
from labeling.models import (
    Annotator,
    AuditEntry,
    GenerationRequest,
    Item,
    Membership,
    PolicyAccess,
    Project,
    SlateVersion,
    User,
    Workspace,
)
from labeling.operations.demo import LOGINS, PASSWORD, PROJECTS, PROMPTS

pytestmark = pytest.mark.django_db
TABLES = (
    Annotator,
    AuditEntry,
    Endpoint,
    GenerationRequest,
    Item,
    Membership,
    Policy,
    PolicyAccess,
    Project,
    SlateVersion,
    User,
    Workspace,
)


@pytest.fixture(autouse=True)
def stack(settings: Any) -> Any:
    settings.DEMO = True
    settings.LLM_BASE_URL = "http://127.0.0.1:9999/v1"
    settings.LLM_MODEL = "smol"
    settings.LLM_API_KEY = ""
    settings.LLM_ALLOW_LOOPBACK = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return settings


def set_up() -> dict[str, Any]:
    out = io.StringIO()
    call_command("set_up_local", "--json", stdout=out, stderr=io.StringIO())
    (line,) = out.getvalue().splitlines()
    return dict(json.loads(line))


def counts() -> dict[str, int]:
    return {table.__name__: table.objects.count() for table in TABLES}


def test_the_demo_prompts_are_sound() -> None:
    with PROMPTS.open("rb") as file:
        rows = list(read_rows(file, filename="prompts.jsonl", format=None, mapping={}))
    good = [row for row in rows if isinstance(row, ItemRow)]
    assert len(good) == len(rows) >= 60
    assert {row.metadata["project"] for row in good} == {p.rows for p in PROJECTS}
    assert len({row.external_id for row in good}) == len(good)
    assert len({row.metadata["domain"] for row in good}) >= 9
    assert {row.language for row in good} == {"en", "de", "es", "ar"}
    assert {row.licence for row in good} == {"CC0-1.0"}
    assert sum(n_open_turns(row.messages) == 2 for row in good) >= 5
    assert any(row.messages[0].role == "system" for row in good)
    assert sum(row.context is not None for row in good) >= 4


def test_a_first_start_makes_everything() -> None:
    found = set_up()
    assert found["policies"] == ["local-cool", "local-warm"]
    assert {login["email"] for login in found["logins"]} == {login.email for login in LOGINS}
    assert len(PASSWORD) >= 10
    projects = Project.objects.filter(workspace__slug="demo")
    assert {p.slug: p.state for p in projects} == {p.slug: "active" for p in PROJECTS}
    assert Item.objects.count() >= 60
    assert set(Item.objects.values_list("state", flat=True)) == {"waiting"}
    asked = {
        p.slug: GenerationRequest.objects.filter(project=p).count() / p.items.count()
        for p in projects
    }
    assert asked == {
        "demo-better-answers": 2,
        "demo-ideal-answers": 1,
        "demo-ranked-answers": 4,
    }
    assert authenticate(username="ana@demo.quorum", password=PASSWORD) is not None
    admin = User.objects.get(email="admin@demo.quorum")
    assert admin.is_ops
    assert admin.is_superuser
    assert User.objects.filter(is_ops=True).count() == 1


def test_a_second_start_changes_nothing() -> None:
    set_up()
    before = counts()
    set_up()
    assert counts() == before


def test_a_start_on_another_port_moves_the_endpoint(stack: Any) -> None:
    set_up()
    before = counts()
    stack.LLM_BASE_URL = "http://127.0.0.1:8888/v1"
    set_up()
    assert Endpoint.objects.get().base_url == "http://127.0.0.1:8888/v1"
    assert counts() == before


def test_a_start_with_another_model_asks_it_instead(stack: Any) -> None:
    set_up()
    n = GenerationRequest.objects.count()
    stack.LLM_MODEL = "larger"
    set_up()
    pending = GenerationRequest.objects.filter(state="pending")
    assert pending.count() == n
    assert set(pending.values_list("policy__model", flat=True)) == {"larger"}


def test_without_a_model_items_wait_and_a_later_start_asks(stack: Any) -> None:
    stack.LLM_BASE_URL = ""
    assert set_up()["policies"] == []
    assert not GenerationRequest.objects.exists()
    n_items = Item.objects.count()
    stack.LLM_BASE_URL = "http://127.0.0.1:9999/v1"
    set_up()
    assert Item.objects.count() == n_items
    assert GenerationRequest.objects.count() > n_items


def test_a_server_that_does_not_say_its_model_stops_nothing(stack: Any) -> None:
    stack.LLM_BASE_URL = "http://127.0.0.1:9/v1"  # nobody listens there
    stack.LLM_MODEL = ""
    found = set_up()
    assert found["policies"] == []
    assert len(found["logins"]) == len(LOGINS)


def test_without_the_demo_its_known_logins_are_shut_out(stack: Any) -> None:
    set_up()
    ben = User.objects.get(email="ben@demo.quorum")
    ben.set_password("one of his own choosing")
    ben.save()
    stack.DEMO = False
    assert set_up()["logins"] == []
    assert authenticate(username="ana@demo.quorum", password=PASSWORD) is None
    assert User.objects.filter(is_active=True).get() == ben
    stack.DEMO = True
    set_up()
    assert authenticate(username="ana@demo.quorum", password=PASSWORD) is not None


def test_without_the_demo_there_are_no_people(stack: Any) -> None:
    stack.DEMO = False
    assert set_up()["logins"] == []
    assert not User.objects.exists()
    assert not Workspace.objects.exists()


def test_every_workspace_may_use_the_default_policies(stack: Any) -> None:
    stack.DEMO = False
    own = Workspace.objects.create(name="Own", slug="own")
    set_up()
    assert PolicyAccess.objects.filter(workspace=own).count() == 2
