"""The pinned verbs: one JSON object on one line, everything else on standard error."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from labeling.management.command import QuorumCommand, Result
from labeling.models import Project, User, Workspace
from labeling.queries.people import role_in, user_of_token
from labeling.rules.states import Role

pytestmark = pytest.mark.django_db


def run(*words: str) -> tuple[dict[str, Any], str]:
    """Run a verb with --json; return its object and what it said on standard error."""
    out, err = StringIO(), StringIO()
    call_command(*words, "--json", stdout=out, stderr=err)
    [line] = out.getvalue().splitlines()
    return json.loads(line), err.getvalue()


def test_create_user_makes_the_workspace_if_need_be() -> None:
    said, _ = run(
        "create_user", "ana@lab.example", "--workspace", "Lab", "--role", "annotator",
        "--password", "pw",
    )  # fmt: skip
    assert said == {"email": "ana@lab.example", "workspace": "lab", "role": "annotator"}
    user = User.objects.get()
    assert authenticate(username="ana@lab.example", password="pw") == user
    assert role_in(user, Workspace.objects.get()) is Role.ANNOTATOR


def test_create_user_sets_role_and_password_of_an_existing_one() -> None:
    for role, password in (("annotator", "one"), ("manager", "two")):
        _, told = run(
            "create_user", "Ana@lab.example", "--workspace", "lab", "--role", role,
            "--password", password,
        )  # fmt: skip
    assert "already" in told
    user = User.objects.get()
    assert authenticate(username="ana@lab.example", password="two") == user
    assert role_in(user, Workspace.objects.get()) is Role.MANAGER


def test_create_user_without_password_prints_one() -> None:
    said, told = run("create_user", "a@lab.example", "--workspace", "lab", "--role", "reviewer")
    assert said["password"] in told
    assert authenticate(username="a@lab.example", password=said["password"])


def test_ops_opens_no_workspace() -> None:
    run("create_user", "otto@lab.example", "--workspace", "lab", "--role", "ops")
    user = User.objects.get()
    assert user.is_ops
    assert role_in(user, Workspace.objects.get()) is None


def test_create_token_prints_a_token_that_works() -> None:
    run("create_user", "ana@lab.example", "--workspace", "lab", "--role", "annotator")
    said, _ = run("create_token", "ANA@lab.example")
    assert user_of_token(said["token"]) == User.objects.get()
    with pytest.raises(CommandError, match="no user"):
        run("create_token", "nobody@lab.example")


def test_create_project_reads_its_config(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"slug": "my-cats", "overlap": 2, "slate": []}))
    said, _ = run(
        "create_project", "Cats", "--workspace", "lab", "--template", "preference",
        "--config", str(config), "--activate",
    )  # fmt: skip
    assert said["slug"] == "my-cats"
    project = Project.objects.get()
    assert (project.overlap, project.state, project.workspace.slug) == (2, "active", "lab")


@pytest.mark.parametrize("text", ["{", "[]", '{"overlap": 0}', '{"nonsense": 1}'])
def test_bad_config_makes_nothing(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    with pytest.raises(CommandError):
        run(
            "create_project", "Cats", "--workspace", "lab", "--template", "rating",
            "--config", str(config),
        )  # fmt: skip
    assert not Project.objects.exists()
    assert not Workspace.objects.exists()


def test_result_with_a_problem_is_printed_and_fails() -> None:
    class Verb(QuorumCommand):
        def run(self, **options: Any) -> Result:
            print("chatter of a library")
            return Result({"n": 1}, problem="Two rows were bad.")

    out = StringIO()
    with pytest.raises(CommandError, match="Two rows"):
        call_command(Verb(stdout=out), "--json")
    assert out.getvalue() == '{"n": 1}\n'
