"""Why: people who log in: made, changed, shut out, erased.

Memberships are in members.py, invitations in invitations.py, API tokens in tokens.py.
"""

from __future__ import annotations

import zoneinfo

from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.errors import Conflict, Invalid
from labeling.events import bus
from labeling.events.types import UserShutOut
from labeling.models import Annotator, ApiToken, Enrolment, Invitation, Membership, User
from labeling.operations.audit import Actor, record
from labeling.operations.returns import revoke_all_of
from labeling.rules.states import Role
from labeling.rules.vocabulary import RevokedReason

MAX_NAME_CHARS = 120
ERASED_DOMAIN = "erased.invalid"
SESSION_KEY = "_auth_user_id"


class EmailTaken(Conflict):
    """Another user has this e-mail address, perhaps in another case."""


class StillOwner(Conflict):
    """Somebody who alone owns a workspace cannot be erased."""


@transaction.atomic
def create_user(
    *,
    email: str,
    password: str | None,
    actor: Actor,
    name: str = "",
    time_zone: str = "UTC",
    is_ops: bool = False,
    is_staff: bool = False,
    is_password_checked: bool = True,
) -> User:
    """Make somebody who can log in; without a password, not before one is set for them.

    `is_password_checked` is false for commands: who has a shell on the machine decides.

    Raises: Invalid, EmailTaken.
    """
    email = check_email(email)
    user = User(
        email=email,
        name=check_name(name),
        time_zone=check_time_zone(time_zone),
        is_ops=is_ops,
        is_staff=is_staff,
    )
    if password is not None and is_password_checked:
        check_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise EmailTaken(
            "There is a user with this e-mail address.", fields={"email": "is taken"}
        ) from None
    record(actor=actor, action="user.created", subject=user, after={"is_ops": is_ops})
    return user


@transaction.atomic
def change_password(
    *, user: User, password: str, actor: Actor, is_password_checked: bool = True
) -> None:
    """Set a password; sessions and sockets that stood on the old one end.

    Raises: Invalid.
    """
    if is_password_checked:
        check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor=actor, action="user.password_changed", subject=user)
    bus.publish(UserShutOut(user.pk))


@transaction.atomic
def update_profile(*, user: User, name: str, time_zone: str, actor: Actor) -> None:
    """Change a user's name and time zone.

    The zone holds from the next claim on: a task already on the desk counts for the day
    that was fixed when it was claimed.

    Raises: Invalid.
    """
    user.name, user.time_zone = check_name(name), check_time_zone(time_zone)
    user.save(update_fields=["name", "time_zone"])
    enrolments = Enrolment.objects.select_for_update(no_key=True).filter(annotator__user=user)
    ids = list(enrolments.order_by("id").values_list("id", flat=True))
    Enrolment.objects.filter(id__in=ids).update(time_zone=user.time_zone)
    record(actor=actor, action="user.updated", subject=user, after={"time_zone": user.time_zone})


@transaction.atomic
def set_ops(*, user: User, is_ops: bool, actor: Actor) -> None:
    """Make a user one of those who see and steer the fleet, or no more."""
    if user.is_ops == is_ops:
        return
    user.is_ops = is_ops
    user.save(update_fields=["is_ops"])
    record(actor=actor, action="user.ops_set", subject=user, after={"is_ops": is_ops})
    if not is_ops:
        bus.publish(UserShutOut(user.pk))


def shut_out(*, user: User, actor: Actor) -> int:
    """Deactivate (ban) a user everywhere; returns how many tasks came back."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.is_active = False
        _end_sessions(user)
        record(actor=actor, action="user.shut_out", subject=user)
        bus.publish(UserShutOut(user.pk))
    return _take_tasks_back(user)


@transaction.atomic
def let_in_again(*, user: User, actor: Actor) -> None:
    """Undo `shut_out`."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    user.is_active = True
    record(actor=actor, action="user.let_in_again", subject=user)


@transaction.atomic
def log_out_everywhere(*, user: User, actor: Actor) -> None:
    """End all of a user's sessions and sockets; API tokens stay."""
    _end_sessions(user)
    record(actor=actor, action="user.logged_out_everywhere", subject=user)
    bus.publish(UserShutOut(user.pk))


def note_logout(*, user: User) -> None:
    """Close the sockets of somebody who logs out (other sessions' come back by themselves)."""
    bus.publish(UserShutOut(user.pk))


def erase_person(*, user: User, actor: Actor) -> int:
    """Forget who a user was, for good; returns how many tasks came back.

    Annotators keep their pseudonyms and responses and lose their user. The row stays,
    without name, address and password, so that the audit trail still has its actor.

    Raises: StillOwner.
    """
    n_returned = _take_tasks_back(user)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        _check_no_sole_owner(user)
        record(actor=actor, action="user.erased", subject=user)
        Invitation.objects.filter(email__iexact=user.email).update(email="")
        Annotator.objects.filter(user=user).update(user=None)
        Membership.objects.filter(user=user).delete()
        ApiToken.objects.filter(user=user).delete()
        _end_sessions(user)
        user.email, user.name, user.time_zone = f"{user.pk}@{ERASED_DOMAIN}", "", "UTC"
        user.is_active = user.is_staff = user.is_superuser = user.is_ops = False
        user.last_login = None
        user.set_unusable_password()
        user.save()
        bus.publish(UserShutOut(user.pk))
    return n_returned


# --- what is asked of names, addresses, zones and passwords ---------------------


def check_email(email: str) -> str:
    """Return the address without blanks around it.

    Raises: Invalid.
    """
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid(
            "This is not an e-mail address.", fields={"email": "is not an e-mail address"}
        ) from None
    if len(email) > 254:
        raise Invalid("This e-mail address is too long.", fields={"email": "is too long"})
    return email


def check_name(name: str) -> str:
    """Return a person's name without blanks around it.

    Raises: Invalid.
    """
    name = name.strip()
    if len(name) > MAX_NAME_CHARS or any(ord(char) < 32 for char in name):
        raise Invalid(
            "This name cannot be used.", fields={"name": f"At most {MAX_NAME_CHARS} characters."}
        )
    return name


def check_time_zone(name: str) -> str:
    """Return the name of a time zone that exists.

    Raises: Invalid.
    """
    if name not in zoneinfo.available_timezones():
        raise Invalid(
            "There is no such time zone.", fields={"time_zone": "Such as Europe/Berlin or UTC."}
        )
    return name


def check_password(password: str, user: User) -> None:
    """Refuse a password that the validators of the settings refuse.

    Raises: Invalid.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        why = " ".join(error.messages)
        raise Invalid("Choose another password.", fields={"password": why}) from None


def _take_tasks_back(user: User) -> int:
    annotators = Annotator.objects.filter(user=user).values_list("pk", flat=True)
    return sum(
        revoke_all_of(reason=RevokedReason.REMOVED, annotator_id=pk) for pk in list(annotators)
    )


def _check_no_sole_owner(user: User) -> None:
    owned = Membership.objects.filter(user=user, role=Role.OWNER).values("workspace")
    shared = Membership.objects.filter(role=Role.OWNER, user__is_active=True).exclude(user=user)
    alone = owned.exclude(workspace__in=shared.values("workspace"))
    if alone.exists():
        raise StillOwner("This user alone owns a workspace; make somebody else its owner first.")


def _end_sessions(user: User) -> None:
    """Delete a user's sessions. Reads all live ones, for Django keeps no index by user."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
