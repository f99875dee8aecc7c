"""Why: who may answer how much in this project, and a word to their desks."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from labeling.errors import Invalid
from labeling.models import Enrolment, Project
from labeling.operations.projects import send_notice
from labeling.operations.quotas import (
    ensure_enrolment,
    set_enrolment_state,
    set_quota,
    set_quota_of_all,
)
from labeling.pages import project_reads as reads
from labeling.pages.project_shared import actor_of, done, may, project_page, show
from labeling.pages.project_words import ago
from labeling.queries.quotas import AnnotatorProgress, progress_of_annotators
from labeling.rules.permissions import Permission
from labeling.rules.states import EnrolmentState


@require_safe
@project_page(Permission.QUOTA_SET)
def people(request: HttpRequest, project: Project) -> HttpResponse:
    """Show everybody with their quotas, to be changed in place."""
    rows = [person(row) for row in progress_of_annotators(project)]
    context = {
        "people": [row for row in rows if not row["is_removed"]],
        "removed": [row for row in rows if row["is_removed"]],
        "outside": list(reads.annotators_outside(project)),
    }
    return show(request, project, "people", "people.html", context)


@require_POST
@project_page(Permission.QUOTA_SET)
def quota(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Set one annotator's quotas; answers htmx with the row alone."""
    enrolment = reads.enrolment(project, uid)
    mistakes: dict[str, str] = {}
    try:
        total, per_day = _quotas(request)
        set_quota(enrolment=enrolment, total=total, per_day=per_day, actor=actor_of(request))
    except Invalid as error:
        if not getattr(request, "htmx", False):
            raise
        mistakes = error.fields
    if getattr(request, "htmx", False):
        return _row(request, project, enrolment, mistakes)
    words = _("The quotas of %(name)s are set.") % {"name": enrolment.annotator.pseudonym}
    return done(request, words, "project_people", project.slug)


@require_POST
@project_page(Permission.QUOTA_SET)
def quota_of_all(request: HttpRequest, project: Project) -> HttpResponse:
    """Set everybody's quotas, and those of who comes later."""
    total, per_day = _quotas(request)
    n = set_quota_of_all(project=project, total=total, per_day=per_day, actor=actor_of(request))
    words = ngettext(
        "The quotas of %(n)d annotator are set.", "The quotas of %(n)d annotators are set.", n
    )
    return done(request, words % {"n": n}, "project_people", project.slug)


@require_POST
@project_page(Permission.QUOTA_SET)
def standing(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Pause somebody, let them work again, or remove them from the project."""
    enrolment = reads.enrolment(project, uid)
    wanted = request.POST.get("state", "")
    if wanted not in list(EnrolmentState):
        raise Invalid(_("There is no such state."))
    n = set_enrolment_state(
        enrolment=enrolment, state=EnrolmentState(wanted), actor=actor_of(request)
    )
    said = {
        EnrolmentState.ACTIVE: _("%(name)s may work again."),
        EnrolmentState.PAUSED: _("%(name)s is paused."),
        EnrolmentState.REMOVED: _("%(name)s is removed from the project."),
    }[EnrolmentState(wanted)] % {"name": enrolment.annotator.pseudonym}
    if n:
        back = ngettext("%(n)d task came back.", "%(n)d tasks came back.", n) % {"n": n}
        said = f"{said} {back}"
    return done(request, said, "project_people", project.slug)


@require_POST
@project_page(Permission.QUOTA_SET)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Give somebody of the workspace a place in the project before they come by themselves."""
    annotator = reads.annotator_outside(project, request.POST.get("annotator", ""))
    ensure_enrolment(project, annotator)
    words = _("%(name)s is in the project.") % {"name": annotator.pseudonym}
    return done(request, words, "project_people", project.slug)


@require_POST
@project_page(Permission.NOTICE_SEND)
def notice(request: HttpRequest, project: Project) -> HttpResponse:
    """Write to all desks of the project, or to one annotator's."""
    to = request.POST.get("to", "")
    annotator = None
    if to:
        try:
            annotator = reads.enrolment(project, uuid.UUID(to)).annotator
        except ValueError:
            raise Invalid(_("There is no such annotator.")) from None
    send_notice(
        project=project,
        text=request.POST.get("text", ""),
        annotator=annotator,
        actor=actor_of(request),
    )
    words = _("The message is on its way to the desks.")
    if may(request, project)["quota"]:
        return done(request, words, "project_people", project.slug)
    return redirect("project", project.slug)


def person(row: AnnotatorProgress) -> dict[str, Any]:
    """Return an annotator's line."""
    return {
        "row": row,
        "last": ago(row.last_answer_at, timezone.now()),
        "is_paused": row.state is EnrolmentState.PAUSED,
        "is_removed": row.state is EnrolmentState.REMOVED,
        "n_held": row.n_held + row.n_parked,
    }


def _row(
    request: HttpRequest, project: Project, enrolment: Enrolment, mistakes: dict[str, str]
) -> HttpResponse:
    [row] = progress_of_annotators(project, annotator_id=enrolment.annotator_id)
    context = {
        "project": project,
        "person": person(row),
        "mistakes": mistakes,
        "is_saved": not mistakes,
    }
    return render(request, "quorum/projects/person.html", context)


def _quotas(request: HttpRequest) -> tuple[int | None, int | None]:
    return _limit(request, "total"), _limit(request, "per_day")


def _limit(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        why = _("Must be a whole number, or empty for no limit.")
        raise Invalid(_("This is not a quota."), fields={name: why})
    return int(text)
