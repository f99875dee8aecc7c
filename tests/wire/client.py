"""A desk's client for tests: real WebSocket, the pinned protocol, nothing clever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect


class DeskClient:
    """Keeps every frame it got in `frames`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self._n_refs = 0
        self._pushed_back: list[dict[str, Any]] = []

    async def send(self, type_: str, **fields: Any) -> str:
        self._n_refs += 1
        ref = f"r{self._n_refs}"
        await self.connection.send(json.dumps({"type": type_, "ref": ref, **fields}))
        return ref

    async def receive(self, timeout: float = 10.0) -> dict[str, Any]:
        if self._pushed_back:
            return self._pushed_back.pop(0)
        frame = json.loads(await asyncio.wait_for(self.connection.recv(), timeout))
        self.frames.append(frame)
        return frame

    async def until(
        self, wanted: str | Callable[[dict[str, Any]], bool], timeout: float = 10.0
    ) -> dict[str, Any]:
        """Receive until a frame of this type (or one that fits) comes; return it."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self.receive(timeout)
                if frame["type"] == wanted if isinstance(wanted, str) else wanted(frame):
                    return frame

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Send, and return the frame that carries the ref back."""
        ref = await self.send(type_, **fields)
        return await self.until(lambda frame: frame.get("ref") == ref)

    async def hello(self, want: int = 1) -> dict[str, Any]:
        """Say hello and gather: the welcome's `tasks` are those held and those pushed at once."""
        welcome = await self.ask("hello", protocol=1, want=want)
        n_parked = sum(1 for task in welcome["tasks"] if task.get("parked"))
        while len(welcome["tasks"]) - n_parked < want:
            frame = await self.receive()
            if frame["type"] == "idle":
                self._pushed_back.append(frame)
                break
            if frame["type"] == "task":
                welcome["tasks"].append(frame["task"])
        return welcome

    async def submit(
        self, task: dict[str, Any], values: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        return await self.ask(
            "submit", task=task["task"], lease=task["lease"], values=values, spent_ms=900, **more
        )


def sit_down(url: str, token: str | None = None, **headers: str) -> Any:
    """Open a socket; use with `async with`."""
    more = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(url, additional_headers={**more, **headers}, max_size=2**23)
