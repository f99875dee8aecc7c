"""Invitations: once, for a while, revocable; exactly once under concurrency."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.errors import Invalid
from labeling.models import Invitation, Membership, User
from labeling.operations import invitations, members, users
from labeling.operations.invitations import accept_invitation, invite, revoke_invitation
from labeling.queries import people
from labeling.rules.states import Role
from tests.cast import TEST, Cast
from tests.people.test_users import run_at_once

PASSWORD = "otter-likes-clover"


def invite_annotator(cast: Cast, **fields: Any) -> invitations.IssuedInvitation:
    return invite(
        workspace=cast.lab, actor=cast.actor(cast.maya), **{"role": Role.ANNOTATOR, **fields}
    )


def test_invitation_makes_a_new_user_a_member(cast: Cast) -> None:
    issued = invite_annotator(cast)
    assert issued.secret not in str(issued)
    assert list(people.open_invitations(cast.lab)) == [issued.invitation]
    member = accept_invitation(
        secret=issued.secret, email="dan@lab.example", name="Dan", password=PASSWORD
    )
    assert (member.user.email, member.role) == ("dan@lab.example", Role.ANNOTATOR)
    assert people.annotator_of(member.user, cast.lab) is not None
    row = Invitation.objects.get(pk=issued.invitation.pk)
    assert row.accepted_by == member.user
    assert not people.open_invitations(cast.lab).exists()


def test_logged_in_user_joins_with_the_account_they_have(cast: Cast) -> None:
    member = accept_invitation(secret=invite_annotator(cast).secret, user=cast.eve)
    assert member.user == cast.eve
    assert people.role_in(cast.eve, cast.lab) is Role.ANNOTATOR
    assert people.role_in(cast.eve, cast.elsewhere) is Role.OWNER


def test_stronger_role_stays(cast: Cast) -> None:
    accept_invitation(secret=invite_annotator(cast).secret, user=cast.ravi)
    assert people.role_in(cast.ravi, cast.lab) is Role.REVIEWER


def test_invitation_works_once(cast: Cast) -> None:
    secret = invite_annotator(cast).secret
    accept_invitation(secret=secret, user=cast.eve)
    with pytest.raises(invitations.InvitationUsed):
        accept_invitation(secret=secret, user=cast.otto)
    assert people.role_in(cast.otto, cast.lab) is None


def test_invitation_expires(cast: Cast) -> None:
    secret = invite_annotator(cast).secret
    later = timezone.now() + timedelta(days=7, seconds=1)
    with pytest.raises(invitations.InvitationExpired):
        accept_invitation(secret=secret, user=cast.eve, now=later)


def test_revoked_invitation_does_not_work(cast: Cast) -> None:
    issued = invite_annotator(cast)
    revoke_invitation(invitation=issued.invitation, actor=cast.actor(cast.maya))
    with pytest.raises(invitations.InvitationRevoked):
        accept_invitation(secret=issued.secret, user=cast.eve)
    accepted = invite_annotator(cast)
    accept_invitation(secret=accepted.secret, user=cast.eve)
    with pytest.raises(invitations.InvitationUsed):
        revoke_invitation(invitation=accepted.invitation, actor=TEST)


def test_unknown_link_is_refused(cast: Cast) -> None:
    with pytest.raises(invitations.NoSuchInvitation):
        accept_invitation(secret="guessed", user=cast.eve)


def test_named_invitation_is_for_that_address_only(cast: Cast) -> None:
    secret = invite_annotator(cast, email="dan@lab.example").secret
    with pytest.raises(invitations.InvitationForAnother):
        accept_invitation(secret=secret, user=cast.eve)
    member = accept_invitation(
        secret=secret, email="somebody@else.example", name="Dan", password=PASSWORD
    )
    assert member.user.email == "dan@lab.example"


def test_existing_account_logs_in_first(cast: Cast) -> None:
    with pytest.raises(users.EmailTaken):
        accept_invitation(
            secret=invite_annotator(cast).secret, email="EVE@lab.example", password=PASSWORD
        )
    assert people.role_in(cast.eve, cast.lab) is None


def test_refused_password_uses_nothing_up(cast: Cast) -> None:
    secret = invite_annotator(cast).secret
    with pytest.raises(Invalid):
        accept_invitation(secret=secret, email="dan@lab.example", password="short")
    accept_invitation(secret=secret, email="dan@lab.example", password=PASSWORD)


def test_nobody_invites_above_their_own_role(cast: Cast) -> None:
    with pytest.raises(members.RoleNotYours):
        invite_annotator(cast, role=Role.OWNER)
    for user in (cast.ravi, cast.ana, cast.eve):
        with pytest.raises(members.RoleNotYours):
            invite(workspace=cast.lab, role=Role.ANNOTATOR, actor=cast.actor(user))


def test_invitation_of_somebody_who_left_is_void(cast: Cast) -> None:
    secret = invite_annotator(cast, role=Role.MANAGER).secret
    members.remove_member(workspace=cast.lab, user=cast.maya, actor=TEST)
    with pytest.raises(invitations.InvitationRevoked):
        accept_invitation(secret=secret, user=cast.eve)


@pytest.mark.parametrize("days", [0, -1, 91])
def test_life_of_an_invitation_is_limited(cast: Cast, days: int) -> None:
    with pytest.raises(Invalid):
        invite_annotator(cast, life=timedelta(days=days))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_accept_at_once_one_gets_in() -> None:
    lab = members.create_workspace(name="Lab", actor=TEST)
    people_in_line = [
        users.create_user(email=f"guest{n}@lab.example", password=None, actor=TEST)
        for n in range(6)
    ]
    secret = invite(workspace=lab, role=Role.ANNOTATOR, actor=TEST).secret
    refused = run_at_once(
        [lambda u=user: accept_invitation(secret=secret, user=u) for user in people_in_line]
    )
    assert [type(error) for error in refused] == [invitations.InvitationUsed] * 5
    assert Membership.objects.filter(workspace=lab).count() == 1
    assert User.objects.filter(annotators__workspace=lab).count() == 1
