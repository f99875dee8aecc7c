"""Why: make training sets: at once into a folder, or by a worker into the storage.

A snapshot is frozen when it is asked for: the ids up to which it reads are written down
with it, so a worker that dies and is replaced, hours later, makes the same bytes. Reading
is queries/export.py's, writing exchange's; no transaction is open meanwhile.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from labeling.errors import DomainError
from labeling.events import bus
from labeling.events.types import SnapshotQueued
from labeling.exchange.files import Written, write_dataset
from labeling.exchange.manifest import build_manifest, write_manifest
from labeling.exchange.records import ExportItem
from labeling.models import Project, QuestionSet, Snapshot, StoredFile
from labeling.operations.audit import MACHINE, Actor, record
from labeling.operations.export_choices import Choices, check_format, read_choices
from labeling.queries.export import (
    LEFT_OUT,
    Extent,
    ProjectReader,
    Wanted,
    export_questions,
    extent_of,
)
from labeling.queries.ratings import TIE_POLICY
from labeling.rules.states import RunState

BEAT_S = 5.0
SILENT_S = 60
"""A run that has not beaten for so long belongs to a worker that died."""
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is packed
CHUNK = 1 << 20

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A training set in a folder, with its manifest."""

    written: Written
    manifest: dict[str, Any]


def make_snapshot(
    *,
    project: Project,
    format: str,
    file_type: str,
    options: Mapping[str, Any],
    out: Path,
    actor: Actor = MACHINE,
    extent: Extent | None = None,
    created_at: datetime | None = None,
    tell: Tell = lambda n_items: None,
) -> Made:
    """Write a project's training set and its manifest into a folder.

    `options` as in `export_choices`; `tell` hears how many items were read. The same data,
    options and extent give the same files. Queries: four for each 200 items.

    Raises: Invalid.
    """
    check_format(format, file_type)
    choices = read_choices(options)
    reader = ProjectReader(
        project.pk,
        Wanted(
            extent=extent or extent_of(project.pk),
            everything=format == "raw",
            include_unfinished=choices.include_unfinished,
            names_strength=format == "raw",
            seed=choices.seed,
            shares=choices.shares,
        ),
    )
    writers = choices.for_writers(export_questions(project))
    written = write_dataset(
        out, format=format, file_type=file_type, items=_told(reader, tell), options=writers
    )
    at = (created_at or timezone.now()).isoformat()
    manifest = build_manifest(
        written=written,
        options=writers,
        created_at=at,
        split_seed=choices.seed,
        split_shares=choices.shares,
        **_facts(project, reader, choices),
    )
    write_manifest(out, manifest)
    record(
        actor=actor,
        action="project.exported",
        subject=project,
        project=project,
        after={"format": format, "rows": written.tally.rows_out, "hash": manifest["hash"]},
    )
    return Made(written, manifest)


def _told(reader: ProjectReader, tell: Tell) -> Iterator[ExportItem]:
    for batch in reader.batches():
        tell(reader.seen.n_items)
        yield from batch


def _facts(project: Project, reader: ProjectReader, choices: Choices) -> dict[str, Any]:
    """Return what only the database knows of an export."""
    seen = reader.seen
    questions = QuestionSet.objects.filter(pk=project.questions_id or 0).first()
    guidelines = project.guidelines
    return {
        "project": {
            "id": str(project.uid),
            "slug": project.slug,
            "name": project.name,
            "workspace": project.workspace.slug,
            "template": project.template,
        },
        "guidelines_version": guidelines.label if guidelines else None,
        "questions_version": str(questions.version) if questions else None,
        "questions": questions.questions if questions else [],
        "filters": {
            "include_unfinished": reader.wanted.everything or choices.include_unfinished,
            "tie_policy": TIE_POLICY.value,
        },
        "policies": [
            {"name": name, "model": model, "model_revision": revision, "candidates": n}
            for (name, model, revision), n in sorted(seen.policies.items())
        ],
        "extra": {
            "read": {
                "items": seen.n_items,
                "left_out": dict(sorted(seen.left_out.items())),
                "responses": seen.n_responses,
                "responses_surplus": seen.n_surplus,
            },
            "explanation": explain_reading(seen.n_items, seen.left_out),
        },
    }


def explain_reading(n_items: int, left_out: Mapping[str, int]) -> str:
    """Return, in words, which items of a project were looked at.

    >>> explain_reading(5, {"withdrawn": 2})
    'Of 5 items, 3 go in; left out: 2, as they were withdrawn.'
    """
    n_in = n_items - sum(left_out.values())
    why = "; ".join(f"{n}, as {LEFT_OUT[reason]}" for reason, n in sorted(left_out.items()))
    return f"Of {n_items} items, {n_in} go in" + (f"; left out: {why}." if why else ".")


