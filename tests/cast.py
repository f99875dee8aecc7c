"""The people of the tests: who they are, and the workspaces they are in.

    lab:       Olga owns, Maya manages, Ravi reviews, Ana, Ben and Chi annotate
    elsewhere: Eve owns
    instance:  Otto is ops

A test package takes them over in its conftest: `from tests.cast import *`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from labeling.events import bus
from labeling.events.types import Event
from labeling.models import Item, Project, User, Workspace
from labeling.operations.audit import Actor
from labeling.operations.members import create_workspace, set_role
from labeling.operations.projects import create_project
from labeling.operations.users import create_user
from labeling.rules.states import Role, Template

__all__ = ["TEST", "Cast", "cast", "events", "lab_project", "make_items"]

TEST = Actor(user=None, via="test")


@dataclass
class Cast:
    """Everybody, and where they belong."""

    lab: Workspace
    elsewhere: Workspace
    olga: User
    maya: User
    ravi: User
    ana: User
    ben: User
    chi: User
    eve: User
    otto: User

    @staticmethod
    def actor(user: User) -> Actor:
        """Return the user as somebody who acts through a page."""
        return Actor(user=user, via="page")


@pytest.fixture
def cast(db: None) -> Cast:
    """Make everybody; they have no passwords (hashing is slow): use `client.force_login`."""
    lab = create_workspace(name="Lab", actor=TEST)
    elsewhere = create_workspace(name="Elsewhere", actor=TEST)
    roles = {
        "olga": (lab, Role.OWNER),
        "maya": (lab, Role.MANAGER),
        "ravi": (lab, Role.REVIEWER),
        "ana": (lab, Role.ANNOTATOR),
        "ben": (lab, Role.ANNOTATOR),
        "chi": (lab, Role.ANNOTATOR),
        "eve": (elsewhere, Role.OWNER),
    }
    users: dict[str, User] = {}
    for name, (workspace, role) in roles.items():
        users[name] = _make(name)
        set_role(workspace=workspace, user=users[name], role=role, actor=TEST)
    otto = _make("otto", is_ops=True)
    return Cast(lab=lab, elsewhere=elsewhere, otto=otto, **users)


def _make(name: str, **fields: Any) -> User:
    return create_user(
        email=f"{name}@lab.example", name=name.title(), password=None, actor=TEST, **fields
    )


@pytest.fixture
def lab_project(cast: Cast) -> Project:
    """Return an active preference project of the lab, without a slate."""
    return create_project(
        name="Cats",
        workspace=cast.lab,
        template=Template.PREFERENCE,
        config={"slate": [], "candidates_needed": 0},
        activate=True,
        actor=TEST,
    )


def make_items(project: Project, n: int, **fields: Any) -> list[Item]:
    """Insert waiting items straight into the database."""
    return Item.objects.bulk_create(
        Item(
            project=project,
            external_id=f"item-{k}",
            content_hash=f"{k:064}",
            overlap=project.overlap,
            messages=[{"role": "user", "content": f"Question {k}"}],
            rendered=[{"role": "user", "content": f"Question {k}", "html": f"<p>{k}</p>"}],
            **fields,
        )
        for k in range(n)
    )


@pytest.fixture
def events(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> Callable[[], Any]:
    """Return a context manager that gives the list of events published inside it."""

    @contextmanager
    def captured() -> Iterator[list[Event]]:
        heard: list[Event] = []

        async def deliver(published: Any) -> None:
            heard.extend(published)

        monkeypatch.setattr(bus, "deliver", deliver)
        with django_capture_on_commit_callbacks(execute=True):
            yield heard

    return captured
