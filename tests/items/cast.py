"""The fixed cast of the item tests: projects straight in the database, and files as rows."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from generation.models import Endpoint, Policy
from labeling.exchange.readers import read_rows
from labeling.exchange.rows import ItemRow
from labeling.models import (
    Item,
    Project,
    QuestionSet,
    SlateEntry,
    SlateVersion,
    User,
    Workspace,
)
from labeling.operations.audit import Actor
from labeling.operations.imports import Progress, import_now

REPO = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("QUORUM_DATA_DIR", REPO.parent / "shared" / "data"))
TEST = Actor(user=None, via="test")
PREFERENCE: list[dict[str, Any]] = [{"name": "better", "type": "preference"}]
MANY: list[dict[str, Any]] = [
    {"name": "better", "type": "preference"},
    {"name": "order", "type": "ranking"},
    {"name": "quality", "type": "rating", "per": "candidate"},
    {"name": "ideal", "type": "edit"},
    {"name": "marks", "type": "spans", "options": ["wrong"]},
]


def shared(path: str) -> Path:
    """Return a file of the real data, or skip the test where the folder is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not at {DATA}; set QUORUM_DATA_DIR")
    return DATA / path


def make_project(
    slug: str = "cats",
    *,
    questions: list[dict[str, Any]] | None = None,
    needed: int = 2,
    overlap: int = 3,
    state: str = "active",
    n_policies: int = 0,
    **settings: Any,
) -> Project:
    workspace, _ = Workspace.objects.get_or_create(slug="lab", defaults={"name": "Lab"})
    project = Project.objects.create(
        workspace=workspace,
        name=slug,
        slug=slug,
        template="preference",
        state=state,
        overlap=overlap,
        candidates_needed=needed,
        **settings,
    )
    project.questions = QuestionSet.objects.create(
        project=project, version=1, questions=questions or PREFERENCE
    )
    if n_policies:
        project.slate = SlateVersion.objects.create(project=project, version=1)
        for n in range(n_policies):
            SlateEntry.objects.create(slate=project.slate, policy=make_policy(n), position=n)
    project.save()
    return project


def make_policy(n: int = 0) -> Policy:
    endpoint, _ = Endpoint.objects.get_or_create(
        name="stub", defaults={"base_url": "http://127.0.0.1:9/v1", "kind": "openai"}
    )
    policy, _ = Policy.objects.get_or_create(
        name=f"policy-{n}",
        defaults={
            "endpoint": endpoint,
            "model": "stub",
            "parameters": {"temperature": 1.0, "top_p": 1.0, "max_tokens": 16},
        },
    )
    return policy


def make_user(email: str = "mia@example.org") -> User:
    return User.objects.create_user(email, "a long enough password")


def native(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def rows(*records: Any) -> list[ItemRow]:
    found = read_rows(io.BytesIO(native(*records)), filename="x.jsonl", format=None, mapping={})
    good = [row for row in found if isinstance(row, ItemRow)]
    assert len(good) == len(records)
    return good


def load(project: Project, data: bytes | Path, **how: Any) -> Progress:
    """Import bytes, or a file of the real data."""
    name = data.name if isinstance(data, Path) else how.pop("name", "items.jsonl")
    raw = data.read_bytes() if isinstance(data, Path) else data
    return import_now(project=project, file=io.BytesIO(raw), name=name, actor=TEST, **how)


def states(project: Project) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Item.objects.filter(project=project).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found
