"""Filters that give live what they give on a whole recording."""

from .adaptive import Lms, Nlms, lms, nlms
from .analysis import PolesZeros
from .any_object import as_filter
from .biquads import (
    Allpass,
    HighShelf,
    LowShelf,
    Notch,
    Peaking,
    allpass,
    high_shelf,
    low_shelf,
    notch,
    peaking,
)
from .chain import Chain
from .comb import Comb, FeedbackComb, comb, feedback_comb
from .compressor import Compressor, compressor
from .delay import Delay, delay, echo
from .denoise import Denoise, denoise
from .equalizer import GraphicEq, graphic_eq, parametric_eq
from .expander import Expander, expander
from .filter import Filter
from .fir import (
    FirBandpass,
    FirBandstop,
    FirHighpass,
    FirLowpass,
    fir_bandpass,
    fir_bandstop,
    fir_highpass,
    fir_lowpass,
)
from .from_coefficients import Coefficients, from_ba, from_sos
from .function import FunctionFilter, from_function
from .gain import Gain, gain
from .gate import Gate, gate
from .hum import Dehum, dehum
from .iir import (
    Bandpass,
    Bandstop,
    Highpass,
    Lowpass,
    bandpass,
    bandstop,
    highpass,
    lowpass,
)
from .limiter import Limiter, limiter
from .linear.linear_filter import LinearFilter
from .mix import Mix, mix
from .pan import Pan, pan
from .parallel import Parallel, parallel
from .parameter import BoundParameter, Parameter
from .pedalboard_effects import Board, from_pedalboard
from .webrtc import Webrtc, webrtc

__all__ = [
    "Allpass",
    "Bandpass",
    "Bandstop",
    "Board",
    "BoundParameter",
    "Chain",
    "Coefficients",
    "Comb",
    "Compressor",
    "Dehum",
    "Delay",
    "Denoise",
    "Expander",
    "FeedbackComb",
    "Filter",
    "FirBandpass",
    "FirBandstop",
    "FirHighpass",
    "FirLowpass",
    "FunctionFilter",
    "Gain",
    "Gate",
    "GraphicEq",
    "HighShelf",
    "Highpass",
    "Limiter",
    "LinearFilter",
    "Lms",
    "LowShelf",
    "Lowpass",
    "Mix",
    "Nlms",
    "Notch",
    "Pan",
    "Parallel",
    "Parameter",
    "Peaking",
    "PolesZeros",
    "Webrtc",
    "allpass",
    "as_filter",
    "bandpass",
    "bandstop",
    "comb",
    "compressor",
    "dehum",
    "delay",
    "denoise",
    "echo",
    "expander",
    "feedback_comb",
    "fir_bandpass",
    "fir_bandstop",
    "fir_highpass",
    "fir_lowpass",
    "from_ba",
    "from_function",
    "from_pedalboard",
    "from_sos",
    "gain",
    "gate",
    "graphic_eq",
    "high_shelf",
    "highpass",
    "limiter",
    "lms",
    "low_shelf",
    "lowpass",
    "mix",
    "nlms",
    "notch",
    "pan",
    "parallel",
    "parametric_eq",
    "peaking",
    "webrtc",
]


def __dir__() -> list[str]:
    return sorted(__all__)
