#!/usr/bin/env python3
"""Run one of Quorum's commands; finds the running local stack, and its .venv, by itself."""

import importlib.util
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent


def main() -> None:
    """Set the environment of the running local stack, if any, and run the command."""
    own_python = CHECKOUT / ".venv" / "bin" / "python"
    if importlib.util.find_spec("django") is None and own_python.exists():
        os.execv(own_python, [str(own_python), *sys.argv])  # noqa: S606  (typed as ./manage.py)

    from deploy.local.discover import find_environment

    for name, value in find_environment(CHECKOUT, os.environ).items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
