"""Why: who works on a project, how far they are, and how much they may answer."""

from __future__ import annotations

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.item_lines import TakenBack
from labeling.api.people_lines import (
    EnrolBody,
    EnrolmentStateBody,
    QuotaBody,
    QuotaLine,
    QuotaLines,
    QuotasSet,
)
from labeling.api.schema import operation
from labeling.api.views import ApiView
from labeling.errors import Invalid, NotFound
from labeling.models import Enrolment, Project
from labeling.operations.quotas import (
    ensure_enrolment,
    set_enrolment_state,
    set_quota,
    set_quota_of_all,
)
from labeling.queries.people import people_of
from labeling.queries.quotas import progress_of_annotators
from labeling.rules.permissions import Permission


class Quotas(ApiView):
    tag = "quotas"

    @operation("quotas_list", QuotaLines)
    def get(self, request: Request, slug: str) -> Response:
        """List everybody enrolled, by pseudonym, with their quotas and progress."""
        project = self.project(slug, Permission.PROGRESS_VIEW)
        return Response({"results": QuotaLine(progress_of_annotators(project), many=True).data})

    @operation("quotas_set_all", QuotasSet, body=QuotaBody)
    def put(self, request: Request, slug: str) -> Response:
        """Set the quotas of everybody, and of who comes later."""
        project = self.project(slug, Permission.QUOTA_SET)
        n = set_quota_of_all(project=project, actor=self.actor, **self.body(QuotaBody))
        return Response({"n_annotators": n})

    @operation("quotas_enrol", QuotaLine, status=201, body=EnrolBody)
    def post(self, request: Request, slug: str) -> Response:
        """Enrol a member, which a restricted project needs before they may work on it."""
        project = self.project(slug, Permission.QUOTA_SET)
        pseudonym = self.body(EnrolBody)["annotator"]
        members = people_of(project).filter(user__memberships__workspace=project.workspace)
        annotator = members.filter(pseudonym=pseudonym).first()
        if annotator is None:
            why = "is the pseudonym of no member"
            raise Invalid("There is no such member.", fields={"annotator": why})
        return Response(_line(project, ensure_enrolment(project, annotator)), status=201)


class OneQuota(ApiView):
    tag = "quotas"

    @operation("quotas_set", QuotaLine, body=QuotaBody)
    def put(self, request: Request, slug: str, enrolment: uuid.UUID) -> Response:
        """Set one annotator's quotas; one below what is used takes nothing away."""
        project = self.project(slug, Permission.QUOTA_SET)
        row = _enrolment(project, enrolment)
        set_quota(enrolment=row, actor=self.actor, **self.body(QuotaBody))
        return Response(_line(project, row))


class OneEnrolmentState(ApiView):
    tag = "quotas"

    @operation("quotas_set_state", TakenBack, body=EnrolmentStateBody)
    def put(self, request: Request, slug: str, enrolment: uuid.UUID) -> Response:
        """Let an annotator work here, pause them, or remove them from the project."""
        project = self.project(slug, Permission.QUOTA_SET)
        row = _enrolment(project, enrolment)
        state = self.body(EnrolmentStateBody)["state"]
        n_returned = set_enrolment_state(enrolment=row, state=state, actor=self.actor)
        return Response({"n_returned": n_returned})


def _enrolment(project: Project, uid: uuid.UUID) -> Enrolment:
    row = Enrolment.objects.filter(project=project, uid=uid).first()
    if row is None:
        raise NotFound("Nobody is enrolled under this id.")
    return row


def _line(project: Project, enrolment: Enrolment) -> object:
    [found] = progress_of_annotators(project, annotator_id=enrolment.annotator_id)
    return QuotaLine(found).data
