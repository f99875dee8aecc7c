"""Why: every verb speaks the same way (DESIGN.md section 8).

With `--json` one JSON object on one line of standard output and nothing else there;
without, a few words for people. Progress goes to standard error. Exit code 0 only
if all went well. What a verb does belongs into operations/, not here.
"""

from __future__ import annotations

import contextlib
import json
import sys
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from generation.errors import GenerationError
from labeling.errors import DomainError
from labeling.operations.audit import Actor

COMMAND = Actor(user=None, via="command")
"""Who acts when somebody types a command: a person with a shell on the machine."""

INTERRUPTED = 130


@dataclass(frozen=True)
class Result:
    """What a verb has to say. `problem` makes the exit code 1 though there is a result."""

    data: Mapping[str, Any]
    text: str = ""
    problem: str = ""


class QuorumCommand(BaseCommand):
    """Base of all verbs: give `add_options` and `run`."""

    def add_options(self, parser: CommandParser) -> None:
        """Declare the verb's own arguments."""

    @abstractmethod
    def run(self, **options: Any) -> Result:
        """Do it, by one call of an operation or query, and return what to print."""

    def say(self, text: str) -> None:
        """Tell the person something on standard error: progress, warnings."""
        self.stderr.write(text, style_func=lambda message: message)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="one JSON object on one line of standard output"
        )
        self.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb, print its result and turn errors into sentences."""
        as_json = options.pop("json")
        try:
            # What libraries print must not spoil the one line.
            with contextlib.redirect_stdout(sys.stderr):
                result = self.run(**options)
        except (DomainError, GenerationError) as error:
            raise CommandError(explain(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=INTERRUPTED) from None
        self.stdout.write(_to_line(result.data) if as_json or not result.text else result.text)
        if result.problem:
            raise CommandError(result.problem)


def explain(error: DomainError | GenerationError) -> str:
    """Return an error's sentence, with a line for each field it names."""
    return "\n".join([error.detail, *(f"  {path}: {why}" for path, why in error.fields.items())])


def _to_line(data: Mapping[str, Any]) -> str:
    return json.dumps(data, cls=DjangoJSONEncoder)  # ASCII: whatever the terminal speaks
