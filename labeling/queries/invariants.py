"""Why: `manage.py verify`: the invariants, counted on the data there is.

Most are database constraints too; this finds what a constraint cannot say (counts that
add up), what was switched off, and what came in by another way. The statements, one per
invariant, are in invariants.sql. Nothing here repairs anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import connection

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_INFORMATION = "info_"


@dataclass(frozen=True, slots=True)
class Invariant:
    """A named statement that counts what breaks it, and what it says in words.

    `is_information`: rows are worth knowing of, and break nothing.
    """

    name: str
    sentence: str
    sql: str
    is_information: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """How many rows break each invariant; `information` counts what is merely worth knowing."""

    counts: dict[str, int]
    information: dict[str, int]

    @property
    def broken(self) -> dict[str, int]:
        return {name: n for name, n in self.counts.items() if n}

    @property
    def is_ok(self) -> bool:
        return not self.broken


@cache
def invariants() -> tuple[Invariant, ...]:
    """Return all invariants in the order of the file."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return tuple(_parse(*pair) for pair in zip(parts[1::2], parts[2::2], strict=True))


def _parse(name: str, body: str) -> Invariant:
    lines = body.strip().splitlines()
    words = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return Invariant(
        name=name.removeprefix(_INFORMATION),
        sentence=" ".join(words),
        sql="\n".join(line for line in lines if not line.startswith("--")),
        is_information=name.startswith(_INFORMATION),
    )


def verify(
    project_id: int | None = None, *, say: Callable[[Invariant], None] = lambda _: None
) -> Verification:
    """Count what breaks each invariant, in one project or in all. One query for each.

    `say` is told each invariant before it is checked: with millions of rows this takes
    minutes. Each query is a short snapshot of its own.
    """
    counts: dict[str, int] = {}
    information: dict[str, int] = {}
    with connection.cursor() as cursor:
        for invariant in invariants():
            say(invariant)
            cursor.execute(invariant.sql, {"project": project_id})
            found = information if invariant.is_information else counts
            found[invariant.name] = cursor.fetchone()[0]
    return Verification(counts, information)
