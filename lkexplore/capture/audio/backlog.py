"""Samples that wait until it is known whether they were sent, or made up by the decoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ...sound.convert import WEBRTC_RATE

__all__ = ["Backlog"]

Stretch = tuple[float, float]
"""Begin and end of something, in seconds."""


class Backlog:
    """Holds the last samples of a stream back, and silences those that nobody has sent.

    Parameters
    ----------
    channels : int
        Number of channels, 1 or 2.

    Attributes
    ----------
    start : int
        Number of samples that were let go, which is the place of the first one that waits.
    """

    def __init__(self, channels: int) -> None:
        self.start = 0
        self._channels = channels
        self._frames: deque[NDArray[np.int16]] = deque()
        self._length = 0

    @property
    def end(self) -> int:
        """The place after the last sample that waits."""
        return self.start + self._length

    def add(self, interleaved: NDArray[np.int16]) -> None:
        """Append 16-bit samples, channels interleaved."""
        self._frames.append(interleaved)
        self._length += len(interleaved) // self._channels

    def skip(self, count: int) -> None:
        """Count samples that did not have to wait; call it only while none wait."""
        self.start += count

    def peek(self, made_up: Iterable[Stretch]) -> NDArray[np.int16]:
        """Return what waits, interleaved, silent where it is made up.

        Parameters
        ----------
        made_up : iterable of (float, float)
            Times at which the decoder guessed, in seconds from the very first sample.
        """
        return self._without(made_up, self._joined())

    def release(self, until: int, made_up: Iterable[Stretch]) -> NDArray[np.int16]:
        """Let go of the samples up to a place, and return them as `peek` does."""
        count = min(until, self.end) - self.start
        if count <= 0:
            return np.zeros(0, np.int16)
        samples, cut = self._joined(), count * self._channels
        # Samples that seem made up now may turn out to have been sent.
        released, rest = self._without(made_up, samples[:cut]), samples[cut:]
        self._frames.clear()
        if len(rest):
            self._frames.append(rest)
        self.start += count
        self._length -= count
        return released

    def _joined(self) -> NDArray[np.int16]:
        return np.concatenate([*self._frames, np.zeros(0, np.int16)])

    def _without(self, made_up: Iterable[Stretch], samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Silence what is made up in the samples that wait, from the first of them on."""
        for start, end in made_up:
            first, last = (round(edge * WEBRTC_RATE) - self.start for edge in (start, end))
            if last > 0:
                samples[max(first, 0) * self._channels : last * self._channels] = 0
        return samples
