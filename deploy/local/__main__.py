"""`python -m deploy.local up`: run the whole stack on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from deploy.local.caller import wait_for_end_of_make
from deploy.local.console import Console, wants_colour
from deploy.local.errors import StackError
from deploy.local.folder import DataFolder
from deploy.local.options import read_options
from deploy.local.stack import Stack

BASE_DIR = Path(__file__).resolve().parent.parent.parent
KILLED = 130


async def _run(stack: Stack) -> int:
    """Start the stack, wait for a signal, stop it; a second signal kills it."""
    loop = asyncio.get_running_loop()
    parent = os.getppid()
    stop_wanted = asyncio.Event()
    kill_wanted = asyncio.Event()

    def hear_signal() -> None:
        (kill_wanted if stop_wanted.is_set() else stop_wanted).set()

    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signal_number, hear_signal)

    starting = asyncio.create_task(stack.start())
    waiting = asyncio.create_task(
        _wait_for_either(stop_wanted.wait(), wait_for_end_of_make(parent))
    )
    problem: BaseException | None = None
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and (problem := starting.exception()) is None:
            await waiting
    finally:
        stop_wanted.set()
        waiting.cancel()
        starting.cancel()
        await asyncio.wait({starting})
        was_killed = await _stop(stack, kill_wanted)
    if problem is not None:
        raise problem
    return KILLED if was_killed else 0


async def _wait_for_either(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _stop(stack: Stack, kill_wanted: asyncio.Event) -> bool:
    """Stop the stack; tell whether it had to be killed."""
    stopping = asyncio.create_task(stack.stop())
    killing = asyncio.create_task(kill_wanted.wait())
    await asyncio.wait({stopping, killing}, return_when=asyncio.FIRST_COMPLETED)
    was_killed = not stopping.done()
    if was_killed:
        stack.kill()
    killing.cancel()
    await stopping
    return was_killed


def up() -> int:
    """Run the stack; give the exit code."""
    console = Console(sys.stdout, colour=wants_colour(sys.stdout, os.environ))
    try:
        options = read_options(base_dir=BASE_DIR, environ=os.environ, platform=sys.platform)
        folder = DataFolder(options.data_dir)
        folder.prepare()
        with folder.lock():
            stack = Stack(options=options, folder=folder, console=console, environ=os.environ)
            return asyncio.run(_run(stack))
    except* StackError as problems:
        for problem in problems.exceptions:
            console.say(str(problem))
    return 1


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="deploy.local", description=__doc__)
    parser.add_argument("command", choices=["up"])
    parser.parse_args()
    return up()


if __name__ == "__main__":
    raise SystemExit(main())
