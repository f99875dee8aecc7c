"""Every fault of a model server has a name, and a meaning for the request."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from multidict import CIMultiDict

from generation import retry
from generation.client import ModelClient
from generation.errors import CallFailed
from generation.kinds import Health, Outcome
from generation.probe import probe
from generation.retry import Action
from generation.specs import AddressRules, EndpointSpec, FoundModel, Timeouts
from tests.generation.stub_server import (
    OPEN,
    QUICK,
    answer,
    endpoint,
    read_request,
    replying,
    serving,
    serving_raw,
)

BODY = {"model": "stub", "messages": [{"role": "user", "content": "Capital of France?"}], "n": 1}

RETRY, DEAD = Action.RETRY, Action.DEAD
STATUSES = [
    # status, body, outcome, action, breaker, uses an attempt
    (301, {}, Outcome.REDIRECT, RETRY, True, False),
    (307, {}, Outcome.REDIRECT, RETRY, True, False),
    (400, {}, Outcome.BAD_REQUEST, DEAD, False, False),
    (
        400,
        {"message": "This model's maximum context length is 2048 tokens."},
        Outcome.CONTEXT_TOO_LONG,
        DEAD,
        False,
        False,
    ),
    (
        400,
        {"error": {"type": "exceed_context_size_error"}},
        Outcome.CONTEXT_TOO_LONG,
        DEAD,
        False,
        False,
    ),
    (401, {}, Outcome.UNAUTHORISED, RETRY, True, False),
    (402, {}, Outcome.OUT_OF_CREDIT, RETRY, True, False),
    (403, {}, Outcome.UNAUTHORISED, RETRY, True, False),
    (404, {}, Outcome.NOT_FOUND, DEAD, True, False),
    (405, {}, Outcome.NOT_FOUND, DEAD, True, False),
    (408, {}, Outcome.SERVER_ERROR, RETRY, True, True),
    (409, {}, Outcome.SERVER_ERROR, RETRY, True, True),
    (413, {}, Outcome.BAD_REQUEST, DEAD, False, False),
    (418, {}, Outcome.BAD_REQUEST, DEAD, False, False),
    (422, {}, Outcome.BAD_REQUEST, DEAD, False, False),
    (429, {}, Outcome.RATE_LIMITED, RETRY, False, False),
    (429, {"error": {"code": "insufficient_quota"}}, Outcome.OUT_OF_CREDIT, RETRY, True, False),
    (500, {}, Outcome.SERVER_ERROR, RETRY, True, True),
    (502, {}, Outcome.SERVER_ERROR, RETRY, True, True),
    (503, {}, Outcome.OVERLOADED, RETRY, False, False),
    (504, {}, Outcome.SERVER_ERROR, RETRY, True, True),
    (202, {}, Outcome.UNEXPECTED_STATUS, RETRY, True, True),
]

BAD_ANSWERS = [
    (b'{"choices": [{"index": 0, "mess', Outcome.BAD_JSON),
    (b"", Outcome.BAD_JSON),
    (b"<html>Bad gateway</html>", Outcome.BAD_JSON),
    (b"[" * 100_000, Outcome.BAD_JSON),
    (b"\xff\xfe\x00", Outcome.BAD_JSON),
    (b'{"choices": NaN}', Outcome.NOT_A_NUMBER),
    (b'{"usage": {"prompt_tokens": Infinity}, "choices": []}', Outcome.NOT_A_NUMBER),
    (b"[]", Outcome.BAD_SCHEMA),
    (b"null", Outcome.BAD_SCHEMA),
    (b"{}", Outcome.BAD_SCHEMA),
    (b'{"error": {"message": "engine is dead"}}', Outcome.BAD_SCHEMA),
    (b'{"choices": {}}', Outcome.BAD_SCHEMA),
    (b'{"choices": ["Paris"]}', Outcome.BAD_SCHEMA),
    (b'{"choices": [{"index": 0}]}', Outcome.BAD_SCHEMA),
    (b'{"choices": [{"message": {"content": 7}}]}', Outcome.BAD_SCHEMA),
    (b'{"choices": [{"message": {"content": "a", "tool_calls": "x"}}]}', Outcome.BAD_SCHEMA),
    (b'{"choices": []}', Outcome.NO_CHOICES),
]


async def failure_of(spec: EndpointSpec) -> CallFailed:
    async with ModelClient(spec) as client:
        with pytest.raises(CallFailed) as caught:
            await client.chat(BODY)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "outcome", "action", "is_counted", "uses_attempt"), STATUSES
)
async def test_each_status_has_its_outcome_and_verdict(
    status: int,
    body: object,
    outcome: Outcome,
    action: Action,
    is_counted: bool,
    uses_attempt: bool,
) -> None:
    headers = {"Location": "http://127.0.0.1:1/"} if 300 <= status < 400 else None
    async with serving(replying(body, status=status, headers=headers)) as port:
        error = await failure_of(endpoint(port))
    assert (error.outcome, error.status) == (outcome, status)
    verdict = retry.verdict(error.outcome)
    assert verdict.action is action
    assert verdict.counts_for_breaker is is_counted
    assert verdict.uses_attempt is uses_attempt


@pytest.mark.parametrize(("raw", "outcome"), BAD_ANSWERS)
async def test_each_unusable_answer_is_named_and_retried(raw: bytes, outcome: Outcome) -> None:
    async with serving(replying(raw)) as port:
        error = await failure_of(endpoint(port, max_answer_bytes=200_000))
    assert error.outcome is outcome
    assert retry.verdict(outcome).action is RETRY
    assert retry.verdict(outcome, n_attempts=retry.MAX_ATTEMPTS).action is DEAD


async def test_good_answer_is_read_with_its_lineage() -> None:
    seen: CIMultiDict[str] = CIMultiDict()

    async def chat(request: web.Request) -> web.Response:
        seen.update(request.headers)
        seen["Body"] = await request.text()
        return web.json_response(answer())

    async with (
        serving(chat) as port,
        ModelClient(endpoint(port, key="sk-secret")) as client,
    ):
        completion = await client.chat(BODY, request_id="req-7")
    choice = completion.choices[0]
    assert (choice.content, choice.reasoning, choice.finish_reason) == ("Paris.", "", "stop")
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (7, 3)
    assert (completion.model, completion.server_request_id) == ("stub", "chatcmpl-1")
    assert completion.outcome is Outcome.OK
    assert seen["Authorization"] == "Bearer sk-secret"
    assert seen["X-Request-Id"] == "req-7"
    assert json.loads(seen["Body"]) == BODY


async def test_reasoning_tool_calls_and_parts_are_kept_apart() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choices = [
        {"index": 1, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "x"},
        {"index": 0, "message": {"content": "4", "reasoning_content": "2 + 2"}},
        {"index": 2, "message": {"content": [{"type": "text", "text": "a"}], "reasoning": "b"}},
    ]
    async with (
        serving(replying(answer(choices=choices))) as port,
        ModelClient(endpoint(port)) as client,
    ):
        completion = await client.chat({**BODY, "n": 3})
    first, second, third = completion.choices
    assert (first.content, first.reasoning) == ("4", "2 + 2")
    assert (second.content, second.tool_calls) == ("", (call,))
    assert (third.content, third.reasoning) == ("a", "b")


async def test_fewer_choices_are_kept_and_said() -> None:
    async with (
        serving(replying(answer())) as port,
        ModelClient(endpoint(port)) as client,
    ):
        completion = await client.chat({**BODY, "n": 4})
    assert (len(completion.choices), completion.n_missing) == (1, 3)
    assert completion.outcome is Outcome.FEWER_CHOICES
    verdict = retry.verdict(completion.outcome)
    assert (verdict.action, verdict.counts_for_breaker) == (RETRY, False)


async def test_text_that_postgresql_cannot_store_is_made_storable() -> None:
    raw = rb'{"choices": [{"message": {"content": "a\u0000b\ud800c\ud83d\ude00"}}]}'
    async with serving(replying(raw)) as port, ModelClient(endpoint(port)) as client:
        completion = await client.chat(BODY)
    assert completion.choices[0].content == "a\ufffdb\ufffdc\U0001f600"


async def test_server_message_is_kept_but_never_in_the_error_text() -> None:
    said = {"error": {"message": "bad prompt: my secret diary"}}
    async with serving(replying(said, status=400)) as port:
        error = await failure_of(endpoint(port))
    assert error.message == "bad prompt: my secret diary"
    assert "diary" not in str(error) + repr(error)


async def test_retry_after_reaches_the_verdict() -> None:
    async with serving(replying({}, status=429, headers={"Retry-After": "17"})) as port:
        error = await failure_of(endpoint(port))
    assert error.retry_after_s == 17
    verdict = retry.verdict(error.outcome, retry_after_s=error.retry_after_s)
    assert verdict.retry_after_s == 17


async def test_redirects_are_not_followed() -> None:
    async with serving(replying(answer())) as other:
        to = f"http://127.0.0.1:{other}/v1/chat/completions"
        async with serving(replying({}, status=308, headers={"Location": to})) as port:
            error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.REDIRECT


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(replying(answer())) as port, ModelClient(endpoint(port)) as client:
        assert (await client.chat(BODY)).choices[0].content == "Paris."


# --- the way there ----------------------------------------------------------


async def test_nobody_listening_is_connect_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await failure_of(endpoint(unused.getsockname()[1]))
    assert error.outcome is Outcome.CONNECT_REFUSED
    assert retry.verdict(error.outcome).is_endpoint_fault


async def test_full_backlog_is_connect_timeout() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        error = await failure_of(endpoint(full.getsockname()[1]))
    assert error.outcome is Outcome.CONNECT_TIMEOUT
    assert retry.verdict(error.outcome).is_endpoint_fault


async def test_unknown_name_is_dns() -> None:
    error = await failure_of(endpoint(0, base_url="http://no-such-host.invalid/v1"))
    assert error.outcome is Outcome.DNS
    assert retry.verdict(error.outcome).is_endpoint_fault


async def test_plain_server_behind_https_is_tls() -> None:
    async with serving(replying(answer())) as port:
        error = await failure_of(endpoint(port, base_url=f"https://127.0.0.1:{port}/v1"))
    assert error.outcome is Outcome.TLS
    assert retry.verdict(error.outcome).is_endpoint_fault


async def test_self_made_certificate_is_tls(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    error = await failure_of(endpoint(port, base_url=f"https://127.0.0.1:{port}/v1"))
    server.close()
    assert error.outcome is Outcome.TLS


# --- in the middle ----------------------------------------------------------


async def test_silence_is_first_byte_timeout() -> None:
    async def chat(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        raise AssertionError

    async with serving(chat) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.FIRST_BYTE_TIMEOUT


async def test_connection_closed_without_an_answer_is_reset() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with serving_raw(hang_up) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.RESET
    assert retry.verdict(error.outcome).uses_attempt


async def test_body_shorter_than_promised_is_reset() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"choices": [')

    async with serving_raw(cut) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.RESET


async def test_garbage_instead_of_http_is_named() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n" * 50)

    async with serving_raw(babble) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.BAD_JSON


async def _stream(request: web.Request, piece: bytes, pause_s: float, n: int) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(n):
        await response.write(piece)
        await asyncio.sleep(pause_s)
    return response


async def test_silence_in_the_middle_is_stalled() -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await _stream(request, b'{"choices": [', 30, 2)

    async with serving(chat) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.STALLED


async def test_byte_by_byte_is_stalled() -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await _stream(request, b"{", 0.1, 300)

    async with serving(chat) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.STALLED


async def test_endless_white_space_is_total_timeout() -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await _stream(request, b"\n", 0.1, 300)

    async with serving(chat) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.TOTAL_TIMEOUT


async def test_white_space_keeps_a_waiting_connection_alive() -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        response = await _stream(request, b"\n", 0.1, 8)
        await response.write(json.dumps(answer()).encode())
        return response

    async with serving(chat) as port, ModelClient(endpoint(port)) as client:
        assert (await client.chat(BODY)).choices[0].content == "Paris."


async def test_huge_announced_answer_is_too_large() -> None:
    async with serving(replying(b" " * 100_001)) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.TOO_LARGE


async def test_huge_unannounced_answer_is_too_large() -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        return await _stream(request, b"x" * 65536, 0, 1000)

    async with serving(chat) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.TOO_LARGE
    assert retry.verdict(error.outcome).action is RETRY


async def test_compressed_bomb_is_not_unpacked() -> None:
    async with serving(replying(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})) as port:
        error = await failure_of(endpoint(port))
    assert error.outcome is Outcome.BAD_JSON


async def test_cancelled_call_closes_its_connection() -> None:
    arrived, aborted = asyncio.Event(), asyncio.Event()

    async def chat(request: web.Request) -> web.Response:
        arrived.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            aborted.set()
            raise
        raise AssertionError

    patient = Timeouts(first_byte_s=20, total_s=20)
    async with serving(chat) as port, ModelClient(endpoint(port, timeouts=patient)) as client:
        call = asyncio.create_task(client.chat(BODY))
        await asyncio.wait_for(arrived.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(aborted.wait(), 5)


# --- where it may go --------------------------------------------------------


async def test_loopback_is_refused_at_connect_unless_allowed() -> None:
    async with serving(replying(answer())) as port:
        error = await failure_of(endpoint(port, address_rules=AddressRules()))
    assert error.outcome is Outcome.ADDRESS_REFUSED


async def test_name_that_resolves_to_a_forbidden_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the name looks harmless, the address connected to is judged."""
    async with serving(replying(answer())) as port:

        async def rebound(*args: object, **kwargs: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
        url = f"http://harmless.example:{port}/v1"
        error = await failure_of(endpoint(port, base_url=url, address_rules=AddressRules()))
        assert error.outcome is Outcome.ADDRESS_REFUSED
        async with ModelClient(endpoint(port, base_url=url, address_rules=OPEN)) as client:
            assert (await client.chat(BODY)).choices


# --- probe ------------------------------------------------------------------


async def test_probe_reports_models_and_version() -> None:
    models = {"data": [{"id": "b", "max_model_len": 2048}, {"id": "a", "meta": {"n_ctx": 512}}]}
    async with serving(
        replying({}),
        models=replying(models),
        health=replying(b""),
        version=replying({"version": "0.32.0"}),
    ) as port:
        report = await probe(endpoint(port))
    assert report.health is Health.UP
    assert report.models == (FoundModel("a", 512), FoundModel("b", 2048))
    assert report.server_version == "0.32.0"


async def test_probe_of_a_server_without_health_or_version_is_up() -> None:
    async with serving(replying({}), models=replying({"data": [{"id": "a"}]})) as port:
        report = await probe(endpoint(port))
    assert (report.health, report.server_version) == (Health.UP, "")


async def test_probe_of_an_ill_or_missing_server_is_down() -> None:
    async with serving(replying({}), health=replying({}, status=503)) as port:
        ill = await probe(endpoint(port))
    assert (ill.health, ill.error_class) == (Health.DOWN, Outcome.OVERLOADED)
    gone = await probe(endpoint(port, timeouts=QUICK))
    assert (gone.health, gone.error_class) == (Health.DOWN, Outcome.CONNECT_REFUSED)


async def test_metrics_text_is_returned() -> None:
    async with (
        serving(replying({}), metrics=replying(b"vllm:num_requests_running 3\n")) as port,
        ModelClient(endpoint(port)) as client,
    ):
        assert "num_requests_running 3" in await client.metrics()


def _certificate(folder: Path) -> Path:
    """Write a key and a certificate that nobody trusts, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "stub.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
