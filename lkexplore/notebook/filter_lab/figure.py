"""A filter lab as a figure, for where no kernel runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import FilterError
from ...filters import Filter
from ...sound.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["lab_picture"]

_POINTS = 600
"""Frequencies at which the gain is drawn."""

_FLOOR_DB = -80.0
"""Lowest gain that is drawn, in dB."""


def lab_picture(before: Recording, after: Recording, filter: Filter) -> Figure:
    """Draw the response of a filter, and a sound before and after it.

    Parameters
    ----------
    before, after : Recording
        The sound before and after the filter.
    filter : Filter
        The filter, set to the sound's sample rate.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, which pyplot does not know.
    """
    from matplotlib.figure import Figure

    from ...plot import spectrogram

    figure = Figure(figsize=(12, 3.2), layout="constrained")
    response, left, right = figure.subplots(1, 3)
    _draw_response(response, filter, before.sample_rate)
    for axis, title, sound in ((left, "before", before), (right, "after", after)):
        spectrogram(sound, axis, title=title)
    return figure


def _draw_response(axis: Axes, filter: Filter, sample_rate: int) -> None:
    hz = np.geomspace(20, sample_rate / 2, _POINTS)
    hz[-1] = sample_rate / 2
    axis.set_title(repr(filter), loc="left", fontsize="small")
    try:
        size = np.abs(filter.response(hz))
    except FilterError:
        axis.text(0.5, 0.5, "no frequency response:\nnot known to be linear", ha="center")
        axis.set_axis_off()
        return
    axis.semilogx(hz, 20 * np.log10(np.maximum(size, 10 ** (_FLOOR_DB / 20))))
    axis.set(xlabel="Frequency (Hz)", ylabel="Gain (dB)", xlim=(20, sample_rate / 2))
    axis.set_ylim(bottom=_FLOOR_DB)
    axis.grid(alpha=0.3)
