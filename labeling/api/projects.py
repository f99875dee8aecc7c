"""Why: projects: listed, made, changed, and taken through their life."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api import paging
from labeling.api.bodies import PageParams
from labeling.api.project_lines import (
    NewProjectBody,
    ProjectLine,
    ProjectShown,
    SettingsBody,
    TemplateShown,
    TemplatesShown,
)
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.models import Project
from labeling.operations.project_settings import change_settings
from labeling.operations.projects import change_state, create_project
from labeling.queries.access import projects_of
from labeling.rules.permissions import Permission
from labeling.rules.question_types import to_wire
from labeling.rules.states import ProjectState
from labeling.rules.templates import TEMPLATES


class Projects(ApiView):
    tag = "projects"

    @operation("projects_list", page_of(ProjectLine), params=PageParams)
    def get(self, request: Request) -> Response:
        """List the projects you may see or work on, oldest first."""
        found = paging.page(self._visible(), **self.params(PageParams))
        return paging.answer(ProjectLine, found)

    @operation("projects_create", ProjectShown, status=201, body=NewProjectBody)
    def post(self, request: Request) -> Response:
        """Make a project from a template."""
        wanted = self.body(NewProjectBody)
        workspace = self.workspace(wanted.pop("workspace"), Permission.PROJECT_MANAGE)
        project = create_project(workspace=workspace, actor=self.actor, **wanted)
        return Response(ProjectShown(project).data, status=201)

    def _visible(self) -> QuerySet[Project]:
        seen = projects_of(self.user, Permission.PROJECT_VIEW, scopes=self.scopes)
        worked = projects_of(self.user, Permission.PROJECT_WORK, scopes=self.scopes)
        may = {
            "may_view": Exists(seen.order_by().filter(pk=OuterRef("pk"))),
            "may_work": Exists(worked.order_by().filter(pk=OuterRef("pk"))),
        }
        rows = Project.objects.select_related("workspace").annotate(**may)
        return rows.filter(Q(may_view=True) | Q(may_work=True))


class OneProject(ApiView):
    tag = "projects"

    @operation("projects_retrieve", ProjectShown)
    def get(self, request: Request, slug: str) -> Response:
        """Return a project with its settings."""
        return Response(ProjectShown(self.project(slug, Permission.PROJECT_VIEW)).data)

    @operation("projects_change", ProjectShown, body=SettingsBody)
    def patch(self, request: Request, slug: str) -> Response:
        """Change settings, by the keys of a config.

        `quotas` are those of who enrols from now on; `quotas/` sets everybody's.
        """
        project = self.project(slug, Permission.PROJECT_MANAGE)
        changed = change_settings(project=project, changes=dict(request.data), actor=self.actor)
        return Response(ProjectShown(changed).data)


class StateChange(ApiView):
    """One step of a project's life; each state has a view of its own."""

    tag = "projects"
    state: ProjectState

    def bring(self, slug: str) -> Response:
        """Change the state. Raises: as change_state."""
        project = self.project(slug, Permission.PROJECT_MANAGE)
        changed = change_state(project=project, state=self.state, actor=self.actor)
        return Response(ProjectShown(changed).data)


class Activate(StateChange):
    state = ProjectState.ACTIVE

    @operation("projects_activate", ProjectShown)
    def post(self, request: Request, slug: str) -> Response:
        """Begin: candidates are asked for, items that lack nothing open."""
        return self.bring(slug)


class Resume(StateChange):
    state = ProjectState.ACTIVE

    @operation("projects_resume", ProjectShown)
    def post(self, request: Request, slug: str) -> Response:
        """Go on after a pause."""
        return self.bring(slug)


class Pause(StateChange):
    state = ProjectState.PAUSED

    @operation("projects_pause", ProjectShown)
    def post(self, request: Request, slug: str) -> Response:
        """Pause: tasks stay on the desks, nothing is claimed or submitted."""
        return self.bring(slug)


class Finish(StateChange):
    state = ProjectState.FINISHED

    @operation("projects_finish", ProjectShown)
    def post(self, request: Request, slug: str) -> Response:
        """Finish: tasks come back from the desks."""
        return self.bring(slug)


class Archive(StateChange):
    state = ProjectState.ARCHIVED

    @operation("projects_archive", ProjectShown)
    def post(self, request: Request, slug: str) -> Response:
        """Close for good."""
        return self.bring(slug)


class Templates(ApiView):
    tag = "projects"

    @operation("templates_list", TemplatesShown)
    def get(self, request: Request) -> Response:
        """List what a project can start from."""
        lines = [
            TemplateShown(
                {
                    "name": spec.name.value,
                    "title": spec.title,
                    "description": spec.description,
                    "overlap": spec.overlap,
                    "candidates_needed": spec.candidates_needed,
                    "questions": [to_wire(question) for question in spec.questions],
                    "guidelines": spec.guidelines,
                }
            ).data
            for spec in TEMPLATES.values()
        ]
        return Response({"results": lines})
