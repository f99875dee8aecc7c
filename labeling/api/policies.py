"""Why: ways of answering. Ops make them and say which workspaces may choose them; members
see their workspace's."""

from __future__ import annotations

import uuid

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from generation import operations as generation
from generation.models import Endpoint, Policy
from labeling.api.bodies import PageParams
from labeling.api.fleet_lines import PolicyBody, PolicyShown, PolicyStateBody
from labeling.api.paging import answer, page
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import Invalid, NotFound
from labeling.models import PolicyAccess, Workspace
from labeling.operations.audit import record
from labeling.operations.policies import grant_policy, withdraw_policy
from labeling.rules.permissions import Permission


class PolicyView(ApiView):
    tag = "policies"

    def policy(self, uid: uuid.UUID) -> Policy:
        """Return a policy to somebody who manages them. Raises: NotFound."""
        self.check_instance(Permission.ENDPOINT_MANAGE)
        row = Policy.objects.select_related("endpoint").filter(uid=uid).first()
        if row is None:
            raise NotFound("There is no such policy.")
        return row


class Policies(PolicyView):
    @operation("policies_list", page_of(PolicyShown), params=PageParams)
    def get(self, request: Request) -> Response:
        """List all policies, oldest first."""
        self.check_instance(Permission.ENDPOINT_MANAGE)
        rows = Policy.objects.select_related("endpoint")
        return answer(PolicyShown, page(rows, **self.params(PageParams)))

    @operation("policies_create", PolicyShown, status=201, body=PolicyBody)
    def post(self, request: Request) -> Response:
        """Make a policy; it is never edited, and the same again is the one that is there."""
        self.check_instance(Permission.ENDPOINT_MANAGE)
        said = self.body(PolicyBody)
        name = said.pop("endpoint")
        endpoint = Endpoint.objects.filter(name=name).first()
        if endpoint is None:
            raise Invalid("There is no such endpoint.", fields={"endpoint": "does not exist"})
        with transaction.atomic():
            row = generation.save_policy(endpoint_id=endpoint.pk, **said)
            record(actor=self.actor, action="policy.saved", subject=row)
        return Response(PolicyShown(row).data, status=201)


class OnePolicy(PolicyView):
    @operation("policies_retrieve", PolicyShown)
    def get(self, request: Request, policy: uuid.UUID) -> Response:
        """Return a policy."""
        return Response(PolicyShown(self.policy(policy)).data)


class PolicyStateView(PolicyView):
    @operation("policies_set_state", PolicyShown, body=PolicyStateBody)
    def put(self, request: Request, policy: uuid.UUID) -> Response:
        """Stop a policy, with a reason that people read, or let it answer again."""
        row = self.policy(policy)
        said = self.body(PolicyStateBody)
        with transaction.atomic():
            generation.set_policy_state(policy_id=row.pk, **said)
            after = {"state": said["state"].value}
            record(actor=self.actor, action="policy.state_set", subject=row, after=after)
        row.refresh_from_db()
        return Response(PolicyShown(row).data)


class PolicyOfWorkspace(PolicyView):
    @operation("policies_grant", None, status=204)
    def put(self, request: Request, policy: uuid.UUID, workspace: str) -> Response:
        """Let a workspace use a policy."""
        row = self.policy(policy)
        grant_policy(workspace=_workspace(workspace), policy=row, actor=self.actor)
        return Response(status=204)

    @operation("policies_withdraw", None, status=204)
    def delete(self, request: Request, policy: uuid.UUID, workspace: str) -> Response:
        """Let a workspace choose a policy no more; slates that have it keep it."""
        row = self.policy(policy)
        withdraw_policy(workspace=_workspace(workspace), policy=row, actor=self.actor)
        return Response(status=204)


class PoliciesOfWorkspace(ApiView):
    tag = "policies"

    @operation("workspace_policies_list", page_of(PolicyShown), params=PageParams)
    def get(self, request: Request, workspace: str) -> Response:
        """List the policies a workspace may use."""
        found = self.workspace(workspace, Permission.POLICY_USE)
        granted = PolicyAccess.objects.filter(workspace=found).values("policy")
        rows = Policy.objects.select_related("endpoint").filter(pk__in=granted)
        return answer(PolicyShown, page(rows, **self.params(PageParams)))


def _workspace(slug: str) -> Workspace:
    """Return a workspace by its name alone: ops open none, and grant to all."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return workspace
