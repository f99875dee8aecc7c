"""Why: the frozen values that cross this package's boundaries. Pure.

Queries make them from rows; sampling, client and workers use them without Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from generation.kinds import (
    BreakerState,
    EndpointKind,
    EndpointState,
    Health,
    Outcome,
    PolicyState,
)

MAX_ANSWER_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a model server, in seconds.

    A server that does not stream sends its first byte when the answer is
    complete, so `first_byte_s` covers queueing and generation.
    """

    connect_s: float = 10.0
    first_byte_s: float = 300.0
    stall_s: float = 20.0
    total_s: float = 330.0


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Which addresses beyond public ones are allowed; comes from settings."""

    allow_loopback: bool = False
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One entry of a server's `/models`."""

    id: str
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """All that is needed to call a model server. `repr` never shows the key."""

    id: int
    uid: UUID
    name: str
    base_url: str
    kind: EndpointKind
    key: str = field(default="", repr=False)
    address_rules: AddressRules = AddressRules()
    timeouts: Timeouts = Timeouts()
    max_answer_bytes: int = MAX_ANSWER_BYTES
    max_in_flight: int = 32
    max_rpm: int | None = None
    max_model_len: int | None = None
    weight: int = 1
    model_revision: str = ""
    quantisation: str = ""
    models_found: tuple[FoundModel, ...] = ()
    server_version: str = ""
    is_changed: bool = False
    """Models or version differ from those an operator confirmed."""
    state: EndpointState = EndpointState.ACTIVE
    health: Health = Health.UNKNOWN
    breaker_state: BreakerState = BreakerState.CLOSED

    def model_len(self, model: str) -> int | None:
        """Return the declared length in tokens, else the one the server told, else None."""
        if self.max_model_len is not None:
            return self.max_model_len
        return next((found.max_model_len for found in self.models_found if found.id == model), None)


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How a policy samples. None = not set by the policy.

    The first six exist everywhere in the OpenAI dialect; the rest are vLLM's.
    """

    temperature: float
    top_p: float
    max_tokens: int
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    chat_template_kwargs: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is set, as the row and the lineage of a candidate store it."""
        values: dict[str, Any] = {
            name: getattr(self, name)
            for name in self.__slots__
            if name != "stop" and getattr(self, name) is not None
        }
        if self.stop:
            values["stop"] = list(self.stop)
        if self.chat_template_kwargs is not None:
            values["chat_template_kwargs"] = dict(self.chat_template_kwargs)
        return values


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """All that is needed to ask for an answer of a policy."""

    id: int
    uid: UUID
    name: str
    endpoint_id: int
    model: str
    parameters: SamplingParameters
    system_prompt: str = ""
    is_n_per_request_ok: bool = True
    state: PolicyState = PolicyState.ACTIVE
    stopped_reason: str = ""
    fallback_endpoint_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerTurn:
    """One assistant turn, as a model server wrote it."""

    content: str
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers of a completion."""

    content: str
    reasoning: str
    tool_calls: tuple[dict[str, Any], ...]
    finish_reason: str
    index: int

    @property
    def turn(self) -> AnswerTurn:
        return AnswerTurn(self.content, self.reasoning, self.tool_calls)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; llama.cpp counts one choice only when n > 1."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What one chat call brought: at least one choice, perhaps fewer than asked for."""

    choices: tuple[Choice, ...]
    usage: Usage
    model: str
    server_request_id: str
    latency_ms: int
    n_asked: int = 1

    @property
    def n_missing(self) -> int:
        return max(self.n_asked - len(self.choices), 0)

    @property
    def outcome(self) -> Outcome:
        """`ok`, or `fewer_choices`: keep those that came, ask again for the rest."""
        return Outcome.FEWER_CHOICES if self.n_missing else Outcome.OK


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a health probe saw."""

    health: Health
    models: tuple[FoundModel, ...] = ()
    server_version: str = ""
    error_class: Outcome | None = None
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What pages and the `fleet` command show of an endpoint; never its key."""

    id: int
    uid: UUID
    name: str
    base_url: str
    kind: EndpointKind
    has_key: bool
    state: EndpointState
    health: Health
    health_checked_at: datetime | None
    breaker_state: BreakerState
    last_error_class: str
    models_found: tuple[FoundModel, ...]
    server_version: str
    is_changed: bool
    max_in_flight: int
    weight: int
    n_active_policies: int
