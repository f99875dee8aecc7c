"""Builds projects full of items straight in the database, for tests of the hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from labeling.models import (
    Annotator,
    Candidate,
    Enrolment,
    Item,
    Project,
    QuestionSet,
    Workspace,
)
from labeling.operations import drivers

PREFERENCE = [{"name": "better", "type": "preference", "required": True}]


@dataclass
class Campaign:
    """An active preference project with its annotators' enrolments."""

    project: Project
    enrolments: list[Enrolment]

    def item_states(self) -> dict[str, int]:
        states: dict[str, int] = {}
        for state in self.project.items.values_list("state", flat=True):
            states[state] = states.get(state, 0) + 1
        return states


def build_campaign(
    *,
    n_items: int = 4,
    n_annotators: int = 3,
    overlap: int = 3,
    questions: list[dict[str, Any]] | None = None,
    n_candidates: int = 2,
    slug: str = "cats",
    **settings: Any,
) -> Campaign:
    """Create a workspace, an active project, ready items with candidates, and enrolments."""
    workspace, _ = Workspace.objects.get_or_create(slug="lab", defaults={"name": "Lab"})
    quotas = {k: settings.pop(k) for k in ("quota_total", "quota_day") if k in settings}
    project = Project.objects.create(
        workspace=workspace,
        name=slug,
        slug=slug,
        template="preference",
        state="active",
        overlap=overlap,
        **settings,
    )
    project.questions = QuestionSet.objects.create(
        project=project, version=1, questions=questions or PREFERENCE
    )
    project.save(update_fields=["questions"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('labeling_place') FROM generate_series(1, %s)", [n_items])
        places = [row[0] for row in cursor.fetchall()]
    items = Item.objects.bulk_create(
        [
            Item(
                project=project,
                external_id=f"q{n}",
                content_hash=f"{n}",
                overlap=overlap,
                messages=[{"role": "user", "content": f"Question {n} 🐈?"}],
                rendered=[{"role": "user", "content": f"Question {n} 🐈?", "html": f"<p>{n}</p>"}],
                metadata={"topic": "cats", "secret": "model-x"},
                state="ready",
                place=place,
            )
            for n, place in enumerate(places)
        ]
    )
    Candidate.objects.bulk_create(
        [
            Candidate(
                item=item,
                sample=k,
                policy_name="model-x",
                turns=[{"text": f"Answer {k}"}],
                rendered=[{"text": f"Answer {k}", "html": f"<p>Answer {k}</p>"}],
            )
            for item in items
            for k in range(n_candidates)
        ]
    )
    enrolments = [enrol(project, f"{slug}-ann-{n}", **quotas) for n in range(n_annotators)]
    return Campaign(project, enrolments)


def enrol(
    project: Project,
    pseudonym: str,
    quota_total: int | None = None,
    quota_day: int | None = None,
) -> Enrolment:
    """Create an annotator with an enrolment."""
    annotator, _ = Annotator.objects.get_or_create(workspace=project.workspace, pseudonym=pseudonym)
    return Enrolment.objects.create(
        project=project,
        annotator=annotator,
        quota_total=quota_total,
        cap_total=quota_total,
        quota_day=quota_day,
    )


def run_async(start: Callable[[], Any]) -> Any:
    """Run an operation through the sockets' driver, on a loop and pool of its own."""

    async def once() -> Any:
        try:
            return await drivers.run_async(start)
        finally:
            await drivers.close_desk_pool()

    return asyncio.run(once())
