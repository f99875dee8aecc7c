"""People's pages: who gets in, what they see, and what a form says when it is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from labeling.events.types import UserShutOut
from labeling.models import ApiToken, Invitation, Membership, Project, User
from labeling.operations.invitations import invite
from labeling.operations.projects import change_state
from labeling.operations.quotas import ensure_enrolment, set_quota
from labeling.operations.users import change_password
from labeling.queries.access import annotator_for
from labeling.queries.people import annotator_of, role_in, user_of_token
from labeling.rules.states import ProjectState, Role
from tests.cast import TEST, Cast

PASSWORD = "otter-likes-clover"
NOBODY = "nobody"


def client_of(cast: Cast, name: str) -> Client:
    client = Client()
    if name != NOBODY:
        client.force_login(getattr(cast, name))
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


# --- who gets in: address × person -------------------------------------------------

OK, LOGIN, NO, NOT_THERE = 200, 302, 403, 404
EVERYBODY = ["olga", "maya", "ravi", "ana", "eve", "otto", NOBODY]
PAGES = {
    "/": [OK, OK, OK, OK, OK, OK, LOGIN],
    "/account/": [OK, OK, OK, OK, OK, OK, LOGIN],
    "/password/": [OK, OK, OK, OK, OK, OK, LOGIN],
    "/people/lab/": [OK, OK, NO, NO, NOT_THERE, NOT_THERE, LOGIN],
    "/people/no-such/": [NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE, LOGIN],
    "/login/": [LOGIN, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN, OK],
    "/password/reset/": [OK, OK, OK, OK, OK, OK, OK],
    "/healthz": [OK, OK, OK, OK, OK, OK, OK],
    "/metrics": [OK, OK, OK, OK, OK, OK, OK],
}


@pytest.mark.parametrize("url", PAGES)
def test_pages_let_in_whom_the_matrix_lets_in(cast: Cast, url: str) -> None:
    got = [client_of(cast, name).get(url).status_code for name in EVERYBODY]
    assert got == PAGES[url]


def test_actions_on_people_are_for_who_manages_them(cast: Cast) -> None:
    ben = Membership.objects.get(user=cast.ben)
    for name in ("ravi", "ana", "eve", "otto", NOBODY):
        client = client_of(cast, name)
        for url in (
            f"/people/lab/{ben.uid}/role/",
            f"/people/lab/{ben.uid}/remove/",
            "/people/lab/invitations/",
        ):
            response = client.post(url, {"role": "manager", "days": 7})
            assert response.status_code in (302, 404)
    ben.refresh_from_db()
    assert ben.role == Role.ANNOTATOR
    assert not Invitation.objects.exists()


def test_member_of_another_workspace_is_out_of_reach(cast: Cast) -> None:
    eve = Membership.objects.get(user=cast.eve)
    response = client_of(cast, "olga").post(f"/people/lab/{eve.uid}/remove/")
    assert response.status_code == NOT_THERE
    assert Membership.objects.filter(pk=eve.pk).exists()


def test_pages_keep_the_content_policy(cast: Cast) -> None:
    client = client_of(cast, "olga")
    for url in ("/", "/account/", "/people/lab/", "/password/"):
        response = client.get(url)
        html = text_of(response)
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)", html)
        assert not re.search(r"\s(style|on[a-z]+)=", html)


# --- logging in and out ---------------------------------------------------------------


def test_login_takes_the_address_in_any_case_and_goes_on(cast: Cast, client: Client) -> None:
    change_password(user=cast.ana, password=PASSWORD, actor=TEST)
    wrong = client.post("/login/", {"username": "ana@lab.example", "password": "no"})
    assert "do not go together" in text_of(wrong)
    right = client.post(
        "/login/?next=/account/",
        {"username": "ANA@lab.example", "password": PASSWORD, "next": "/account/"},
    )
    assert right.headers["Location"] == "/account/"


def test_login_never_leads_to_another_site(cast: Cast, client: Client) -> None:
    change_password(user=cast.ana, password=PASSWORD, actor=TEST)
    response = client.post(
        "/login/",
        {"username": "ana@lab.example", "password": PASSWORD, "next": "https://evil.example/"},
    )
    assert response.headers["Location"] == "/"


def test_logout_is_a_post_and_closes_sockets(cast: Cast, events: Any) -> None:
    client = client_of(cast, "ana")
    assert client.get("/logout/").status_code == 405
    with events() as heard:
        assert client.post("/logout/").headers["Location"] == "/login/"
    assert heard == [UserShutOut(cast.ana.pk)]
    assert client.get("/account/").status_code == LOGIN


def test_changed_password_keeps_this_session_and_ends_others(cast: Cast) -> None:
    change_password(user=cast.ana, password=PASSWORD, actor=TEST)
    here, elsewhere = client_of(cast, "ana"), client_of(cast, "ana")
    new = "clover-likes-otter"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": "other"}
    assert "didn’t match" in text_of(here.post("/password/", fields))
    assert here.post("/password/", {**fields, "new_password2": new}).status_code == 302
    assert here.get("/account/").status_code == OK
    assert elsewhere.get("/account/").status_code == LOGIN


def test_forgotten_password_is_set_by_the_mailed_link(
    cast: Cast, client: Client, settings: Any
) -> None:
    change_password(user=cast.ana, password=PASSWORD, actor=TEST)
    client.post("/password/reset/", {"email": "nobody@lab.example"})
    assert mail.outbox == []
    client.post("/password/reset/", {"email": "Ana@lab.example"}, HTTP_HOST="localhost")
    [message] = mail.outbox
    link = re.search(re.escape(settings.PUBLIC_URL) + r"(/password/new/\S+)", str(message.body))
    assert link is not None
    page = client.get(link.group(1), follow=True)
    form_url = page.redirect_chain[-1][0]
    new = {"new_password1": "clover-likes-otter", "new_password2": "clover-likes-otter"}
    assert client.post(form_url, new).headers["Location"] == "/login/"
    assert client.login(username="ana@lab.example", password="clover-likes-otter")
    assert "used already" in text_of(Client().get(link.group(1), follow=True))


# --- invitations -------------------------------------------------------------------------


def invite_link(cast: Cast, **fields: Any) -> str:
    role = fields.pop("role", Role.ANNOTATOR)
    issued = invite(workspace=cast.lab, role=role, actor=cast.actor(cast.maya), **fields)
    return f"/invitation/{issued.secret}/"


def test_manager_makes_a_link_that_is_shown_once(cast: Cast) -> None:
    maya = client_of(cast, "maya")
    page = text_of(maya.post("/people/lab/invitations/", {"role": "annotator", "days": 7}))
    link = re.search(r'value="[^"]*(/invitation/[^"]+)"', page)
    assert link is not None
    assert link.group(1) not in text_of(maya.get("/people/lab/"))
    assert "invites you" in text_of(Client().get(link.group(1)))


def test_manager_is_not_offered_owners_and_cannot_make_one(cast: Cast) -> None:
    maya = client_of(cast, "maya")
    assert 'value="owner"' not in text_of(maya.get("/people/lab/"))
    page = text_of(maya.post("/people/lab/invitations/", {"role": "owner", "days": 7}))
    assert "Select a valid choice" in page
    assert not Invitation.objects.exists()


def test_newcomer_joins_by_the_link_and_is_logged_in(cast: Cast, client: Client) -> None:
    link = invite_link(cast)
    short = client.post(link, {"email": "dan@lab.example", "password": "short"})
    assert "too short" in text_of(short)
    fields = {"email": "dan@lab.example", "password": PASSWORD, "time_zone": "Europe/Lisbon"}
    assert client.post(link, fields).headers["Location"] == "/"
    dan = User.objects.get(email="dan@lab.example")
    assert (role_in(dan, cast.lab), dan.time_zone) == (Role.ANNOTATOR, "Europe/Lisbon")
    assert "Welcome to Lab" in text_of(client.get("/"))
    again = Client().get(link)
    assert (again.status_code, "used already" in text_of(again)) == (410, True)


def test_address_in_the_invitation_cannot_be_changed(cast: Cast, client: Client) -> None:
    link = invite_link(cast, email="dan@lab.example")
    client.post(link, {"email": "mallory@evil.example", "password": PASSWORD})
    assert not User.objects.filter(email="mallory@evil.example").exists()
    assert User.objects.filter(email="dan@lab.example").exists()


def test_somebody_logged_in_joins_with_one_press(cast: Cast) -> None:
    eve = client_of(cast, "eve")
    link = invite_link(cast)
    assert "eve@lab.example" in text_of(eve.get(link))
    eve.post(link)
    assert role_in(cast.eve, cast.lab) is Role.ANNOTATOR
    other = invite_link(cast, email="dan@lab.example")
    assert "another address" in text_of(eve.get(other))
    eve.post(other)
    assert not Invitation.objects.filter(email="dan@lab.example", accepted_by=cast.eve).exists()


def test_member_with_an_account_is_told_to_log_in(cast: Cast, client: Client) -> None:
    page = client.post(invite_link(cast), {"email": "eve@lab.example", "password": PASSWORD})
    assert "log in first" in text_of(page)


def test_owner_changes_roles_and_removes(cast: Cast) -> None:
    olga = client_of(cast, "olga")
    ben = Membership.objects.get(user=cast.ben)
    olga.post(f"/people/lab/{ben.uid}/role/", {"role": "reviewer"})
    assert role_in(cast.ben, cast.lab) is Role.REVIEWER
    olga.post(f"/people/lab/{ben.uid}/remove/")
    assert role_in(cast.ben, cast.lab) is None
    mine = Membership.objects.get(user=cast.olga)
    page = olga.post(f"/people/lab/{mine.uid}/remove/", follow=True)
    assert "last owner" in text_of(page)


def test_invitation_is_taken_back(cast: Cast) -> None:
    link = invite_link(cast)
    row = Invitation.objects.get()
    client_of(cast, "maya").post(f"/people/lab/invitations/{row.uid}/revoke/")
    assert "taken back" in text_of(Client().get(link))


# --- account ----------------------------------------------------------------------------------


def test_token_is_shown_once_and_revoked(cast: Cast) -> None:
    ana = client_of(cast, "ana")
    page = text_of(ana.post("/account/tokens/", {"name": "laptop", "scopes": ["read", "work"]}))
    secret = re.search(r"qm_[\w-]{43}", page)
    assert secret is not None
    assert user_of_token(secret.group()) == cast.ana
    assert secret.group() not in text_of(ana.get("/account/"))
    token = ApiToken.objects.get()
    other = client_of(cast, "ben").post(f"/account/tokens/{token.uid}/revoke/")
    assert other.status_code == NOT_THERE
    ana.post(f"/account/tokens/{token.uid}/revoke/")
    assert user_of_token(secret.group()) is None


def test_ops_scope_is_offered_to_ops_only(cast: Cast) -> None:
    assert 'value="ops"' not in text_of(client_of(cast, "ana").get("/account/"))
    assert 'value="ops"' in text_of(client_of(cast, "otto").get("/account/"))
    client_of(cast, "ana").post("/account/tokens/", {"name": "x", "scopes": ["ops"]})
    assert not ApiToken.objects.exists()


def test_profile_is_saved_or_says_what_is_wrong(cast: Cast) -> None:
    ana = client_of(cast, "ana")
    ana.post("/account/profile/", {"name": "Ana F.", "time_zone": "Asia/Tokyo"})
    cast.ana.refresh_from_db()
    assert (cast.ana.name, cast.ana.time_zone) == ("Ana F.", "Asia/Tokyo")
    page = ana.post("/account/profile/", {"name": "Ana", "time_zone": "Mars/Base"})
    assert 'aria-invalid="true"' in text_of(page)


def test_logging_out_everywhere_ends_this_session_too(cast: Cast) -> None:
    here, elsewhere = client_of(cast, "ana"), client_of(cast, "ana")
    here.post("/account/sessions/end/")
    assert [c.get("/account/").status_code for c in (here, elsewhere)] == [LOGIN, LOGIN]


# --- home ---------------------------------------------------------------------------------------


def test_annotator_sees_work_and_no_management(cast: Cast, lab_project: Project) -> None:
    page = text_of(client_of(cast, "ana").get("/"))
    assert "/desk/cats/" in page
    assert "/people/lab/" not in page
    assert "/projects/cats/" not in page


def test_manager_sees_projects_with_their_progress(cast: Cast, lab_project: Project) -> None:
    page = text_of(client_of(cast, "maya").get("/"))
    assert "/people/lab/" in page
    assert "/projects/cats/" in page
    assert "No items yet" in page


def test_outsider_sees_nothing_of_it(cast: Cast, lab_project: Project) -> None:
    for name in ("eve", "otto"):
        assert "Cats" not in text_of(client_of(cast, name).get("/"))


def test_quota_and_pause_stand_in_for_the_start(cast: Cast, lab_project: Project) -> None:
    enrolment = ensure_enrolment(lab_project, annotator_for(cast.ana, lab_project))
    set_quota(enrolment=enrolment, total=0, per_day=None, actor=TEST)
    ana = client_of(cast, "ana")
    assert "quota reached" in text_of(ana.get("/"))
    set_quota(enrolment=enrolment, total=None, per_day=None, actor=TEST)
    change_state(project=lab_project, state=ProjectState.PAUSED, actor=TEST)
    page = text_of(ana.get("/"))
    assert "paused" in page
    assert "/desk/cats/" not in page


def test_home_takes_few_queries_with_many_projects(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    from labeling.operations.projects import create_project
    from labeling.rules.states import Template

    for _ in range(5):
        create_project(
            name="Cats",
            workspace=cast.lab,
            template=Template.CLASSIFICATION,
            activate=True,
            actor=TEST,
        )
    maya = client_of(cast, "maya")
    with django_assert_max_num_queries(9):
        maya.get("/")


def test_pseudonyms_are_for_who_manages_people(cast: Cast) -> None:
    annotator = annotator_of(cast.ana, cast.lab)
    assert annotator is not None
    assert annotator.pseudonym in text_of(client_of(cast, "maya").get("/people/lab/"))
