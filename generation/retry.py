"""Why: what each ending of a call means for the request, and how long to wait. Pure.

Three questions are answered for every `Outcome`:

- Is it permanent? Then the request is *dead*: asking again cannot help
  (a malformed request, an unknown model, a prompt that is too long).
- Whose fault is it? A fault that may be the request's own (a prompt that
  crashes the server, an answer that never ends) uses one of `MAX_ATTEMPTS`
  attempts. A fault that is surely the endpoint's or its operator's (it is
  down, refuses the key, is overloaded) uses none: requests wait for it as long
  as it takes, with long delays, so an outage or an expired key kills nothing.
- Does it speak against the endpoint? Then the circuit breaker counts it.

401 and 403 are such endpoint faults: the operator mends the key and the
waiting requests go on. 404 (wrong model or path) is dead and also counted, so
that a wrong address opens the breaker before it kills a whole project.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from generation.kinds import Outcome

MAX_ATTEMPTS = 12
"""Attempts that may be the request's own fault; about 12 minutes at least on average."""

BASE_DELAY_S = 1.0
ENDPOINT_DELAY_S = 5.0
OPERATOR_DELAY_S = 30.0
CAP_S = 300.0
MAX_RETRY_AFTER_S = 3600.0


class Action(StrEnum):
    """What becomes of the request."""

    STORE = "store"  # keep what came
    RETRY = "retry"
    DEAD = "dead"
    RELEASE = "release"  # as if it had never been asked


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after a call.

    `retry_after_s` is the least wait (the server's own wish where it gave
    one); `base_delay_s` is where the back-off begins.
    """

    action: Action
    counts_for_breaker: bool = False
    uses_attempt: bool = False
    base_delay_s: float = BASE_DELAY_S
    retry_after_s: float | None = None

    @property
    def is_endpoint_fault(self) -> bool:
        """Whether the request waits without an attempt being used up."""
        return self.action is Action.RETRY and not self.uses_attempt


_OWN = Verdict(Action.RETRY, counts_for_breaker=True, uses_attempt=True)
_OWN_UNCOUNTED = Verdict(Action.RETRY, uses_attempt=True)
_BUSY = Verdict(Action.RETRY, base_delay_s=ENDPOINT_DELAY_S)
_AWAY = Verdict(Action.RETRY, counts_for_breaker=True, base_delay_s=ENDPOINT_DELAY_S)
_OPERATOR = Verdict(Action.RETRY, counts_for_breaker=True, base_delay_s=OPERATOR_DELAY_S)
_DEAD = Verdict(Action.DEAD)

VERDICTS: Final[Mapping[Outcome, Verdict]] = {
    Outcome.OK: Verdict(Action.STORE),
    Outcome.ADDRESS_REFUSED: _OPERATOR,
    Outcome.DNS: _AWAY,
    Outcome.CONNECT_REFUSED: _AWAY,
    Outcome.CONNECT_TIMEOUT: _AWAY,
    Outcome.TLS: _OPERATOR,
    Outcome.RESET: _OWN,
    Outcome.FIRST_BYTE_TIMEOUT: _OWN,
    Outcome.STALLED: _OWN,
    Outcome.TOTAL_TIMEOUT: _OWN,
    Outcome.TOO_LARGE: _OWN,
    Outcome.REDIRECT: _OPERATOR,
    Outcome.BAD_REQUEST: _DEAD,
    Outcome.CONTEXT_TOO_LONG: _DEAD,
    Outcome.UNAUTHORISED: _OPERATOR,
    Outcome.OUT_OF_CREDIT: _OPERATOR,
    Outcome.NOT_FOUND: Verdict(Action.DEAD, counts_for_breaker=True),
    Outcome.RATE_LIMITED: _BUSY,
    Outcome.OVERLOADED: _BUSY,
    Outcome.SERVER_ERROR: _OWN,
    Outcome.UNEXPECTED_STATUS: _OWN,
    Outcome.BAD_JSON: _OWN,
    Outcome.BAD_SCHEMA: _OWN,
    Outcome.NOT_A_NUMBER: _OWN,
    Outcome.NO_CHOICES: _OWN,
    Outcome.FEWER_CHOICES: _OWN_UNCOUNTED,
    Outcome.WILL_NOT_FIT: _DEAD,
    Outcome.CANCELLED: Verdict(Action.RELEASE),
}


def verdict(
    outcome: Outcome, *, n_attempts: int = 1, retry_after_s: float | None = None
) -> Verdict:
    """Return what to do after a call.

    `n_attempts` counts the attempts used so far, this one included if it uses
    one. When all are used up a retry becomes dead.
    """
    plain = VERDICTS[outcome]
    is_exhausted = plain.uses_attempt and n_attempts >= MAX_ATTEMPTS
    return Verdict(
        action=Action.DEAD if is_exhausted else plain.action,
        counts_for_breaker=plain.counts_for_breaker,
        uses_attempt=plain.uses_attempt,
        base_delay_s=plain.base_delay_s,
        retry_after_s=retry_after_s if plain.action is Action.RETRY else None,
    )


def delay_s(
    attempt: int, rng: random.Random, *, base_s: float = BASE_DELAY_S, cap_s: float = CAP_S
) -> float:
    """Return how long to wait before the next attempt: exponential with full jitter.

    Uniform in [0, min(cap_s, base_s * 2 ** (attempt - 1))], attempt from 1.
    Source: Brooker, "Exponential Backoff And Jitter", AWS 2015.
    """
    ceiling = min(cap_s, base_s * 2.0 ** min(max(attempt - 1, 0), 60))
    return rng.uniform(0.0, ceiling)


def wait_s(decided: Verdict, *, attempt: int, rng: random.Random) -> float:
    """Return how long to wait after a verdict, the server's `Retry-After` obeyed.

    `attempt` counts the failures of any kind in a row, from 1. The jitter comes
    on top of the server's wish, so that all who were refused do not return at once.
    """
    jitter = delay_s(attempt, rng, base_s=decided.base_delay_s)
    return (decided.retry_after_s or 0.0) + jitter


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for, at most an hour.

    Takes seconds or an HTTP date; anything else, and what lies in the past or
    is not finite, gives None.
    """
    if value is None or not value.strip():
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - now).total_seconds()
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER_S)


