"""Why: `manage.py import_items SLUG FILE`, for scripts and for whoever likes a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from labeling.errors import NotFound
from labeling.exchange.sniff import FORMATS
from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.models import Project
from labeling.operations.imports import Progress, as_json, import_now

MAX_SHOWN = 20


class Command(QuorumCommand):
    help = (
        "Add the rows of a file to a project. The same file twice adds nothing. Bad rows are "
        "reported and the good ones are in; the exit code is 1 when there were bad rows."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the project's slug")
        parser.add_argument("file", help="JSON Lines, JSON, CSV or Parquet")
        parser.add_argument(
            "--format", choices=FORMATS, help="left out: guessed from the contents and the name"
        )
        parser.add_argument(
            "--map",
            action="append",
            nargs="+",
            default=[],
            metavar="ours=theirs",
            help="the file's name for one of our fields, such as prompt=question; may be repeated",
        )

    def run(self, **options: Any) -> Result:
        project = Project.objects.filter(slug=options["slug"]).first()
        if project is None:
            raise NotFound(f"There is no project {options['slug']!r}.")
        path = Path(options["file"])
        mapping = _mapping([pair for pairs in options["map"] for pair in pairs])
        try:
            file = path.open("rb")
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        with file:
            progress = import_now(
                project=project,
                file=file,
                name=path.name,
                format=options["format"],
                mapping=mapping,
                actor=COMMAND,
                on_progress=self._say_progress,
            )
        return _result(progress)

    def _say_progress(self, progress: Progress) -> None:
        self.say(f"{progress.n_read} read, {progress.added} added, {progress.n_bad} bad")


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in pairs:
        ours, sign, theirs = pair.partition("=")
        if not (ours and sign and theirs):
            raise CommandError(f"--map {pair} is not ours=theirs, such as prompt=question.")
        if ours in mapping:
            raise CommandError(f"--map names {ours} twice.")
        mapping[ours] = theirs
    return mapping


def _result(progress: Progress) -> Result:
    data: dict[str, Any] = {
        "added": progress.added,
        "already": progress.already,
        "bad": [as_json(row) for row in progress.bad],
        "n_bad": progress.n_bad,
        "judgments": progress.n_judgments,
        "judgments_left_out": progress.n_judgments_left_out,
    }
    lines = [f"{progress.added} added, {progress.already} already there, {progress.n_bad} bad."]
    if progress.n_judgments:
        lines.append(f"{progress.n_judgments} judgments came with them.")
    if progress.n_judgments_left_out:
        lines.append(
            f"{progress.n_judgments_left_out} judgments do not fit the project's questions."
        )
    lines += [f"  row {b.row}, {b.field}: {b.reason}" for b in progress.bad[:MAX_SHOWN]]
    if progress.n_bad > MAX_SHOWN:
        lines.append(f"  … and {progress.n_bad - MAX_SHOWN} more")
    problem = f"{progress.n_bad} rows were bad; the others are in." if progress.n_bad else ""
    return Result(data, "\n".join(lines), problem)
