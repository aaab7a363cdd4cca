"""Pictures of sound and of filters, labelled in seconds, Hz and dBFS."""

from .before_after import compare
from .chroma import chroma
from .levels import levels
from .onsets import onsets
from .pitch import pitch
from .pole_zero import pole_zero
from .response import response
from .spectrogram import spectrogram
from .spectrum import spectrum
from .timeline import timeline
from .waveform import waveform

__all__ = [
    "chroma",
    "compare",
    "levels",
    "onsets",
    "pitch",
    "pole_zero",
    "response",
    "spectrogram",
    "spectrum",
    "timeline",
    "waveform",
]


def __dir__() -> list[str]:
    return sorted(__all__)
