"""Why: what exactly a model server is sent for a policy and an item. Pure.

The HTTP client sends what is built here as it is; whoever stores a candidate
stores the same parameters and seed as its lineage.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from generation.errors import Invalid
from generation.kinds import EndpointKind
from generation.specs import AnswerTurn, PolicySpec, SamplingParameters

Message = Mapping[str, Any]

SEED_BLOCK = 64
"""Seeds per draw: with n, vLLM seeds child i with seed + i."""

N_SEED_BLOCKS = 2**26 - 1
"""So that every seed stays below 2**32 - 1, which llama.cpp takes for "random"."""

BYTES_PER_TOKEN = 4.0
TOKENS_PER_MESSAGE = 4
SURELY = 0.5
"""Share of an estimate that a real count is never below (code, long words)."""

_VLLM_ONLY = ("top_k", "min_p", "repetition_penalty", "chat_template_kwargs")
_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


def build_body(
    policy: PolicySpec,
    messages: Sequence[Message],
    *,
    seed: int,
    n: int,
    endpoint_kind: EndpointKind,
) -> dict[str, Any]:
    """Return the body of `/chat/completions` for one call.

    Sampling values are always sent: what is left out falls back to the model's
    own `generation_config`, and the lineage would lie. vLLM's own parameters
    go to vLLM only, where unset ones are sent as neutral.

    Raises: Invalid, for what the server would refuse or silently ignore.
    """
    check_parameters(policy.parameters, endpoint_kind=endpoint_kind)
    check_n(policy, n=n)
    parameters = policy.parameters
    body: dict[str, Any] = {
        "model": policy.model,
        "messages": with_system_prompt(policy.system_prompt, messages),
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "max_tokens": parameters.max_tokens,
        "presence_penalty": parameters.presence_penalty or 0.0,
        "frequency_penalty": parameters.frequency_penalty or 0.0,
        "seed": seed,
        "n": n,
        "stream": False,
    }
    if parameters.stop:
        body["stop"] = list(parameters.stop)
    if endpoint_kind is EndpointKind.VLLM:
        body["top_k"] = 0 if parameters.top_k is None else parameters.top_k
        body["min_p"] = parameters.min_p or 0.0
        body["repetition_penalty"] = (
            1.0 if parameters.repetition_penalty is None else parameters.repetition_penalty
        )
        if parameters.chat_template_kwargs:
            body["chat_template_kwargs"] = dict(parameters.chat_template_kwargs)
    return body


def check_parameters(parameters: SamplingParameters, *, endpoint_kind: EndpointKind) -> None:
    """Refuse values out of range and those that a kind of server does not know.

    Raises: Invalid, with one sentence per parameter.
    """
    wrong: dict[str, str] = {}
    for name, low, high in (
        ("temperature", 0.0, 2.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
        ("min_p", 0.0, 1.0),
    ):
        value = getattr(parameters, name)
        if value is not None and not low <= value <= high:
            wrong[name] = f"must be between {low} and {high}"
    if not 0.0 < parameters.top_p <= 1.0:
        wrong["top_p"] = "must be above 0 and at most 1"
    if parameters.max_tokens < 1:
        wrong["max_tokens"] = "must be at least 1"
    if parameters.top_k is not None and parameters.top_k < -1:
        wrong["top_k"] = "must be at least 1, or 0 for no limit"
    if parameters.repetition_penalty is not None and not 0.0 < parameters.repetition_penalty <= 2.0:
        wrong["repetition_penalty"] = "must be above 0 and at most 2"
    if len(parameters.stop) > 16 or any(not word for word in parameters.stop):
        wrong["stop"] = "must be at most 16 texts, none of them empty"
    if endpoint_kind is not EndpointKind.VLLM:
        for name in _VLLM_ONLY:
            if getattr(parameters, name) is not None:
                wrong.setdefault(name, "is only known to endpoints of kind vllm")
    if wrong:
        raise Invalid(
            "The sampling parameters are not usable.",
            fields={f"parameters.{name}": why for name, why in wrong.items()},
        )


def check_n(policy: PolicySpec, *, n: int) -> None:
    """Refuse a number of choices that the policy or the server does not allow.

    Raises: Invalid.
    """
    if not 1 <= n <= SEED_BLOCK:
        raise Invalid(f"n must be between 1 and {SEED_BLOCK}.", fields={"n": "out of range"})
    if n > 1 and policy.parameters.temperature == 0:
        raise Invalid(
            "With temperature 0 all choices are the same: n must be 1.",
            fields={"n": "must be 1 with temperature 0"},
        )
    if n > 1 and not policy.is_n_per_request_ok:
        raise Invalid(
            "This policy's server takes one choice per request.", fields={"n": "must be 1"}
        )


def parse_parameters(values: Mapping[str, Any]) -> SamplingParameters:
    """Return the sampling parameters that a JSON object names.

    Raises: Invalid, for unknown names, wrong types and missing temperature,
    top_p or max_tokens.
    """
    wrong: dict[str, str] = {}
    clean: dict[str, Any] = {}
    for name in ("temperature", "top_p", "max_tokens"):
        if values.get(name) is None:
            wrong[name] = "is required"
    for name, value in values.items():
        if value is None:
            continue
        reader = _READERS.get(name)
        if reader is None:
            wrong[name] = "is not a sampling parameter"
            continue
        try:
            clean[name] = reader(value)
        except (TypeError, ValueError) as error:
            wrong[name] = str(error)
    if wrong:
        raise Invalid(
            "The sampling parameters cannot be read.",
            fields={f"parameters.{name}": why for name, why in wrong.items()},
        )
    return SamplingParameters(**clean)


def base_seed(request_uid: UUID, policy_uid: UUID, draw: int) -> int:
    """Return the seed of one draw: the same for ever, and a block of its own.

    Draws of one request lie `SEED_BLOCK` apart, so that the children of a call
    with n choices (seed, seed + 1, …) never meet those of another draw.
    """
    digest = hashlib.sha256(request_uid.bytes + policy_uid.bytes).digest()
    first_block = int.from_bytes(digest[:8], "big")
    return (first_block + draw) % N_SEED_BLOCKS * SEED_BLOCK


def with_system_prompt(system_prompt: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the messages for the wire, the policy's system prompt before the item's own.

    >>> with_system_prompt("Be brief.", [{"role": "system", "content": "You are a poet."}])
    [{'role': 'system', 'content': 'Be brief.\\n\\nYou are a poet.'}]
    """
    wire = [
        {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
        for message in messages
    ]
    if not system_prompt:
        return wire
    if wire and wire[0].get("role") == "system":
        own = wire[0].get("content") or ""
        joined = f"{system_prompt}\n\n{own}" if own else system_prompt
        return [{**wire[0], "content": joined}, *wire[1:]]
    return [{"role": "system", "content": system_prompt}, *wire]


def open_turns(messages: Sequence[Message]) -> tuple[int, ...]:
    """Return the positions of the user turns after which no assistant turn comes.

    >>> open_turns([{"role": "user"}, {"role": "assistant"}, {"role": "user"}, {"role": "user"}])
    (2, 3)
    """
    last_answer = max(
        (i for i, message in enumerate(messages) if message.get("role") == "assistant"), default=-1
    )
    return tuple(
        i for i, message in enumerate(messages) if i > last_answer and message.get("role") == "user"
    )


def next_turn_messages(
    messages: Sequence[Message], answers_so_far: Sequence[AnswerTurn]
) -> list[Message]:
    """Return what the policy is asked for its next turn: it sees its own earlier answers.

    Reasoning is not sent back (chat templates drop it), nor are tool calls
    that nobody answered (servers refuse them).

    Raises: Invalid, when every open turn is answered already or there is none.
    """
    turns = open_turns(messages)
    if len(answers_so_far) >= len(turns):
        raise Invalid("There is no open turn left to answer.")
    asked: list[Message] = list(messages[: turns[0]])
    for answer, begin, end in zip(answers_so_far, turns, turns[1:], strict=False):
        asked.append(messages[begin])
        asked.append({"role": "assistant", "content": answer.content})
        asked.extend(messages[begin + 1 : end])
    asked.append(messages[turns[len(answers_so_far)]])
    return asked


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Return about how many tokens the messages are, without a tokenizer.

    Bytes of UTF-8 by four, plus what a chat template adds. Within a factor of
    two for prose in most languages and vocabularies.
    """
    n_bytes = sum(
        len(str(message.get("content") or "").encode(errors="replace")) for message in messages
    )
    return math.ceil(n_bytes / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * (len(messages) + 1)


def fits(*, model_len: int | None, prompt_tokens: int, max_tokens: int) -> bool:
    """Say whether a prompt of an estimated length may fit.

    Only what surely does not fit is refused: the server counts exactly and its
    refusal is named (`context_too_long`); ours must not lose a prompt that fits.
    """
    if model_len is None:
        return True
    return math.floor(prompt_tokens * SURELY) + max_tokens <= model_len


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("must be a number")
    if not math.isfinite(value):
        raise ValueError("must be finite")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("must be a whole number")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise TypeError("must be a text or a list of texts")
    return tuple(value)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("must be an object")
    return dict(value)


_READERS = {
    "temperature": _number,
    "top_p": _number,
    "max_tokens": _whole,
    "presence_penalty": _number,
    "frequency_penalty": _number,
    "stop": _texts,
    "top_k": _whole,
    "min_p": _number,
    "repetition_penalty": _number,
    "chat_template_kwargs": _mapping,
}
