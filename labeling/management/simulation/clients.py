"""Why: a simulated annotator at a real desk: one WebSocket connection of its own.

Measures the time from a submit to the frame that brings the next task (to `accepted`,
where the next is in hand already), as the person at the desk would feel it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from labeling.management.simulation.opinions import Opinions

QUIET_S = 3.0
ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Habits:
    """How simulated people behave; shares are 0–1, think time in seconds (mean)."""

    think_s: float = 0.5
    want: int = 2
    noise: float = 0.2
    typos: float = 0.02
    skips: float = 0.01
    repeats: float = 0.02
    reconnects: float = 0.01


@dataclass
class Seen:
    """What all simulated annotators saw together."""

    n_completed: int = 0
    n_duplicates: int = 0
    n_skipped: int = 0
    n_reconnects: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    idle: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    items_twice: int = 0


class Reconnect(Exception):
    """This annotator's connection ends here, on purpose or not; come again."""


class SimulatedAnnotator:
    """Answers tasks until told to stop."""

    def __init__(
        self, *, name: str, token: str, url: str, habits: Habits, seen: Seen, seed: str
    ) -> None:
        self.name = name
        self._token = token
        self._url = url
        self._habits = habits
        self._seen = seen
        self._opinions = Opinions(seed, habits.noise)
        self._random = random.Random(f"{seed}:acts")  # noqa: S311  (no secret)
        self._tasks: dict[str, dict[str, Any]] = {}
        self._answered: set[str] = set()
        self._n_refs = 0
        self.idle_since: float | None = None

    async def work(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """Sit at the desk, coming back after lost connections, until `stop`."""
        pause = 0.2
        while not stop.is_set():
            try:
                headers = {"Authorization": f"Bearer {self._token}"}
                async with session.ws_connect(
                    self._url, headers=headers, max_msg_size=2**23
                ) as socket:
                    pause = 0.2
                    await self._sit(socket, stop)
            except (Reconnect, aiohttp.ClientError, OSError, TimeoutError) as error:
                self._seen.n_reconnects += 1
                if not isinstance(error, Reconnect):
                    pause = min(pause * 2, 3.0)
                await asyncio.sleep(pause * self._random.uniform(0.5, 1.5))

    async def _sit(self, socket: aiohttp.ClientWebSocketResponse, stop: asyncio.Event) -> None:
        self._tasks.clear()
        welcome = await self._ask(socket, "hello", protocol=1, want=self._habits.want)
        for task in welcome["tasks"]:
            self._tasks[task["task"]] = task
        while not stop.is_set():
            task = next(iter(self._tasks.values()), None)
            if task is None:
                await self._wait_for_work(socket, stop)
                continue
            self.idle_since = None
            if self._habits.think_s:
                await asyncio.sleep(self._random.expovariate(1 / self._habits.think_s))
            await self._do(socket, task)

    async def _wait_for_work(
        self, socket: aiohttp.ClientWebSocketResponse, stop: asyncio.Event
    ) -> None:
        if self.idle_since is None:
            self.idle_since = time.monotonic()
        try:
            self._take(await self._receive(socket, timeout=0.5))
        except TimeoutError:
            return

    async def _do(self, socket: aiohttp.ClientWebSocketResponse, task: dict[str, Any]) -> None:
        key, lease = task["task"], task["lease"]
        draw = self._random.random()
        if draw < self._habits.reconnects:
            raise Reconnect
        if draw < self._habits.reconnects + self._habits.skips:
            reply = await self._ask(socket, "skip", task=key, lease=lease, reason="unclear")
            self._tasks.pop(key, None)
            self._seen.n_skipped += reply["type"] == "skipped"
            return
        if self._random.random() < self._habits.typos:
            values = self._opinions.spoil(task)
            reply = await self._ask(
                socket, "submit", task=key, lease=lease, values=values, spent_ms=10
            )
            if reply["type"] != "refused":
                self._seen.errors.append("a mistake was accepted")
        await self._submit(socket, task)

    async def _submit(self, socket: aiohttp.ClientWebSocketResponse, task: dict[str, Any]) -> None:
        answer = {
            "task": task["task"],
            "lease": task["lease"],
            "values": self._opinions.answer(task),
            "spent_ms": int(self._habits.think_s * 1000) + 1,
        }
        self._tasks.pop(task["task"], None)
        start = time.perf_counter()
        reply = await self._ask(socket, "submit", **answer)
        if reply["type"] != "accepted":
            return
        while not self._tasks and self.idle_since is None:
            self._take(await self._receive(socket))
        if self._tasks:
            self._seen.latencies_ms.append((time.perf_counter() - start) * 1000)
        self._count(task["task"], reply)
        if self._random.random() < self._habits.repeats:
            again = await self._ask(socket, "submit", **answer)
            if not again.get("duplicate"):
                self._seen.errors.append("a repeated submit was not called a duplicate")

    def _count(self, task: str, reply: dict[str, Any]) -> None:
        if reply["duplicate"]:
            self._seen.n_duplicates += 1
            return
        if task in self._answered:
            self._seen.items_twice += 1
        self._answered.add(task)
        self._seen.n_completed += 1

    async def _ask(
        self, socket: aiohttp.ClientWebSocketResponse, type_: str, **fields: Any
    ) -> dict[str, Any]:
        self._n_refs += 1
        ref = str(self._n_refs)
        await socket.send_str(json.dumps({"type": type_, "ref": ref, **fields}))
        while True:
            frame = await self._receive(socket)
            if frame.get("ref") == ref:
                if frame["type"] == "refused":
                    self._seen.refused[frame["code"]] += 1
                return frame
            self._take(frame)

    async def _receive(
        self, socket: aiohttp.ClientWebSocketResponse, timeout: float = ANSWER_TIMEOUT_S
    ) -> dict[str, Any]:
        message = await socket.receive(timeout=timeout)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Reconnect
        frame: dict[str, Any] = json.loads(message.data)
        return frame

    def _take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "task":
                self._tasks[frame["task"]["task"]] = frame["task"]
                self.idle_since = None
            case "revoked":
                self._tasks.pop(frame["task"], None)
            case "idle":
                self._seen.idle[frame["reason"]] += 1
                if not self._tasks and self.idle_since is None:
                    self.idle_since = time.monotonic()


async def run_annotators(
    annotators: list[SimulatedAnnotator], *, seconds: float, is_over: Any, say: Any
) -> float:
    """Have them work for `seconds`, or until all are idle and `is_over()`; return how long."""
    stop = asyncio.Event()
    start = time.monotonic()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        working = [asyncio.create_task(one.work(session, stop)) for one in annotators]
        while time.monotonic() - start < seconds:
            await asyncio.sleep(0.25)
            now = time.monotonic()
            idle = [one.idle_since for one in annotators]
            if all(since is not None and now - since > QUIET_S for since in idle) and (
                await is_over()
            ):
                break
            say(now - start)
        elapsed = time.monotonic() - start
        quiet = [one.idle_since for one in annotators]
        if all(since is not None for since in quiet):
            elapsed = max(since for since in quiet if since is not None) - start
        stop.set()
        done, late = await asyncio.wait(working, timeout=10)
        for task in late:
            task.cancel()
        for task in done:
            if task.exception():
                annotators[0]._seen.errors.append(repr(task.exception()))
    return max(elapsed, 0.001)
