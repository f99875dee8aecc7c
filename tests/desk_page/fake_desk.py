"""Why: what is outside of the desk's page, in one thread: HTTP for the page and its files, and
a socket that speaks the desk protocol (DESIGN.md section 7) with canned tasks.

No database. Tests steer it: refuse a submit, revoke a task, cut the network, restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import logging
import mimetypes
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from labeling.pages.desk import desk_context

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; manifest-src 'self'"
)
SLUG = "fake"
_QUIET = logging.getLogger("tests.fake_desk")
_QUIET.setLevel(logging.CRITICAL)
GUIDELINES = (
    "<h2>What a good answer is</h2><p>It does what the prompt asks, it is true, and it is no "
    "longer than it needs to be.</p><ul><li>A confident mistake is worse than a gap.</li>"
    "<li>Style decides only between answers that are equally right.</li></ul>"
)


class FakeDesk:
    """A desk server for one annotator. Frames that came in are in `received`."""

    def __init__(self, tasks: list[dict[str, Any]] | None = None, **project: Any) -> None:
        self.waiting = list(tasks or [])
        self.held: dict[str, dict[str, Any]] = {}
        self.answered: dict[str, dict[str, Any]] = {}
        self.drafts: dict[str, Any] = {}
        self.received: list[dict[str, Any]] = []
        self.refusals: list[dict[str, Any]] = []
        self.idle_reason = "no_work"
        self.quota_left: int | None = 40
        self.project = {"name": "Helpful answers", "guidelines_version": "1.0", **project}
        self.port = 0
        self._want = 0
        self._sockets: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None
        self._news = threading.Condition()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    # --- steering, from the test's thread ------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/desk/{SLUG}/"

    def start(self) -> FakeDesk:
        self._run(self._start())
        return self

    def stop(self) -> None:
        """Close the port and cut every connection, as a restart of the server does."""
        self._run(self._stop())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def refuse(self, code: str, detail: str = "No.", *, on: str = "submit", **more: Any) -> None:
        """Refuse the next message of a type."""
        self.refusals.append({"on": on, "code": code, "detail": detail, **more})

    def push(self, task: dict[str, Any]) -> None:
        self.waiting.append(task)
        self._run(self._fill())

    def say(self, frame: dict[str, Any]) -> None:
        self._run(self._broadcast(frame))

    def revoke(self, task: str, reason: str) -> None:
        self.held.pop(task, None)
        self.say({"type": "revoked", "task": task, "reason": reason})

    def end(self, code: int) -> None:
        """Close every connection with a code of the protocol."""
        for socket in list(self._sockets):
            self._run(socket.close(code))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.received if frame["type"] == kind]

    def wait_for(
        self, kind: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Return the newest frame of a type that matches, waiting for it if need be."""
        until = time.monotonic() + 10
        with self._news:
            while True:
                found = [frame for frame in self.of_type(kind) if matches(frame)]
                if found:
                    return found[-1]
                if not self._news.wait(until - time.monotonic()):
                    raise AssertionError(f"no {kind} came; {[f['type'] for f in self.received]}")

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    # --- the server, in its own thread ------------------------------------------------

    async def _start(self) -> None:
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            self.port,
            process_request=self._page,
            max_size=2**20,
            logger=_QUIET,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def _stop(self) -> None:
        if self._server is None:
            return
        for socket in list(self._sockets):
            socket.transport.abort()
        server, self._server = self._server, None
        server.close()
        await server.wait_closed()

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.split("?")[0]
        if path.startswith("/ws/desk/"):
            return None
        if path.startswith("/static/"):
            found = finders.find(path.removeprefix("/static/"))
            if not found:
                return _respond(http.HTTPStatus.NOT_FOUND, b"", "text/plain")
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            return _respond(http.HTTPStatus.OK, Path(found).read_bytes(), kind)
        guidelines = SimpleNamespace(html=GUIDELINES, label=self.project["guidelines_version"])
        project: Any = SimpleNamespace(
            name=self.project["name"], slug=SLUG, reasoning_display="fold", guidelines=guidelines
        )
        context = desk_context(project, user_key="7", home_url="/", login_url="/login/")
        page = render_to_string("quorum/desk.html", context)
        return _respond(http.HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")

    async def _talk(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        try:
            async for text in socket:
                frame = json.loads(text)
                with self._news:
                    self.received.append(frame)
                    self._news.notify_all()
                await self._answer(socket, frame)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)

    async def _answer(self, socket: ServerConnection, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        task = frame.get("task")
        about = {"ref": frame.get("ref"), "task": task}
        refusal = next((each for each in self.refusals if each["on"] == kind), None)
        if refusal is not None:
            self.refusals.remove(refusal)
            more = {name: value for name, value in refusal.items() if name != "on"}
            await _send(socket, {"type": "refused", **about, **more})
            if more["code"] == "lease_lost":
                self.held.pop(str(task), None)
        elif kind == "hello":
            self._want = frame["want"]
            await self._fill(quiet=True)
            await _send(socket, self._welcome(frame))
            await self._fill()
        elif kind == "want":
            self._want = frame["n"]
            await self._fill()
        elif kind == "submit":
            await self._submit(socket, frame, about)
        elif kind == "draft":
            self.drafts[str(task)] = frame["values"]
            await _send(socket, {"type": "saved", **about})
        elif kind == "amend":
            old = self.answered[str(task)]
            again = {**old["task"], "lease": f"{task}-again", "draft": old["values"]}
            self.held[str(task)] = again
            await _send(socket, {"type": "task", "ref": frame["ref"], "task": again})
        elif kind in {"skip", "release", "park"}:
            self.held.pop(str(task), None)
            done = {"skip": "skipped", "release": "released", "park": "parked"}[kind]
            await _send(socket, {"type": done, **about})
            await self._fill()
        elif kind == "flag":
            await _send(socket, {"type": "flagged", **about})
        elif kind == "ping":
            await _send(socket, {"type": "pong", "ref": frame.get("ref")})

    def _welcome(self, frame: dict[str, Any]) -> dict[str, Any]:
        tasks = [
            {**task, "draft": self.drafts.get(task["task"], task["draft"])}
            for task in self.held.values()
        ]
        return {
            "type": "welcome",
            "ref": frame.get("ref"),
            "protocol": 1,
            "annotator": "otter-12",
            "project": self.project,
            "tasks": tasks,
            "progress": self._progress(),
            "lease_s": 300,
            "server_time": "2026-11-23T05:00:00.000Z",
        }

    async def _submit(
        self, socket: ServerConnection, frame: dict[str, Any], about: dict[str, Any]
    ) -> None:
        task = frame["task"]
        known = self.held.pop(task, None)
        if known is None and task not in self.answered:
            await _send(
                socket,
                {"type": "refused", **about, "code": "lease_lost", "detail": "The lease ended."},
            )
            return
        if known is not None:
            self.answered[task] = {"task": known, "values": frame["values"]}
            if self.quota_left is not None:
                self.quota_left -= 1
        await _send(
            socket,
            {"type": "accepted", **about, "duplicate": known is None, "progress": self._progress()},
        )
        await self._fill()

    def _progress(self) -> dict[str, Any]:
        return {
            "done": 12 + len(self.answered),
            "quota_left": self.quota_left,
            "today": len(self.answered),
        }

    async def _fill(self, *, quiet: bool = False) -> None:
        while len(self.held) < self._want and self.waiting:
            task = self.waiting.pop(0)
            self.held[task["task"]] = task
            if not quiet:
                await self._broadcast({"type": "task", "task": task})
        if len(self.held) < self._want and not quiet:
            await self._broadcast({"type": "idle", "reason": self.idle_reason})

    async def _broadcast(self, frame: dict[str, Any]) -> None:
        for socket in list(self._sockets):
            await _send(socket, frame)


async def _send(socket: ServerConnection, frame: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionClosed):
        await socket.send(json.dumps(frame))


def _respond(status: http.HTTPStatus, body: bytes, kind: str) -> Response:
    headers = Headers(
        {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    )
    headers["Content-Security-Policy"] = CSP
    return Response(status.value, status.phrase, headers, body)
