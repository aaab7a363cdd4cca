"""Fixtures: sounds made of nothing, and no figure left open."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import matplotlib
import numpy as np
import pytest

from lkexplore.sound.recording import Recording

matplotlib.use("Agg")

Tone = Callable[..., Recording]


@pytest.fixture
def tone() -> Tone:
    """Make a sine of so many Hz."""

    def make(
        hz: float = 1000.0, *, seconds: float = 1.0, rate: int = 48000, peak: float = 1.0
    ) -> Recording:
        t = np.arange(round(seconds * rate)) / rate
        return Recording((peak * np.sin(2 * np.pi * hz * t)).astype(np.float32), rate)

    return make


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Make white noise of standard deviation 0.1, float32, (channels, n)."""

    def make(length: int, channels: int = 1, seed: int = 0) -> np.ndarray:
        x = np.random.RandomState(seed).standard_normal((channels, length))
        return (0.1 * x).astype(np.float32)

    return make


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
