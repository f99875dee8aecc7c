"""Why: links that make whoever opens them a member: once, for a while, revocable."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from labeling.errors import Conflict, Forbidden, Invalid, NotFound
from labeling.models import Invitation, Membership, User, Workspace
from labeling.operations.audit import Actor, record
from labeling.operations.members import RoleNotYours, set_role
from labeling.operations.users import EmailTaken, check_email, create_user
from labeling.queries.people import hash_secret, role_in, user_by_email
from labeling.rules.permissions import can_give, is_weaker
from labeling.rules.states import Role

DEFAULT_LIFE = timedelta(days=7)
MAX_LIFE = timedelta(days=90)
SECRET_BYTES = 32


class NoSuchInvitation(NotFound):
    """The link was never valid, or was copied badly."""


class InvitationExpired(Conflict):
    """The link was valid once and is too old."""


class InvitationUsed(Conflict):
    """Somebody accepted it already."""


class InvitationRevoked(Conflict):
    """Whoever sent it took it back."""


class InvitationForAnother(Forbidden):
    """It names another e-mail address."""


@dataclass(frozen=True)
class IssuedInvitation:
    """A new invitation; `secret` goes into the link and is not to be had again."""

    invitation: Invitation
    secret: str = field(repr=False)


@transaction.atomic
def invite(
    *,
    workspace: Workspace,
    role: Role,
    actor: Actor,
    email: str = "",
    life: timedelta = DEFAULT_LIFE,
) -> IssuedInvitation:
    """Make an invitation. With an e-mail address only its owner may accept it.

    Raises: Invalid, RoleNotYours.
    """
    if actor.user is not None:
        own = role_in(actor.user, workspace)
        if own is None or not can_give(own, role):
            raise RoleNotYours(f"Your role does not let you invite somebody as {role}.")
    if not timedelta(0) < life <= MAX_LIFE:
        raise Invalid(
            "An invitation lives for some days.", fields={"life": f"Up to {MAX_LIFE.days} days."}
        )
    secret = secrets.token_urlsafe(SECRET_BYTES)
    invitation = Invitation.objects.create(
        workspace=workspace,
        email=check_email(email) if email.strip() else "",
        role=role.value,
        token_hash=hash_secret(secret),
        created_by=actor.user,
        expires_at=timezone.now() + life,
    )
    record(
        actor=actor,
        action="invitation.created",
        subject=invitation,
        workspace=workspace,
        after={"role": role.value},
    )
    return IssuedInvitation(invitation, secret)


@transaction.atomic
def accept_invitation(
    *,
    secret: str,
    user: User | None = None,
    email: str = "",
    name: str = "",
    password: str | None = None,
    time_zone: str = "UTC",
    via: str = "page",
    now: datetime | None = None,
) -> Membership:
    """Make the logged-in `user`, or a new one, a member. The invitation's row is locked.

    A role that is stronger already stays. An invitation works while whoever sent it may
    still give the role.

    Raises: NoSuchInvitation, InvitationExpired, InvitationUsed, InvitationRevoked,
        InvitationForAnother, EmailTaken (log in first), Invalid.
    """
    rows = Invitation.objects.select_for_update(no_key=True, of=("self",))
    invitation = rows.filter(token_hash=hash_secret(secret)).first()
    check_invitation(invitation, now=now or timezone.now())
    assert invitation is not None
    if user is None:
        user = _new_user(invitation, email, name, password, time_zone, via)
    elif invitation.email and invitation.email.lower() != user.email.lower():
        raise InvitationForAnother("This invitation is for another e-mail address.")
    _check_sender(invitation)
    role = Role(invitation.role)
    before = role_in(user, invitation.workspace)
    kept = before if before is not None and not is_weaker(before, role) else role
    # The invitation, not the person who accepts, carries the right to give the role.
    machine = Actor(user=None, via=via)
    member = set_role(workspace=invitation.workspace, user=user, role=kept, actor=machine)
    invitation.accepted_at, invitation.accepted_by = now or timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    record(
        actor=Actor(user=user, via=via),
        action="invitation.accepted",
        subject=invitation,
        workspace=invitation.workspace,
        after={"role": kept.value},
    )
    return member


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, actor: Actor) -> None:
    """Take an invitation back.

    Raises: InvitationUsed.
    """
    row = Invitation.objects.select_for_update(no_key=True, of=("self",)).get(pk=invitation.pk)
    if row.accepted_at is not None:
        raise InvitationUsed("This invitation was accepted already.")
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        record(
            actor=actor, action="invitation.revoked", subject=row, workspace=invitation.workspace
        )


def check_invitation(invitation: Invitation | None, *, now: datetime) -> None:
    """Refuse an invitation that cannot be accepted (any more).

    Raises: NoSuchInvitation, InvitationUsed, InvitationRevoked, InvitationExpired.
    """
    if invitation is None:
        raise NoSuchInvitation("There is no such invitation. Is the link complete?")
    if invitation.accepted_at is not None:
        raise InvitationUsed("This invitation was used already. Ask for a new one.")
    if invitation.revoked_at is not None:
        raise InvitationRevoked("This invitation was taken back. Ask for a new one.")
    if invitation.expires_at <= now:
        raise InvitationExpired("This invitation has expired. Ask for a new one.")


def _new_user(
    invitation: Invitation, email: str, name: str, password: str | None, time_zone: str, via: str
) -> User:
    email = invitation.email or email
    if user_by_email(email) is not None:
        raise EmailTaken(
            "There is an account with this e-mail address: log in, then open the link again.",
            fields={"email": "has an account; log in first"},
        )
    if not password:
        raise Invalid("Choose a password.", fields={"password": "is missing"})
    return create_user(
        email=email,
        password=password,
        name=name,
        time_zone=time_zone,
        actor=Actor(user=None, via=via),
    )


def _check_sender(invitation: Invitation) -> None:
    """Refuse the invitation of somebody who was removed or lost the role since."""
    sender = invitation.created_by
    if sender is None:
        return
    own = role_in(sender, invitation.workspace)
    if own is None or not can_give(own, Role(invitation.role)):
        raise InvitationRevoked("Whoever sent this invitation may not any more.")
