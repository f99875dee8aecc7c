"""Why: a stack of a benchmark's own: PostgreSQL with fsync on, Valkey, n web processes.

The same servers and settings as `make up`, in a temporary folder, on free ports. Counts the
processor time of each part.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, cast

import psutil

from deploy.local import postgres, valkey
from deploy.local.ports import pick_port
from deploy.local.processes import Program


class Stack:
    """Use with `with`: the servers run inside, and their folder is deleted afterwards."""

    def __init__(self, n_web: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quorum-bench-"))
        self.n_web = n_web or os.cpu_count() or 2
        self.port = pick_port()
        self._cache = valkey.ValkeyServer(folder=self.folder / "valkey", port=pick_port())
        self._database = postgres.prepare_server(self.folder / "postgres")
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return self._database.database_url

    def environment(self) -> dict[str, str]:
        """Return what settings need."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self._cache.url,
            "SECRET_KEY": "for-benchmarks-only",
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(self.folder / "files"),
            "STATIC_HASHED": "0",
            "LOG_LEVEL": "WARNING",
        }

    def __enter__(self) -> Stack:
        self._cache.folder.mkdir()
        (self.folder / "files").mkdir()
        cache = self._start("valkey", self._cache.program())
        database = self._start("postgresql", self._database.program())
        postgres.wait_until_ready(self._database, is_alive=lambda: database.poll() is None)
        valkey.wait_until_ready(self._cache, is_alive=lambda: cache.poll() is None)
        postgres.ensure_database(self._database)
        os.environ.update(self.environment())
        os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
        subprocess.run([sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        from django.db import connection

        connection.close()
        cast(Any, connection).close_pool()  # PostgreSQL's own, which the stubs leave out
        for name in ("web", "valkey", "postgresql"):
            for process in self._running.get(name, []):
                process.terminate() if name != "postgresql" else process.send_signal(2)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
        self._database.remove_socket_dir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_web(self) -> None:
        """Start the web processes and wait until each answers."""
        for n in range(self.n_web):
            command = [sys.executable, "-m", "project.serve", "127.0.0.1", str(self.port)]
            log = (self.folder / f"web-{n}.log").open("wb")
            process = subprocess.Popen(
                [*command, "-v", "0"],
                env={**os.environ, "WEB_PROCESS": f"web-{n}"},
                stdout=log,
                stderr=log,
            )
            self._running.setdefault("web", []).append(process)
        deadline = time.monotonic() + 60
        n_answers = 0
        while n_answers < 5 * self.n_web:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                    n_answers += 1
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        time.sleep(2)

    def _start(self, name: str, program: Program) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("wb")
        process = subprocess.Popen(
            program.command, **program.popen_arguments(), stdout=log, stderr=log
        )
        self._running.setdefault(name, []).append(process)
        return process

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor time used so far by each part, children included."""
        return {name: sum(map(_cpu_of, running)) for name, running in self._running.items()}

    def memory_mib(self) -> dict[str, float]:
        """Return the proportional set size of each part."""
        return {name: sum(map(_memory_of, running)) for name, running in self._running.items()}


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_of(process: subprocess.Popen[bytes]) -> float:
    total = 0.0
    for one in _family(process):
        try:
            times = one.cpu_times()
            total += times.user + times.system
            if one.pid == process.pid:
                total += times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return total


def _memory_of(process: subprocess.Popen[bytes]) -> float:
    total = 0.0
    for one in _family(process):
        try:
            total += one.memory_full_info().pss / 2**20
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total
