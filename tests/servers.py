"""Throw-away PostgreSQL and Valkey for one test run.

A pytest plugin (`-p tests.servers`), because Django reads its settings before any conftest is
loaded: importing it chooses the addresses and puts them into the environment, which
pytest-xdist's workers inherit; the servers start with the session and go with it. It uses the
same code as `make up`, in a folder of its own, and never looks at a stack that runs.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local import postgres, valkey
from deploy.local.ports import pick_port
from deploy.local.processes import Program, signal_group

PREFIX = "quorum-tests-"
MARK = "QUORUM_TEST_SERVERS"
# A test database may lose its last moments in a crash; that never loses a test.
TEST_SETTINGS = {"synchronous_commit": "off", "shared_buffers": "128MB", "max_wal_size": "512MB"}


class RunningProgram:
    """One server process in the foreground of a test run."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                program.command,
                **program.popen_arguments(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        """Give the process number."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether it runs at this moment."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop it as the supervisor would, in the end with SIGKILL."""
        for step in self.program.stop_steps:
            if self.is_alive():
                self._process.send_signal(step.signal)
                try:
                    self._process.wait(step.wait_s)
                except subprocess.TimeoutExpired:
                    continue
        self.kill()

    def kill(self) -> None:
        """Kill it and its whole group."""
        signal_group(self.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def run_program(program: Program, log: Path) -> Iterator[RunningProgram]:
    """Run a server for the length of a block."""
    running = RunningProgram(program, log)
    try:
        yield running
    finally:
        running.stop()


class ThrowAwayServers:
    """PostgreSQL and Valkey in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.cache = valkey.ValkeyServer(folder=self.folder / "valkey", port=pick_port())
        self._database_dir = self.folder / "postgres"
        self._running: list[RunningProgram] = []
        self._server: postgres.PostgresServer | None = None

    def environment(self) -> dict[str, str]:
        """Give what settings need, before anything runs."""
        return {
            "DATABASE_URL": postgres.address_of(self._database_dir),
            "REDIS_URL": self.cache.url,
            "SECRET_KEY": "for-tests-only-and-the-same-in-every-run-of-them",
            "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
            "PUBLIC_URL": "http://testserver",
            "DATA_DIR": str(self.folder / "files"),
            "DEBUG": "0",
            "DEMO": "0",
            "LLM_BASE_URL": "",
            "LLM_ALLOW_LOOPBACK": "1",
            "LOG_FORMAT": "text",
            "STATIC_HASHED": "0",  # nothing is collected; tests/desk_page does it for itself
        }

    def start(self) -> None:
        """Start both and wait until they answer."""
        (self.folder / "files").mkdir()
        self.cache.folder.mkdir()
        server = postgres.prepare_server(self._database_dir)
        self._server = server
        database = RunningProgram(server.program(**TEST_SETTINGS), self.folder / "postgres.log")
        cache = RunningProgram(self.cache.program(), self.folder / "valkey.log")
        self._running = [cache, database]
        postgres.wait_until_ready(server, is_alive=database.is_alive)
        valkey.wait_until_ready(self.cache, is_alive=cache.is_alive)
        postgres.ensure_database(server)

    def stop(self) -> None:
        """Stop both and delete the folder; a second call does nothing more."""
        for running in self._running:
            running.stop()
        self._running = []
        if self._server is not None:
            self._server.remove_socket_dir()
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_forgotten_folders() -> None:
    """Delete the folders of test runs that were killed; their servers died with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(postgres.locate_socket_dir(folder / "postgres"), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


_servers: ThrowAwayServers | None = None
if MARK not in os.environ:
    remove_forgotten_folders()
    _servers = ThrowAwayServers()
    os.environ.update(_servers.environment())
    os.environ[MARK] = str(os.getpid())
    atexit.register(_servers.stop)
    # A run that is told to end (a time-out of CI) ends as with Ctrl-C: it cleans up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers, before xdist starts its workers."""
    if _servers is not None and not session.config.option.collectonly:
        _servers.start()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the servers, whatever became of the tests."""
    if _servers is not None:
        _servers.stop()


def main(command: list[str]) -> int:
    """Run any command on throw-away servers: `python -m tests.servers COMMAND …`."""
    if _servers is None:
        raise SystemExit("tests.servers runs already; its environment is set.")
    try:
        _servers.start()
        return subprocess.run(command).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        _servers.stop()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
