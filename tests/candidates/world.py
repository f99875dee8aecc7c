"""A workspace with a project on one endpoint: the cast of the generation tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from generation import operations as generation_operations
from generation.kinds import EndpointKind
from generation.models import Endpoint, Policy
from labeling.models import Item, Project, SlateEntry, SlateVersion, Workspace
from labeling.rules.states import ProjectState, Template


@dataclass
class World:
    project: Project
    endpoint: Endpoint
    cool: Policy
    warm: Policy

    def add_items(self, n: int, *, n_turns: int = 1, project: Project | None = None) -> list[Item]:
        project = project or self.project
        done = project.items.count()
        return Item.objects.bulk_create(
            Item(
                project=project,
                external_id=f"q{done + k}",
                content_hash="",
                messages=[
                    {"role": "user", "content": f"Question {done + k}.{turn}"}
                    for turn in range(n_turns)
                ],
                rendered=[],
                n_open_turns=n_turns,
                overlap=project.overlap,
            )
            for k in range(n)
        )

    def another_project(self, slug: str, **changes: Any) -> Project:
        return make_project(slug, policies=[self.cool, self.warm], **changes)


def make_project(slug: str, *, policies: list[Policy], **changes: Any) -> Project:
    workspace, _ = Workspace.objects.get_or_create(slug="lab", defaults={"name": "Lab"})
    values = {"state": ProjectState.ACTIVE, "candidates_needed": 2, "overlap": 3, **changes}
    project = Project.objects.create(
        workspace=workspace, name=slug, slug=slug, template=Template.PREFERENCE, **values
    )
    project.slate = SlateVersion.objects.create(project=project, version=1)
    project.save(update_fields=["slate"])
    for position, policy in enumerate(policies):
        SlateEntry.objects.create(slate=project.slate, policy=policy, position=position)
    return project


def make_world(*, base_url: str = "http://127.0.0.1:9", max_in_flight: int = 8) -> World:
    endpoint = generation_operations.save_endpoint(
        name="stub", base_url=base_url, kind=EndpointKind.OPENAI, max_in_flight=max_in_flight
    )
    cool, warm = (
        generation_operations.save_policy(
            name=name,
            endpoint_id=endpoint.pk,
            model="stub-model",
            parameters={"temperature": temperature, "top_p": 1.0, "max_tokens": 32},
        )
        for name, temperature in (("cool", 0.2), ("warm", 1.0))
    )
    return World(make_project("chats", policies=[cool, warm]), endpoint, cool, warm)


def run_out(*request_ids: int) -> None:
    """Have the leases of these requests end a second ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE labeling_generationrequest SET leased_until = now() - interval '1 second' "
            "WHERE id = ANY(%s)",
            [list(request_ids)],
        )
