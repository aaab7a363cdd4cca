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
VERMILLION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#cc79a7"
ORANGE = "#e69f00"
SKY = "#56b4e9"

SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""What several lines in one picture are drawn in, in this order.

Of the palette of M. Okabe and K. Ito, "Color Universal Design", 2008, without the black and the
yellow, which vanish on a black and on a white ground.
"""


class _Foreground(NamedTuple):
    line: str
    edge: str


FOREGROUND = _Foreground(line=SKY, edge="black")
"""A line over a spectrogram, and its outline, seen on every colour of magma and viridis."""

RGB: TypeAlias = tuple[float, float, float]

_PALE = 0.55


def shades(ax: Axes, color: str) -> tuple[RGB, RGB]:
    """Return a colour and a paler one, of which the one stands out more from the ground.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The ground.
    color : str
        A matplotlib colour.

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
