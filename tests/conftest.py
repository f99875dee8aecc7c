"""What every test has. The servers come from `tests/servers.py`, an earlier plugin."""

from __future__ import annotations

import os

import pytest


def pytest_configure() -> None:
    """Refuse to run on anything but the throw-away servers."""
    if "QUORUM_TEST_SERVERS" not in os.environ:
        raise pytest.UsageError(
            "The tests' servers are missing. Run `make test ARGS=…`, "
            "or `.venv/bin/python -m pytest -p tests.servers …`."
        )
