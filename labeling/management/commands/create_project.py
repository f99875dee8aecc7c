"""`manage.py create_project NAME --workspace W --template T [--config FILE.json] [--activate]`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from labeling.errors import Invalid
from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.operations.members import find_or_create_workspace
from labeling.operations.projects import create_project
from labeling.rules.project_config import parse_config
from labeling.rules.states import Template


class Command(QuorumCommand):
    help = "Make a project from a template in a workspace (which is made if need be)."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--workspace", required=True, help="slug or name")
        parser.add_argument("--template", required=True, choices=list(Template))
        parser.add_argument("--config", help="a JSON file, or - for standard input")
        parser.add_argument("--activate", action="store_true", help="begin at once")

    def run(self, **options: Any) -> Result:
        """Read the config and make the project."""
        config = _read(options["config"]) if options["config"] else {}
        parse_config(config)  # before a workspace is made for nothing
        workspace = find_or_create_workspace(name=options["workspace"], actor=COMMAND)
        project = create_project(
            name=options["name"],
            workspace=workspace,
            template=Template(options["template"]),
            config=config,
            activate=options["activate"],
            actor=COMMAND,
        )
        n_policies = project.slate.entries.count() if project.slate else 0
        if n_policies == 0 and project.candidates_needed:
            self.say("The slate is empty: items must bring their candidates.")
        data = {
            "slug": project.slug,
            "workspace": workspace.slug,
            "template": project.template,
            "state": project.state,
        }
        return Result(data, f"The project is {project.slug} ({project.state}).")


def _read(name: str) -> Any:
    """Return what the config file holds.

    Raises: Invalid.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
        return json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The config cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"The config is not JSON: {error}") from None
