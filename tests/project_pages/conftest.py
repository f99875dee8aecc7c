"""The cast of tests/cast.py, and what these tests do over and over."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from labeling.models import Enrolment, Item, Project, User
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks
from labeling.operations.imports import import_now
from labeling.operations.quotas import ensure_enrolment
from labeling.operations.responses import submit_response
from labeling.queries.access import annotator_for
from tests.cast import *  # noqa: F403
from tests.cast import TEST, Cast

BETTER = {"preference": {"better": "A", "strength": 2}, "comment": "Clearer."}


def rows(n: int, *, first: int = 0) -> bytes:
    """Return a native file of n prompts with two candidates each."""
    lines = [
        {
            "id": f"q{k}",
            "prompt": f"Why is the sky blue, number {k}?",
            "candidates": [{"text": "Rayleigh.", "policy": "one"}, {"text": "The sea."}],
        }
        for k in range(first, first + n)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def load(project: Project, data: bytes) -> list[Item]:
    import_now(project=project, file=io.BytesIO(data), name="items.jsonl", actor=TEST)
    return list(Item.objects.filter(project=project).order_by("id"))


def enrol(project: Project, user: User) -> Enrolment:
    return ensure_enrolment(project, annotator_for(user, project))


def answer(enrolment: Enrolment, n: int = 1, **more: Any) -> None:
    """Claim and submit n tasks."""
    for _ in range(n):
        _answer_one(enrolment, {"values": BETTER, "spent_ms": 9_000, "want": 0, **more})


def _answer_one(enrolment: Enrolment, given: dict[str, Any]) -> None:
    hand = drivers.run(lambda: claim_tasks(enrolment_id=enrolment.pk, want=1))
    task = hand.tasks[0]
    drivers.run(
        lambda: submit_response(
            enrolment_id=enrolment.pk, task=task.task, lease=task.lease, **given
        )
    )


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Hashed names need a collected folder, which tests of pages do without."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def seen_by(cast: Cast) -> Callable[[str], Client]:
    """Return the browser of somebody of the cast; `nobody` is not logged in."""

    def client_of(name: str) -> Client:
        client = Client()
        if name != "nobody":
            client.force_login(getattr(cast, name))
        return client

    return client_of


def text_of(response: Any) -> str:
    return str(response.content.decode())
