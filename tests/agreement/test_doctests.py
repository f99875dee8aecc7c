"""Every worked example in the docstrings is true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from labeling import agreement

MODULES = sorted(module.name for module in pkgutil.iter_modules(agreement.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name: str) -> None:
    module = importlib.import_module(f"labeling.agreement.{name}")
    assert doctest.testmod(module).failed == 0


def test_modules_that_compute_have_examples() -> None:
    examples = {
        name: doctest.testmod(importlib.import_module(f"labeling.agreement.{name}")).attempted
        for name in MODULES
    }
    assert [name for name, n in examples.items() if n == 0] == []
