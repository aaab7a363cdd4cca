"""Pictures of sound, labelled in seconds, Hz and dBFS."""

from .spectrogram import spectrogram
from .waveform import waveform

__all__ = ["spectrogram", "waveform"]
