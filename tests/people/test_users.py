"""Users, members, tokens: what each operation does to rows, events and the audit trail."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import close_old_connections, connection
from django.utils import timezone

from labeling.errors import Conflict, DomainError, Invalid
from labeling.events.types import UserShutOut
from labeling.models import Annotator, AuditEntry, Enrolment, Membership, User, Workspace
from labeling.operations import members, tokens, users
from labeling.operations.quotas import ensure_enrolment
from labeling.queries import people
from labeling.rules.states import EnrolmentState, Role
from tests.cast import TEST, Cast


def actions(**wanted: Any) -> list[str]:
    return list(AuditEntry.objects.filter(**wanted).order_by("id").values_list("action", flat=True))


# --- users ---------------------------------------------------------------------


def test_email_is_unique_without_case(cast: Cast) -> None:
    with pytest.raises(users.EmailTaken) as error:
        users.create_user(email=" ANA@lab.example", password=None, actor=TEST)
    assert error.value.fields == {"email": "is taken"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.example", "time_zone": "Mars/Base"}, "time_zone"),
        ({"email": "a@b.example", "name": "x" * 200}, "name"),
        ({"email": "a@b.example", "password": "short"}, "password"),
        ({"email": "a@b.example", "password": "password1234"}, "password"),
    ],
)
def test_user_with_a_mistake_is_refused(db: None, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as error:
        users.create_user(**{"password": None, **fields}, actor=TEST)
    assert list(error.value.fields) == [path]
    assert not User.objects.exists()


def test_change_of_password_holds_at_once_and_shuts_sockets(cast: Cast, events: Any) -> None:
    with events() as heard:
        users.change_password(user=cast.ana, password="otter-likes-clover", actor=TEST)
    assert authenticate(username="Ana@Lab.example", password="otter-likes-clover") == cast.ana
    assert heard == [UserShutOut(cast.ana.pk)]
    assert "user.password_changed" in actions(subject_id=str(cast.ana.pk))


def test_shut_out_user_cannot_log_in_and_has_no_role(cast: Cast, events: Any, client: Any) -> None:
    client.force_login(cast.ana)
    with events() as heard:
        users.shut_out(user=cast.ana, actor=cast.actor(cast.olga))
    assert people.role_in(cast.ana, cast.lab) is None
    assert UserShutOut(cast.ana.pk) in heard
    assert not client.session.get("_auth_user_id")
    users.let_in_again(user=cast.ana, actor=TEST)
    assert people.role_in(cast.ana, cast.lab) is Role.ANNOTATOR


def test_logging_out_everywhere_ends_only_own_sessions(cast: Cast, client: Any) -> None:
    from django.contrib.sessions.models import Session
    from django.test import Client

    other = Client()
    client.force_login(cast.ana)
    other.force_login(cast.ben)
    users.log_out_everywhere(user=cast.ana, actor=TEST)
    left = [session.get_decoded()["_auth_user_id"] for session in Session.objects.all()]
    assert left == [str(cast.ben.pk)]


def test_erased_person_leaves_a_pseudonym_and_nothing_else(cast: Cast) -> None:
    pseudonym = people.annotator_of(cast.ana, cast.lab)
    assert pseudonym is not None
    secret = tokens.create_token(user=cast.ana, actor=TEST).secret
    users.erase_person(user=cast.ana, actor=cast.actor(cast.olga))
    cast.ana.refresh_from_db()
    assert (cast.ana.name, cast.ana.is_active) == ("", False)
    assert "ana" not in cast.ana.email
    assert Annotator.objects.get(pk=pseudonym.pk).user is None
    assert not Membership.objects.filter(user=cast.ana).exists()
    assert people.user_of_token(secret) is None
    assert not AuditEntry.objects.filter(after__icontains="ana@").exists()


def test_sole_owner_cannot_be_erased(cast: Cast) -> None:
    with pytest.raises(users.StillOwner):
        users.erase_person(user=cast.olga, actor=TEST)
    cast.olga.refresh_from_db()
    assert cast.olga.is_active


def test_new_time_zone_reaches_enrolments(cast: Cast, lab_project: Any) -> None:
    annotator = people.annotator_of(cast.ana, cast.lab)
    assert annotator is not None
    enrolment = ensure_enrolment(lab_project, annotator)
    users.update_profile(user=cast.ana, name="Ana", time_zone="Asia/Tokyo", actor=TEST)
    enrolment.refresh_from_db()
    assert enrolment.time_zone == "Asia/Tokyo"


# --- workspaces and roles ---------------------------------------------------------


def test_workspace_slug_is_made_from_the_name_and_free(cast: Cast) -> None:
    made = [members.create_workspace(name="Lab", actor=TEST).slug for _ in range(2)]
    assert made == ["lab-2", "lab-3"]
    assert members.find_or_create_workspace(name="Lab", actor=TEST) == cast.lab
    assert members.create_workspace(name="猫", actor=TEST).slug == "workspace"
    with pytest.raises(Conflict):
        members.create_workspace(name="Another", slug="lab", actor=TEST)
    with pytest.raises(Invalid):
        members.create_workspace(name="Another", slug="a b", actor=TEST)


def test_every_member_has_a_pseudonym_that_says_nothing(cast: Cast) -> None:
    for user in (cast.olga, cast.maya, cast.ravi, cast.ana):
        annotator = people.annotator_of(user, cast.lab)
        assert annotator is not None
        assert user.name.lower() not in annotator.pseudonym
        assert annotator.pseudonym.count("-") == 2


def test_pseudonym_survives_leaving_and_coming_back(cast: Cast) -> None:
    before = people.annotator_of(cast.ana, cast.lab)
    members.remove_member(workspace=cast.lab, user=cast.ana, actor=TEST)
    members.set_role(workspace=cast.lab, user=cast.ana, role=Role.REVIEWER, actor=TEST)
    assert people.annotator_of(cast.ana, cast.lab) == before


def test_taken_pseudonym_is_drawn_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["sage-owl-10", "sage-owl-10", "jade-owl-11"])
    monkeypatch.setattr(members, "draw_pseudonym", lambda rng: next(names))
    first = members.ensure_annotator(workspace=cast.lab, user=cast.eve)
    second = members.ensure_annotator(workspace=cast.lab, user=cast.otto)
    assert (first.pseudonym, second.pseudonym) == ("sage-owl-10", "jade-owl-11")


def test_member_is_removed_with_enrolments_and_returns_with_them(
    cast: Cast, lab_project: Any, events: Any
) -> None:
    annotator = people.annotator_of(cast.ana, cast.lab)
    assert annotator is not None
    enrolment = ensure_enrolment(lab_project, annotator)
    with events() as heard:
        members.remove_member(workspace=cast.lab, user=cast.ana, actor=cast.actor(cast.maya))
    enrolment.refresh_from_db()
    assert enrolment.state == EnrolmentState.REMOVED
    assert people.role_in(cast.ana, cast.lab) is None
    assert UserShutOut(cast.ana.pk) in heard
    members.set_role(workspace=cast.lab, user=cast.ana, role=Role.ANNOTATOR, actor=TEST)
    assert Enrolment.objects.get(pk=enrolment.pk).state == EnrolmentState.ACTIVE


def test_loss_of_a_role_shuts_sockets_and_a_gain_does_not(cast: Cast, events: Any) -> None:
    with events() as heard:
        members.set_role(workspace=cast.lab, user=cast.ana, role=Role.MANAGER, actor=TEST)
    assert heard == []
    with events() as heard:
        members.set_role(workspace=cast.lab, user=cast.ana, role=Role.ANNOTATOR, actor=TEST)
    assert heard == [UserShutOut(cast.ana.pk)]


def test_manager_makes_managers_but_no_owners(cast: Cast) -> None:
    maya = cast.actor(cast.maya)
    members.set_role(workspace=cast.lab, user=cast.ana, role=Role.MANAGER, actor=maya)
    with pytest.raises(members.RoleNotYours):
        members.set_role(workspace=cast.lab, user=cast.ana, role=Role.OWNER, actor=maya)
    with pytest.raises(members.RoleNotYours):
        members.set_role(workspace=cast.lab, user=cast.olga, role=Role.ANNOTATOR, actor=maya)
    with pytest.raises(members.RoleNotYours):
        members.remove_member(workspace=cast.lab, user=cast.olga, actor=maya)


@pytest.mark.parametrize("name", ["ravi", "ana", "eve", "otto"])
def test_who_does_not_manage_people_changes_nobody(cast: Cast, name: str) -> None:
    actor = cast.actor(getattr(cast, name))
    with pytest.raises(members.RoleNotYours):
        members.set_role(workspace=cast.lab, user=cast.ben, role=Role.ANNOTATOR, actor=actor)
    with pytest.raises(members.RoleNotYours):
        members.remove_member(workspace=cast.lab, user=cast.ben, actor=actor)


def test_everybody_may_leave_but_the_last_owner(cast: Cast) -> None:
    members.remove_member(workspace=cast.lab, user=cast.ana, actor=cast.actor(cast.ana))
    with pytest.raises(members.LastOwner):
        members.remove_member(workspace=cast.lab, user=cast.olga, actor=cast.actor(cast.olga))
    with pytest.raises(members.LastOwner):
        members.set_role(
            workspace=cast.lab, user=cast.olga, role=Role.MANAGER, actor=cast.actor(cast.olga)
        )
    with pytest.raises(members.NotAMember):
        members.remove_member(workspace=cast.lab, user=cast.eve, actor=TEST)


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays() -> None:
    lab = members.create_workspace(name="Lab", actor=TEST)
    owners = [
        users.create_user(email=f"owner{n}@lab.example", password=None, actor=TEST)
        for n in range(2)
    ]
    for owner in owners:
        members.set_role(workspace=lab, user=owner, role=Role.OWNER, actor=TEST)
    refused = run_at_once(
        [lambda u=user: members.remove_member(workspace=lab, user=u, actor=TEST) for user in owners]
    )
    assert [type(error) for error in refused] == [members.LastOwner]
    assert Membership.objects.filter(workspace=lab).count() == 1


# --- tokens -------------------------------------------------------------------------


def test_token_is_stored_as_a_hash_and_known_again(cast: Cast) -> None:
    issued = tokens.create_token(user=cast.ana, name="laptop", actor=TEST)
    assert issued.secret.startswith("qm_")
    assert len(issued.secret) == 46
    assert issued.secret not in str(issued)
    row = issued.token
    assert (row.prefix, row.scopes) == (issued.secret[:9], ["read", "work", "manage"])
    assert row.token_hash != issued.secret
    assert people.user_of_token(issued.secret) == cast.ana
    assert people.user_of_token(issued.secret + "x") is None
    assert people.user_of_token("") is None


def test_token_ends_with_revoking_expiry_or_its_user(cast: Cast, events: Any) -> None:
    issued = tokens.create_token(user=cast.ana, actor=TEST)
    soon = timezone.now() + timedelta(seconds=5)
    expiring = tokens.create_token(user=cast.ana, actor=TEST, expires_at=soon)
    with events() as heard:
        tokens.revoke_token(token=issued.token, actor=cast.actor(cast.ana))
        tokens.revoke_token(token=issued.token, actor=cast.actor(cast.ana))
    assert heard == [UserShutOut(cast.ana.pk)]
    assert people.user_of_token(issued.secret) is None
    assert people.user_of_token(expiring.secret) == cast.ana
    type(expiring.token).objects.filter(pk=expiring.token.pk).update(expires_at=timezone.now())
    assert people.user_of_token(expiring.secret) is None
    third = tokens.create_token(user=cast.ben, actor=TEST)
    users.shut_out(user=cast.ben, actor=TEST)
    assert people.user_of_token(third.secret) is None


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", ""]])
def test_token_with_unknown_or_no_scopes_is_refused(cast: Cast, scopes: list[str]) -> None:
    with pytest.raises(Invalid):
        tokens.create_token(user=cast.ana, scopes=scopes, actor=TEST)


def test_use_of_a_token_is_noted_once_a_minute(cast: Cast) -> None:
    token = tokens.create_token(user=cast.ana, actor=TEST).token
    tokens.note_token_use(token_id=token.pk)
    token.refresh_from_db()
    first = token.last_used_at
    tokens.note_token_use(token_id=token.pk)
    token.refresh_from_db()
    assert first is not None
    assert token.last_used_at == first


# --- threads --------------------------------------------------------------------------


def run_at_once(calls: list[Any]) -> list[DomainError]:
    """Run the calls in threads that begin together; return what they refused."""
    barrier = threading.Barrier(len(calls))
    refused: list[DomainError] = []

    def call_one(call: Any) -> None:
        barrier.wait()
        try:
            call()
        except DomainError as error:
            refused.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=call_one, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_workspace_names_are_checked(db: None) -> None:
    with pytest.raises(Invalid):
        members.create_workspace(name="  ", actor=TEST)
    assert not Workspace.objects.exists()
