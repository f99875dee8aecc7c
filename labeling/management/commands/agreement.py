"""Why: `manage.py agreement SLUG`: how far do people agree?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from labeling.errors import NotFound
from labeling.management.command import QuorumCommand, Result
from labeling.models import Project
from labeling.queries.agreement import project_agreement

ALL_RESPONSES = 200_000
HEADINGS = ("question", "type", "alpha", "95 %", "level", "percent", "units", "ratings", "people")


class Command(QuorumCommand):
    help = "Print the agreement on each question of a project."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the project's slug")
        parser.add_argument(
            "--limit",
            type=int,
            default=ALL_RESPONSES,
            help=f"read the newest so many responses (default {ALL_RESPONSES})",
        )

    def run(self, **options: Any) -> Result:
        project = Project.objects.filter(slug=options["slug"]).first()
        if project is None:
            raise NotFound(f"There is no project {options['slug']}.")
        questions = project_agreement(project.pk, limit=max(1, options["limit"]))
        for name, found in questions.items():
            self._explain(name, found)
        return Result(data={"questions": questions}, text=as_table(questions))

    def _explain(self, name: str, found: Mapping[str, Any]) -> None:
        why = {
            "no_pairs": "no item has two answers yet, so nothing can be compared",
            "no_variation": "everybody gave the same answer everywhere, so alpha says nothing",
            "not_measured": "alpha makes no sense for free text; percent says how many are equal",
        }.get(found["extras"].get("undefined", ""))
        if why:
            self.say(f"{name}: {why}.")
        if found["n_left_out"]:
            self.say(f"{name}: {found['n_left_out']} answers to an older question are left out.")
        if found["n_unreadable"]:
            self.say(f"{name}: {found['n_unreadable']} answers do not have the question's shape.")
        majority = found["majority"]
        if majority and (majority["counts"] or majority["undecided"]):
            counts = ", ".join(f"{value}: {n}" for value, n in majority["counts"].items())
            self.say(
                f"{name}: majorities {counts or 'none'}; undecided: {majority['undecided']} "
                f"(a tied vote decides nothing; tie policy “{found['tie_policy']}”)."
            )


def as_table(questions: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures in columns."""
    rows = [HEADINGS, *(_row(name, found) for name, found in questions.items())]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(name: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    interval = found["interval"]
    return (
        name,
        found["type"],
        _number(found["alpha"]),
        f"{interval['low']:.3f} – {interval['high']:.3f}" if interval else "–",
        found["level"],
        _number(found["percent"]),
        str(found["n_units"]),
        str(found["n_ratings"]),
        str(found["n_annotators"]),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
