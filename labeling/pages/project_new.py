"""Why: a new project in two steps: what kind of judgment, then everything with good defaults."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from generation.queries import default_endpoint_id
from labeling.errors import DomainError, ErrorKind, Forbidden
from labeling.models import Workspace
from labeling.operations.projects import create_project
from labeling.pages.guards import actor_of, member_page, user_of
from labeling.pages.project_settings import policy_lines, read_number, read_slate
from labeling.pages.project_shared import mistakes_of
from labeling.pages.project_texts import as_json, read_json
from labeling.queries.access import workspace_for
from labeling.rules.permissions import Permission
from labeling.rules.questions import to_wire
from labeling.rules.templates import TEMPLATES, ProjectTemplate, get_template

TOLD = (ErrorKind.INVALID, ErrorKind.CONFLICT, ErrorKind.UNAVAILABLE)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def new_project(request: HttpRequest, workspace: str) -> HttpResponse:
    """Show the templates; with one chosen, the form; make the project from it."""
    try:
        found = workspace_for(user_of(request), workspace, Permission.PROJECT_MANAGE)
    except Forbidden as error:
        raise PermissionDenied(error.detail) from error
    chosen = request.POST.get("template") or request.GET.get("template") or ""
    if not chosen:
        cards = [_card(each) for each in TEMPLATES.values()]
        context = {"workspace": found, "templates": cards}
        return render(request, "quorum/projects/new_template.html", context)
    template = get_template(chosen)
    if request.method != "POST":
        return _form(request, found, template, _defaults(template), None)
    return _create(request, found, template)


def _create(request: HttpRequest, workspace: Workspace, template: ProjectTemplate) -> HttpResponse:
    try:
        project = create_project(
            name=request.POST.get("name", ""),
            workspace=workspace,
            template=template.name,
            config=_config(request),
            activate=request.POST.get("then") == "activate",
            actor=actor_of(request),
        )
    except DomainError as error:
        named = error.kind is ErrorKind.NOT_FOUND and error.fields  # a policy that went away
        if error.kind not in TOLD and not named:
            raise
        return _form(request, workspace, template, request.POST.dict(), error)
    return redirect("project", project.slug)


def _config(request: HttpRequest) -> dict[str, Any]:
    given = request.POST
    quotas = {key: _number(given.get(key, "")) for key in ("total", "per_day")}
    config: dict[str, Any] = {
        "overlap": _number(given.get("overlap", "")),
        "guidelines": given.get("guidelines", "").replace("\r\n", "\n"),
        "questions": read_json(given.get("questions", "")),
        "quotas": {key: value for key, value in quotas.items() if value is not None} or None,
    }
    if given.get("slug", "").strip():
        config["slug"] = given["slug"].strip()
    if given.get("slate") == "own":
        config["slate"] = [{"policy": name, "samples": n} for name, n in read_slate(request)]
    elif given.get("slate") == "none":
        config["slate"] = []
    return config


def _number(text: str) -> int | str | None:
    """Return a number; what is none goes on as it is, for the config's reader to refuse."""
    if not text.strip():
        return None
    number = read_number(text)
    return text if number is None else number


def _defaults(template: ProjectTemplate) -> dict[str, Any]:
    return {
        "name": "",
        "overlap": template.overlap,
        "guidelines": template.guidelines,
        "questions": as_json([to_wire(question) for question in template.questions]),
        "slate": "template",
        "then": "activate",
    }


def _form(
    request: HttpRequest,
    workspace: Workspace,
    template: ProjectTemplate,
    values: dict[str, Any],
    error: DomainError | None,
) -> HttpResponse:
    samples = {
        field.removeprefix("samples:"): str(text)
        for field, text in values.items()
        if field.startswith("samples:")
    }
    fields = error.fields if error else {}
    context = {
        "workspace": workspace,
        "template": _card(template),
        "values": values,
        "error": error.detail if error else "",
        "wrong": fields,
        "mistakes": mistakes_of(error) if error else [],
        "question_mistakes": [
            {"path": path, "message": why}
            for path, why in fields.items()
            if path.startswith(("questions", "line", _("line")))
        ],
        "has_endpoint": default_endpoint_id() is not None,
        "policies": policy_lines(workspace, samples),
    }
    status = 422 if error else 200
    return render(request, "quorum/projects/new.html", context, status=status)


def _card(template: ProjectTemplate) -> dict[str, Any]:
    n = template.slate.n_candidates
    if template.slate.as_suggestion:
        slate = _("one answer as a suggestion to edit")
    elif n:
        slate = ngettext("%(n)d answer an item", "%(n)d answers an item", n) % {"n": n}
    else:
        slate = _("no model needed")
    people = ngettext("%(n)d person an item", "%(n)d people an item", template.overlap)
    return {
        "name": template.name.value,
        "title": template.title,
        "description": template.description,
        "slate": slate,
        "people": people % {"n": template.overlap},
        "questions": [question.title for question in template.questions],
        "has_slate": bool(n),
    }
