"""Pictures that are drawn again when somebody zooms in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["follow_view"]


def follow_view(ax: Axes, redraw: Callable[[], None], *, vertical: bool = False) -> None:
    """Call a function whenever the limits of axes change.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to watch. They keep the function for as long as they live, or until they are cleared.
    redraw : callable
        Function without arguments; it reads the limits itself and must not change them.
    vertical : bool
        Whether the limits of the y-axis matter as well.
    """

    def changed(_: Any) -> None:
        redraw()

    ax.callbacks.connect("xlim_changed", changed)
    if vertical:
        ax.callbacks.connect("ylim_changed", changed)
