"""Why: the one way from a slug in an address to a row, for pages, API and sockets alike.

An outsider gets NotFound (a slug must not tell whether it exists), a member without
the permission gets Forbidden. `scopes` are those of the API token a request came
with; None is a session.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.errors import Forbidden, NotFound
from labeling.models import Annotator, Enrolment, Project, User, Workspace
from labeling.queries.people import role_in
from labeling.rules.permissions import Permission, is_allowed, is_in_scope, roles_with
from labeling.rules.states import EnrolmentState, Role

Scopes = Collection[str] | None


class NoSuchProject(NotFound):
    """There is no such project, or it is not for this user to know."""


class NoSuchWorkspace(NotFound):
    """There is no such workspace, or it is not for this user to know."""


class NotAllowed(Forbidden):
    """A member, but without the permission."""


class OutOfScope(Forbidden):
    """The user may, but the API token may not."""


def check_permission(
    *, permission: Permission, role: Role | None, is_ops: bool, scopes: Scopes = None
) -> None:
    """Refuse whoever the matrix or their token's scopes refuse.

    Raises: NotAllowed, OutOfScope.
    """
    if not is_allowed(permission, role, is_ops):
        raise NotAllowed("Your role does not allow this.")
    if not is_in_scope(permission, scopes):
        raise OutOfScope("This API token's scopes do not cover this.")


def check_instance(user: User, permission: Permission, *, scopes: Scopes = None) -> None:
    """Refuse who may not do something instance-wide (`fleet.view` …).

    Raises: NotAllowed, OutOfScope.
    """
    is_ops = user.is_ops and user.is_active
    check_permission(permission=permission, role=None, is_ops=is_ops, scopes=scopes)


def workspace_for(
    user: User, slug: str, permission: Permission, *, scopes: Scopes = None
) -> Workspace:
    """Return the workspace if the user may do this in it; two queries.

    Raises: NoSuchWorkspace, NotAllowed, OutOfScope.
    """
    workspace = Workspace.objects.filter(slug=slug).first()
    role = role_in(user, workspace) if workspace else None
    if workspace is None or role is None:
        raise NoSuchWorkspace("There is no such workspace.")
    check_permission(permission=permission, role=role, is_ops=user.is_ops, scopes=scopes)
    return workspace


def project_for(user: User, slug: str, permission: Permission, *, scopes: Scopes = None) -> Project:
    """Return the project, with workspace and versions, if the user may do this in it.

    Two queries; three for `project.work`, which a restricted project gives to enrolled
    annotators only, and nobody whose enrolment was removed.

    Raises: NoSuchProject, NotAllowed, OutOfScope.
    """
    project = (
        Project.objects.select_related("workspace", "questions", "guidelines", "slate")
        .filter(slug=slug)
        .first()
    )
    role = role_in(user, project.workspace) if project else None
    if project is None or role is None:
        raise NoSuchProject("There is no such project.")
    check_permission(permission=permission, role=role, is_ops=user.is_ops, scopes=scopes)
    if permission is Permission.PROJECT_WORK and not can_work_on(user, project):
        raise NotAllowed("You are not among this project's annotators.")
    return project


def can_work_on(user: User, project: Project) -> bool:
    """Tell whether a member is among a project's annotators."""
    enrolment = Enrolment.objects.filter(project=project, annotator__user=user)
    states = list(enrolment.values_list("state", flat=True))
    if not states:
        return not project.is_restricted
    return EnrolmentState.REMOVED.value not in states


def projects_of(user: User, permission: Permission, *, scopes: Scopes = None) -> QuerySet[Project]:
    """Return the projects in which the user may do this, by name; none if out of scope."""
    if not user.is_active or not is_in_scope(permission, scopes):
        return Project.objects.none()
    projects = Project.objects.filter(
        workspace__memberships__user=user,
        workspace__memberships__role__in=[role.value for role in roles_with(permission)],
    ).select_related("workspace")
    if permission is Permission.PROJECT_WORK:
        own = Enrolment.objects.filter(project=OuterRef("pk"), annotator__user=user)
        removed = own.filter(state=EnrolmentState.REMOVED)
        projects = projects.filter(Q(is_restricted=False) | Exists(own)).exclude(Exists(removed))
    return projects.order_by("name", "id")


def annotator_for(user: User, project: Project) -> Annotator:
    """Return the pseudonym under which a member works on a project.

    Raises: NotAllowed, for somebody who is no member.
    """
    annotator = Annotator.objects.filter(workspace_id=project.workspace_id, user=user).first()
    if annotator is None:
        raise NotAllowed("You are not among this project's annotators.")
    return annotator
