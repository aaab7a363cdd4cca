"""The colours of the plots: told apart with any kind of colour vision, on light and on dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BLUE",
    "FOREGROUND",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SERIES",
    "SKY",
    "VERMILLION",
    "shades",
]

BLUE = "#0072b2"
"""Blue: waveforms (their RMS band; the lowest to highest sample in a paler one), the RMS in levels,
zeros of a filter, the first of several spectra or responses.
"""

VERMILLION = "#d55e00"
"""Vermillion: peaks in levels, poles of a filter, the second of several spectra or responses, such
as "after".
"""

GREEN = "#009e73"
"""Green: momentary loudness in levels, the difference of two waveforms, the third of several
spectra or responses.
"""

PURPLE = "#cc79a7"
"""Purple: the difference of two spectra, the fourth of several spectra or responses."""

ORANGE = "#e69f00"
"""Orange: concealed stretches over waveforms, the fifth of several spectra or responses."""

SKY = "#56b4e9"
"""Sky blue: lines over spectrograms (pitch and onsets), concealed stretches there, the sixth of
several spectra or responses.
"""

SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Colours of several lines or bars in one picture, in this order.

Of the palette of M. Okabe and K. Ito, "Color Universal Design", 2008, without the black and the
yellow, which vanish on a black and on a white ground.
"""


class _Foreground(NamedTuple):
    line: str
    edge: str


FOREGROUND = _Foreground(line=SKY, edge="black")
"""Line over a spectrogram (pitch and onsets) and its outline, seen on all of magma and viridis."""

RGB: TypeAlias = tuple[float, float, float]
"""Red, green and blue, each from 0 to 1."""

_PALE = 0.55
"""Share of the way to white, from 0 to 1, of a paler colour, such as that of the lowest to highest
sample of a waveform.
"""


def shades(ax: Axes, color: str) -> tuple[RGB, RGB]:
    """Return a colour and a paler one, the one that stands out more from the ground first.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes whose background is the ground.
    color : str
        Colour, as matplotlib takes it.

    Returns
    -------
    strong, weak : tuple of float
        Red, green and blue, 0 to 1. On a dark ground the paler one is the strong one.
    """
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    pale = (red + (1 - red) * _PALE, green + (1 - green) * _PALE, blue + (1 - blue) * _PALE)
    ground = ax.get_facecolor() if ax.patch.get_visible() else ax.figure.get_facecolor()
    dark = sum(to_rgb(ground)) < 1.5
    return (pale, (red, green, blue)) if dark else ((red, green, blue), pale)
