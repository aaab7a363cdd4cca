"""Pictures of sound, labelled in seconds, Hz and dBFS."""

from .spectrogram import spectrogram
from .timeline import timeline
from .waveform import waveform

__all__ = ["spectrogram", "timeline", "waveform"]
