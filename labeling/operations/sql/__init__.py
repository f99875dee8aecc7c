"""Why: the hot path's SQL has names and lives in .sql files beside this one.

A file holds statements, each below a line `-- name: …`; the comment lines that
follow the name say what it locks and which index serves it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, str]:
    """Return the named statements of a file.

    Raises:
        ValueError: a name stands there twice.
    """
    parts = _NAME.split((Path(__file__).parent / f"{file}.sql").read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file}.sql names a statement twice")
    return dict(zip(names, (body.strip() for body in bodies), strict=True))
