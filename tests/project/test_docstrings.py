"""What docstrings show works, and nothing public goes without one."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from importlib import import_module

import numpy as np
import pytest

import lkexplore.checking
import lkexplore.files
import lkexplore.filters
import lkexplore.measure
import lkexplore.plot
import lkexplore.sound

PACKAGES = (lkexplore.filters, lkexplore.measure, lkexplore.checking, lkexplore.plot)
SOUNDS = (lkexplore.sound, lkexplore.files)
MODULES = sorted(
    {
        found.name
        for package in (*PACKAGES, *SOUNDS)
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    }
    | {
        "lkexplore.live.frame_processor",
    }
)
FUNCTIONS = [
    (package.__name__, name)
    for package in PACKAGES
    for name in package.__all__
    if inspect.isfunction(getattr(package, name))
]
OWN = {
    *("gain", "mix", "parallel", "as_filter", "from_ba", "from_sos", "from_function", "check"),
    *("compare", "pole_zero", "timeline"),
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_work(name: str) -> None:
    outcome = doctest.testmod(import_module(name), extraglobs={"np": np})
    assert outcome.failed == 0


@pytest.mark.parametrize(("package", "name"), FUNCTIONS, ids=[name for _, name in FUNCTIONS])
def test_functions_say_what_they_take_give_and_raise_and_where_it_comes_from(
    package: str, name: str
) -> None:
    text = inspect.getdoc(getattr(import_module(package), name)) or ""
    sections = ["Parameters", "Returns", "Raises", "See Also", "Examples"]
    if name not in OWN:
        sections.append("References")
    for section in sections:
        assert f"{section}\n{'-' * len(section)}\n" in text
    assert ">>> " in text
    assert "Taught in" in text
    assert ".ipynb``" in text
