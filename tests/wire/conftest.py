"""A real web process (Daphne) on the test database, and real socket clients."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from django.db import connection


@dataclass
class Web:
    """A running web process."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def socket_url(self, slug: str) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/desk/{slug}/"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def database_url() -> str:
    """Return the address of the database this test runs on."""
    settings = connection.settings_dict
    return (
        f"postgresql://{quote(settings['USER'])}@/{quote(settings['NAME'])}"
        f"?host={quote(str(settings['HOST']), safe='')}"
        + (f"&port={settings['PORT']}" if settings["PORT"] else "")
    )


@pytest.fixture
def start_web(transactional_db: None) -> Iterator[Callable[..., Web]]:
    """Start web processes; they end with the test."""
    started: list[Web] = []

    def start(**environment: str) -> Web:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "project.serve", "127.0.0.1", str(port), "-v", "0"],
            env={
                **os.environ,
                "DATABASE_URL": database_url(),
                "STATIC_HASHED": "0",
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                **environment,
            },
        )
        web = Web(port, process)
        started.append(web)
        _wait_until_up(web)
        return web

    yield start
    for web in started:
        if web.process.poll() is None:
            web.process.terminate()
    for web in started:
        try:
            web.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            web.kill()


def _wait_until_up(web: Web) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if web.process.poll() is not None:
            raise AssertionError(f"the web process ended with {web.process.returncode}")
        try:
            urllib.request.urlopen(f"{web.url}/healthz", timeout=2)  # noqa: S310
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the web process did not come up")


@pytest.fixture
def web(start_web: Callable[..., Web]) -> Web:
    """One web process."""
    return start_web()