# --- by a worker, into the storage ------------------------------------------------


@transaction.atomic
def queue_snapshot(
    *,
    project: Project,
    format: str,
    actor: Actor,
    file_type: str = "jsonl",
    options: Mapping[str, Any] | None = None,
) -> Snapshot:
    """Freeze what there is of a project now, and have a worker write it.

    Raises: Invalid.
    """
    check_format(format, file_type)
    read_choices(options or {})
    extent = extent_of(project.pk)
    snapshot = Snapshot.objects.create(
        project=project,
        format=format,
        file_type=file_type,
        options={
            "choices": dict(options or {}),
            "extent": {"items": extent.items, "responses": extent.responses},
        },
        created_by=actor.user,
    )
    record(
        actor=actor,
        action="snapshot.queued",
        subject=snapshot,
        project=project,
        after={"format": format, "file_type": file_type},
    )
    bus.publish(SnapshotQueued(snapshot.pk))
    return snapshot


def run_snapshot(*, snapshot_id: int) -> bool:
    """Write a queued snapshot; returns whether there was something to do.

    May be called any number of times: only a pending one, or one whose worker has been
    silent for a minute, is taken. Two that meet make the same bytes, and one is kept.
    """
    if not _take(snapshot_id):
        return False
    snapshot = Snapshot.objects.select_related(
        "project__workspace", "project__questions", "project__guidelines"
    ).get(pk=snapshot_id)
    try:
        with tempfile.TemporaryDirectory(prefix="quorum-snapshot-") as folder:
            made = _make(snapshot, Path(folder) / "files")
            archive = _pack(Path(folder) / "files", Path(folder) / "snapshot.zip")
            _store(snapshot, archive, made)
    except DomainError as error:
        _fail(snapshot_id, error.detail)
    except Exception:
        # Said on the row, or the sweep would try for ever; whoever called logs it.
        _fail(snapshot_id, "An unexpected error; the worker's log has it.")
        raise
    return True


def _take(snapshot_id: int) -> bool:
    silent = Q(state=RunState.RUNNING, beat_at__lt=Now() - timedelta(seconds=SILENT_S))
    taken = Snapshot.objects.filter(Q(state=RunState.PENDING) | silent, pk=snapshot_id).update(
        state=RunState.RUNNING, beat_at=Now()
    )
    return bool(taken)


def _make(snapshot: Snapshot, out: Path) -> Made:
    beaten = time.monotonic()

    def beat(_: int) -> None:
        nonlocal beaten
        if time.monotonic() - beaten >= BEAT_S:
            beaten = time.monotonic()
            Snapshot.objects.filter(pk=snapshot.pk).update(beat_at=Now())

    return make_snapshot(
        project=snapshot.project,
        format=snapshot.format,
        file_type=snapshot.file_type,
        options=snapshot.options["choices"],
        out=out,
        actor=Actor(user=snapshot.created_by, via="worker"),
        extent=Extent(**snapshot.options["extent"]),
        created_at=snapshot.created_at,
        tell=beat,
    )


def _pack(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name, ZIP_DATE)
            entry.compress_type = (
                zipfile.ZIP_STORED if path.suffix == ".parquet" else zipfile.ZIP_DEFLATED
            )
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
    return archive


def _store(snapshot: Snapshot, archive: Path, made: Made) -> None:
    """Put the archive into the storage and finish the row, unless another worker has."""
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        key = default_storage.save(f"snapshots/{snapshot.uid}.zip", File(file))
    with transaction.atomic():
        row = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
        if row.state == RunState.RUNNING:
            row.archive = StoredFile.objects.create(
                key=key,
                name=f"{snapshot.project.slug}-{snapshot.format}.zip",
                sha256=sha256,
                n_bytes=archive.stat().st_size,
            )
            row.state, row.manifest = RunState.DONE.value, made.manifest
            row.n_rows, row.finished_at, row.error = (
                made.written.tally.rows_out,
                timezone.now(),
                "",
            )
            row.save()
            return
    default_storage.delete(key)


def _fail(snapshot_id: int, why: str) -> None:
    Snapshot.objects.filter(pk=snapshot_id, state=RunState.RUNNING).update(
        state=RunState.FAILED, error=why, finished_at=Now()
    )
