"""Why: what somebody may choose about an export, read from plain JSON and checked by name.

The same names in the command, the API and on the page. Nothing of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labeling.errors import Invalid
from labeling.exchange.files import FILE_TYPES
from labeling.exchange.records import ExportOptions, ExportQuestion
from labeling.exchange.splits import check_shares
from labeling.exchange.training_sets import FORMATS

DEFAULT_SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}
MAX_REASONING_KEY = 40


@dataclass(frozen=True, slots=True)
class Choices:
    """How an export is made.

    `options` are the writers' (exchange/records.py); `shares` and `seed` make the splits,
    the same for the same prompt in every export; `include_unfinished` takes items whose
    answers are not all there.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    seed: int | str = 0
    include_unfinished: bool = False

    def for_writers(self, questions: tuple[ExportQuestion, ...]) -> ExportOptions:
        return ExportOptions(questions=questions, **self.options)


def _number(low: float, high: float) -> Callable[[Any], Any]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")
        if not low <= value <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return value

    return read


def _text(max_chars: int) -> Callable[[Any], Any]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= max_chars:
            raise ValueError(f"must be a text of 1–{max_chars} characters")
        return value

    return read


def _one_of(*words: str) -> Callable[[Any], Any]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return str(value)

    return read


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _labels(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("must be a list of labels")
    return frozenset(value)


_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "question": _or_none(_text(80)),
    "min_confidence": _number(0, 1),
    "pairs": _one_of("all", "best_worst"),
    "min_gap": _number(0, 1e9),
    "sft_shape": _one_of("prompt_completion", "messages"),
    "demonstrations": _one_of("all", "first"),
    "good_from": _or_none(_number(-1e9, 1e9)),
    "good_labels": _labels,
    "reasoning_key": _or_none(_text(MAX_REASONING_KEY)),
    "lineage": _boolean,
}
_OURS = ("shares", "seed", "include_unfinished")


def read_choices(raw: Mapping[str, Any]) -> Choices:
    """Read what was chosen; what is left out has its default.

    Raises: Invalid with every mistake by name.
    """
    fields = {
        str(name)[:80]: "There is no such option."
        for name in raw
        if name not in _WRITERS and name not in _OURS
    }
    options: dict[str, Any] = {}
    for name, read in _WRITERS.items():
        if name not in raw:
            continue
        try:
            options[name] = read(raw[name])
        except ValueError as error:
            fields[name] = str(error)
    shares, seed = raw.get("shares") or DEFAULT_SHARES, raw.get("seed", 0)
    fields |= _mistakes_of_split(shares, seed)
    unfinished = raw.get("include_unfinished", False)
    if not isinstance(unfinished, bool):
        fields["include_unfinished"] = "must be true or false"
    if fields:
        raise Invalid("The export cannot be made like this.", fields=fields)
    return Choices(options, dict(shares), seed, unfinished)


def _mistakes_of_split(shares: Any, seed: Any) -> dict[str, str]:
    mistakes = {}
    if isinstance(seed, bool) or not isinstance(seed, int | str):
        mistakes["seed"] = "must be a whole number or a text"
    numbers = isinstance(shares, Mapping) and all(
        isinstance(share, int | float) and not isinstance(share, bool) for share in shares.values()
    )
    if not numbers:
        return mistakes | {"shares": "must be like {train: 0.9, validation: 0.05, test: 0.05}"}
    try:
        check_shares(shares)
    except Invalid as error:
        mistakes["shares"] = error.detail
    return mistakes


def check_format(format: str, file_type: str) -> None:
    """Refuse what no writer knows, before anything is queued. Raises: Invalid."""
    if format not in FORMATS:
        raise Invalid(
            f"There is no format {format!r}; the formats are {', '.join(FORMATS)}.",
            fields={"format": f"is none of {', '.join(FORMATS)}"},
        )
    if file_type not in FILE_TYPES:
        raise Invalid(
            f"There is no file type {file_type!r}; there are {' and '.join(FILE_TYPES)}.",
            fields={"file_type": f"is none of {', '.join(FILE_TYPES)}"},
        )
