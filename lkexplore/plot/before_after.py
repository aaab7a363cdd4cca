"""Before and after on one scale, and the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.recording import Recording
from .axes import add_title, axes_for, pixels
from .colours import PURPLE, SERIES
from .panels import split
from .scales import Scale, check_scale, lowest_hz, row_edges, set_scale
from .spectrogram import add_colorbar, level_range, spectrogram
from .spectrogram_columns import level_columns
from .spectrum import draw_spectra
from .waveform_lane import amplitude_limit, draw_lane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Picture", "compare"]

Picture: TypeAlias = Literal["spectrum", "spectrogram", "waveform"]

_HEIGHTS: dict[str, tuple[float, ...]] = {
    "spectrum": (2, 1),
    "spectrogram": (1, 1, 1),
    "waveform": (1, 1, 1),
}
"""Heights of the panels of each picture, from above, in relation to each other."""

_WINDOW_SECONDS = 0.04
"""Seconds of the Hann window of the spectrograms."""

_DIFFERENCE_DB = 30.0
"""Difference in dB, up or down, at which the colours end."""


def compare(
    before: Sound,
    after: Sound,
    ax: Axes | None = None,
    *,
    picture: Picture = "spectrum",
    scale: Scale = "linear",
    title: str = "",
) -> Axes:
    """Draw a sound before and after on one scale, and the difference below.

    Parameters
    ----------
    before, after : Recording or (samples, sample_rate)
        The two sounds, of one sample rate. They are compared from their starts: take a delay out
        first, with :func:`lkexplore.measure.lag_seconds`. The longer one is cut for the difference.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into: they become the uppermost panel, and the others take a part of their
        place. New ones are made by default.
    picture : {"spectrum", "spectrogram", "waveform"}
        Kind of picture. The difference is after minus before, of the levels in dB or of the
        samples.
    scale : {"linear", "log", "mel"}
        Scale of the frequency axis of spectrograms.
    title : str
        Heading; none by default.

    Returns
    -------
    matplotlib.axes.Axes
        The uppermost panel; all are in ``ax.figure.axes``.

    Raises
    ------
    SoundError
        If something is no sound, has fewer than 16 samples or another sample rate than the other,
        or an option is unknown.

    See Also
    --------
    lkexplore.compare : The same in numbers.
    response : Draw what a filter does to each frequency.

    Notes
    -----
    In the picture of spectrograms, a difference counts in full where the louder of the two is
    among the strongest 80 dB; below, levels are raised to that floor, so that noise nobody sees
    makes no difference. :func:`lkexplore.compare` measures. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> voice = lk.sample("speech")
    >>> ax = lk.plot.compare(voice, voice | lk.filters.lowpass(2000))
    >>> [panel.get_ylabel() for panel in ax.figure.axes]
    ['Level (dBFS)', 'Difference (dB)']
    """
    if picture not in tuple(_HEIGHTS):
        known = ", ".join(repr(name) for name in _HEIGHTS)
        raise SoundError(f"picture={shown(picture)} is unknown: use one of {known}")
    check_scale(scale)
    first, second = _checked(before, after)
    heights = _HEIGHTS[picture]
    ax = axes_for(ax, 1.0 + 1.8 * len(heights))
    panels = split(ax, heights)
    if picture == "spectrum":
        _spectra(panels, first, second)
    elif picture == "waveform":
        _waveforms(panels, first, second)
    else:
        _spectrograms(panels, first, second, scale)
    add_title(ax, title)
    return ax


def _checked(before: Sound, after: Sound) -> tuple[Recording, Recording]:
    first, second = as_recording(before), as_recording(after)
    if first.sample_rate != second.sample_rate:
        raise SoundError(
            f"before has {first.sample_rate} Hz and after {second.sample_rate} Hz: "
            "resample one of them"
        )
    shortest = min(first.samples.shape[1], second.samples.shape[1])
    if shortest < 16:
        raise SoundError(f"there are {shortest} samples to compare: give 16 or more of both")
    return first, second


def _spectra(panels: list[Axes], before: Recording, after: Recording) -> None:
    top, below = panels
    drawn = draw_spectra(top, {"before": before, "after": after})
    top.set_xlabel("")
    hz, level = drawn["before"]
    other_hz, other = drawn["after"]
    difference = np.interp(hz, other_hz, other) - level
    below.plot(hz[1:], difference[1:], color=PURPLE, linewidth=1)
    below.axhline(0, color="0.5", linewidth=0.8)
    below.set_xlabel("Frequency (Hz)")
    below.set_ylabel("Difference (dB)")
    low, high = float(difference.min()), float(difference.max())
    below.set_ylim(max(low, -60.0) - 3, min(high, 60.0) + 3)
    below.grid(alpha=0.3)


def _waveforms(panels: list[Axes], before: Recording, after: Recording) -> None:
    length = min(before.samples.shape[1], after.samples.shape[1])
    one, other = (sound.mono().samples[:, :length] for sound in (before, after))
    difference = Recording(other - one, before.sample_rate)
    sounds = {"before": before.mono(), "after": after.mono(), "after − before": difference}
    limit = amplitude_limit(sound.samples for sound in sounds.values())
    for panel, (name, sound), color in zip(panels, sounds.items(), SERIES[:3], strict=True):
        panel.set_xlim(0, max(before.duration, after.duration))
        draw_lane(panel, sound.samples, sound.sample_rate, middle=0, color=color)
        panel.set_ylim(-1.08 * limit, 1.08 * limit)
        panel.set_ylabel("Amplitude")
        _name(panel, name)
    panels[-1].set_xlabel("Time (s)")


def _spectrograms(panels: list[Axes], before: Recording, after: Recording, scale: Scale) -> None:
    rate, seconds = before.sample_rate, max(before.duration, after.duration)
    half, window = rate / 2, max(1, round(_WINDOW_SECONDS * rate))
    length = min(before.samples.shape[1], after.samples.shape[1])
    window = min(window, length)
    width, height = pixels(panels[0])
    edges = row_edges(scale, lowest_hz(scale, half, rate / window), half, height)
    images = [
        level_columns(
            sound.samples[:, :length], rate, window=window, columns=width, row_edges=edges
        )
        for sound in (before, after)
    ]
    levels = level_range(max(float(image.max()) for image in images))
    for panel, sound, name in zip(panels, (before, after), ("before", "after"), strict=False):
        spectrogram(
            sound,
            panel,
            window_seconds=_WINDOW_SECONDS,
            scale=scale,
            levels=levels,
            title="",
        )
        panel.set_xlabel("")
        panel.set_xlim(0, seconds)
        _name(panel, name, color="white")
    one, other = (np.maximum(image, levels[0]) for image in images)
    _difference(panels[2], other - one, length / rate, edges, scale)


def _difference(
    panel: Axes,
    levels: NDArray[np.float32],
    seconds: float,
    edges: NDArray[np.float64],
    scale: Scale,
) -> None:
    """Draw how many dB louder each cell of time and frequency has become."""
    mesh = panel.pcolormesh(
        np.linspace(0, seconds, levels.shape[1] + 1),
        edges,
        levels,
        cmap="coolwarm",
        vmin=-_DIFFERENCE_DB,
        vmax=_DIFFERENCE_DB,
        rasterized=True,
    )
    set_scale(panel, scale)
    panel.set_ylim(edges[0], edges[-1])
    panel.set_ylabel("Frequency (Hz)")
    panel.set_xlabel("Time (s)")
    add_colorbar(panel, mesh, "Difference (dB)")
    _name(panel, "after − before", color="black")


def _name(ax: Axes, name: str, color: str | None = None) -> None:
    text = ax.text(0.008, 0.95, name, transform=ax.transAxes, va="top", fontsize="small")
    if color is not None:
        text.set_color(color)
