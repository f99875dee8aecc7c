"""Why: the socket of a desk: handshake, frames in and out, limits, close.

What messages mean is desk.py's. No channel layer per socket (hub.py listens for the
process), no thread hop per frame, no ORM.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from labeling.live.admission import TurnedAway, admit, bearer_of, is_allowed_origin
from labeling.live.desk import Desk
from labeling.live.limits import TokenBucket
from labeling.live.protocol import CloseCode, ProtocolError, RefusedCode, decode, frames

logger = logging.getLogger(__name__)

CLEAN_CODES = (1000, 1001)
MAX_REFUSALS = 50
"""After so many frames in a row that are no messages, the connection ends."""


class DeskConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """`GET /ws/desk/<project-slug>/`."""

    channel_layer_alias = "none"

    def __init__(self) -> None:
        super().__init__()
        self.desk: Desk | None = None
        self.bucket = TokenBucket()
        self.n_refusals = 0
        self.is_closed = False

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Route without Channels' hop to a thread that closes old ORM connections."""
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        elif message["type"] == "websocket.connect":
            await self.websocket_connect(message)
        elif message["type"] == "websocket.disconnect":
            await self.websocket_disconnect(message)

    async def connect(self) -> None:
        headers = self.scope["headers"]
        bearer = bearer_of(headers)
        if bearer is None and not self._has_good_origin(headers):
            await self.close()  # before the handshake: HTTP 403
            return
        await self.accept()
        user = await get_user(self.scope) if bearer is None else None
        slug = self.scope["url_route"]["kwargs"]["slug"]
        try:
            admitted = await database_sync_to_async(admit, thread_sensitive=False)(
                user, bearer, slug
            )
        except TurnedAway as refusal:
            await self._end(refusal.code)
            return
        self.desk = Desk(admitted, self._send_text, self._end)

    def _has_good_origin(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """A cookie needs an Origin of ours; without a cookie there is nothing to abuse."""
        allowed = is_allowed_origin(headers)
        if allowed is None:
            return not self.scope["session"].session_key
        return allowed

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.desk is None or self.is_closed:
            return
        if not self.bucket.take():
            await self._refuse(ProtocolError(RefusedCode.RATE_LIMITED, "Too many messages."))
            return
        try:
            message = decode(text_data if text_data is not None else bytes_data or b"")
            await self.desk.handle(message)
            self.n_refusals = 0
        except ProtocolError as error:
            await self._refuse(error)
        except psycopg.OperationalError:
            logger.exception("the database is away; the desk is asked to come again")
            await self._end(CloseCode.TRY_LATER)

    async def _refuse(self, error: ProtocolError) -> None:
        await self._send_text(
            frames.refused(error.code, error.detail, ref=error.ref, fields=error.fields or None)
        )
        self.n_refusals += 1
        if error.close is not None:
            await self._end(error.close)
        elif self.n_refusals >= MAX_REFUSALS:
            await self._end(CloseCode.PROTOCOL)

    async def _send_text(self, text: str) -> None:
        if not self.is_closed:
            await self.send(text_data=text)

    async def _end(self, code: CloseCode) -> None:
        if not self.is_closed:
            self.is_closed = True
            await self.close(code=int(code))

    async def disconnect(self, code: int) -> None:
        self.is_closed = True
        if self.desk is not None:
            try:
                await self.desk.leave(is_clean=code in CLEAN_CODES)
            except psycopg.OperationalError:
                logger.warning("a desk left while the database was away; its leases run out")
