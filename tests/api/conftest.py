"""The people of tests/cast.py, and a project of the lab with work in it."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import Project
from labeling.rules.states import ProjectState
from tests.api.client import Api
from tests.cast import *  # noqa: F403
from tests.cast import Cast

BETTER = {"preference": {"better": "A", "strength": 2}}


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def rows(n: int, prefix: str = "q") -> list[dict[str, Any]]:
    """Return native rows with two candidates each."""
    return [
        {
            "id": f"{prefix}{k}",
            "prompt": f"Why do cats purr, part {k}? 🐈",
            "metadata": {"topic": "cats"},
            "candidates": [
                {"text": "They **like** it.", "policy": "model-x"},
                {"text": "Nobody knows.", "policy": "model-y"},
            ],
        }
        for k in range(n)
    ]


@pytest.fixture
def maya(cast: Cast) -> Api:
    return Api(cast.maya)


@pytest.fixture
def ana(cast: Cast) -> Api:
    return Api(cast.ana)


@pytest.fixture
def cats(maya: Api) -> str:
    """Return the slug of an active preference project with four items and overlap 2."""
    made = maya.post(
        "projects/",
        {
            "workspace": "lab",
            "name": "Cats",
            "template": "preference",
            "config": {"slate": [], "overlap": 2, "metadata_shown": ["topic"]},
            "activate": True,
        },
        status=201,
    )
    assert made["state"] == ProjectState.ACTIVE
    slug: str = made["slug"]
    added = maya.post(f"projects/{slug}/items/", {"rows": rows(4)})
    assert added == {"added": 4, "already": 0, "bad": []}
    return slug


def project_of(slug: str) -> Project:
    return Project.objects.get(slug=slug)
