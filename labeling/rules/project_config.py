"""Why: reads what a project's config file or form says, naming every mistake by its path.

Pure. The keys are pinned where DESIGN.md section 8 names them (`slug`, `overlap`,
`questions`, `quotas`, `slate`, `lease_s`); the others are the project's settings by
their own names. A key with null counts as absent, except where null means "no limit".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from labeling.errors import Invalid
from labeling.rules.question_types import UNSTORABLE
from labeling.rules.questions import InvalidQuestions, Question, parse_questions
from labeling.rules.states import GateMode, OrderStrategy, ReasoningDisplay

MAX_QUOTA = 1_000_000
MAX_SAMPLES = 64
MAX_POLICIES = 32
MAX_NAME_CHARS = 160
MAX_TEXT_CHARS = 100_000
DAY_S = 86_400
SLUG = re.compile(r"[A-Za-z0-9_-]{1,120}\Z")

_INTEGERS: dict[str, tuple[int, int]] = {
    "overlap": (1, 100),
    "overlap_max": (1, 100),
    "candidates_needed": (0, MAX_SAMPLES),
    "lease_s": (1, 30 * DAY_S),
    "hold_s": (1, 30 * DAY_S),
    "max_parked": (0, 100),
    "skip_limit": (1, 1_000),
    "amend_s": (0, 365 * DAY_S),
    "resample_limit": (0, 20),
}
_SHARES = ("overlap_share", "mix_limit", "gold_rate", "repeat_rate")
_BOOLEANS = ("is_restricted", "shows_feedback")
_WORDS: dict[str, type[StrEnum]] = {
    "order_strategy": OrderStrategy,
    "reasoning_display": ReasoningDisplay,
    "gate_mode": GateMode,
}
_TEXTS = {"name": MAX_NAME_CHARS, "description": MAX_TEXT_CHARS, "guidelines": MAX_TEXT_CHARS}
_OTHERS = ("slug", "questions", "quotas", "slate", "metadata_shown", "deadline_at")
KNOWN_KEYS = (*_TEXTS, *_OTHERS, *_INTEGERS, *_SHARES, *_BOOLEANS, *_WORDS)


class InvalidConfig(Invalid):
    """The config has mistakes; `fields` maps each one's path to a message."""


@dataclass(frozen=True, slots=True)
class SlateLine:
    """`n_samples` answers of the policy of this name."""

    policy: str
    n_samples: int


