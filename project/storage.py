"""Why: static files are served under names that carry their hash, ES modules included."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

OWN = "quorum/"


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Hashed names, also inside `import` statements of our own ES modules.

    Scripts of packages are left as they are: their comments and source maps name
    files that are not there.
    """

    manifest_strict = False
    support_js_module_import_aggregation = True

    def url_converter(
        self, name: str, hashed_files: dict[str, str], *args: Any, **kwargs: Any
    ) -> Callable[[re.Match[str]], str]:
        """Return the function that rewrites one reference inside the file `name`."""
        if name.endswith(".js") and not name.startswith(OWN):
            return lambda match: match.group()
        convert: Callable[[re.Match[str]], str] = super().url_converter(
            name, hashed_files, *args, **kwargs
        )
        return convert
