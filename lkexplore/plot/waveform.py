"""The waveform: amplitude over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..envelope import column_edges, extremes, rms_columns
from ..recording import Recording
from ..sound import Sound, as_recording
from .drawing import label_time, make_axes, pixels, shade_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["waveform"]

# Distance between the centres of two channels, in units of the shown amplitude.
_LANE = 2.3


def waveform(
    sound: Sound, ax: Axes | None = None, *, color: str = "C0", title: str | None = None
) -> Axes:
    """Draw the amplitude over time, as fine as the picture and no finer.

    A recording of more than a few samples per pixel is drawn as its envelope: the lowest and the
    highest sample (light) and the RMS (dark) of every pixel column, so that no click is lost and
    an hour draws as fast as a second. A short one is drawn as its samples. Gaps are hatched.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Channels are drawn one below the other.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes are made by default.
    color : str
        A matplotlib colour.
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

    References
    ----------
    dBFS after AES17-2020: full scale is 0 dBFS. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> import lkexplore
    >>> lkexplore.plot.waveform(lkexplore.sample("speech"))  # doctest: +SKIP
    """
    recording = as_recording(sound)
    if ax is None:
        ax = make_axes(1.6 + 1.2 * min(recording.channels, 8))
    label_time(ax, recording, title)
    limit = _limit(recording)
    for channel in range(recording.channels):
        _draw_channel(ax, recording, channel, -_LANE * limit * channel, color)
    shade_gaps(ax, recording, "tab:red")
    _label_amplitude(ax, recording.channels, limit)
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        named = dict(zip(labels, handles, strict=True))
        ax.legend(
            named.values(),
            named.keys(),
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(named),
            frameon=False,
            fontsize="small",
            borderaxespad=0.2,
        )
    return ax


def _limit(recording: Recording) -> float:
    """Return the amplitude at the edge of the picture: full scale, halved or doubled to fit."""
    samples = recording.samples
    peak = max(float(samples.max()), -float(samples.min())) if samples.size else 0.0
    if not peak:
        return 1.0
    return 2.0 ** max(-20, math.ceil(math.log2(peak)))


def _draw_channel(ax: Axes, recording: Recording, channel: int, middle: float, color: str) -> None:
    samples = recording.samples[channel : channel + 1]
    length, width = samples.shape[1], pixels(ax)[0]
    if not length:
        return
    if length <= 2 * width:
        marker = "o" if length < width / 6 else ""
        times = np.arange(length) / recording.sample_rate
        ax.plot(times, samples[0] + middle, color=color, marker=marker, markersize=3, linewidth=1)
        return
    edges = column_edges(length, width)
    times = (edges[:-1] + edges[1:]) / 2 / recording.sample_rate
    low, high = extremes(samples, edges)
    level = rms_columns(samples, edges)[0]
    ax.fill_between(
        times,
        low[0] + middle,
        high[0] + middle,
        facecolor=(color, 0.45),
        edgecolor=(color, 0.45),
        linewidth=0.5,
        label="lowest to highest",
    )
    ax.fill_between(
        times, middle - level, middle + level, facecolor=color, linewidth=0, label="RMS"
    )


def _label_amplitude(ax: Axes, channels: int, limit: float) -> None:
    share = np.array([1, 0.5, 0, -0.5, -1] if channels == 1 else [0.5, 0, -0.5])
    ticks, amplitudes, levels = [], [], []
    for channel in range(channels):
        for value in share * limit if channels <= 8 else [0.0]:
            ticks.append(value - _LANE * limit * channel)
            amplitudes.append(f"{value:g}".replace("-", "−"))
            levels.append(_level(abs(value)))
        if limit > 1:
            for edge in (-1.0, 1.0):
                height = edge - _LANE * limit * channel
                ax.axhline(height, color="0.5", linestyle=":", linewidth=0.8)
        if channels > 1:
            words = ("left", "right") if channels == 2 else None
            text = words[channel] if words else f"channel {channel + 1}"
            height = (0.8 - _LANE * channel) * limit
            ax.text(0.005, height, text, transform=ax.get_yaxis_transform(), fontsize="small")
    ax.set_ylim(-(_LANE * (channels - 1) + 1.08) * limit, 1.08 * limit)
    ax.set_yticks(ticks, amplitudes)
    ax.set_ylabel("Amplitude")
    right = ax.secondary_yaxis("right")
    right.set_yticks(ticks, levels)
    right.set_ylabel("Peak level (dBFS)")


def _level(amplitude: float) -> str:
    if not amplitude:
        return "−∞"
    return f"{20 * math.log10(amplitude):.0f}".replace("-0", "0").replace("-", "−")
