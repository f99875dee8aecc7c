"""The data folder: everything of a local stack that outlives the processes.

postgres/  valkey/  files/  what the service stores
static/                     made again at each start
logs/                       one file for each process
run/                        lock, ports, and what runs now
secret_key                  made once, readable by its owner only
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any, TextIO

from deploy.local.errors import StackError

LEAST_FREE_BYTES = 500 * 1024 * 1024


class DataFolder:
    """One data folder, and the names of what lies in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"
        self.logs = path / "logs"
        self.postgres = path / "postgres"
        self.valkey = path / "valkey"
        self.secret_key = path / "secret_key"
        self.stack_file = self.run / "stack.json"
        self.processes_file = self.run / "processes.json"
        self.lock_file = self.run / "lock"

    def prepare(self) -> None:
        """Make the folder, or say why it cannot be used.

        Raises:
            StackError: it cannot be written, or the disk is nearly full.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.run, self.logs, self.valkey):
                folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.run):
                pass
        except OSError as problem:
            raise StackError(
                f"The data folder {self.path} cannot be written: {problem.strerror}. "
                "Choose another: make up DATA=/a/folder/of/yours"
            ) from problem
        self._check_free_space()

    def _check_free_space(self) -> None:
        n_free = shutil.disk_usage(self.path).free
        if n_free < LEAST_FREE_BYTES:
            raise StackError(
                f"The disk of {self.path} is nearly full: {n_free // 2**20} MB are free and "
                f"{LEAST_FREE_BYTES // 2**20} MB are needed. Make room, or choose another "
                "folder: make up DATA=/a/folder/elsewhere"
            )

    def lock(self) -> TextIO:
        """Lock the folder for this process; closing the file, or dying, unlocks it.

        Raises:
            StackError: another running stack has it.
        """
        handle = self.lock_file.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            handle.close()
            raise StackError(
                f"The data folder {self.path} is in use by a stack that is running "
                f"(process {owner}). Stop that one, or choose another: make up DATA=…"
            ) from problem
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        return handle

    def read_json(self, file: Path) -> Any:
        """Read one of our own files in run/; what is missing or torn reads as None."""
        try:
            return json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def write_json(self, file: Path, content: object) -> None:
        """Write a file in one step, readable by its owner only."""
        fresh = file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(content, handle, indent=1)
        fresh.replace(file)

    def ensure_secret_key(self) -> Path:
        """Make the secret key on the first start and leave it alone afterwards."""
        if not self.secret_key.exists():
            fresh = self.secret_key.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as handle:
                handle.write(secrets.token_urlsafe(64))
            fresh.replace(self.secret_key)
        return self.secret_key
