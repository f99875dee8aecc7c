"""What supervisors and Prometheus are told."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.test import Client

from labeling.models import Project
from labeling.operations.slots import open_ready_items
from labeling.pages import health
from tests.cast import make_items


@pytest.mark.django_db
def test_ready_when_database_and_broker_answer(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


@pytest.mark.django_db
def test_lost_broker_is_degraded_and_still_ready(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["degraded"] == ["broker"]


def test_lost_database_is_not_ready_and_the_process_lives(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(psycopg, "connect", refuse)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_missing_migrations_are_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_check_migrations", lambda: False)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["migrations"]) == (503, False)


def test_metrics_tell_counts_and_no_texts(client: Client, lab_project: Project) -> None:
    make_items(lab_project, 3)
    open_ready_items(project_id=lab_project.pk)
    told = client.get("/metrics").content.decode()
    assert 'quorum_items{state="ready"} 3.0' in told
    assert "quorum_slots_open 9.0" in told
    assert "quorum_overlap_overshoot 0.0" in told
    assert "Question" not in told
