"""Why: who one is, workspaces, their members and invitations.

Workspaces are made on the command line; people join by an invitation, which they accept at
a browser.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api import paging
from labeling.api.bodies import PageParams
from labeling.api.item_lines import TakenBack
from labeling.api.people_lines import (
    InvitationBody,
    InvitationIssued,
    InvitationShown,
    Me,
    MemberShown,
    OwnMembership,
    ProfileBody,
    RenameBody,
    RoleBody,
    WorkspaceShown,
    WorkspacesShown,
)
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import NotFound
from labeling.models import Membership, Workspace
from labeling.operations.invitations import invite, revoke_invitation
from labeling.operations.members import remove_member, rename_workspace, set_role
from labeling.operations.users import update_profile
from labeling.queries.people import members_of, memberships_of, open_invitations, pseudonyms_in
from labeling.rules.permissions import Permission


class MeView(ApiView):
    tag = "me"

    @operation("me_retrieve", Me)
    def get(self, request: Request) -> Response:
        """Return who you are, and what the token you came with is for."""
        return self._me()

    @operation("me_change", Me, body=ProfileBody)
    def patch(self, request: Request) -> Response:
        """Change your name and time zone; in a session only."""
        self.check_own()
        kept = {"name": self.user.name, "time_zone": self.user.time_zone}
        update_profile(user=self.user, actor=self.actor, **{**kept, **self.body(ProfileBody)})
        return self._me()

    def _me(self) -> Response:
        own = OwnMembership(memberships_of(self.user), many=True).data
        return Response(
            {
                "email": self.user.email,
                "name": self.user.name,
                "time_zone": self.user.time_zone,
                "is_ops": self.user.is_ops,
                "scopes": None if self.scopes is None else sorted(self.scopes),
                "workspaces": own,
            }
        )


class Workspaces(ApiView):
    tag = "workspaces"

    @operation("workspaces_list", WorkspacesShown)
    def get(self, request: Request) -> Response:
        """List the workspaces you are a member of, by name."""
        return Response({"results": OwnMembership(memberships_of(self.user), many=True).data})


class OneWorkspace(ApiView):
    tag = "workspaces"

    @operation("workspaces_retrieve", WorkspaceShown)
    def get(self, request: Request, workspace: str) -> Response:
        """Return a workspace."""
        return Response(WorkspaceShown(self.workspace(workspace, Permission.PROJECT_VIEW)).data)

    @operation("workspaces_rename", WorkspaceShown, body=RenameBody)
    def patch(self, request: Request, workspace: str) -> Response:
        """Give a workspace another name; its slug stays."""
        found = self.workspace(workspace, Permission.WORKSPACE_MANAGE)
        rename_workspace(workspace=found, name=self.body(RenameBody)["name"], actor=self.actor)
        return Response(WorkspaceShown(found).data)


class Members(ApiView):
    tag = "people"

    @operation("members_list", page_of(MemberShown), params=PageParams)
    def get(self, request: Request, workspace: str) -> Response:
        """List a workspace's members, longest-standing first."""
        found = self.workspace(workspace, Permission.PEOPLE_VIEW)
        members = paging.page(members_of(found), **self.params(PageParams))
        return paging.answer(MemberShown, members, pseudonyms=pseudonyms_in(found))


class OneMember(ApiView):
    tag = "people"

    @operation("members_set_role", MemberShown, body=RoleBody)
    def put(self, request: Request, workspace: str, member: uuid.UUID) -> Response:
        """Give a member another role, up to your own."""
        found = self.workspace(workspace, Permission.PEOPLE_MANAGE)
        before = _member(found, member)
        role = self.body(RoleBody)["role"]
        after = set_role(workspace=found, user=before.user, role=role, actor=self.actor)
        shown = MemberShown(after, context={"pseudonyms": pseudonyms_in(found)})
        return Response(shown.data)

    @operation("members_remove", TakenBack)
    def delete(self, request: Request, workspace: str, member: uuid.UUID) -> Response:
        """End a membership; what they answered stays."""
        found = self.workspace(workspace, Permission.PEOPLE_MANAGE)
        gone = _member(found, member)
        n_returned = remove_member(workspace=found, user=gone.user, actor=self.actor)
        return Response({"n_returned": n_returned})


class Invitations(ApiView):
    tag = "people"

    @operation("invitations_list", page_of(InvitationShown), params=PageParams)
    def get(self, request: Request, workspace: str) -> Response:
        """List the invitations that can still be accepted, newest first."""
        found = self.workspace(workspace, Permission.PEOPLE_MANAGE)
        rows = paging.page(open_invitations(found), is_newest_first=True, **self.params(PageParams))
        return paging.answer(InvitationShown, rows)

    @operation("invitations_create", InvitationIssued, status=201, body=InvitationBody)
    def post(self, request: Request, workspace: str) -> Response:
        """Make an invitation; its secret is shown this once."""
        found = self.workspace(workspace, Permission.PEOPLE_MANAGE)
        said = self.body(InvitationBody)
        life = timedelta(days=said.pop("days"))
        issued = invite(workspace=found, life=life, actor=self.actor, **said)
        shown = InvitationShown(issued.invitation).data
        return Response({**shown, "secret": issued.secret}, status=201)


class OneInvitation(ApiView):
    tag = "people"

    @operation("invitations_revoke", None, status=204)
    def delete(self, request: Request, workspace: str, invitation: uuid.UUID) -> Response:
        """Take an invitation back."""
        found = self.workspace(workspace, Permission.PEOPLE_MANAGE)
        row = open_invitations(found).filter(uid=invitation).first()
        if row is None:
            raise NotFound("There is no such open invitation.")
        revoke_invitation(invitation=row, actor=self.actor)
        return Response(status=204)


def _member(workspace: Workspace, uid: uuid.UUID) -> Membership:
    member = members_of(workspace).filter(uid=uid).first()
    if member is None:
        raise NotFound("There is no such member.")
    return member
