"""The sound of a film, as a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import FileError
from ...sound.recording import Recording

__all__ = ["read_sound"]


def read_sound(path: Path, duration: float) -> Recording:
    """Read the sound of a film, each packet at its time.

    Parameters
    ----------
    path : Path
        A file with pictures and sound.
    duration : float
        Length of the returned recording in seconds.

    Returns
    -------
    Recording
        At the file's own rate, silent where the file has no sound.

    Raises
    ------
    FileError
        If it has no sound, or cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise FileError(f"{path} has no sound: record_av() films with sound")
            stream = container.streams.audio[0]
            rate, channels = stream.rate, stream.channels
            samples = np.zeros((channels, round(duration * rate)), np.float32)
            resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
            for frame in container.decode(stream):
                for piece in resampler.resample(frame):
                    _put(samples, piece.to_ndarray(), round(float(frame.time or 0.0) * rate))
    except FileError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{path} cannot be read: {reason}") from None
    return Recording(samples, rate)


def _put(samples: np.ndarray, piece: np.ndarray, place: int) -> None:
    """Write a piece at its place; what is before the start, or after the end, is left out."""
    piece = piece[:, max(-place, 0) :]
    place = max(place, 0)
    room = max(samples.shape[1] - place, 0)
    samples[:, place : place + piece.shape[1]] = piece[:, :room]
