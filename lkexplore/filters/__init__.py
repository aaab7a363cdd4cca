"""Filters that give live what they give on a whole recording."""

from .butterworth import Bandpass, Highpass, Lowpass, bandpass, highpass, lowpass
from .chain import Chain, as_filter
from .filter import Filter
from .gain import Gain, gain
from .linear import LinearFilter
from .notch import Notch, notch
from .parameter import BoundParameter, Parameter

__all__ = [
    "Bandpass",
    "BoundParameter",
    "Chain",
    "Filter",
    "Gain",
    "Highpass",
    "LinearFilter",
    "Lowpass",
    "Notch",
    "Parameter",
    "as_filter",
    "bandpass",
    "gain",
    "highpass",
    "lowpass",
    "notch",
]
