"""Why: snapshots: asked for here, written by a worker, taken away through a checked view."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from labeling.errors import Invalid, NotFound
from labeling.models import Project, Snapshot
from labeling.operations.snapshots import queue_snapshot
from labeling.pages import project_reads as reads
from labeling.pages.project_imports import QUEUE, run_state
from labeling.pages.project_shared import actor_of, mistakes_of, project_page, show
from labeling.queries.fleet import has_worker
from labeling.rules.permissions import Permission
from labeling.rules.states import RunState

CHUNK = 1 << 16
STOP_POLLING = 286
FILE_TYPES = ("jsonl", "parquet")


class FileGone(NotFound):
    """The snapshot has no file, or it is not in the storage any more."""


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Permission.EXPORT_MAKE)
def exports(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the snapshots so far; ask for a snapshot."""
    context: dict[str, Any] = {"given": request.POST, "file_types": FILE_TYPES}
    status = 200
    if request.method == "POST":
        try:
            new = queue_snapshot(
                project=project,
                format=request.POST.get("format", ""),
                file_type=request.POST.get("file_type", "jsonl"),
                options=_options(request),
                actor=actor_of(request),
            )
        except Invalid as error:
            context |= {"error": error.detail, "mistakes": mistakes_of(error)}
            status = 422
        else:
            return redirect("project_export", project.slug, new.uid)
    context["formats"] = format_words()
    context["snapshots"] = [_snapshot(row) for row in reads.snapshots(project)]
    return show(request, project, "export", "exports.html", context, status=status)


@require_safe
@project_page(Permission.EXPORT_MAKE)
def snapshot_page(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Show a snapshot with its manifest; its part alone when htmx asks."""
    context = _shown(reads.snapshot(project, uid))
    if not getattr(request, "htmx", False):
        return show(request, project, "export", "export.html", context)
    if not context["is_over"] and request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    context["project"] = project
    status = STOP_POLLING if context["is_over"] else 200
    return render(request, "quorum/projects/export_live.html", context, status=status)


@require_safe
@project_page(Permission.EXPORT_MAKE)
def download(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Send the archive of a snapshot, piece by piece.

    Raises: FileGone.
    """
    archive = reads.snapshot(project, uid).archive
    if archive is None or not default_storage.exists(archive.key):
        raise FileGone("The file of this snapshot is not there.")
    response = StreamingHttpResponse(_pieces(archive.key), content_type="application/zip")
    response["Content-Length"] = str(archive.n_bytes)
    response["Content-Disposition"] = f'attachment; filename="{_safe(archive.name)}"'
    return response  # type: ignore[return-value]  # a response, though not a HttpResponse


async def _pieces(key: str) -> AsyncIterator[bytes]:
    """Give a stored file piece by piece: under ASGI a plain iterator is read whole first."""
    file = await sync_to_async(default_storage.open, thread_sensitive=False)(key, "rb")
    try:
        while piece := await sync_to_async(file.read, thread_sensitive=False)(CHUNK):
            yield piece
    finally:
        await sync_to_async(file.close, thread_sensitive=False)()


def format_words() -> list[dict[str, str]]:
    """Return the formats with what each is for."""
    words = {
        "sft": (_("Demonstrations (SFT)"), _("prompt and the answer to learn")),
        "preference": (_("Preferences (DPO)"), _("prompt, chosen and rejected")),
        "reward": (_("Reward model"), _("chosen and rejected with the prompt in them, margin")),
        "kto": (_("KTO"), _("prompt, one answer, good or bad")),
        "ranking": (_("Rankings"), _("prompt, all answers and their ranks")),
        "raw": (_("Everything (raw)"), _("one row per response, with all that is known")),
    }
    return [{"name": n, "title": title, "help": told} for n, (title, told) in words.items()]


def _options(request: HttpRequest) -> dict[str, Any]:
    return {"include_unfinished": True} if "include_unfinished" in request.POST else {}


def _safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)


def _snapshot(row: Snapshot) -> dict[str, Any]:
    size = filesizeformat(row.archive.n_bytes) if row.archive else "–"
    return {"row": row, "state": run_state(row.state), "size": size}


def _shown(row: Snapshot) -> dict[str, Any]:
    manifest = row.manifest or {}
    no_worker = row.state == RunState.PENDING and not has_worker(QUEUE)
    return {
        "snapshot": _snapshot(row),
        "is_over": row.state in (RunState.DONE, RunState.FAILED),
        "no_worker": no_worker,
        "mark": f"{row.state}-{int(no_worker)}",
        "files": manifest.get("files") or [],
        "explanation": manifest.get("explanation", ""),
        "summary": manifest.get("summary", ""),
        "manifest_json": json.dumps(manifest, ensure_ascii=False, indent=2) if manifest else "",
    }
