"""Linear filters whose parameters may change while they run, without a click."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import FilterError
from ..analysis import PolesZeros, as_frequencies, delay_of_response, impulse
from ..as_block import as_block
from ..engine.fade import FADE_SECONDS, fade_in
from ..engine.history import History
from ..filter import Filter
from .design import AnalysedDesign, Design

__all__ = ["LinearFilter"]

HISTORY_SECONDS = 1.0
"""Seconds of past input that a new design first runs over."""


class LinearFilter(Filter):
    """Base of linear filters: a subclass turns its parameters into a design.

    A parameter changed while sound runs through takes effect with the next block: the new design
    first runs over the last second of input, as if it had been there, and then the output moves
    from the old one to the new in 20 ms. So nothing clicks, nothing explodes, and a slow filter
    does not have to settle again. A change of the number of channels starts the filter over, as
    :meth:`reset` does.
    """

    _design: Design | None = None
    _run: _Run | None = None

    @abstractmethod
    def design(self) -> Design:
        """Return the design for the present parameters and sample rate.

        Raises
        ------
        FilterError
            If they do not fit.
        """

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        checked = as_block(block)
        channels, length = checked.shape
        if not length:
            return np.zeros((channels, 0), dtype=np.float32)
        design = self._designed()
        run = self._run
        if run is None or run.channels != channels or run.sample_rate != self.sample_rate:
            run = self._run = _Run(design, channels, self.sample_rate)
        return run.process(checked, design)

    def reset(self) -> None:
        """Forget all sound, and take the present parameters from the first sample on."""
        self._run = None

    def changed(self) -> None:
        """Redo the design, once it is known at which sample rate."""
        if self._design is not None or "_rate" in self.__dict__:
            self._design = self.design()

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the frequency response; see :meth:`Filter.response`."""
        frequencies = as_frequencies(hz, self.sample_rate)
        return self._designed().response(frequencies, self.sample_rate)

    def group_delay(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return the group delay in samples; see :meth:`Filter.group_delay`."""
        design = self._designed()
        omega = as_frequencies(hz, self.sample_rate) * (2 * np.pi / self.sample_rate)
        if isinstance(design, AnalysedDesign):
            return design.group_delay(omega)
        return delay_of_response(lambda at: design.response(at, 2 * np.pi), omega)  # type: ignore[arg-type]

    def poles_zeros(self) -> PolesZeros:
        """Return poles, zeros and gain; see :meth:`Filter.poles_zeros`."""
        design = self._designed()
        if isinstance(design, AnalysedDesign):
            return design.poles_zeros()
        return super().poles_zeros()

    def impulse_response(self, n: int) -> NDArray[np.float64]:
        """Return the first samples of the impulse response; see :meth:`Filter.impulse_response`."""
        design = self._designed()
        answer, _ = design.run(impulse(n), design.state(1))
        first: NDArray[np.float64] = answer[0]
        return first

    def below_half_rate(self, name: str, hz: float) -> float:
        """Return a frequency, or raise FilterError if it is not below half the sample rate."""
        if hz >= self.sample_rate / 2:
            raise FilterError(
                f"{name}={hz:g} Hz is not below {self.sample_rate / 2:g} Hz, half the sample rate "
                f"of {self.sample_rate} Hz: lower it, or resample the sound"
            )
        return hz

    def _designed(self) -> Design:
        if self._design is None:
            self._design = self.design()
        return self._design

    def __getstate__(self) -> dict[str, Any]:
        # A copy has heard nothing yet, and a run belongs to the thread it runs in.
        return {name: value for name, value in self.__dict__.items() if name != "_run"}


class _Run:
    """A design at work: its memory, and the move to the next design."""

    def __init__(self, design: Design, channels: int, sample_rate: int) -> None:
        self.channels = channels
        self.sample_rate = sample_rate
        self._design = design
        self._state = design.state(channels)
        self._next: Design | None = None
        self._next_state = self._state
        self._faded = 0
        self._fade = fade_in(round(FADE_SECONDS * sample_rate))
        self._history = History(round(HISTORY_SECONDS * sample_rate))

    def process(self, block: NDArray[np.float32], wanted: Design) -> NDArray[np.float32]:
        if self._next is None and wanted is self._design:
            return self._pass(block)
        out = np.empty_like(block)
        begin, length = 0, block.shape[1]
        while begin < length:
            if self._next is None and wanted is not self._design:
                self._start_fade(wanted)
            end = length
            if self._next is not None:
                end = min(length, begin + self._fade.size - self._faded)
            out[:, begin:end] = self._pass(block[:, begin:end])
            begin = end
        return out

    def _pass(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            out = self._advance(piece.astype(np.float64)).astype(np.float32, order="C")
        self._history.add(piece)
        return out

    def _start_fade(self, wanted: Design) -> None:
        self._next = wanted
        self._next_state = wanted.state(self.channels)
        self._faded = 0
        past = self._history.last(wanted.memory)
        if past is not None:
            _, self._next_state = wanted.run(past, self._next_state)

    def _advance(self, piece: NDArray[np.float64]) -> NDArray[np.float64]:
        out, self._state = self._design.run(piece, self._state)
        if self._next is None:
            return out
        fresh, self._next_state = self._next.run(piece, self._next_state)
        weight = self._fade[self._faded : self._faded + piece.shape[1]]
        out += (fresh - out) * weight
        self._faded += piece.shape[1]
        if self._faded == self._fade.size:
            self._design, self._state, self._next = self._next, self._next_state, None
        return out
