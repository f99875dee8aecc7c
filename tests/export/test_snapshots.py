"""Snapshots written by a worker: frozen when asked for, whatever happens to the worker."""

from __future__ import annotations

import doctest
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from labeling.errors import Invalid
from labeling.events import bus
from labeling.events.types import Event, SnapshotQueued
from labeling.models import Snapshot, StoredFile
from labeling.operations import snapshots
from labeling.operations.audit import MACHINE
from labeling.operations.snapshots import queue_snapshot, run_snapshot
from tests.consensus.answering import answer_all, answer_next, better
from tests.desk.builders import Campaign, build_campaign

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def campaign() -> Campaign:
    made = build_campaign(n_items=3, n_annotators=1, overlap=1)
    answer_next(made.enrolments[0], better(1))
    answer_next(made.enrolments[0], better("tie"))
    return made


def archive_of(snapshot: Snapshot) -> tuple[bytes, zipfile.ZipFile]:
    snapshot.refresh_from_db()
    assert snapshot.archive is not None
    with default_storage.open(snapshot.archive.key) as file:
        data = file.read()
    return data, zipfile.ZipFile(io.BytesIO(data))


def test_queued_snapshot_rings_and_ends_as_an_archive(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[Event] = []

    async def hear(event: Event) -> None:
        rung.append(event)

    monkeypatch.setitem(bus._handlers, SnapshotQueued, [hear])
    snapshot = queue_snapshot(project=campaign.project, format="preference", actor=MACHINE)
    assert rung == [SnapshotQueued(snapshot.pk)]
    assert run_snapshot(snapshot_id=snapshot.pk)
    data, archive = archive_of(snapshot)
    assert (snapshot.state, snapshot.n_rows, snapshot.error) == ("done", 1, "")
    stored = snapshot.archive
    assert stored is not None
    assert (stored.n_bytes, stored.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert "manifest.json" in archive.namelist()
    assert json.loads(archive.read("manifest.json")) == snapshot.manifest
    [file] = (snapshot.manifest or {})["files"]
    assert hashlib.sha256(archive.read(file["name"])).hexdigest() == file["sha256"]
    assert not run_snapshot(snapshot_id=snapshot.pk)


def test_snapshot_holds_what_there_was_when_it_was_asked_for(campaign: Campaign) -> None:
    snapshot = queue_snapshot(project=campaign.project, format="preference", actor=MACHINE)
    later = queue_snapshot(project=campaign.project, format="preference", actor=MACHINE)
    run_snapshot(snapshot_id=snapshot.pk)
    answer_all(campaign.enrolments[0], better(0))
    run_snapshot(snapshot_id=later.pk)
    first, _ = archive_of(snapshot)
    second, _ = archive_of(later)
    assert (snapshot.manifest or {})["hash"] == (later.manifest or {})["hash"]
    assert first != b""
    assert second != b""


def test_dead_workers_snapshot_is_made_again_with_the_same_bytes(campaign: Campaign) -> None:
    snapshot = queue_snapshot(project=campaign.project, format="raw", actor=MACHINE)
    run_snapshot(snapshot_id=snapshot.pk)
    before, _ = archive_of(snapshot)
    silent = timezone.now() - timedelta(minutes=5)
    Snapshot.objects.filter(pk=snapshot.pk).update(state="running", beat_at=silent)
    answer_all(campaign.enrolments[0], better(0))
    assert run_snapshot(snapshot_id=snapshot.pk)
    after, _ = archive_of(snapshot)
    assert after == before


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(snapshots).failed == 0


def test_running_snapshot_is_left_to_its_worker(campaign: Campaign) -> None:
    snapshot = queue_snapshot(project=campaign.project, format="raw", actor=MACHINE)
    Snapshot.objects.filter(pk=snapshot.pk).update(state="running", beat_at=timezone.now())
    assert not run_snapshot(snapshot_id=snapshot.pk)


def test_of_two_workers_that_meet_one_archive_is_kept(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = queue_snapshot(project=campaign.project, format="raw", actor=MACHINE)
    store = snapshots._store

    def slow_store(*arguments: Any) -> None:
        monkeypatch.setattr(snapshots, "_store", store)
        silent = timezone.now() - timedelta(minutes=5)
        Snapshot.objects.filter(pk=snapshot.pk).update(beat_at=silent)
        assert run_snapshot(snapshot_id=snapshot.pk)
        store(*arguments)

    monkeypatch.setattr(snapshots, "_store", slow_store)
    run_snapshot(snapshot_id=snapshot.pk)
    archive_of(snapshot)
    assert StoredFile.objects.count() == 1
    assert len(default_storage.listdir("snapshots")[1]) == 1


def test_what_cannot_be_made_is_refused_or_says_why(campaign: Campaign) -> None:
    with pytest.raises(Invalid):
        queue_snapshot(project=campaign.project, format="csv", actor=MACHINE)
    with pytest.raises(Invalid):
        queue_snapshot(
            project=campaign.project, format="raw", actor=MACHINE, options={"pairs": "x"}
        )
    snapshot = queue_snapshot(
        project=campaign.project, format="kto", actor=MACHINE, options={"question": "other"}
    )
    run_snapshot(snapshot_id=snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.state == "failed"
    assert "other" in snapshot.error


def test_crash_is_on_the_row_and_goes_up(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = queue_snapshot(project=campaign.project, format="raw", actor=MACHINE)

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(snapshots, "_pack", full)
    with pytest.raises(OSError, match="No space"):
        run_snapshot(snapshot_id=snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.state == "failed"
