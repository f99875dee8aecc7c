"""The cast of tests/cast.py."""

from tests.cast import *  # noqa: F403
