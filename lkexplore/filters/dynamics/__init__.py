"""Dynamics: gain that follows the level of the sound itself."""

from .compressor import Compressor, compressor
from .expander import Expander, expander
from .gate import Gate, gate
from .limiter import Limiter, limiter

__all__ = [
    "Compressor",
    "Expander",
    "Gate",
    "Limiter",
    "compressor",
    "expander",
    "gate",
    "limiter",
]
