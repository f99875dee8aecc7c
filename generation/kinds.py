"""Why: the closed sets of this package, named once; models derive choices from them.

Pure: imports nothing but the standard library.
"""

from __future__ import annotations

from enum import StrEnum


class EndpointKind(StrEnum):
    """What kind of server an endpoint is: decides which parameters it is sent."""

    VLLM = "vllm"
    OPENAI = "openai"  # any other OpenAI-compatible server (llama.cpp, a hosted API)


class EndpointState(StrEnum):
    """What ops want of an endpoint."""

    ACTIVE = "active"
    DRAINED = "drained"  # what is in flight ends, nothing new is sent
    PAUSED = "paused"  # what is in flight is aborted too


class Health(StrEnum):
    """What the last probe saw."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class BreakerState(StrEnum):
    """Whether an endpoint's failures keep requests away from it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"  # one trial request is out


class PolicyState(StrEnum):
    """Whether a policy may be asked for answers."""

    ACTIVE = "active"
    STOPPED = "stopped"


class GateMode(StrEnum):
    """Which answers are sampled again (design, section 5.2)."""

    MARK = "mark"
    RESAMPLE = "resample"


class Mark(StrEnum):
    """What the gate noticed about an answer."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    LOOPING = "looping"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    GIVES_AWAY = "gives_away"
    ERROR_TEXT = "error_text"


class Outcome(StrEnum):
    """How one call of a model server ended: `ok`, or the class of its error.

    The classes are coarse enough to group by in a report and fine enough to
    decide by; `retry.verdict` says what each one means.
    """

    OK = "ok"
    # Never got through
    ADDRESS_REFUSED = "address_refused"  # our own rules forbid the address
    DNS = "dns"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    # Broke on the way
    RESET = "reset"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    STALLED = "stalled"  # began to answer, then fell silent or trickled
    TOTAL_TIMEOUT = "total_timeout"
    TOO_LARGE = "too_large"
    # Answered with an HTTP status
    REDIRECT = "redirect"
    BAD_REQUEST = "bad_request"
    CONTEXT_TOO_LONG = "context_too_long"
    UNAUTHORISED = "unauthorised"
    OUT_OF_CREDIT = "out_of_credit"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    # Answered 200 with nothing usable
    BAD_JSON = "bad_json"
    BAD_SCHEMA = "bad_schema"
    NOT_A_NUMBER = "not_a_number"  # NaN or Infinity where JSON has none
    NO_CHOICES = "no_choices"
    FEWER_CHOICES = "fewer_choices"
    # Not the server's doing
    WILL_NOT_FIT = "will_not_fit"  # prompt plus max_tokens exceeds the model's length
    CANCELLED = "cancelled"
