"""One channel of several: their mean, unless they cancel each other in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.recording import Recording

__all__ = ["mixed"]

_CANCELLED = 1e-6
"""Share of the loudest channel's power (-60 dB) below which a mix is only what cancelling left."""


_PIECE = 1 << 20
"""Samples that are squared at a time."""


def mixed(sound: Sound, name: str = "sound") -> Recording:
    """Return a sound as one channel, the mean of all.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound.
    name : str
        What it is called in the message.

    Returns
    -------
    Recording
        One channel.

    Raises
    ------
    SoundError
        If it is no sound, or the channels cancel each other, as those of opposite phase do.

    Examples
    --------
    >>> mixed(([[0.5, 0.5], [0.0, 0.5]], 8000)).samples.tolist()
    [[0.25, 0.5]]
    """
    recording = as_recording(sound)
    mono = recording.mono()
    if recording.channels > 1 and recording.samples.size:
        loudest = max(_power(channel) for channel in recording.samples)
        if _power(mono.samples[0]) < _CANCELLED * loudest:
            raise SoundError(
                f"the channels of the {name} cancel each other in the mix, as in opposite phase: "
                "give one of them, (recording.samples[0], recording.sample_rate)"
            )
    return mono


def _power(line: NDArray[np.float32]) -> float:
    """Return the sum of squares, in pieces so that memory stays small."""
    pieces = (line[begin : begin + _PIECE] for begin in range(0, line.size, _PIECE))
    return sum(float(np.sum(np.square(piece, dtype=np.float64))) for piece in pieces)
