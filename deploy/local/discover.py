"""Find the running local stack, so that `manage.py` in another terminal works on it.

Standard library only, and no import of the rest of `deploy.local` that needs more: it runs
before Django's settings are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from deploy.local.options import locate_data_dir


def find_environment(base_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Find the environment of the stack that runs on DATA, or on the default folder.

    Empty when `DATABASE_URL` is set already (somebody chose), and when no stack left its
    file. Names that `environ` sets keep the caller's values.
    """
    if environ.get("DATABASE_URL"):
        return {}
    file = locate_data_dir(base_dir=base_dir, environ=environ) / "run" / "stack.json"
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    found = content.get("environment") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items() if name not in environ}
