"""Why: workspaces, and who is a member of one as what.

Every member has an annotator row with a pseudonym, for managers may annotate too. The
workspace row is the lock of its memberships, so the last owner cannot go twice over.
Tasks of who leaves are taken back after the commit: their locks come in another order
(enrolment, item), and should the process die in between, the leases run out.
"""

from __future__ import annotations

import random
import re

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from labeling.errors import Conflict, Forbidden, Invalid, NotFound
from labeling.events import bus
from labeling.events.types import EnrolmentChanged, UserShutOut
from labeling.models import Annotator, Enrolment, Membership, User, Workspace
from labeling.operations.audit import Actor, record
from labeling.operations.returns import revoke_all_of
from labeling.operations.slugs import free_slug
from labeling.queries.people import role_in
from labeling.rules.permissions import can_give, is_weaker
from labeling.rules.pseudonyms import draw_pseudonym
from labeling.rules.states import EnrolmentState, Role
from labeling.rules.vocabulary import RevokedReason

MAX_SLUG_CHARS = 80
MAX_NAME_CHARS = 120
PSEUDONYM_TRIES = 40
SLUG = re.compile(r"[A-Za-z0-9_-]+")
_rng = random.SystemRandom()


class NotAMember(NotFound):
    """The user is not a member of the workspace."""


class LastOwner(Conflict):
    """A workspace keeps at least one owner."""


class RoleNotYours(Forbidden):
    """Members give and take roles up to their own."""


@transaction.atomic
def create_workspace(
    *, name: str, actor: Actor, slug: str | None = None, owner: User | None = None
) -> Workspace:
    """Make a workspace, with its first owner if one is named.

    Raises: Invalid, Conflict (a given slug is taken).
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS:
        raise Invalid(
            "A workspace needs a name.", fields={"name": f"1 to {MAX_NAME_CHARS} characters."}
        )
    if slug is None:
        rows = Workspace.objects.all()
        wanted = free_slug(rows, name, default="workspace", max_chars=MAX_SLUG_CHARS)
    elif SLUG.fullmatch(slug) and len(slug) <= MAX_SLUG_CHARS:
        wanted = slug
    else:
        raise Invalid("This slug cannot be used.", fields={"slug": "letters, digits, - and _"})
    try:
        with transaction.atomic():
            workspace = Workspace.objects.create(name=name, slug=wanted)
    except IntegrityError:
        raise Conflict("This slug is taken.", fields={"slug": "is taken"}) from None
    record(
        actor=actor,
        action="workspace.created",
        subject=workspace,
        workspace=workspace,
        after={"slug": wanted},
    )
    if owner is not None:
        _put(workspace, owner, Role.OWNER, actor)
    return workspace


def find_or_create_workspace(*, name: str, actor: Actor, owner: User | None = None) -> Workspace:
    """Return the workspace of this slug or name; make it if there is none."""
    found = (
        Workspace.objects.filter(slug=slugify(name)).first()
        or Workspace.objects.filter(name=name.strip()).order_by("id").first()
    )
    return found or create_workspace(name=name, actor=actor, owner=owner)


@transaction.atomic
def rename_workspace(*, workspace: Workspace, name: str, actor: Actor) -> None:
    """Give a workspace another name; its slug stays, for addresses contain it.

    Raises: Invalid.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS:
        raise Invalid("A workspace needs a name.", fields={"name": "is missing or too long"})
    workspace.name = name
    workspace.save(update_fields=["name"])
    record(actor=actor, action="workspace.renamed", subject=workspace, workspace=workspace)


@transaction.atomic
def set_role(*, workspace: Workspace, user: User, role: Role, actor: Actor) -> Membership:
    """Make a user a member with this role, or change a member's role.

    Whoever was a member before gets their enrolments back. Sockets of who may do less
    than before close.

    Raises: RoleNotYours, LastOwner.
    """
    _lock(workspace)
    before = role_in(user, workspace)
    _check_may_give(actor, workspace, role)
    if before is not None:
        _check_may_give(actor, workspace, before)
        _check_owner_stays(workspace, before, after=role)
    return _put(workspace, user, role, actor)