@dataclass(frozen=True, slots=True)
class Quotas:
    total: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """What a config says; None (or an absent key in `settings`) leaves the template's."""

    slug: str | None = None
    name: str | None = None
    guidelines: str | None = None
    questions: tuple[Question, ...] | None = None
    quotas: Quotas | None = None
    slate: tuple[SlateLine, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Columns of the project by their names: `overlap`, `lease_s` …"""


def parse_config(raw: object) -> ProjectConfig:
    """Read a project's config.

    Raises: InvalidConfig with every mistake's path (`slate[1].samples`).
    """
    reader = _Reader()
    config = reader.read(raw)
    if reader.mistakes:
        n = len(reader.mistakes)
        raise InvalidConfig(
            f"The config has {n} mistake{'s' if n > 1 else ''}.", fields=reader.mistakes
        )
    return config


class _Reader:
    """Reads a config and collects mistakes; what it returns is only good without any."""

    def __init__(self) -> None:
        self.mistakes: dict[str, str] = {}

    def read(self, raw: object) -> ProjectConfig:
        if not isinstance(raw, Mapping):
            self._note("config", "Must be an object.")
            return ProjectConfig()
        for key in raw:
            if key not in KNOWN_KEYS:
                known = ", ".join(sorted(KNOWN_KEYS))
                self._note(_shown(key), f"There is no such key; the keys are {known}.")
        given = {key: value for key, value in raw.items() if value is not None}
        questions = self._questions(given["questions"]) if "questions" in given else None
        quotas = self._quotas(given["quotas"]) if "quotas" in given else None
        slate = self._slate(given["slate"]) if "slate" in given else None
        return ProjectConfig(
            slug=self._slug(given.get("slug")),
            name=self._text(given, "name"),
            guidelines=self._text(given, "guidelines"),
            questions=questions,
            quotas=quotas,
            slate=slate,
            settings=self._settings(given),
        )

    def _note(self, path: str, message: str) -> None:
        self.mistakes.setdefault(path, message)

    def _settings(self, given: Mapping[Any, object]) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for key, value in given.items():
            check = _CHECKS.get(key)
            if check is not None:
                settings[key] = check(self, key, value)
        low, high = settings.get("overlap"), settings.get("overlap_max")
        if low is not None and high is not None and high < low:
            self._note("overlap_max", f"Must be at least overlap ({low}).")
        return settings

    def _slug(self, raw: object) -> str | None:
        if raw is None or (isinstance(raw, str) and SLUG.match(raw)):
            return raw
        self._note("slug", "Must be 1–120 letters, digits, hyphens or underscores (ASCII).")
        return None

    def _text(self, given: Mapping[Any, object], key: str) -> str | None:
        raw, most = given.get(key), _TEXTS[key]
        if raw is None:
            return None
        if not isinstance(raw, str) or len(raw) > most or UNSTORABLE.search(raw):
            self._note(key, f"Must be a text of at most {most} characters.")
            return None
        return raw

    def _questions(self, raw: object) -> tuple[Question, ...] | None:
        try:
            return parse_questions(raw)
        except InvalidQuestions as error:
            self.mistakes.update(error.fields)
            return None

    def _quotas(self, raw: object) -> Quotas | None:
        if not isinstance(raw, Mapping):
            self._note("quotas", 'Must be an object like {"total": 100, "per_day": 20}.')
            return None
        for key in raw:
            if key not in ("total", "per_day"):
                self._note(f"quotas.{_shown(key)}", "There is no such key; total and per_day.")
        return Quotas(
            *(
                None
                if raw.get(key) is None
                else self._integer(f"quotas.{key}", raw[key], 0, MAX_QUOTA)
                for key in ("total", "per_day")
            )
        )

    def _slate(self, raw: object) -> tuple[SlateLine, ...] | None:
        if not isinstance(raw, list | tuple) or len(raw) > MAX_POLICIES:
            self._note("slate", f"Must be a list of at most {MAX_POLICIES} policies.")
            return None
        lines = [self._slate_line(each, f"slate[{i}]") for i, each in enumerate(raw)]
        names = [line.policy for line in lines]
        for i, name in enumerate(names):
            if name in names[:i]:
                self._note(f"slate[{i}].policy", "Stands in the slate already.")
        return tuple(lines)

    def _slate_line(self, raw: object, path: str) -> SlateLine:
        if isinstance(raw, str):
            raw = {"policy": raw}
        if not isinstance(raw, Mapping):
            self._note(path, 'Must be an object like {"policy": name, "samples": 1}.')
            return SlateLine("", 1)
        for key in raw:
            if key not in ("policy", "samples"):
                self._note(f"{path}.{_shown(key)}", "There is no such key; policy and samples.")
        name, samples = raw.get("policy"), raw.get("samples")
        if not isinstance(name, str) or not name.strip():
            self._note(f"{path}.policy", "Must be a policy's name.")
            name = ""
        n = 1 if samples is None else self._integer(f"{path}.samples", samples, 1, MAX_SAMPLES)
        return SlateLine(name.strip(), n or 1)

    def _integer(self, path: str, raw: object, low: int, high: int) -> int | None:
        if type(raw) is int and low <= raw <= high:
            return raw
        self._note(path, f"Must be a whole number from {low} to {high}.")
        return None

    def _limited(self, key: str, raw: object) -> int | None:
        return self._integer(key, raw, *_INTEGERS[key])

    def _share(self, key: str, raw: object) -> float | None:
        if type(raw) in (int, float) and 0 <= raw <= 1:  # type: ignore[operator]
            return float(raw)  # type: ignore[arg-type]
        self._note(key, "Must be a number from 0 to 1.")
        return None

    def _boolean(self, key: str, raw: object) -> bool | None:
        if isinstance(raw, bool):
            return raw
        self._note(key, "Must be true or false.")
        return None

    def _word(self, key: str, raw: object) -> str | None:
        if isinstance(raw, str) and raw in list(_WORDS[key]):
            return raw
        self._note(key, f"Must be one of {', '.join(_WORDS[key])}.")
        return None

    def _description(self, key: str, raw: object) -> str | None:
        return self._text({key: raw}, key)

    def _metadata_shown(self, key: str, raw: object) -> list[str] | None:
        is_list = isinstance(raw, list | tuple) and len(raw) <= 100
        if is_list and all(isinstance(k, str) and len(k) <= 120 for k in raw):  # type: ignore[attr-defined]
            return list(raw)  # type: ignore[call-overload, no-any-return]
        self._note(key, "Must be a list of keys of the items' metadata.")
        return None

    def _deadline(self, key: str, raw: object) -> datetime | None:
        try:
            instant = datetime.fromisoformat(raw) if isinstance(raw, str) else None
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            self._note(key, "Must be an instant with its offset, such as 2027-01-31T18:00:00Z.")
        return instant


_CHECKS: dict[str, Callable[[_Reader, str, object], object]] = {
    **dict.fromkeys(_INTEGERS, _Reader._limited),
    **dict.fromkeys(_SHARES, _Reader._share),
    **dict.fromkeys(_BOOLEANS, _Reader._boolean),
    **dict.fromkeys(_WORDS, _Reader._word),
    "description": _Reader._description,
    "metadata_shown": _Reader._metadata_shown,
    "deadline_at": _Reader._deadline,
}


def _shown(key: object) -> str:
    return UNSTORABLE.sub("?", str(key)[:64])
