"""A box on a spectrogram: from when to when, and from which frequency to which."""

from __future__ import annotations

from typing import Any, NamedTuple

from ... import filters
from ...errors import SoundError
from ...filters import Bandpass, Bandstop
from ...sound.recording import Recording

__all__ = ["Selection", "selection_of"]

_NARROWEST = 1.02
"""Least ratio of the upper to the lower frequency of a box."""

_ORDER = 4
"""Order of the filter that a box makes."""


class Selection(NamedTuple):
    """The times and frequencies in a box on a spectrogram.

    Attributes
    ----------
    start, end : float
        Times in seconds from the beginning of the recording.
    low, high : float
        Frequencies in Hz.

    Notes
    -----
    Taught in ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> Selection(0.5, 1.0, 300, 3400).band()
    Bandpass(low=300, high=3400, order=4)
    """

    start: float
    end: float
    low: float
    high: float

    def band(self, inverse: bool = False) -> Bandpass | Bandstop:
        """Return a filter that lets only this band through, or takes it out.

        Parameters
        ----------
        inverse : bool
            Whether to take the band out.

        Returns
        -------
        Bandpass or Bandstop
            The filter, of order 4.
        """
        make = filters.bandstop if inverse else filters.bandpass
        return make(self.low, self.high, order=_ORDER)

    def cut(self, recording: Recording) -> Recording:
        """Return the recording from `start` to `end`, all frequencies."""
        return recording[self.start : self.end]

    def sound(self, recording: Recording) -> Recording:
        """Return what is in the box: from `start` to `end`, this band alone."""
        # Filtered before the cut: a filter that begins in the middle of a sound makes a click.
        return (recording | self.band())[self.start : self.end]


def selection_of(box: Any, recording: Recording) -> Selection:
    """Return a box as a selection, kept within a recording.

    Parameters
    ----------
    box : sequence of 4 float
        The box: ``start, end`` in seconds and ``low, high`` in Hz, each pair in any order.
    recording : Recording
        The recording that the box is drawn on.

    Raises
    ------
    SoundError
        If `box` is not four numbers, or nothing of it is in the sound.
    """
    try:
        times, hz = sorted(map(float, box[:2])), sorted(map(float, box[2:4]))
        start, end, low, high = *times, *hz
    except (TypeError, ValueError, KeyError):
        raise SoundError(f"{box!r} is no selection: give (start, end, low, high)") from None
    top = 0.4999 * recording.sample_rate
    start, end = max(0.0, start), min(recording.duration, end)
    low, high = max(1.0, low), min(top, high)
    if not (start < end and low * _NARROWEST <= high):
        raise SoundError(
            f"{box!r} takes in nothing: give times within {recording.duration:g} s and "
            f"frequencies 2 % or more apart below {top:g} Hz"
        )
    return Selection(start, end, low, high)
