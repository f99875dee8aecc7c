"""Why: what every project screen does first: find the project, say what this user may do.

A view gets the project that this user may see, never a slug.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from labeling.errors import DomainError, Forbidden
from labeling.models import Project
from labeling.pages.guards import actor_of, member_page, user_of
from labeling.queries.access import project_for
from labeling.queries.people import role_in
from labeling.rules.permissions import Permission, is_allowed
from labeling.rules.states import ProjectState, Role

__all__ = [
    "actor_of",
    "done",
    "may",
    "member_page",
    "mistakes_of",
    "project_page",
    "show",
    "user_of",
]

View = Callable[..., HttpResponse]

STATE_BADGES = {
    ProjectState.DRAFT: "",
    ProjectState.ACTIVE: "good",
    ProjectState.PAUSED: "warn",
    ProjectState.FINISHED: "accent",
    ProjectState.ARCHIVED: "",
}


def project_page(permission: Permission) -> Callable[[View], View]:
    """Give a view the project of its address, if the user may do this in it.

    404 for outsiders, 403 for members without the permission, the login for anybody else;
    what an operation refuses is said on the page that the form came from (guards.py).
    """

    def decorate(view: View) -> View:
        @member_page
        @wraps(view)
        def with_project(request: HttpRequest, slug: str, **kwargs: Any) -> HttpResponse:
            try:
                project = project_for(user_of(request), slug, permission)
            except Forbidden as error:
                raise PermissionDenied(error.detail) from error
            return view(request, project, **kwargs)

        return with_project

    return decorate


def role_of(request: HttpRequest, project: Project) -> Role | None:
    """Return the user's role in the project's workspace. One query."""
    return role_in(user_of(request), project.workspace)


def may(request: HttpRequest, project: Project) -> dict[str, bool]:
    """Return what this user may do in the project, by short names for templates."""
    role = role_of(request, project)
    allowed = {
        "manage": Permission.PROJECT_MANAGE,
        "import": Permission.ITEMS_IMPORT,
        "items": Permission.ITEMS_MANAGE,
        "export": Permission.EXPORT_MAKE,
        "quota": Permission.QUOTA_SET,
        "notice": Permission.NOTICE_SEND,
        "flags": Permission.FLAG_ANSWER,
        "audit": Permission.AUDIT_VIEW,
        "people": Permission.PEOPLE_VIEW,
    }
    return {name: is_allowed(one, role) for name, one in allowed.items()}


def tabs_of(project: Project, allowed: dict[str, bool], tab: str) -> list[dict[str, Any]]:
    """Return the tabs of a project that this user may open."""
    tabs = [
        ("overview", _("Overview"), "project", True),
        ("items", _("Items"), "project_items", True),
        ("responses", _("Responses"), "project_responses", True),
        ("import", _("Import"), "project_imports", allowed["import"]),
        ("export", _("Export"), "project_exports", allowed["export"]),
        ("people", _("Quotas"), "project_people", allowed["quota"]),
        ("guidelines", _("Guidelines"), "project_guidelines", True),
        ("questions", _("Questions"), "project_questions", True),
        ("flags", _("Flags"), "project_flags", allowed["flags"]),
        ("settings", _("Settings"), "project_settings", allowed["manage"]),
    ]
    return [
        {"title": title, "url": reverse(name, args=[project.slug]), "is_current": key == tab}
        for key, title, name, is_open in tabs
        if is_open
    ]


def project_context(request: HttpRequest, project: Project, tab: str) -> dict[str, Any]:
    """Return what the frame of every project screen shows. One query."""
    allowed = may(request, project)
    state = ProjectState(project.state)
    return {
        "project": project,
        "workspace": project.workspace,
        "may": allowed,
        "tabs": tabs_of(project, allowed, tab),
        "state_title": state_title(state),
        "state_badge": STATE_BADGES[state],
    }


def state_title(state: ProjectState) -> str:
    """Return a project's state in words."""
    return {
        ProjectState.DRAFT: _("draft"),
        ProjectState.ACTIVE: _("active"),
        ProjectState.PAUSED: _("paused"),
        ProjectState.FINISHED: _("finished"),
        ProjectState.ARCHIVED: _("archived"),
    }[state]


def show(
    request: HttpRequest,
    project: Project,
    tab: str,
    template: str,
    context: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Render a project screen inside its frame."""
    frame = project_context(request, project, tab)
    return render(request, f"quorum/projects/{template}", {**frame, **context}, status=status)


def done(request: HttpRequest, said: str, to: str, *args: Any) -> HttpResponse:
    """Go back to a screen with a sentence about what was done."""
    messages.success(request, said)
    return redirect(to, *args)


def mistakes_of(error: DomainError) -> list[dict[str, str]]:
    """Return the mistakes of an error for the template that lists them."""
    return [{"path": path, "message": message} for path, message in error.fields.items()]
