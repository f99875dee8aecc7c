"""Why: files come in through a form, and the run's page says row by row what was wrong."""

from __future__ import annotations

import uuid
from typing import Any, BinaryIO, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from labeling.errors import Invalid
from labeling.exchange.mapping import OURS
from labeling.exchange.sniff import FORMATS
from labeling.models import ImportRun, Project
from labeling.operations.items import queue_import
from labeling.pages import project_reads as reads
from labeling.pages.project_shared import actor_of, mistakes_of, project_page, show
from labeling.queries.fleet import has_worker
from labeling.rules.permissions import Permission
from labeling.rules.states import RunState

QUEUE = "exchange"
MAX_BAD_SHOWN = 200
STOP_POLLING = 286


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Permission.ITEMS_IMPORT)
def imports(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the runs so far; take a file."""
    context: dict[str, Any] = {"formats": FORMATS, "ours": OURS, "given": request.POST}
    if request.method != "POST":
        context["runs"] = [_run(run) for run in reads.import_runs(project)]
        return show(request, project, "import", "imports.html", context)
    try:
        run = _queue(request, project)
    except Invalid as error:
        context |= {"error": error.detail, "mistakes": mistakes_of(error)}
        context["runs"] = [_run(run) for run in reads.import_runs(project)]
        return show(request, project, "import", "imports.html", context, status=422)
    return redirect("project_import", project.slug, run.uid)


@require_safe
@project_page(Permission.ITEMS_IMPORT)
def run_page(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Show how an import goes; its part alone when htmx asks."""
    run = reads.import_run(project, uid)
    context = _shown(run)
    if not getattr(request, "htmx", False):
        return show(request, project, "import", "import_run.html", context)
    is_over = context["is_over"]
    if not is_over and request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    context["project"] = project
    status = STOP_POLLING if is_over else 200
    return render(request, "quorum/projects/import_live.html", context, status=status)


def parse_mapping(text: str) -> dict[str, str]:
    """Read `ours=theirs`, one a line.

    Raises: Invalid.
    """
    mapping: dict[str, str] = {}
    for n, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        ours, is_pair, theirs = line.partition("=")
        if not is_pair or not ours.strip() or not theirs.strip():
            said = _("Must be ours=theirs.")
            raise Invalid(
                _("The mapping of columns has a mistake."),
                fields={_("mapping, line %(n)d") % {"n": n}: said},
            )
        mapping[ours.strip()] = theirs.strip()
    return mapping


def _queue(request: HttpRequest, project: Project) -> ImportRun:
    upload = request.FILES.get("file")
    if not isinstance(upload, UploadedFile) or upload.file is None:
        raise Invalid(_("Choose a file first."), fields={"file": _("is missing")})
    if not upload.size:
        raise Invalid(_("The file is empty."), fields={"file": _("is empty")})
    return queue_import(
        project=project,
        file=cast(BinaryIO, upload.file),
        name=upload.name or "upload",
        format=request.POST.get("format") or None,
        mapping=parse_mapping(request.POST.get("mapping", "")),
        actor=actor_of(request),
    )


def run_state(state: str) -> dict[str, str]:
    """Return the state of an import or export as a badge."""
    return {
        RunState.PENDING.value: {"title": _("waiting for a worker"), "badge": ""},
        RunState.RUNNING.value: {"title": _("running"), "badge": "accent"},
        RunState.DONE.value: {"title": _("done"), "badge": "good"},
        RunState.FAILED.value: {"title": _("failed"), "badge": "bad"},
    }[state]


def _run(run: ImportRun) -> dict[str, Any]:
    return {"row": run, "state": run_state(run.state)}


def _shown(run: ImportRun) -> dict[str, Any]:
    is_over = run.state in (RunState.DONE, RunState.FAILED)
    no_worker = run.state == RunState.PENDING and not has_worker(QUEUE)
    more = ngettext("and %(n)d more row", "and %(n)d more rows", run.n_bad - MAX_BAD_SHOWN)
    return {
        "run": run,
        "state": run_state(run.state),
        "is_over": is_over,
        "no_worker": no_worker,
        "bad": run.bad[:MAX_BAD_SHOWN],
        "more_bad": more % {"n": run.n_bad - MAX_BAD_SHOWN} if run.n_bad > MAX_BAD_SHOWN else "",
        "mark": f"{run.state}-{run.n_read}-{run.n_bad}-{int(no_worker)}",
    }
