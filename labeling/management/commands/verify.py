"""Why: `manage.py verify [SLUG]`: does everything hold that must hold?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from labeling.errors import NotFound
from labeling.management.command import QuorumCommand, Result
from labeling.models import Project
from labeling.queries.invariants import Verification, invariants, verify


class Command(QuorumCommand):
    help = "Check the invariants on the data of a project, or of all; exit 1 if one is broken."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", help="the project's slug; all projects without")

    def run(self, **options: Any) -> Result:
        found = verify(_project_id(options["slug"]) if options["slug"] else None)
        self._explain(found)
        n_broken, n_all = len(found.broken), len(found.counts)
        return Result(
            data={
                "ok": found.is_ok,
                "broken": found.broken,
                "information": found.information,
                "checked": sorted(found.counts),
            },
            text=f"All {n_all} invariants hold."
            if found.is_ok
            else f"{n_broken} of {n_all} do not.",
            problem="" if found.is_ok else f"{n_broken} of {n_all} invariants are broken.",
        )

    def _explain(self, found: Verification) -> None:
        for one in invariants():
            counts = found.information if one.is_information else found.counts
            if counts[one.name]:
                kind = "note" if one.is_information else "BROKEN"
                self.say(f"{kind} {one.name}: {counts[one.name]} rows. {one.sentence}")


def _project_id(slug: str) -> int:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise NotFound(f"There is no project {slug}.")
    return project.pk
