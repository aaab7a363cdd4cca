"""Powers in decibels."""

from __future__ import annotations

import math

__all__ = ["decibels"]


def decibels(power: float) -> float:
    """Return a ratio of powers in dB, -inf for 0."""
    return 10 * math.log10(power) if power > 0 else -math.inf
