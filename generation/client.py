"""Why: the one place that talks HTTP to model servers. Async, and trusts nothing.

It retries nothing (one layer retries: the rows), follows no redirect, takes no
proxy from the environment, bounds time and size, and checks each address at
the moment it is connected to. A cancelled call closes its connection, which
makes vLLM abort the generation. No Django here: it works from an `EndpointSpec`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import aiohttp

from generation import addresses, answers, retry
from generation.errors import AddressRefused, CallFailed, Invalid
from generation.kinds import Outcome
from generation.specs import AddressRules, Completion, EndpointSpec, FoundModel

KEEPALIVE_S = 3.0
"""Below the 5 s after which uvicorn and llama.cpp close an idle connection: a
request sent into a connection that is just being closed is a reset."""

MAX_ERROR_BYTES = 16 * 2**10
MAX_METRICS_BYTES = 4 * 2**20
PROBE_TIMEOUT_S = 10.0
MIN_BYTES_PER_STALL = 1024
"""Less than this within `stall_s`, in the middle of an answer, is a trickle."""

REQUEST_ID_HEADER = "X-Request-Id"


class ModelClient:
    """Calls one model server. Use as `async with ModelClient(endpoint) as client`.

    One client per endpoint and event loop; calls may run concurrently without
    bound (the caller keeps the window).
    """

    def __init__(self, endpoint: EndpointSpec) -> None:
        self._endpoint = endpoint
        self._base_url = endpoint.base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._endpoint.key:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        self._session = aiohttp.ClientSession(
            connector=_connector(self._endpoint.address_rules),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._endpoint.timeouts.connect_s
            ),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # we ask for none; a bomb must not be unpacked
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def chat(self, body: Mapping[str, Any], *, request_id: str = "") -> Completion:
        """Ask for a completion; `body` as `sampling.build_body` made it.

        Raises: CallFailed, with the exact outcome.
        """
        began_at = time.monotonic()
        raw, headers = await self._call(
            "POST",
            f"{self._base_url}/chat/completions",
            body=body,
            request_id=request_id,
            max_bytes=self._endpoint.max_answer_bytes,
        )
        return answers.parse_completion(
            raw,
            n=int(body.get("n") or 1),
            latency_ms=round((time.monotonic() - began_at) * 1000),
            header_id=str(answers.storable(headers.get(REQUEST_ID_HEADER, "")))[:300],
        )

    async def models(self) -> tuple[FoundModel, ...]:
        """Return what the server says it serves.

        Raises: CallFailed.
        """
        raw, _ = await self._call("GET", f"{self._base_url}/models", is_probe=True)
        return answers.parse_models(raw)

    async def health(self) -> bool:
        """Say whether `/health` answers well; True where the server has no such address.

        vLLM's fails only when its engine is dead, not when it is overloaded.

        Raises: CallFailed, when the server cannot be reached or says it is ill.
        """
        try:
            await self._call("GET", f"{self._root}/health", is_probe=True)
        except CallFailed as error:
            if error.outcome in (Outcome.NOT_FOUND, Outcome.BAD_REQUEST):
                return True
            raise
        return True

    async def version(self) -> str:
        """Return the server's version from vLLM's `/version`, "" where there is none."""
        try:
            raw, _ = await self._call("GET", f"{self._root}/version", is_probe=True)
            said = answers.parse_json(raw)
        except CallFailed:
            return ""
        version = said.get("version") if isinstance(said, dict) else None
        return str(answers.storable(version))[:100] if isinstance(version, str) else ""

    async def metrics(self) -> str:
        """Return the server's Prometheus text; `metrics.parse_load` reads it.

        Raises: CallFailed.
        """
        raw, _ = await self._call(
            "GET", f"{self._root}/metrics", is_probe=True, max_bytes=MAX_METRICS_BYTES
        )
        return raw.decode(errors="replace")

    @property
    def _root(self) -> str:
        return addresses.server_root(self._base_url)

    async def _call(
        self,
        method: str,
        url: str,
        *,
        body: Mapping[str, Any] | None = None,
        request_id: str = "",
        is_probe: bool = False,
        max_bytes: int = 2**20,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Return body and headers of an answer with status 200.

        Raises: CallFailed.
        """
        if self._session is None:
            raise RuntimeError("ModelClient is used outside its `async with`.")
        timeouts = self._endpoint.timeouts
        total_s = min(PROBE_TIMEOUT_S, timeouts.total_s) if is_probe else timeouts.total_s
        with_id = {REQUEST_ID_HEADER: request_id} if request_id else {}
        async with _named_failures(total_s):
            addresses.check_url(self._base_url, rules=self._endpoint.address_rules)
            request = self._session.request(
                method, url, json=body, headers=with_id, allow_redirects=False
            )
            async with await _in_time(
                request, timeouts.first_byte_s, Outcome.FIRST_BYTE_TIMEOUT
            ) as response:
                if response.status != 200:
                    raise await _refusal(response, timeouts.stall_s)
                raw = await _read(response, max_bytes=max_bytes, stall_s=timeouts.stall_s)
                return raw, response.headers


