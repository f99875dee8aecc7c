"""Keep one child running: start it, pass on what it says, start it again when it dies, stop it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from deploy.local.console import Console, LogFile
from deploy.local.processes import Program, signal_group

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0
READ_BYTES = 64 * 1024
LONGEST_LINE_BYTES = 64 * 1024


def next_pause(pause_s: float, *, ran_s: float) -> float:
    """Choose the pause before the next start: doubled, or the first again after a good run.

    >>> [next_pause(0, ran_s=1), next_pause(1, ran_s=1), next_pause(16, ran_s=1)]
    [1.0, 2.0, 30.0]
    >>> next_pause(30, ran_s=61)
    1.0
    """
    if ran_s >= HEALTHY_AFTER_S or pause_s <= 0:
        return FIRST_PAUSE_S
    return min(pause_s * 2.0, LONGEST_PAUSE_S)


class Child:
    """One supervised program. `start` once, `stop` once."""

    def __init__(
        self,
        program: Program,
        *,
        console: Console,
        log: LogFile,
        on_start: Callable[[Program, int], None],
    ) -> None:
        self.program = program
        self.n_starts = 0
        self._console = console
        self._log = log
        self._on_start = on_start
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._starting = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Give the process number, None while it is not running."""
        return self._process.pid if self._process and self.is_alive else None

    @property
    def is_alive(self) -> bool:
        """Tell whether the process runs at this moment."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the program and keep it running until `stop`."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop the program step by step, in the end with SIGKILL, and its whole group."""
        self._stopping.set()
        async with self._starting:
            process = self._process
        if process is not None:
            await self._ask_to_stop(process)
        if self._keeper is not None:
            await self._keeper
        self._log.close()

    async def _ask_to_stop(self, process: asyncio.subprocess.Process) -> None:
        for step in self.program.stop_steps:
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(step.signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), step.wait_s)
        if process.returncode is None:
            self._console.say(f"{self.program.name} did not stop in time and is killed.")
        self.kill()

    def kill(self) -> None:
        """Kill the program and all that is left of its group, at once."""
        self._stopping.set()
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self.program.command,
            **self.program.popen_arguments(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.n_starts += 1
        self._on_start(self.program, self._process.pid)

    async def _spawn_again(self) -> None:
        async with self._starting:
            self._process = None
            if self._stopping.is_set():
                return
            try:
                await self._spawn()
            except OSError as problem:
                self._console.say(f"{self.program.name} cannot start: {problem}.")

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = 0.0
        while True:
            started_at = loop.time()
            code = await self._follow() if self._process else None
            if self._stopping.is_set():
                return
            if self._process:
                signal_group(self._process.pid, signal.SIGKILL)  # orphans of its own
            pause_s = next_pause(pause_s, ran_s=loop.time() - started_at)
            self._console.say(
                f"{self.program.name} {_say_end(code)}; it starts again in {pause_s:g} s."
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
                return
            await self._spawn_again()

    async def _follow(self) -> int:
        """Pass on the output until the process ends; give its exit code."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        reader = asyncio.create_task(self._pass_on(process.stdout))
        code = await process.wait()
        # A grandchild may hold the pipe open for ever.
        await asyncio.wait([reader], timeout=1.0)
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
        return code

    async def _pass_on(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._pass_on_line(line)
        if rest:
            self._pass_on_line(rest)

    def _pass_on_line(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        # The disk may fill up; the service must not stop because its log cannot grow.
        with contextlib.suppress(OSError):
            self._log.write(line)
        self._console.line(self.program.name, line.decode("utf-8", "replace"))


def _say_end(code: int | None) -> str:
    if code is None:
        return "did not start"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
