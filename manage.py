#!/usr/bin/env python
"""Run one of Quorum's commands; finds the running local stack by itself."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Set the environment of the running local stack, if any, and run the command."""
    from deploy.local.discover import find_environment

    for name, value in find_environment(Path(__file__).resolve().parent, os.environ).items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