def _connector(rules: AddressRules) -> aiohttp.TCPConnector:
    """Return a connector that looks at every address before it makes a socket.

    Happy eyeballs are off: they would swallow the refusal and try the next address.
    """

    def make_socket(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        addresses.check_ip(str(address[0]), rules=rules)
        return socket.socket(family=family, type=kind, proto=protocol)

    return aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEEPALIVE_S,
        ttl_dns_cache=30,
        happy_eyeballs_delay=None,
        socket_factory=make_socket,
    )


async def _in_time(request: Any, limit_s: float, outcome: Outcome) -> aiohttp.ClientResponse:
    """Await the beginning of an answer.

    Raises: CallFailed(outcome), when the limit passes first.
    """
    try:
        async with asyncio.timeout(limit_s) as limit:
            response: aiohttp.ClientResponse = await request
            return response
    except TimeoutError:
        if limit.expired():
            raise CallFailed(outcome) from None
        raise


async def _read(response: aiohttp.ClientResponse, *, max_bytes: int, stall_s: float) -> bytes:
    """Read a body, bounded in size, silence and slowness.

    White space alone may trickle: some hosted services send it to keep a
    waiting connection alive.

    Raises: CallFailed(stalled | too_large).
    """
    if (response.content_length or 0) > max_bytes:
        raise CallFailed(Outcome.TOO_LARGE)
    read = bytearray()
    window_began_at, window_began_len = time.monotonic(), 0
    has_begun = False
    while True:
        try:
            async with asyncio.timeout(stall_s) as limit:
                chunk = await response.content.readany()
        except TimeoutError:
            if limit.expired():
                raise CallFailed(Outcome.STALLED) from None
            raise
        if not chunk:
            return bytes(read)
        has_begun = has_begun or not chunk.isspace()
        read += chunk
        if len(read) > max_bytes:
            raise CallFailed(Outcome.TOO_LARGE)
        now = time.monotonic()
        if now - window_began_at >= stall_s:
            if has_begun and len(read) - window_began_len < MIN_BYTES_PER_STALL:
                raise CallFailed(Outcome.STALLED)
            window_began_at, window_began_len = now, len(read)


async def _refusal(response: aiohttp.ClientResponse, stall_s: float) -> CallFailed:
    """Return the failure that an answer with another status than 200 means."""
    try:
        async with asyncio.timeout(stall_s):
            raw = await response.content.read(MAX_ERROR_BYTES)
    except (TimeoutError, aiohttp.ClientError):
        raw = b""
    return CallFailed(
        retry.classify_status(response.status, raw.decode(errors="replace")),
        status=response.status,
        retry_after_s=retry.parse_retry_after(
            response.headers.get("Retry-After"), now=datetime.now(UTC)
        ),
        message=answers.error_message(raw),
    )


@asynccontextmanager
async def _named_failures(total_s: float) -> AsyncIterator[None]:
    """Turn whatever a call raises into `CallFailed`; a cancellation passes through."""
    limit = asyncio.timeout(total_s)
    try:
        async with limit:
            yield
    except (CallFailed, asyncio.CancelledError):
        raise
    except (AddressRefused, Invalid) as error:
        raise CallFailed(Outcome.ADDRESS_REFUSED, message=error.detail) from None
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        outcome = Outcome.TOTAL_TIMEOUT if limit.expired() else classify_exception(error)
        raise CallFailed(outcome) from error


def classify_exception(error: BaseException) -> Outcome:
    """Return the outcome that an exception of the HTTP client means."""
    for kinds, outcome in _BY_EXCEPTION:
        if isinstance(error, kinds):
            return outcome
    return Outcome.RESET


_BY_EXCEPTION: tuple[tuple[tuple[type[BaseException], ...], Outcome], ...] = (
    # The order matters: TLS errors are connector errors, time-outs are OSErrors.
    ((aiohttp.ConnectionTimeoutError,), Outcome.CONNECT_TIMEOUT),
    ((aiohttp.SocketTimeoutError,), Outcome.STALLED),
    ((aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch, ssl.SSLError), Outcome.TLS),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), Outcome.DNS),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), Outcome.ADDRESS_REFUSED),
    ((aiohttp.ClientConnectorError, ConnectionRefusedError), Outcome.CONNECT_REFUSED),
    ((TimeoutError,), Outcome.CONNECT_TIMEOUT),
    ((aiohttp.ClientResponseError,), Outcome.BAD_JSON),  # not even HTTP
)