def remove_member(*, workspace: Workspace, user: User, actor: Actor) -> int:
    """End a membership; returns how many tasks came back from their desks.

    The annotator and what they answered stay.

    Raises: NotAMember, RoleNotYours, LastOwner.
    """
    with transaction.atomic():
        _lock(workspace)
        member = Membership.objects.filter(workspace=workspace, user=user).first()
        if member is None:
            raise NotAMember("This user is not a member of the workspace.")
        if actor.user != user:  # everybody may leave
            _check_may_give(actor, workspace, Role(member.role))
        _check_owner_stays(workspace, Role(member.role), after=None)
        record(
            actor=actor,
            action="member.removed",
            subject=user,
            workspace=workspace,
            before={"role": member.role},
        )
        member.delete()
        annotator = Annotator.objects.filter(workspace=workspace, user=user).first()
        if annotator is not None:
            _set_enrolments(annotator, EnrolmentState.ACTIVE, EnrolmentState.REMOVED)
        bus.publish(UserShutOut(user.pk))
    if annotator is None:
        return 0
    return revoke_all_of(reason=RevokedReason.REMOVED, annotator_id=annotator.pk)


def ensure_annotator(*, workspace: Workspace, user: User) -> Annotator:
    """Return a user's annotator row, made with a new pseudonym if there is none.

    Raises: Conflict, when the workspace has run out of pseudonyms.
    """
    for attempt in range(PSEUDONYM_TRIES):
        found = Annotator.objects.filter(workspace=workspace, user=user).first()
        if found is not None:
            return found
        name = draw_pseudonym(_rng)
        if attempt > PSEUDONYM_TRIES // 2:
            name = f"{name}{_rng.randrange(0, 10_000):04}"
        try:
            with transaction.atomic():
                return Annotator.objects.create(workspace=workspace, user=user, pseudonym=name)
        except IntegrityError:
            continue  # the pseudonym is taken, or somebody else made the row just now
    raise Conflict("No pseudonym could be found; try again.")


def _put(workspace: Workspace, user: User, role: Role, actor: Actor) -> Membership:
    member = Membership.objects.filter(workspace=workspace, user=user).first()
    before = Role(member.role) if member else None
    annotator = ensure_annotator(workspace=workspace, user=user)
    if member is None:
        member = Membership.objects.create(workspace=workspace, user=user, role=role.value)
        _set_enrolments(annotator, EnrolmentState.REMOVED, EnrolmentState.ACTIVE)
    elif before is not role:
        member.role = role.value
        member.save(update_fields=["role"])
    if before is role:
        return member
    record(
        actor=actor,
        action="member.role_set",
        subject=user,
        workspace=workspace,
        before={"role": before.value} if before else None,
        after={"role": role.value},
    )
    if before is not None and is_weaker(role, before):
        bus.publish(UserShutOut(user.pk))
    return member


def _set_enrolments(annotator: Annotator, old: EnrolmentState, new: EnrolmentState) -> None:
    """Change the standing in every project, enrolments locked in the order of their ids."""
    rows = Enrolment.objects.select_for_update(no_key=True).filter(annotator=annotator, state=old)
    ids = list(rows.order_by("id").values_list("id", flat=True))
    if ids:
        Enrolment.objects.filter(id__in=ids).update(state=new)
        bus.publish(*(EnrolmentChanged(enrolment_id) for enrolment_id in ids))


def _lock(workspace: Workspace) -> None:
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)


def _check_may_give(actor: Actor, workspace: Workspace, role: Role) -> None:
    """Refuse a member who gives or takes more than they have; machines and commands may."""
    if actor.user is None:
        return
    own = role_in(actor.user, workspace)
    if own is None or not can_give(own, role):
        raise RoleNotYours(f"Your role does not let you make or change a member who is {role}.")


def _check_owner_stays(workspace: Workspace, before: Role, *, after: Role | None) -> None:
    if before is not Role.OWNER or after is Role.OWNER:
        return
    owners = Membership.objects.filter(workspace=workspace, role=Role.OWNER, user__is_active=True)
    if owners.count() <= 1:
        raise LastOwner("This is the workspace's last owner; make somebody else owner first.")
