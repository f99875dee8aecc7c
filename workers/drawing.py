"""Why: one draw of one candidate: ask the model server turn by turn.

No database and no gate here. What is returned or raised carries the calls that were
made, for each was paid for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from generation import sampling
from generation.errors import CallFailed, Invalid
from generation.kinds import Outcome
from generation.specs import AnswerTurn, Choice, Completion, EndpointSpec, PolicySpec
from labeling.operations.candidates import CallRecord, CandidateDraft, turn_json
from labeling.operations.request_leases import ClaimedRequest

UNSENT = ("messages", "model", "seed", "n", "stream")
"""Of a call's body, what is not a sampling parameter."""


class Client(Protocol):
    """What drawing needs of `generation.client.ModelClient`."""

    async def chat(self, body: Mapping[str, Any], *, request_id: str = "") -> Completion: ...


@dataclass(frozen=True, slots=True)
class Draw:
    """A whole answer. `calls` are those not yet written down; `finish_reasons` per turn."""

    number: int
    draft: CandidateDraft
    finish_reasons: tuple[str, ...]
    calls: tuple[CallRecord, ...]


class DrawFailed(Exception):
    """A draw that broke off. `error` says why, `calls` what was paid for."""

    def __init__(self, error: CallFailed, calls: Sequence[CallRecord]) -> None:
        super().__init__(str(error))
        self.error = error
        self.calls = tuple(calls)


KeepTurns = Callable[[Sequence[Mapping[str, Any]], Sequence[CallRecord]], Awaitable[bool]]


async def draw_candidate(
    *,
    request: ClaimedRequest,
    number: int,
    so_far: Sequence[Mapping[str, Any]],
    policy: PolicySpec,
    endpoint: EndpointSpec,
    client: Client,
    worker: str,
    keep_turns: KeepTurns,
) -> Draw:
    """Ask for each open turn in order; `keep_turns` writes the first ones down on the way.

    Raises: DrawFailed.
    """
    seed = sampling.base_seed(request.uid, policy.uid, number)
    n_turns = len(sampling.open_turns(request.messages))
    turns = [dict(turn) for turn in so_far]
    calls: list[CallRecord] = []
    body: Mapping[str, Any] = {}
    while True:
        try:
            asked = sampling.next_turn_messages(request.messages, [_turn(turn) for turn in turns])
            body = _body(policy, asked, seed=seed, endpoint=endpoint)
        except Invalid as error:
            failed = CallFailed(Outcome.BAD_REQUEST, message=error.detail)
            raise DrawFailed(failed, calls) from error
        except CallFailed as error:
            raise DrawFailed(error, calls) from error
        call_id = f"{request.uid}-{number}-{len(turns)}"
        turns.append(await _call(client, body, call_id, worker, calls))
        if len(turns) >= n_turns:
            break
        await keep_turns(turns, calls)
        calls.clear()
    draft = _draft(turns, body, policy=policy, endpoint=endpoint, seed=seed, number=number)
    reasons = tuple(turn["finish_reason"] for turn in turns)
    return Draw(number, draft, reasons, tuple(calls))


def _body(
    policy: PolicySpec, asked: Sequence[Mapping[str, Any]], *, seed: int, endpoint: EndpointSpec
) -> dict[str, Any]:
    """Return a call's body.

    Raises: Invalid; CallFailed(will_not_fit).
    """
    body = sampling.build_body(policy, asked, seed=seed, n=1, endpoint_kind=endpoint.kind)
    estimate = sampling.estimate_tokens(body["messages"])
    max_tokens = policy.parameters.max_tokens
    model_len = endpoint.model_len(policy.model)
    if not sampling.fits(model_len=model_len, prompt_tokens=estimate, max_tokens=max_tokens):
        raise CallFailed(
            Outcome.WILL_NOT_FIT,
            message=f"about {estimate} tokens and {max_tokens} to write, of {model_len}",
        )
    return body


async def _call(
    client: Client, body: Mapping[str, Any], call_id: str, worker: str, calls: list[CallRecord]
) -> dict[str, Any]:
    """Make a call, add its record to `calls`, and return its answer as a stored turn.

    Raises: DrawFailed.
    """
    began_at = datetime.now(UTC)
    try:
        completion = await client.chat(body, request_id=call_id)
    except CallFailed as error:
        elapsed = datetime.now(UTC) - began_at
        calls.append(
            CallRecord(
                started_at=began_at,
                outcome=error.outcome.value,
                latency_ms=round(elapsed.total_seconds() * 1000),
                detail=error.message,
                worker=worker,
            )
        )
        raise DrawFailed(error, calls) from error
    usage = completion.usage
    calls.append(
        CallRecord(
            started_at=began_at,
            outcome=Outcome.OK.value,
            latency_ms=completion.latency_ms,
            tokens_in=usage.prompt_tokens,
            tokens_out=usage.completion_tokens,
            worker=worker,
        )
    )
    return _stored(completion, completion.choices[0])


def _stored(completion: Completion, choice: Choice) -> dict[str, Any]:
    return {
        **turn_json(choice.turn),
        "finish_reason": choice.finish_reason,
        "tokens_in": completion.usage.prompt_tokens,
        "tokens_out": completion.usage.completion_tokens,
        "latency_ms": completion.latency_ms,
        "model": completion.model,
        "server_request_id": completion.server_request_id,
    }


def _turn(stored: Mapping[str, Any]) -> AnswerTurn:
    return AnswerTurn(
        content=stored["text"],
        reasoning=stored.get("reasoning", ""),
        tool_calls=tuple(stored.get("tool_calls", ())),
    )


def _draft(
    turns: Sequence[Mapping[str, Any]],
    body: Mapping[str, Any],
    *,
    policy: PolicySpec,
    endpoint: EndpointSpec,
    seed: int,
    number: int,
) -> CandidateDraft:
    """Return the turns as one candidate; a cut-off turn anywhere makes it `length`."""
    reasons = [turn["finish_reason"] for turn in turns]
    return CandidateDraft(
        turns=[_turn(turn) for turn in turns],
        parameters={key: value for key, value in body.items() if key not in UNSENT},
        model=turns[-1]["model"] or policy.model,
        model_revision=endpoint.model_revision,
        seed=seed,
        tokens_in=_sum(turn["tokens_in"] for turn in turns),
        tokens_out=_sum(turn["tokens_out"] for turn in turns),
        finish_reason="length" if "length" in reasons else reasons[-1],
        latency_ms=_sum(turn["latency_ms"] for turn in turns),
        server_request_id=turns[-1]["server_request_id"],
        draw=number,
    )


def _sum(counts: Any) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
