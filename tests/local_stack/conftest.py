"""A data folder, a console that remembers, and tiny programs to supervise."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.console import Console
from deploy.local.folder import DataFolder
from deploy.local.processes import GENTLE_STOP, Program, StopStep
from deploy.local.supervisor import Supervisor

MakeProgram = Callable[..., Program]
WAIT_S = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Give a data folder that is ready for use."""
    made = DataFolder(tmp_path / "data")
    made.prepare()
    return made


@pytest.fixture
def said() -> io.StringIO:
    """Give what the console printed."""
    return io.StringIO()


@pytest.fixture
def supervisor(folder: DataFolder, said: io.StringIO) -> Supervisor:
    """Give a supervisor of nothing yet."""
    return Supervisor(folder, Console(said, colour=False))


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Give a maker of Python one-liners."""

    def make(name: str, code: str, stop_steps: tuple[StopStep, ...] = GENTLE_STOP) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-c", code),
            cwd=tmp_path,
            environment={"PYTHONUNBUFFERED": "1"},
            stop_steps=stop_steps,
        )

    return make


async def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true; the test fails when it does not."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.02)
