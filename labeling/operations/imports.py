"""Why: a file becomes items batch by batch, and a worker that dies in the middle costs nothing.

The run's `n_read` moves in the transaction that adds the rows, and only from the value this
worker knows: whoever takes a run over goes on exactly there, and who was thought dead and
comes back is told (`TakenOver`). The file lies in Django's storage; a command's does not.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import PurePath
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from labeling.errors import DomainError, Invalid, NotFound
from labeling.events import bus
from labeling.events.types import ImportQueued
from labeling.exchange.readers import read_rows
from labeling.exchange.rows import BadRow, ItemRow
from labeling.exchange.sniff import sniff_format
from labeling.exchange.source import head_of, seekable
from labeling.models import ImportRun, Project, StoredFile
from labeling.operations import audit
from labeling.operations.adding import (
    BATCH_CHARS,
    BATCH_ROWS,
    BatchResult,
    add_prepared,
    links_of,
    prepare_row,
)
from labeling.operations.audit import Actor
from labeling.operations.lineage import Link, link_parents
from labeling.rules.states import RunState

logger = logging.getLogger(__name__)

SILENT_S = 60  # a worker that has not written for so long is taken for dead
MAX_BAD_STORED = 1_000
MAX_BAD_TOLD = 10_000
FILE_KEPT = timedelta(days=30)
MAX_NAME_CHARS = 255
NO_PARENT = "is no item of this project; the row is in without it"
OUR_FAULT = "Something went wrong on our side; the log of the worker says what."

Rows = Iterator[ItemRow | BadRow]


class FileTooLarge(Invalid):
    """The upload is larger than this installation takes."""


class FileGone(NotFound):
    """The stored file of a run is not there any more."""


class TakenOver(Exception):
    """Another worker goes on with this run."""


@dataclass(slots=True)
class Progress:
    """How far an import is; `bad` holds the first ones, `n_bad` counts all."""

    n_read: int = 0
    added: int = 0
    already: int = 0
    n_bad: int = 0
    n_judgments: int = 0
    n_judgments_left_out: int = 0
    bad: list[BadRow] = field(default_factory=list)


def queue_import(
    *,
    project: Project,
    file: BinaryIO,
    name: str,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
    actor: Actor,
) -> ImportRun:
    """Store an upload and have a worker read it; what is wrong with all of it is said at once.

    Raises: Invalid (UnreadableFile, UnknownFormat, InvalidMapping, FileTooLarge).
    """
    name = name[:MAX_NAME_CHARS]
    sha256, n_bytes = _measured(file)
    _, found = _open_rows(file, name, format, mapping or {})
    file.seek(0)
    suffix = PurePath(name).suffix[:16]
    key = default_storage.save(f"imports/{uuid7()}{suffix}", File(file))
    with transaction.atomic():
        stored = StoredFile.objects.create(key=key, name=name, sha256=sha256, n_bytes=n_bytes)
        run = _new_run(project, name, found, mapping, actor, file=stored)
        audit.record(
            actor=actor,
            action="import.queued",
            subject=run,
            project=project,
            after={"sha256": sha256, "n_bytes": n_bytes, "format": found},
        )
        bus.publish(ImportQueued(run.pk))
    return run


def import_now(
    *,
    project: Project,
    file: BinaryIO,
    name: str,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
    actor: Actor,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Read a file in this process, without storing it; the good rows stay in, come what may.

    Raises: Invalid (what is wrong with the whole file), ProjectClosed.
    """
    name = name[:MAX_NAME_CHARS]
    rows, found = _open_rows(file, name, format, mapping or {})
    run = _new_run(project, name, found, mapping, actor, state=RunState.RUNNING)
    try:
        progress = _read(run, rows, on_progress)
    except BaseException as error:
        _fail(run, error.detail if isinstance(error, DomainError) else "It was interrupted.")
        raise
    _finish(run, actor=actor)
    return progress


def claim_import_run(*, run_id: int) -> bool:
    """Take a run that waits, or whose worker fell silent; False if there is nothing to take."""
    silent = Q(state=RunState.RUNNING, beat_at__lt=Now() - timedelta(seconds=SILENT_S))
    claimable = ImportRun.objects.filter(Q(state=RunState.PENDING) | silent, pk=run_id)
    return bool(claimable.update(state=RunState.RUNNING, beat_at=Now()))


def run_import(*, run_id: int) -> bool:
    """Read a queued file to its end, from where an earlier worker stopped; True if done here.

    Idempotent; for workers. When PostgreSQL goes away the run waits for the sweep; any other
    error ends it with a sentence for people.
    """
    if not claim_import_run(run_id=run_id):
        return False
    run = ImportRun.objects.select_related("file", "project", "created_by").get(pk=run_id)
    try:
        with _opened(run) as stream:
            rows, _ = _open_rows(stream, run.name, run.format or None, run.mapping)
            _read(run, rows)
        _finish(run, actor=Actor(user=run.created_by, via="worker"))
    except TakenOver:
        logger.info("import taken over", extra={"run_id": run_id})
        return False
    except DomainError as error:
        _fail(run, error.detail)
        return False
    except OperationalError:
        raise
    except Exception:
        logger.exception("import failed", extra={"run_id": run_id})
        _fail(run, OUR_FAULT)
        return False
    logger.info(
        "import done", extra={"run_id": run_id, "n_read": run.n_read, "n_added": run.n_added}
    )
    return True


