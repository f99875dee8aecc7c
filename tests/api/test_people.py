"""Oneself, workspaces, members, invitations and tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import ApiToken, Invitation, Membership
from labeling.operations.invitations import accept_invitation
from labeling.operations.members import set_role
from labeling.operations.tokens import create_token
from labeling.operations.users import create_user
from labeling.rules.states import Role
from tests.api.client import Api
from tests.cast import TEST, Cast

pytestmark = pytest.mark.django_db


def member(api: Api, name: str) -> str:
    listed = api.get("workspaces/lab/members/")["results"]
    found: str = next(m["id"] for m in listed if m["email"] == f"{name}@lab.example")
    return found


def test_me_says_who_one_is_and_what_the_token_is_for(cast: Cast, ana: Api) -> None:
    assert ana.get("me/") == {
        "email": "ana@lab.example",
        "name": "Ana",
        "time_zone": "UTC",
        "is_ops": False,
        "scopes": None,
        "workspaces": [{"workspace": "lab", "name": "Lab", "role": "annotator"}],
    }
    assert Api(cast.ana, scopes=["work", "read"]).get("me/")["scopes"] == ["read", "work"]
    assert ana.get("workspaces/")["results"] == ana.get("me/")["workspaces"]


def test_profile_changes_in_a_session_only(cast: Cast, ana: Api) -> None:
    assert ana.patch("me/", {"time_zone": "Asia/Tokyo"})["time_zone"] == "Asia/Tokyo"
    assert ana.patch("me/", {"name": "Anna"})["time_zone"] == "Asia/Tokyo"
    assert "time_zone" in ana.patch("me/", {"time_zone": "Mars"}, status=400)["fields"]
    assert "is_ops" in ana.patch("me/", {"is_ops": True}, status=400)["fields"]
    Api(cast.ana, scopes=["read", "work", "manage"]).patch("me/", {"name": "X"}, status=403)


def test_owner_renames_the_workspace(cast: Cast) -> None:
    api = Api(cast.olga)
    assert api.patch("workspaces/lab/", {"name": "Labor"}) == {"slug": "lab", "name": "Labor"}
    assert api.get("workspaces/lab/")["name"] == "Labor"
    assert "name" in api.patch("workspaces/lab/", {"name": " "}, status=400)["fields"]


def test_members_are_listed_with_their_pseudonyms(cast: Cast, maya: Api) -> None:
    page = maya.get("workspaces/lab/members/?limit=4")
    rest = maya.get(f"workspaces/lab/members/?limit=4&cursor={page['next']}")
    everybody = [*page["results"], *rest["results"]]
    assert [m["name"] for m in everybody] == ["Olga", "Maya", "Ravi", "Ana", "Ben", "Chi"]
    assert all(m["annotator"] for m in everybody)


def test_members_need_the_same_queries_for_many(cast: Cast, maya: Api) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            maya.get("workspaces/lab/members/")
        return len(queries)

    before = count()
    for n in range(4):
        user = create_user(email=f"n{n}@lab.example", password=None, actor=TEST)
        set_role(workspace=cast.lab, user=user, role=Role.ANNOTATOR, actor=TEST)
    assert count() == before <= 7


def test_roles_are_given_up_to_ones_own(cast: Cast, maya: Api) -> None:
    ben = member(maya, "ben")
    assert maya.put(f"workspaces/lab/members/{ben}/", {"role": "reviewer"})["role"] == "reviewer"
    maya.put(f"workspaces/lab/members/{ben}/", {"role": "owner"}, status=403)
    maya.put(f"workspaces/lab/members/{member(maya, 'olga')}/", {"role": "annotator"}, status=403)
    refused = maya.put(f"workspaces/lab/members/{ben}/", {"role": "king"}, status=400)
    assert list(refused["fields"]) == ["role"]


def test_member_is_removed_and_the_last_owner_stays(cast: Cast, maya: Api) -> None:
    ben = member(maya, "ben")
    assert maya.delete(f"workspaces/lab/members/{ben}/", status=200) == {"n_returned": 0}
    assert not Membership.objects.filter(user=cast.ben).exists()
    maya.delete(f"workspaces/lab/members/{ben}/", status=404)
    olga = Api(cast.olga)
    olga.delete(f"workspaces/lab/members/{member(olga, 'olga')}/", status=409)


def test_members_of_another_workspace_are_not_found(cast: Cast, maya: Api) -> None:
    eve = Membership.objects.get(user=cast.eve)
    maya.put(f"workspaces/lab/members/{eve.uid}/", {"role": "annotator"}, status=404)
    maya.delete(f"workspaces/lab/members/{eve.uid}/", status=404)


def test_invitation_is_shown_once_accepted_once_and_revocable(cast: Cast, maya: Api) -> None:
    made = maya.post("workspaces/lab/invitations/", {"role": "reviewer", "days": 2}, status=201)
    expires_at = Invitation.objects.get().expires_at
    assert timedelta(days=1) < expires_at - timezone.now() < timedelta(days=2, seconds=1)
    [listed] = maya.get("workspaces/lab/invitations/")["results"]
    assert listed == {k: v for k, v in made.items() if k != "secret"}
    assert accept_invitation(secret=made["secret"], user=cast.eve).role == "reviewer"
    maya.delete(f"workspaces/lab/invitations/{made['id']}/", status=404)
    other = maya.post("workspaces/lab/invitations/", {"role": "annotator"}, status=201)
    maya.delete(f"workspaces/lab/invitations/{other['id']}/")
    assert maya.get("workspaces/lab/invitations/")["results"] == []
    maya.post("workspaces/lab/invitations/", {"role": "owner"}, status=403)
    refused = maya.post(
        "workspaces/lab/invitations/", {"role": "annotator", "email": "no"}, status=400
    )
    assert list(refused["fields"]) == ["email"]


def test_token_works_until_it_is_revoked(cast: Cast, ana: Api) -> None:
    made = ana.post("tokens/", {"name": "notebook", "scopes": ["work"]}, status=201)
    assert made["token"].startswith(made["prefix"])
    assert "token" not in ana.get("tokens/")["results"][0]
    program = Api()
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert program.get("me/")["email"] == "ana@lab.example"
    assert ApiToken.objects.get().last_used_at is not None
    program.get("tokens/", status=403)
    ana.delete(f"tokens/{made['id']}/")
    program.get("me/", status=401)
    ana.delete(f"tokens/{made['id']}/", status=404)


def test_tokens_of_others_are_not_found(cast: Cast, ana: Api) -> None:
    token = create_token(user=cast.ben, actor=TEST).token
    ana.delete(f"tokens/{token.uid}/", status=404)
    assert ana.get("tokens/")["results"] == []


def test_token_without_a_scope_list_gets_what_its_user_has_use_for(cast: Cast, ana: Api) -> None:
    assert ana.post("tokens/", {}, status=201)["scopes"] == ["read", "work", "manage"]
    assert "ops" in Api(cast.otto).post("tokens/", {}, status=201)["scopes"]
    assert "scopes.0" in ana.post("tokens/", {"scopes": ["all"]}, status=400)["fields"]
    past = {"expires_at": "2020-01-01T00:00:00Z"}
    assert list(ana.post("tokens/", past, status=400)["fields"]) == ["expires_at"]
