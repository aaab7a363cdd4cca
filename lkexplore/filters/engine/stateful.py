"""Filters with a memory that belongs to one stream of sound."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..as_block import as_block
from ..filter import Filter

__all__ = ["Run", "RunningFilter"]


class Run(Protocol):
    """A filter at work: what it remembers of the sound so far."""

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the filtered block; the one given, (channels, n) with n > 0, may be changed."""


class RunningFilter(Filter):
    """Base of filters that keep their memory in a :class:`Run`, made when it is needed.

    A change of the number of channels or of the sample rate starts over, as :meth:`reset` does;
    copies and pickles carry the parameters and no sound.
    """

    _run: Run | None = None
    _run_for: tuple[int, int] = (0, 0)

    @abstractmethod
    def start(self, channels: int) -> Run:
        """Return a memory of silence for so many channels at the present sample rate.

        Raises
        ------
        FilterError
            If the parameters do not fit the channels or the rate.
        """

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        checked = as_block(block)
        run = self._running(checked.shape[0])
        if not checked.shape[1]:
            # Some filters change the number of channels, and a slice of nothing shows it.
            return np.zeros((self.channels_out(checked.shape[0]), 0), dtype=np.float32)
        with np.errstate(over="ignore"):
            return run.process(checked.astype(np.float64)).astype(np.float32)

    def channels_out(self, channels: int) -> int:
        """Return how many channels come out when so many go in."""
        return channels

    def reset(self) -> None:
        """Forget all sound, and take the present parameters from the first sample on."""
        self._run = None

    def _running(self, channels: int) -> Run:
        wanted = (channels, self.sample_rate)
        run = self._run
        if run is None or self._run_for != wanted:
            run = self._run = self.start(channels)
            self._run_for = wanted
        return run

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_run"}
