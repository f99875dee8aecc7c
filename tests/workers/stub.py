"""A model server on loopback whose behaviour a test decides, and which counts."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]


def completion(text: str, *, finish_reason: str = "stop") -> web.Response:
    return web.json_response(
        {
            "id": "stub",
            "model": "stub-model",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish_reason,
                    "message": {"role": "assistant", "content": text},
                }
            ],
            "usage": {"prompt_tokens": 7, "completion_tokens": 11},
        }
    )


class StubServer:
    """Answers after `delay_s`; `answer` may be replaced. Counters are of finished handlers."""

    def __init__(self, *, delay_s: float = 0.02) -> None:
        self.delay_s = delay_s
        self.answer: Answer = self._echo
        self.in_flight = self.most_in_flight = self.n_calls = self.n_answered = self.n_aborted = 0
        self.calls: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.has_calls = threading.Event()
        self.base_url = ""

    async def _echo(self, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(self.delay_s)
        asked = body["messages"][-1]["content"]
        return completion(f"Answer to {asked} with {body['seed']}.")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.in_flight += 1
        self.n_calls += 1
        self.calls[request.headers.get("X-Request-Id", "")] += 1
        self.bodies.append(body)
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.has_calls.set()
        try:
            answer = await self.answer(body)
            self.n_answered += 1
            return answer
        except asyncio.CancelledError:
            self.n_aborted += 1
            raise
        finally:
            self.in_flight -= 1

    async def serve(self, started: threading.Event, over: asyncio.Event) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        started.set()
        await over.wait()
        await runner.cleanup()


@contextmanager
def run_stub(**options: Any) -> Iterator[StubServer]:
    """Serve in a thread for the length of a block."""
    stub, started = StubServer(**options), threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(stub.serve(started, over)), daemon=True
    )
    thread.start()
    assert started.wait(10)
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
