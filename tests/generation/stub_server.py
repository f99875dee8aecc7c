"""A model server on loopback that misbehaves in exactly the way a test asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from aiohttp import web

from generation.kinds import EndpointKind
from generation.specs import AddressRules, EndpointSpec, Timeouts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OPEN = AddressRules(allow_loopback=True, allow_private=True)
QUICK = Timeouts(connect_s=0.3, first_byte_s=0.5, stall_s=0.3, total_s=1.5)


def answer(**changes: Any) -> dict[str, Any]:
    """Return a well-formed answer, some of its fields changed."""
    return {
        "id": "chatcmpl-1",
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Paris."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        **changes,
    }


def endpoint(port: int, **changes: Any) -> EndpointSpec:
    """Return the spec of a server on this machine."""
    plain = EndpointSpec(
        id=1,
        uid=UUID(int=1),
        name="stub",
        base_url=f"http://127.0.0.1:{port}/v1",
        kind=EndpointKind.VLLM,
        address_rules=OPEN,
        timeouts=QUICK,
        max_answer_bytes=100_000,
    )
    return replace(plain, **changes)


@asynccontextmanager
async def serving(chat: Handler, **others: Handler) -> AsyncIterator[int]:
    """Serve one handler as `/v1/chat/completions`, others by name; yields the port."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    for name, handler in others.items():
        app.router.add_get("/v1/models" if name == "models" else f"/{name}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_raw(handler: RawHandler) -> AsyncIterator[int]:
    """Serve bytes that need not be HTTP; yields the port."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def replying(
    body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None
) -> Handler:
    """Return a handler that always replies the same; dicts become JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, body=raw, headers=headers)

    return handle


async def read_request(reader: asyncio.StreamReader) -> None:
    """Read a request's head and body, so that closing is not taken for a reset."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))
