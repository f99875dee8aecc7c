"""Why: the page after logging in: what this person is here for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from labeling.pages.guards import member_page, user_of
from labeling.queries.home import overviews, own_work
from labeling.queries.people import memberships_of
from labeling.rules.permissions import Permission, is_allowed
from labeling.rules.states import Role


@require_GET
@member_page
def home(request: HttpRequest) -> HttpResponse:
    """Show an annotator their work, a manager their projects, ops the way to the fleet."""
    user = user_of(request)
    is_archive = "archive" in request.GET
    memberships = list(memberships_of(user))
    roles = {member.pk: Role(member.role) for member in memberships}
    looked_after = [m for m in memberships if is_allowed(Permission.PROJECT_VIEW, roles[m.pk])]
    context = {
        "work": own_work(user),
        "overviews": overviews(user, is_archive=is_archive) if looked_after else [],
        "is_archive": is_archive,
        "looks_after": bool(looked_after),
        "may_create": [
            m.workspace for m in memberships if is_allowed(Permission.PROJECT_MANAGE, roles[m.pk])
        ],
        "people_of": [
            m.workspace for m in memberships if is_allowed(Permission.PEOPLE_VIEW, roles[m.pk])
        ],
        "memberships": memberships,
    }
    return render(request, "quorum/home.html", context)
