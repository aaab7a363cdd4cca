"""A bench for filters: choose one, move its sliders, see and hear what it does to a sound."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from .. import filters
from ..errors import FilterError
from ..filters import Filter, as_filter
from ..recording import Recording
from ..sound import Sound, as_recording
from .sliders import slider

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FilterLab"]

_CHOICES: dict[str, Callable[[], Filter]] = {
    "bandpass": lambda: filters.bandpass(300, 3400),
    "lowpass": lambda: filters.lowpass(3400),
    "highpass": lambda: filters.highpass(120),
    "bandstop": lambda: filters.bandstop(500, 2000),
    "FIR lowpass": lambda: filters.fir_lowpass(3400),
    "notch": lambda: filters.notch(50),
    "dehum": lambda: filters.dehum(50),
    "peaking": lambda: filters.peaking(1000, 6),
    "low shelf": lambda: filters.low_shelf(200, 6),
    "high shelf": lambda: filters.high_shelf(3000, 6),
    "graphic EQ": filters.graphic_eq,
    "denoise": filters.denoise,
    "gate": filters.gate,
    "compressor": filters.compressor,
    "limiter": lambda: filters.limiter(-12),
    "echo": filters.echo,
    "gain": lambda: filters.gain(0),
}
_RESPONSE_POINTS = 600
_FLOOR_DB = -80


class FilterLab(ipywidgets.VBox):  # type: ignore[misc]
    """Sliders for a filter, with its response and a sound before and after it.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        What to try the filter on.
    filter : Filter, optional
        What to begin with; otherwise one is chosen from a list.

    Attributes
    ----------
    filter : Filter
        The filter as the sliders have it now: use it in the next cell, or live.
    before, after : Recording
        The sound, and what the filter makes of it.

    Raises
    ------
    SoundError
        If the sound cannot be used.
    FilterError
        If `filter` is none, or does not fit the sound.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> lab = lk.FilterLab(voice)                    # doctest: +SKIP
    >>> clean = voice | lab.filter                   # doctest: +SKIP
    """

    def __init__(self, sound: Sound, filter: Filter | None = None) -> None:
        self.before = as_recording(sound)
        self._choice = ipywidgets.Dropdown(
            options=list(_CHOICES), description="filter", style={"description_width": "12em"}
        )
        self._sliders = ipywidgets.VBox()
        self._message = ipywidgets.HTML()
        self._picture = ipywidgets.Image(
            format="png", layout=ipywidgets.Layout(max_width="100%", object_fit="contain")
        )
        self._players = ipywidgets.HBox()
        super().__init__()
        self._choice.observe(lambda change: self._use(_CHOICES[change["new"]]()), names="value")
        chosen = _CHOICES["bandpass"]() if filter is None else as_filter(filter)
        head = [self._choice] if filter is None else []
        self._before_player = _player("before", self.before)
        self.children = [*head, self._sliders, self._message, self._picture, self._players]
        self._use(chosen)

    def _use(self, filter: Filter) -> None:
        self.filter = filter
        self.filter.sample_rate = self.before.sample_rate
        self._sliders.children = [
            slider(name, parameter, self._update, self._say)
            for name, parameter in self.filter.parameters.items()
        ]
        self._update()

    def _say(self, text: str) -> None:
        from html import escape

        self._message.value = f"<span style='color:#c62828'>{escape(text)}</span>" if text else ""

    def _update(self) -> None:
        """Follow a move: filter the sound again, and show it."""
        try:
            self.after: Recording = self.before | self.filter
        except FilterError as error:
            self._say(str(error))
            return
        self._say("")
        buffer = io.BytesIO()
        self._draw().savefig(buffer, format="png", dpi=80)
        self._picture.value = buffer.getvalue()
        self._players.children = [self._before_player, _player("after", self.after)]

    def _draw(self) -> Figure:
        from matplotlib.figure import Figure

        from ..plot import spectrogram

        figure = Figure(figsize=(12, 3.2), layout="constrained")
        response, before, after = figure.subplots(1, 3)
        self._draw_response(response)
        for axis, title, sound in ((before, "before", self.before), (after, "after", self.after)):
            spectrogram(sound, axis, title=title)
        return figure

    def _draw_response(self, axis: Any) -> None:
        nyquist = self.before.sample_rate / 2
        hz = np.geomspace(20, nyquist, _RESPONSE_POINTS)
        try:
            size = np.abs(self.filter.response(hz))
        except FilterError:
            axis.text(0.5, 0.5, "no frequency response:\nnot known to be linear", ha="center")
            axis.set_axis_off()
            return
        axis.semilogx(hz, 20 * np.log10(np.maximum(size, 10 ** (_FLOOR_DB / 20))))
        axis.set(xlabel="frequency (Hz)", ylabel="gain (dB)", xlim=(20, nyquist))
        axis.set_title("response", loc="left", fontsize="medium")
        axis.set_ylim(bottom=_FLOOR_DB)
        axis.grid(alpha=0.3)


def _player(title: str, sound: Recording) -> ipywidgets.HTML:
    return ipywidgets.HTML(
        f"<b>{title}</b>{sound.play(max_bytes=400_000).html}",
        layout=ipywidgets.Layout(width="50%"),
    )
