"""The worked examples in docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from generation import addresses, answers, gate, metrics, sampling


@pytest.mark.parametrize("module", [addresses, answers, gate, metrics, sampling])
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
