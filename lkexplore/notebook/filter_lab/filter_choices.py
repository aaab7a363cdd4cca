"""The filters that a lab offers, each with its first values."""

from __future__ import annotations

from collections.abc import Callable

from ... import filters
from ...filters import Filter

__all__ = ["CHOICES", "OWN"]

CHOICES: dict[str, Callable[[], Filter]] = {
    "bandpass": lambda: filters.bandpass(300, 3400),
    "lowpass": lambda: filters.lowpass(3400),
    "highpass": lambda: filters.highpass(120),
    "bandstop": lambda: filters.bandstop(500, 2000),
    "FIR lowpass": lambda: filters.fir_lowpass(3400),
    "FIR bandpass": lambda: filters.fir_bandpass(300, 3400),
    "notch": lambda: filters.notch(50),
    "dehum": lambda: filters.dehum(50),
    "peaking": lambda: filters.peaking(1000, 6),
    "low shelf": lambda: filters.low_shelf(200, 6),
    "high shelf": lambda: filters.high_shelf(3000, 6),
    "graphic EQ": filters.graphic_eq,
    "denoise": filters.denoise,
    "gate": filters.gate,
    "compressor": filters.compressor,
    "limiter": lambda: filters.limiter(-12),
    "echo": filters.echo,
    "comb": lambda: filters.comb(0.005),
    "gain": lambda: filters.gain(0),
}
"""Functions that make the filters, by their names in the list."""

OWN = "yours"
"""Name in the list of a filter that the user gave."""
