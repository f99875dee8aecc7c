"""Why: what this package raises. Pure.

`labeling.errors` lies above this layer, so the kinds are spelt here again;
interfaces map `kind` the same way.
"""

from __future__ import annotations

from collections.abc import Mapping

from generation.kinds import Outcome


class GenerationError(Exception):
    """A refusal the caller can do something about.

    `kind` is a value of `labeling.errors.ErrorKind`; `fields` maps the path of
    a field (`parameters.top_p`) to what is wrong with it.
    """

    kind: str = "invalid"

    def __init__(self, detail: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields: dict[str, str] = dict(fields or {})


class Invalid(GenerationError):
    """A value that breaks a rule."""


class NotFound(GenerationError):
    """A row that does not exist."""

    kind = "not_found"


class Conflict(GenerationError):
    """A write that contradicts what is there."""

    kind = "conflict"


class AddressRefused(GenerationError):
    """An address no endpoint may have."""

    kind = "forbidden"


class CallFailed(Exception):
    """One call of a model server that brought nothing usable.

    `message` is what the server said, shortened. It may quote the prompt: it
    belongs into a row that managers may read, never into a log. `str()` of
    this error is safe to log.
    """

    def __init__(
        self,
        outcome: Outcome,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        message: str = "",
    ) -> None:
        super().__init__(f"{outcome.value}{f' (HTTP {status})' if status else ''}")
        self.outcome = outcome
        self.status = status
        self.retry_after_s = retry_after_s
        self.message = message
