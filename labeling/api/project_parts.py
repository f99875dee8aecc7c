"""Why: what hangs on a project: its versions, progress, agreement, notices and audit trail."""

from __future__ import annotations

from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api import paging
from labeling.api.bodies import PageParams
from labeling.api.project_lines import (
    AgreementParams,
    AgreementShown,
    AuditLine,
    GenerateBody,
    GeneratedShown,
    GuidelinesBody,
    GuidelinesShown,
    NoticeBody,
    NoticeShown,
    ProgressOfProject,
    QuestionsBody,
    QuestionsShown,
    RequestCountsShown,
    SlateBody,
    SlateShown,
)
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import Invalid, NotFound
from labeling.models import AuditEntry, Notice, SlateVersion
from labeling.operations.candidates import request_candidates, retry_dead
from labeling.operations.projects import send_notice
from labeling.operations.versions import set_guidelines, set_questions, set_slate
from labeling.queries.agreement import annotator_agreement, project_agreement
from labeling.queries.fleet import request_counts
from labeling.queries.people import people_of
from labeling.queries.progress import project_progress
from labeling.rules.permissions import Permission
from labeling.rules.project_config import parse_config

V = TypeVar("V")


class Questions(ApiView):
    tag = "projects"

    @operation("questions_retrieve", QuestionsShown)
    def get(self, request: Request, slug: str) -> Response:
        """Return the questions asked now."""
        project = self.project(slug, Permission.PROJECT_VIEW)
        return Response(QuestionsShown(_there(project.questions)).data)

    @operation("questions_set", QuestionsShown, body=QuestionsBody)
    def put(self, request: Request, slug: str) -> Response:
        """Ask other questions: a new version; tasks on desks keep theirs."""
        project = self.project(slug, Permission.PROJECT_MANAGE)
        new = set_questions(
            project=project, questions=self.body(QuestionsBody)["questions"], actor=self.actor
        )
        return Response(QuestionsShown(new).data)


class Guidelines(ApiView):
    tag = "projects"

    @operation("guidelines_retrieve", GuidelinesShown)
    def get(self, request: Request, slug: str) -> Response:
        """Return the guidelines."""
        project = self.project(slug, Permission.PROJECT_VIEW)
        return Response(GuidelinesShown(_there(project.guidelines)).data)

    @operation("guidelines_set", GuidelinesShown, body=GuidelinesBody)
    def put(self, request: Request, slug: str) -> Response:
        """Write a new version of the guidelines."""
        project = self.project(slug, Permission.PROJECT_MANAGE)
        new = set_guidelines(project=project, actor=self.actor, **self.body(GuidelinesBody))
        return Response(GuidelinesShown(new).data)


class Slate(ApiView):
    tag = "projects"

    @operation("slate_retrieve", SlateShown)
    def get(self, request: Request, slug: str) -> Response:
        """Return which policies answer, and how often."""
        project = self.project(slug, Permission.PROJECT_VIEW)
        return Response(_slate(_there(project.slate)))

    @operation("slate_set", SlateShown, body=SlateBody)
    def put(self, request: Request, slug: str) -> Response:
        """Set a new slate; items that were asked about keep theirs."""
        project = self.project(slug, Permission.PROJECT_MANAGE)
        lines = parse_config({"slate": self.body(SlateBody)["slate"]}).slate or ()
        return Response(_slate(set_slate(project=project, slate=lines, actor=self.actor)))


class Progress(ApiView):
    tag = "projects"

    @operation("progress_retrieve", ProgressOfProject)
    def get(self, request: Request, slug: str) -> Response:
        """Return how far a project is."""
        project = self.project(slug, Permission.PROGRESS_VIEW)
        found = project_progress(project.pk)
        return Response(ProgressOfProject({"state": project.state, **found.as_dict()}).data)


class Generate(ApiView):
    tag = "projects"

    @operation("candidates_generate", GeneratedShown, body=GenerateBody)
    def post(self, request: Request, slug: str) -> Response:
        """Ask for the candidates that waiting items lack, as `manage.py generate`."""
        project = self.project(slug, Permission.PROJECT_MANAGE)
        wants_dead = self.body(GenerateBody)["retry_dead"]
        n_made = request_candidates(project_id=project.pk)
        n_retried = retry_dead(project_id=project.pk) if wants_dead else 0
        counts = request_counts(project_id=project.pk)
        return Response(
            {"n_made": n_made, "n_retried": n_retried, **RequestCountsShown(counts).data}
        )


class Agreement(ApiView):
    tag = "projects"

    @operation("agreement_retrieve", AgreementShown, params=AgreementParams)
    def get(self, request: Request, slug: str) -> Response:
        """Return how far people agree, per question."""
        project = self.project(slug, Permission.PROGRESS_VIEW)
        wants_heatmaps = self.params(AgreementParams)["heatmaps"]
        found: dict[str, Any] = {"questions": project_agreement(project.pk, may_be_stale=True)}
        if wants_heatmaps:
            found["heatmaps"] = annotator_agreement(project.pk, may_be_stale=True)
        return Response(found)


class Notices(ApiView):
    tag = "projects"

    @operation("notices_list", page_of(NoticeShown), params=PageParams)
    def get(self, request: Request, slug: str) -> Response:
        """List what was written to the desks, newest first."""
        project = self.project(slug, Permission.NOTICE_SEND)
        rows = Notice.objects.filter(project=project).select_related("annotator")
        found = paging.page(rows, is_newest_first=True, **self.params(PageParams))
        return paging.answer(NoticeShown, found)

    @operation("notices_send", NoticeShown, status=201, body=NoticeBody)
    def post(self, request: Request, slug: str) -> Response:
        """Write to all desks, or to one annotator's."""
        project = self.project(slug, Permission.NOTICE_SEND)
        said = self.body(NoticeBody)
        name = said.get("annotator")
        annotator = None
        if name is not None:
            annotator = people_of(project).filter(pseudonym=name).first()
            if annotator is None:
                why = "is no annotator of the workspace"
                raise Invalid("There is no such annotator.", fields={"annotator": why})
        notice = send_notice(
            project=project, text=said["text"], annotator=annotator, actor=self.actor
        )
        return Response(NoticeShown(notice).data, status=201)


class Audit(ApiView):
    tag = "projects"

    @operation("audit_list", page_of(AuditLine), params=PageParams)
    def get(self, request: Request, slug: str) -> Response:
        """List who changed what, newest first."""
        project = self.project(slug, Permission.AUDIT_VIEW)
        rows = AuditEntry.objects.filter(project=project).select_related("actor")
        found = paging.page(rows, is_newest_first=True, **self.params(PageParams))
        return paging.answer(AuditLine, found)


def _there(version: V | None) -> V:
    if version is None:
        raise NotFound("The project has none yet.")
    return version


def _slate(slate: SlateVersion) -> dict[str, Any]:
    entries = slate.entries.order_by("position", "id").values_list("policy__name", "n_samples")
    lines = [{"policy": policy, "samples": n_samples} for policy, n_samples in entries]
    return {"version": slate.version, "slate": lines}
