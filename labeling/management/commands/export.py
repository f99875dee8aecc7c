"""Why: `manage.py export SLUG --format F --out DIR`: a training set, with its counts explained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from labeling.errors import Invalid, NotFound
from labeling.exchange.files import FILE_TYPES
from labeling.exchange.manifest import NAME
from labeling.exchange.training_sets import FORMATS
from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.models import Project
from labeling.operations.snapshots import make_snapshot

TELL_S = 3.0


class Command(QuorumCommand):
    help = "Write a project's training set and its manifest.json into a folder."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the project's slug")
        parser.add_argument("--format", required=True, choices=FORMATS, help="what is made")
        parser.add_argument("--out", required=True, type=Path, help="the folder")
        parser.add_argument("--file-type", choices=FILE_TYPES, default="jsonl")
        parser.add_argument("--question", help="the question to learn from")
        parser.add_argument("--min-confidence", type=float, help="leave out less sure items")
        parser.add_argument("--pairs", choices=("all", "best_worst"), help="of rankings, ratings")
        parser.add_argument("--min-gap", type=float, help="of two ratings that make a pair")
        parser.add_argument("--sft-shape", choices=("prompt_completion", "messages"))
        parser.add_argument("--demonstrations", choices=("all", "first"))
        parser.add_argument("--good-from", type=float, help="kto: the least good rating")
        parser.add_argument("--good-label", action="append", help="kto: a label that is good")
        parser.add_argument("--lineage", action="store_true", help="add columns with ids")
        parser.add_argument(
            "--include-unfinished", action="store_true", help="items that lack answers, too"
        )
        parser.add_argument(
            "--split",
            help="shares by prompt, such as train=0.8,validation=0.1,test=0.1 or train=1",
        )
        parser.add_argument("--seed", help="of the split; another seed is another draw")

    def run(self, **options: Any) -> Result:
        project = (
            Project.objects.select_related("workspace", "guidelines")
            .filter(slug=options["slug"])
            .first()
        )
        if project is None:
            raise NotFound(f"There is no project {options['slug']}.")
        out = options["out"].absolute()
        made = make_snapshot(
            project=project,
            format=options["format"],
            file_type=options["file_type"],
            options=chosen(options),
            out=out,
            actor=COMMAND,
            tell=self._teller(),
        )
        self.say(made.manifest["explanation"])
        self.say(made.manifest["summary"])
        files = [str(out / file.name) for file in made.written.files]
        rows = made.written.tally.rows_out
        listed = "\n".join(f"{out / f.name}: {f.rows} rows" for f in made.written.files)
        return Result(
            data={"files": files, "rows": rows, "manifest": str(out / NAME)},
            text=f"{listed}\n{out / NAME}",
        )

    def _teller(self) -> Any:
        told = time.monotonic()

        def tell(n_items: int) -> None:
            nonlocal told
            if time.monotonic() - told >= TELL_S:
                told = time.monotonic()
                self.say(f"{n_items} items read")

        return tell


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as `export_choices` names them.

    Raises: Invalid, for shares that are none.
    """
    names = ("question", "min_confidence", "pairs", "min_gap", "sft_shape", "demonstrations")
    found = {name: options[name] for name in (*names, "good_from", "seed")}
    found |= {"good_labels": options["good_label"], "shares": _shares(options["split"])}
    given = {name: value for name, value in found.items() if value is not None}
    flags = {name: True for name in ("lineage", "include_unfinished") if options[name]}
    return given | flags


def _shares(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(share) for name, share in pairs}
    except ValueError:
        raise Invalid(
            "The split must be like train=0.8,validation=0.1,test=0.1.",
            fields={"split": "is not like that"},
        ) from None
