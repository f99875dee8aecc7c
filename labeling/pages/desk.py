"""Why: the annotator's desk as a page: the shell, its words and where its socket is.

What is on the desk comes through the socket; this view reads no task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from labeling.models import Project
from labeling.pages.guards import member_page, user_of
from labeling.queries.access import project_for
from labeling.rules.permissions import Permission

WANT = 2
"""How many tasks a desk holds: the one being answered and the next."""

_STATIC = Path(__file__).resolve().parent.parent / "static"
MODULES = tuple(
    path.relative_to(_STATIC).as_posix() for path in sorted((_STATIC / "quorum/desk").rglob("*.js"))
)
"""The page's ES modules, named so that the browser fetches them all at once."""


@require_safe
@member_page
def desk(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the desk of a project to somebody who may work on it."""
    user = user_of(request)
    context = desk_context(
        project_for(user, slug, Permission.PROJECT_WORK),
        user_key=str(user.pk),
        home_url=reverse("home"),
        login_url=f"{reverse('login')}?next={request.path}",
    )
    return render(request, "quorum/desk.html", context)


def desk_context(
    project: Project, *, user_key: str, home_url: str, login_url: str
) -> dict[str, Any]:
    """Return what the template shows; `user_key` keeps two people's drafts in one browser apart."""
    guidelines = project.guidelines
    return {
        "project_name": project.name,
        "slug": project.slug,
        "user_key": user_key,
        "want": WANT,
        "socket_url": f"/ws/desk/{project.slug}/",
        "reasoning": project.reasoning_display,
        "guidelines_html": guidelines.html if guidelines else "",
        "guidelines_version": guidelines.label if guidelines else "",
        "home_url": home_url,
        "login_url": login_url,
        "modules": MODULES,
    }