def _read(
    run: ImportRun,
    rows: Rows,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Read on from the run's `n_read`. Raises: TakenOver, DomainError."""
    progress = Progress(n_read=run.n_read)
    waiting = _skipped_links(rows, run.n_read)
    while batch := _next_batch(rows):
        prepared = [prepare_row(row) for row in batch if isinstance(row, ItemRow)]
        bad = [row for row in batch if isinstance(row, BadRow)]
        with transaction.atomic():
            result = add_prepared(
                project_id=run.project_id, rows=prepared, judged_by=run.format or "imported"
            )
            _advance(run, len(batch), result, sorted([*bad, *result.bad], key=_line))
        waiting += result.unlinked
        _add(progress, len(batch), result, [*bad, *result.bad])
        on_progress(progress)
    orphans = link_parents(project_id=run.project_id, links=waiting)
    if orphans:
        told = [
            BadRow(o.row, "parent", "is no item here; the row is in without it") for o in orphans
        ]
        _advance(run, 0, BatchResult(), told)
        _add(progress, 0, BatchResult(), told)
        on_progress(progress)
    return progress


def _next_batch(rows: Rows) -> list[ItemRow | BadRow]:
    batch: list[ItemRow | BadRow] = []
    n_chars = 0
    for row in islice(rows, BATCH_ROWS):
        batch.append(row)
        if isinstance(row, ItemRow):
            n_chars += sum(len(m.content) for m in row.messages)
            n_chars += sum(len(turn.text) for made in row.candidates for turn in made.turns)
        if n_chars >= BATCH_CHARS:
            break
    return batch


def _skipped_links(rows: Rows, n_read: int) -> list[Link]:
    """Step over what is in already; its parents may have been waited for."""
    return links_of(row for row in islice(rows, n_read) if isinstance(row, ItemRow))


def _advance(run: ImportRun, n_read: int, result: BatchResult, bad: list[BadRow]) -> None:
    """Write down how far the run is. Raises: TakenOver, if somebody else has moved it."""
    changes: dict[str, Any] = {
        "n_read": run.n_read + n_read,
        "n_added": run.n_added + result.added,
        "n_already": run.n_already + result.already,
        "n_bad": run.n_bad + len(bad),
    }
    if bad and len(run.bad) < MAX_BAD_STORED:
        changes["bad"] = (run.bad + [as_json(row) for row in bad])[:MAX_BAD_STORED]
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.RUNNING, n_read=run.n_read)
    if not mine.update(**changes, beat_at=Now()):
        raise TakenOver
    for name, value in changes.items():
        setattr(run, name, value)


def _add(progress: Progress, n_read: int, result: BatchResult, bad: list[BadRow]) -> None:
    progress.n_read += n_read
    progress.added += result.added
    progress.already += result.already
    progress.n_bad += len(bad)
    progress.n_judgments += result.n_judgments
    progress.n_judgments_left_out += result.n_judgments_left_out
    progress.bad = sorted([*progress.bad, *bad], key=_line)[:MAX_BAD_TOLD]


def as_json(bad: BadRow) -> dict[str, Any]:
    """Return a bad row as commands, pages and the API show it."""
    return {"row": bad.row, "field": bad.field, "reason": bad.reason}


def _line(bad: BadRow) -> int:
    return bad.row


def _open_rows(
    stream: BinaryIO, name: str, format: str | None, mapping: Mapping[str, str]
) -> tuple[Rows, str]:
    """Return the rows and the name of their format."""
    source = seekable(stream)
    found = format
    if found is None and not mapping:
        found = sniff_format(head_of(source), name)
    return read_rows(source, filename=name, format=found, mapping=mapping), found or ""


def _measured(file: BinaryIO) -> tuple[str, int]:
    digest, n_bytes = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(1024 * 1024):
        digest.update(chunk)
        n_bytes += len(chunk)
        if n_bytes > settings.IMPORT_MAX_BYTES:
            limit = settings.IMPORT_MAX_BYTES // 2**20
            raise FileTooLarge(
                f"The file is larger than {limit} MiB.", fields={"file": "is too large"}
            )
    file.seek(0)
    return digest.hexdigest(), n_bytes


def _new_run(
    project: Project,
    name: str,
    format: str,
    mapping: Mapping[str, str] | None,
    actor: Actor,
    **more: Any,
) -> ImportRun:
    return ImportRun.objects.create(
        project=project,
        name=name,
        format=format,
        mapping=dict(mapping or {}),
        created_by=actor.user,
        beat_at=Now(),
        **more,
    )


def _opened(run: ImportRun) -> Any:
    if run.file is None:
        raise FileGone("The command that read this file stopped before its end; run it again.")
    try:
        return default_storage.open(run.file.key, "rb")
    except FileNotFoundError:
        raise FileGone("The stored file is not there any more; upload it again.") from None


@transaction.atomic
def _finish(run: ImportRun, *, actor: Actor) -> None:
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.RUNNING, n_read=run.n_read)
    if not mine.update(state=RunState.DONE, finished_at=Now(), beat_at=Now()):
        raise TakenOver
    if run.file_id is not None:
        StoredFile.objects.filter(pk=run.file_id).update(expires_at=Now() + FILE_KEPT)
    counts = {name: getattr(run, name) for name in ("n_read", "n_added", "n_already", "n_bad")}
    audit.record(actor=actor, action="import.done", subject=run, project=run.project, after=counts)


def _fail(run: ImportRun, why: str) -> None:
    mine = ImportRun.objects.filter(pk=run.pk, state=RunState.RUNNING, n_read=run.n_read)
    mine.update(state=RunState.FAILED, error=why, finished_at=Now())
