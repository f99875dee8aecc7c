"""Why: what of a project is versioned and written by hand: guidelines and questions."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.errors import Invalid
from labeling.models import Project
from labeling.operations.versions import set_guidelines, set_questions
from labeling.pages import project_reads as reads
from labeling.pages.project_shared import (
    actor_of,
    done,
    member_page,
    mistakes_of,
    project_page,
    show,
)
from labeling.rules.permissions import Permission
from labeling.rules.project_config import MAX_TEXT_CHARS
from labeling.rules.questions import InvalidQuestions, parse_questions, to_wire
from labeling.rules.rendering import render_markdown

MAX_JSON_CHARS = 500_000


@require_safe
@project_page(Permission.PROJECT_VIEW)
def guidelines(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the guidelines as annotators read them, this version or an earlier one."""
    asked = request.GET.get("version", "")
    shown = reads.guidelines_version(project, asked) if asked else project.guidelines
    context = {
        "shown": shown,
        "is_newest": shown == project.guidelines,
        "versions": reads.guidelines_versions(project),
    }
    return show(request, project, "guidelines", "guidelines.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Permission.PROJECT_MANAGE)
def edit_guidelines(request: HttpRequest, project: Project) -> HttpResponse:
    """Write a new version of the guidelines."""
    now = project.guidelines.text if project.guidelines else ""
    if request.method != "POST":
        context: dict[str, Any] = {"text": now, "newest": project.guidelines}
        return show(request, project, "guidelines", "guidelines_edit.html", context)
    text = request.POST.get("text", "").replace("\r\n", "\n")
    is_major = request.POST.get("size") == "major"
    try:
        new = set_guidelines(project=project, text=text, is_major=is_major, actor=actor_of(request))
    except Invalid as error:
        context = {"text": text, "newest": project.guidelines, "error": error.detail}
        context |= {"mistakes": mistakes_of(error), "is_major": is_major}
        return show(request, project, "guidelines", "guidelines_edit.html", context, status=422)
    words = _("Version %(label)s of the guidelines holds from now on.") % {"label": new.label}
    return done(request, words, "project_guidelines", project.slug)


@require_POST
@member_page
def preview(request: HttpRequest) -> HttpResponse:
    """Give Markdown as annotators will see it; whoever is logged in sees their own text only."""
    text = request.POST.get("text") or request.POST.get("guidelines") or ""
    html = render_markdown(text[:MAX_TEXT_CHARS])
    return render(request, "quorum/projects/preview.html", {"html": html})


@require_safe
@project_page(Permission.PROJECT_VIEW)
def questions(request: HttpRequest, project: Project) -> HttpResponse:
    """Show what is asked, with the versions so far."""
    asked = parse_questions(project.questions.questions) if project.questions else ()
    context = {
        "questions": [to_wire(question) for question in asked],
        "newest": project.questions,
        "versions": reads.question_versions(project),
    }
    return show(request, project, "questions", "questions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Permission.PROJECT_MANAGE)
def edit_questions(request: HttpRequest, project: Project) -> HttpResponse:
    """Write a new version of the questions, as JSON; every mistake is named by its path."""
    if request.method != "POST":
        stored = project.questions.questions if project.questions else []
        context: dict[str, Any] = {"text": as_json(stored), "newest": project.questions}
        return show(request, project, "questions", "questions_edit.html", context)
    text = request.POST.get("questions", "")
    try:
        new = set_questions(project=project, questions=read_json(text), actor=actor_of(request))
    except Invalid as error:
        context = {"text": text, "newest": project.questions, "error": error.detail}
        context["mistakes"] = mistakes_of(error)
        return show(request, project, "questions", "questions_edit.html", context, status=422)
    words = _("Version %(n)d of the questions holds from now on.") % {"n": new.version}
    return done(request, words, "project_questions", project.slug)


@require_POST
@member_page
def check(request: HttpRequest) -> HttpResponse:
    """Give the mistakes of questions that somebody is writing; stores nothing."""
    context: dict[str, Any] = {}
    try:
        found = parse_questions(read_json(request.POST.get("questions", "")))
        context["n_questions"] = len(found)
    except Invalid as error:
        context = {"error": error.detail, "mistakes": mistakes_of(error)}
    return render(request, "quorum/projects/mistakes.html", context)


def read_json(text: str) -> object:
    """Read what stands in a JSON editor.

    Raises: InvalidQuestions, with the line of what is no JSON.
    """
    if len(text) > MAX_JSON_CHARS:
        raise InvalidQuestions(_("The questions are too long."))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = _("line %(line)d, column %(column)d")
        where %= {"line": error.lineno, "column": error.colno}
        raise InvalidQuestions(_("This is not JSON."), fields={where: error.msg}) from None
    except (RecursionError, ValueError):
        raise InvalidQuestions(_("This is not JSON.")) from None


def as_json(value: object) -> str:
    """Return a value as somebody edits it."""
    return json.dumps(value, ensure_ascii=False, indent=2)
