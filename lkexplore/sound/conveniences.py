"""What can be done with a recording right away: each method is a line over a function elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, cast

from .reasons import Reason

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..notebook.player.player import Player
    from .recording import Recording

__all__ = ["Conveniences"]


class Conveniences:
    """The methods of a `Recording` that filter, save, draw and play it."""

    __slots__ = ()

    def __or__(self, other: Any) -> Recording:
        """Filter it: ``recording | filter``, with a fresh copy of the filter at this rate."""
        from ..filters import as_filter

        return as_filter(other)(_of(self))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        subtype: str | None = None,
        sidecar: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Write it to a wav, flac, ogg or mp3 file; see :func:`lkexplore.files.save`.

        A file that is there is replaced only with ``overwrite=True``.
        """
        from ..files import save

        save(_of(self), path, subtype=subtype, sidecar=sidecar, overwrite=overwrite)

    def plot(
        self, ax: Axes | None = None, *, color: str | None = None, title: str | None = None
    ) -> Axes:
        """Draw its waveform; see :func:`lkexplore.plot.waveform`.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw into; by default new ones.
        color : str, optional
            Colour of the waveform, as matplotlib takes it; by default blue.
        title : str, optional
            Title of the picture; by default what the recording is called.

        Returns
        -------
        matplotlib Axes
        """
        from ..plot import waveform

        return waveform(_of(self), ax, color=color, title=title)

    def spectrogram(
        self,
        ax: Axes | None = None,
        *,
        window_seconds: float = 0.04,
        scale: Literal["linear", "log", "mel"] = "linear",
        max_hz: float | None = None,
        levels: tuple[float, float] | None = None,
        range_db: float = 80.0,
        reassigned: bool = False,
        cmap: str = "magma",
        colorbar: bool = True,
        title: str | None = None,
    ) -> Axes:
        """Draw its level over time and frequency; see :func:`lkexplore.plot.spectrogram`.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw into; by default new ones.
        window_seconds : float
            Length of the window in seconds: longer ones tell more frequencies apart, shorter ones
            more moments.
        scale : {"linear", "log", "mel"}
            The frequency axis.
        max_hz : float, optional
            Highest frequency shown, in Hz; by default half the sample rate.
        levels : (float, float), optional
            Lowest and highest level shown, in dB; by default up to the loudest.
        range_db : float
            Decibels shown below the loudest, where `levels` is not given.
        reassigned : bool
            Whether each bin is moved to where its energy is.
        cmap : str
            Name of a matplotlib colour map.
        colorbar : bool
            Whether to say which colour is which level.
        title : str, optional
            Title of the picture; by default what the recording is called.

        Returns
        -------
        matplotlib Axes
        """
        from ..plot import spectrogram

        return spectrogram(
            _of(self),
            ax,
            window_seconds=window_seconds,
            scale=scale,
            max_hz=max_hz,
            levels=levels,
            range_db=range_db,
            reassigned=reassigned,
            cmap=cmap,
            colorbar=colorbar,
            title=title,
        )

    def play(self, *, max_bytes: int = 280_000, normalise: bool = False) -> Player:
        """Return a player for a notebook, with the waveform; at the level as recorded.

        Parameters
        ----------
        max_bytes : int
            Bytes, at most, that it adds to the notebook. Short sounds are embedded without loss
            (FLAC, 16 bits), longer ones compressed (Ogg Vorbis), still longer ones as a preview of
            their beginning; the player's caption says which.
        normalise : bool
            Whether to bring the peak to -1 dBFS; the caption says by how many dB.

        Returns
        -------
        Player
            Shown by Jupyter; see :class:`lkexplore.notebook.player.player.Player` for its keys.

        Raises
        ------
        SoundError
            If ``max_bytes`` is too small for any player.
        """
        from ..notebook.player.player import Player

        return Player(_of(self), max_bytes=max_bytes, normalise=normalise)

    def _repr_html_(self) -> str:
        from ..notebook.player.player import Player

        return Player(_of(self)).html

    def __repr__(self) -> str:
        from ..notebook.player.player import describe

        me = _of(self)
        cut_short = me.ended not in (None, Reason.COMPLETE)
        return f"Recording({describe(me)}{f', ended: {me.ended}' if cut_short else ''})"


def _of(one: Conveniences) -> Recording:
    return cast("Recording", one)