_BY_STATUS: Final[Mapping[int, Outcome]] = {
    401: Outcome.UNAUTHORISED,
    402: Outcome.OUT_OF_CREDIT,
    403: Outcome.UNAUTHORISED,
    404: Outcome.NOT_FOUND,
    405: Outcome.NOT_FOUND,
    407: Outcome.UNAUTHORISED,
    408: Outcome.SERVER_ERROR,
    409: Outcome.SERVER_ERROR,
    410: Outcome.NOT_FOUND,
    421: Outcome.SERVER_ERROR,
    425: Outcome.SERVER_ERROR,
    429: Outcome.RATE_LIMITED,
    499: Outcome.SERVER_ERROR,
    503: Outcome.OVERLOADED,
    529: Outcome.OVERLOADED,
}

_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "maximum model length",
    "max_model_len",
    "context size",
    "context window",
    "prompt is too long",
)
_NO_CREDIT = ("insufficient_quota", "billing", "credit balance")


def classify_status(status: int, body: str = "") -> Outcome:
    """Return the outcome of an HTTP status; `body` is the beginning of what came with it.

    The body only refines: a 400 or 413 whose text speaks of the context's
    length, a 429 or 403 that is about money and not about pace.
    """
    text = body.casefold()
    if status == 200:
        return Outcome.OK
    if 300 <= status < 400:
        return Outcome.REDIRECT
    if status in (400, 413, 422, 500) and any(words in text for words in _TOO_LONG):
        return Outcome.CONTEXT_TOO_LONG
    if status in (403, 429) and any(words in text for words in _NO_CREDIT):
        return Outcome.OUT_OF_CREDIT
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return Outcome.BAD_REQUEST
    if 500 <= status < 600:
        return Outcome.SERVER_ERROR
    return Outcome.UNEXPECTED_STATUS
