"""Reads about people: who a token is, who is a member where, and as what."""

from __future__ import annotations

import hashlib

from django.db.models import Q, QuerySet
from django.utils import timezone

from labeling.models import Annotator, ApiToken, Invitation, Membership, Project, User, Workspace
from labeling.rules.states import Role


def hash_secret(secret: str) -> str:
    """Return the SHA-256 under which a token or invitation is stored.

    No salt and no stretching: the secrets are 256 random bits, and are looked up by it.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def token_of(secret: str) -> ApiToken | None:
    """Return the live API token of a bearer secret, its user active, in one query."""
    return (
        ApiToken.objects.select_related("user")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            token_hash=hash_secret(secret),
            revoked_at__isnull=True,
            user__is_active=True,
        )
        .first()
    )


def user_of_token(secret: str) -> User | None:
    """Return who a bearer secret speaks for; None if it is unknown, revoked or expired."""
    token = token_of(secret)
    return token.user if token else None


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return a user's API tokens that are not revoked, newest first."""
    return user.api_tokens.filter(revoked_at__isnull=True).order_by("-id")


def workspaces_of(user: User) -> QuerySet[Workspace]:
    """Return the workspaces a user is a member of, by name."""
    return Workspace.objects.filter(memberships__user=user).order_by("name", "id")


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return a user's memberships with their workspaces, by name of the workspace."""
    return user.memberships.select_related("workspace").order_by("workspace__name", "workspace_id")


def role_in(user: User, workspace: Workspace) -> Role | None:
    """Return a user's role in a workspace; None for outsiders and people shut out."""
    if not user.is_active:
        return None
    role = Membership.objects.filter(workspace=workspace, user=user).values_list("role", flat=True)
    return next((Role(value) for value in role), None)


def annotator_of(user: User, workspace: Workspace) -> Annotator | None:
    """Return a user's pseudonym in a workspace."""
    return Annotator.objects.filter(workspace=workspace, user=user).first()


def members_of(workspace: Workspace) -> QuerySet[Membership]:
    """Return the members of a workspace with their users, by name."""
    return (
        Membership.objects.filter(workspace=workspace)
        .select_related("user")
        .order_by("user__name", "user__email", "id")
    )


def pseudonyms_in(workspace: Workspace) -> dict[int, str]:
    """Return the pseudonym of each user with one in the workspace, by user id."""
    rows = Annotator.objects.filter(workspace=workspace, user__isnull=False)
    return {user_id: name for user_id, name in rows.values_list("user_id", "pseudonym") if user_id}


def open_invitations(workspace: Workspace) -> QuerySet[Invitation]:
    """Return the invitations that can still be accepted, newest first."""
    return (
        Invitation.objects.filter(
            workspace=workspace,
            accepted_at__isnull=True,
            revoked_at__isnull=True,
            expires_at__gt=timezone.now(),
        )
        .select_related("created_by")
        .order_by("-id")
    )


def invitation_of(secret: str) -> Invitation | None:
    """Return the invitation of a link's secret, in whatever state it is."""
    return (
        Invitation.objects.select_related("workspace", "created_by")
        .filter(token_hash=hash_secret(secret))
        .first()
    )


def user_by_email(email: str) -> User | None:
    """Return the user with this e-mail address, whatever its case."""
    return User.objects.filter(email__iexact=email.strip()).first()


def people_of(project: Project) -> QuerySet[Annotator]:
    """Return the annotators of a project's workspace, by pseudonym."""
    return Annotator.objects.filter(workspace_id=project.workspace_id).order_by("pseudonym", "id")
