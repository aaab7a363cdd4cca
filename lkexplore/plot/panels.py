"""One picture of several panels, in the place of a single one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["split"]

_SPACE = 0.12
"""Height between two panels, in units of the given heights."""


def split(ax: Axes, heights: Sequence[float], *, share: bool = True) -> list[Axes]:
    """Divide the place of axes among them and new ones below them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to divide; they become the uppermost panel.
    heights : sequence of float
        Heights of all panels, from above, in relation to each other.
    share : bool
        Whether all have the x-axis of the uppermost, labelled below the lowest alone.

    Returns
    -------
    list of matplotlib.axes.Axes
        As many as heights, from above.
    """
    if len(heights) == 1:
        return [ax]
    figure, spec = ax.figure, ax.get_subplotspec()
    with_x = ax if share else None
    panels = [ax]
    if spec is not None:
        inner = spec.subgridspec(len(heights), 1, height_ratios=list(heights))
        ax.set_subplotspec(inner[0])
        panels += [figure.add_subplot(inner[row], sharex=with_x) for row in range(1, len(heights))]
    else:
        # Axes put somewhere by hand.
        box, unit = ax.get_position(), 1 / (sum(heights) + _SPACE * (len(heights) - 1))
        top = box.y1
        for row, height in enumerate(heights):
            part = (box.x0, top - height * unit * box.height, box.width, height * unit * box.height)
            if row:
                panels.append(figure.add_axes(part, sharex=with_x))
            else:
                ax.set_position(part)
            top = part[1] - _SPACE * unit * box.height
    if share:
        for panel in panels[:-1]:
            panel.tick_params(labelbottom=False)
    return panels
