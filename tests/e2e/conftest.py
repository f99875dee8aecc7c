"""Why: the real local stack (every process of `make up`) on a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.local.ports import pick_port

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
START_S = 150


@dataclass
class RunningStack:
    """A stack that answers; `verb` is `manage.py … --json` in another terminal."""

    url: str
    data: Path
    process: subprocess.Popen[str]

    def verb(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a verb and return its one JSON object."""
        environment = {**_clean_environment(), "DATA": str(self.data)}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments, "--json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        [line] = done.stdout.splitlines()
        found: dict[str, Any] = json.loads(line)
        return found


def _clean_environment() -> dict[str, str]:
    """The tests' own servers must not be taken for the stack's."""
    ours = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "LLM_BASE_URL", "PUBLIC_URL", "ALLOWED_HOSTS")
    return {name: value for name, value in os.environ.items() if name not in ours}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start everything with the local model, without the demo; stop it as Ctrl-C would."""
    data = tmp_path_factory.mktemp("stack")
    port = pick_port()
    options = {"DATA": str(data), "PORT": str(port), "DEMO": "0", "LLM": "local"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "up"],
        cwd=ROOT,
        env={**_clean_environment(), **options},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    is_ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "Ready after" in line:
                is_ready.set()
        is_ready.set()

    threading.Thread(target=read, daemon=True).start()
    is_ready.wait(START_S)
    assert process.poll() is None, "".join(lines[-60:])
    assert any("Ready after" in line for line in lines), "".join(lines[-60:])
    yield RunningStack(f"http://127.0.0.1:{port}", data, process)
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(60) == 0, "".join(lines[-60:])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium binary on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
