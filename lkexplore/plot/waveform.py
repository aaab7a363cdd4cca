"""The waveform: amplitude over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..sound.as_recording import Sound, as_recording
from ..sound.envelope import Outline, column_edges, outline_of
from .axes import add_legend, axes_for, label_time
from .colours import BLUE
from .shading import ON_LIGHT, shade
from .waveform_lane import LANE, amplitude_limit, draw_lane, lane_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["waveform"]


def waveform(
    sound: Sound, ax: Axes | None = None, *, color: str | None = None, title: str | None = None
) -> Axes:
    """Draw the amplitude over time, as fine as the picture and no finer.

    A recording of more than a few samples per pixel is drawn as its envelope: the lowest and the
    highest sample (light) and the RMS (dark) of every pixel column, so that no click is lost and an
    hour draws as fast as a second. A short one is drawn as its samples, and so is a part that is
    zoomed into: when the limits of the time axis change, the picture is drawn again. Gaps are
    hatched, and what the decoder concealed is tinted, the more of it the stronger.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound; channels are drawn one below the other.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    color : str, optional
        Colour of the waveform, as matplotlib takes it.
    title : str, optional
        Heading; by default the recording's name or identity. ``""`` for none.

    Returns
    -------
    matplotlib.axes.Axes
        Time in seconds below; the amplitude at the left, full scale being 1, and the same at the
        right as a peak level in dBFS. The range is halved until the sound fills it, so compare
        levels by the labels. Dotted lines mark full scale where the sound goes beyond it.

    Raises
    ------
    SoundError
        If it is no sound.

    See Also
    --------
    spectrogram : The level over time and frequency.
    levels : Loudness, RMS and peak over time.
    timeline : Several recordings on one time axis.

    References
    ----------
    dBFS after AES17-2020: full scale is 0 dBFS. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.waveform(lk.sample("speech"))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('Time (s)', 'Amplitude')
    """
    recording = as_recording(sound)
    ax = axes_for(ax, 1.6 + 1.2 * min(recording.channels, 8))
    label_time(ax, recording, title)
    samples = recording.samples
    whole = Outline(samples, samples, samples)
    if samples.size:
        edges = column_edges(samples.shape[1], lane_columns(ax, recording.duration))
        whole = outline_of(samples, edges)
    limit = amplitude_limit([whole.low, whole.high])
    for channel in range(recording.channels):
        one = slice(channel, channel + 1)
        draw_lane(
            ax,
            samples[one],
            recording.sample_rate,
            middle=-LANE * limit * channel,
            color=color or BLUE,
            outline=Outline(*(part[one] for part in whole)),
        )
    shade(ax, recording, ON_LIGHT)
    _label_amplitude(ax, recording.channels, limit)
    add_legend(ax)
    return ax


def _label_amplitude(ax: Axes, channels: int, limit: float) -> None:
    share = np.array([1, 0.5, 0, -0.5, -1] if channels == 1 else [0.5, 0, -0.5])
    ticks, amplitudes, levels = [], [], []
    for channel in range(channels):
        for value in share * limit if channels <= 8 else [0.0]:
            ticks.append(value - LANE * limit * channel)
            amplitudes.append(f"{value:g}".replace("-", "−"))
            levels.append(_level(abs(value)))
        if limit > 1:
            for edge in (-1.0, 1.0):
                height = edge - LANE * limit * channel
                ax.axhline(height, color="0.5", linestyle=":", linewidth=0.8)
        if channels > 1:
            words = ("left", "right") if channels == 2 else None
            text = words[channel] if words else f"channel {channel + 1}"
            height = (0.8 - LANE * channel) * limit
            ax.text(0.005, height, text, transform=ax.get_yaxis_transform(), fontsize="small")
    ax.set_ylim(-(LANE * (channels - 1) + 1.08) * limit, 1.08 * limit)
    ax.set_yticks(ticks, amplitudes)
    ax.set_ylabel("Amplitude")
    right = ax.secondary_yaxis("right")
    right.set_yticks(ticks, levels)
    right.set_ylabel("Peak level (dBFS)")


def _level(amplitude: float) -> str:
    if not amplitude:
        return "−∞"
    return f"{20 * math.log10(amplitude):.0f}".replace("-0", "0").replace("-", "−")
