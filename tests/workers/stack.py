"""Real Celery processes on the test's database, with a Valkey of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

from deploy.local import valkey
from deploy.local.ports import pick_port
from tests.servers import RunningProgram

REPO = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], bool], seconds: float = 30, what: str = "it") -> None:
    """Wait for a condition; a failure says what did not come about."""
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, f"{what} did not come about in {seconds} s"
        time.sleep(0.05)


class Stack:
    """Starts and kills workers, a scheduler and the broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = valkey.ValkeyServer(folder=folder / "valkey", port=pick_port())
        self.cache.folder.mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.broker: RunningProgram | None = None

    @property
    def redis_url(self) -> str:
        return self.cache.url

    def start_broker(self) -> None:
        self.broker = RunningProgram(self.cache.program(), self.folder / "valkey.log")
        valkey.wait_until_ready(self.cache, is_alive=self.broker.is_alive)

    def kill_broker(self) -> None:
        assert self.broker is not None
        self.broker.kill()

    def worker(self, name: str, queues: str = "generation") -> subprocess.Popen[bytes]:
        return self._celery(
            *("worker", "-Q", queues, "-n", f"{name}@test", "-P", "threads", "-c", "4"),
            *("--without-mingle", "--without-gossip", "-l", "INFO"),
            log=name,
        )

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._celery("beat", "-l", "INFO", log="beat")

    def _celery(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        parts = urlsplit(os.environ["DATABASE_URL"])
        database = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        with (self.folder / f"{log}.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "project", *arguments],
                cwd=REPO,
                env={
                    **os.environ,
                    "DATABASE_URL": database,
                    "REDIS_URL": self.redis_url,
                },
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self.broker is not None and self.broker.is_alive():
            self.broker.kill()
