"""The frequency axis: linear, logarithmic or in mel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.in_words import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.ticker import Locator

__all__ = ["Scale", "check_scale", "hz_of_mel", "lowest_hz", "mel_of_hz", "row_edges", "set_scale"]

Scale: TypeAlias = Literal["linear", "log", "mel"]

_SCALES = ("linear", "log", "mel")
"""Kinds of frequency axis."""

_LOWEST_LOG_HZ = 20.0
"""Lowest frequency in Hz of a logarithmic axis, which cannot begin at 0."""

_STEPS = (1.0, 2.0, 5.0)
"""Round numbers at which mel axes have ticks, times powers of ten, in Hz."""


def mel_of_hz(hz: Any) -> NDArray[np.float64]:
    """Return frequencies in mel, 1000 Hz being 1000 mel.

    References
    ----------
    D. O'Shaughnessy, "Speech Communication: Human and Machine", 1987, page 150.

    Examples
    --------
    >>> mel_of_hz([0, 1000, 8000]).round().tolist()
    [0.0, 1000.0, 2840.0]
    """
    return 2595 * np.log10(1 + np.maximum(np.asarray(hz, dtype=np.float64), 0) / 700)


def hz_of_mel(mel: Any) -> NDArray[np.float64]:
    """Return mel in Hz, the inverse of :func:`mel_of_hz`."""
    return 700 * (10 ** (np.asarray(mel, dtype=np.float64) / 2595) - 1)


def check_scale(scale: str) -> None:
    """Raise SoundError unless there is such a scale."""
    if scale not in _SCALES:
        raise SoundError(f"scale={shown(scale)} is unknown: use 'linear', 'log' or 'mel'")


def lowest_hz(scale: Scale, top: float, resolution: float) -> float:
    """Return where a frequency axis up to ``top`` Hz begins, in Hz."""
    return min(max(_LOWEST_LOG_HZ, resolution), top / 2) if scale == "log" else 0.0


def row_edges(scale: Scale, bottom: float, top: float, rows: int) -> NDArray[np.float64]:
    """Return the frequencies in Hz between which rows of the same height lie, rising."""
    if scale == "log":
        return np.geomspace(bottom, top, rows + 1)
    if scale == "mel":
        edges = hz_of_mel(np.linspace(mel_of_hz(bottom), mel_of_hz(top), rows + 1))
        # Rounding must not move the ends.
        edges[0], edges[-1] = bottom, top
        return edges
    return np.linspace(bottom, top, rows + 1)


def set_scale(ax: Axes, scale: Scale) -> None:
    """Give the y-axis a scale, with ticks at round numbers of Hz."""
    if scale == "log":
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    elif scale == "mel":
        ax.set_yscale("function", functions=(mel_of_hz, hz_of_mel))
        ax.yaxis.set_major_locator(_mel_locator(ax.yaxis))
        ax.yaxis.set_major_formatter("{x:g}")


def _mel_locator(axis: Axis) -> Locator:
    from matplotlib.ticker import Locator, MaxNLocator

    class MelLocator(Locator):
        """Ticks at 1, 2 and 5 times powers of ten, or closer ones where few of them are seen."""

        def __call__(self) -> Any:
            return self.tick_values(*axis.get_view_interval())

        def tick_values(self, vmin: float, vmax: float) -> Any:
            low, high = sorted((max(vmin, 0.0), max(vmax, 0.0)))
            if not high:
                return [0.0]
            powers = range(1, math.ceil(math.log10(high)) + 1)
            ticks = [0.0, *(step * 10**power for power in powers for step in _STEPS)]
            wide = (mel_of_hz(high) - mel_of_hz(low)) / 16
            kept = [ticks[0]]
            for tick in ticks[1:]:
                if mel_of_hz(tick) - mel_of_hz(kept[-1]) >= wide:
                    kept.append(tick)
            kept = [tick for tick in kept if low <= tick <= high]
            return kept if len(kept) >= 3 else MaxNLocator(6).tick_values(low, high)

    return MelLocator()
