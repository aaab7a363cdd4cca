"""What filters do to each frequency: gain, phase and delay, as designed and as measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError, SoundError
from ..filters import Filter, as_filter
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.recording import Recording
from ..sound.validation import as_real
from .axes import add_legend, add_title, axes_for
from .colours import SERIES
from .panels import split
from .spectrum import hertz
from .welch import CrossSpectrum, cross_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Part", "response"]

Part: TypeAlias = Literal["magnitude", "phase", "delay", "coherence"]

_PARTS = {
    "magnitude": "Gain (dB)",
    "phase": "Phase (°)",
    "delay": "Delay (ms)",
    "coherence": "Coherence",
}
"""Label at the left of each panel, with its unit."""

_LONGEST_NAME = 60
"""Characters of the longest name of a filter in the legend."""

_POINTS = 2000
"""Points of a designed curve."""

_DOTS = 160
"""Dots of a measured curve, at most."""

_LOWEST_HZ = 20.0
"""Lower end of the frequency axis in Hz."""

_FLOOR_DB = -100.0
"""Lowest gain in dB that is shown."""

_COHERENT = 0.9
"""Coherence, from 0 to 1, below which nothing is drawn: what is measured there is not the filter's
doing.
"""

_FEWEST_WINDOWS = 8
"""Windows, half overlapping, that a sound must hold to measure with it."""

_MOST_STEPS = 12
"""Bins to either side of one, at most, over which the phase gives a delay."""

_DOTS_PER_E = 20
"""Dots for a factor of e in frequency."""


def response(
    filters: Any = (),
    ax: Axes | None = None,
    *,
    before: Sound | None = None,
    after: Sound | None = None,
    parts: Iterable[Part] | None = None,
    window_seconds: float = 0.17,
    title: str = "",
) -> Axes:
    """Draw the frequency response of filters: as designed, and as measured on sound over it.

    Parameters
    ----------
    filters : Filter, function of a block, or iterable or mapping of them
        Filters to draw. A mapping gives their names; otherwise they are named by their repr. There
        may be none if ``before`` and ``after`` are given.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into: they become the uppermost panel, and the others take a part of their
        place. New ones are made by default.
    before : Recording or (samples, sample_rate), optional
        Sound to measure with, best noise or a sweep: every filter is run on it, unless ``after`` is
        given. Designed responses are then drawn at its sample rate.
    after : Recording or (samples, sample_rate), optional
        Sound that came out when ``before`` went in, whatever it went through.
    parts : iterable of {"magnitude", "phase", "delay", "coherence"}, optional
        Panels, from above; all by default, coherence only if something is measured.
    window_seconds : float
        Length in seconds of the windows that the measurement averages over; an echo must fit into
        it.
    title : str
        Heading; none by default.

    Returns
    -------
    matplotlib.axes.Axes
        The uppermost panel. Hz below, from 20 up; dB, degrees between -180 and 180, milliseconds.
        Measured points are dots, left out where less than 0.9 of the power is coherent: there it is
        noise, distortion or too little sound.

    Raises
    ------
    FilterError
        If there is nothing to draw, or a filter is not known to be linear and nothing is measured.
    SoundError
        If a sound is too short, or the two differ in sample rate.

    See Also
    --------
    pole_zero : Where the poles and zeros are.
    compare : Draw a sound before and after a filter.
    lkexplore.check : Try whether a filter does live what it does on a recording.

    References
    ----------
    The measured response is the cross-spectrum over the spectrum before (H1), the coherence is the
    share of the power after that it explains: J. S. Bendat and A. G. Piersol, "Random Data", 4th
    edition, 2010, chapter 6. Group delay: minus the slope of the phase. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.response([lk.filters.lowpass(1000), lk.filters.lowpass(1000, 8)])
    >>> [panel.get_ylabel() for panel in ax.figure.axes]
    ['Gain (dB)', 'Phase (°)', 'Delay (ms)']
    """
    named = _named(filters)
    measured = _measured(named, before, after, window_seconds)
    shown = _shown(parts, bool(measured))
    if not named and not measured:
        raise FilterError("there is nothing to draw: give a filter, or sound before and after it")
    rate = None if before is None else as_recording(before).sample_rate
    designed = {name: one for name, one in named.items() if _is_linear(one) or name not in measured}
    curves = {name: _designed(one, rate) for name, one in designed.items()}
    ax = axes_for(ax, 1.2 + 1.5 * len(shown))
    panels = split(ax, [2 if part == "magnitude" else 1 for part in shown])
    for part, panel in zip(shown, panels, strict=True):
        for index, name in enumerate(dict.fromkeys((*named, *measured))):
            color = SERIES[index % len(SERIES)]
            label = name if name and part == shown[0] else "_"
            if name in curves and part in curves[name]:
                hz, values = curves[name]["hz"], curves[name][part]
                panel.plot(hz, values, color=color, linewidth=1.3, label=label)
                label = "_"
            if name in measured:
                hz, values = measured[name]["hz"], measured[name][part]
                style: dict[str, Any] = (
                    {"linewidth": 1} if part == "coherence" else {"marker": "o", "ls": ""}
                )
                panel.plot(hz, values, color=color, mfc="none", markersize=4, label=label, **style)
        _finish(panel, part)
    every = [*curves.values(), *measured.values()]
    ax.set_xscale("log")
    ax.set_xlim(_LOWEST_HZ, max(100.0, *(float(curve["hz"][-1]) for curve in every)))
    panels[-1].xaxis.set_major_formatter(hertz)
    panels[-1].set_xlabel("Frequency (Hz)")
    if measured:
        ink = "0.5" if len(measured) > 1 else color
        ax.plot([], [], "o", color=ink, mfc="none", markersize=4, label="measured")
    add_legend(ax)
    add_title(ax, title)
    return ax


Curves: TypeAlias = dict[str, NDArray[np.float64]]


def _named(filters: Any) -> dict[str, Filter]:
    if isinstance(filters, Mapping):
        return {str(name): as_filter(one) for name, one in filters.items()}
    single = isinstance(filters, str | bytes | np.ndarray) or not isinstance(filters, Iterable)
    if single or callable(filters) or callable(getattr(filters, "process", None)):
        filters = [filters]
    named: dict[str, Filter] = {}
    for one in map(as_filter, filters):
        text = repr(one)
        own = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
        name, again = own, 2
        while name in named:
            name, again = f"{own} ({again})", again + 1
        named[name] = one
    return named


def _shown(parts: Iterable[Part] | None, measured: bool) -> list[str]:
    if parts is None:
        return [part for part in _PARTS if measured or part != "coherence"]
    chosen = _chosen(parts)
    for part in chosen:
        if part not in tuple(_PARTS):
            raise FilterError(f"parts={shown(part)} is unknown: use some of {', '.join(_PARTS)}")
    if not chosen or ("coherence" in chosen and not measured):
        raise FilterError("there is no such panel: coherence needs sound, and parts at least one")
    return [str(part) for part in chosen]


def _chosen(parts: object) -> list[object]:
    if isinstance(parts, str) or not isinstance(parts, Iterable):
        return [parts]
    # One by one, because what cannot be hashed is no part either.
    found: list[object] = []
    for part in parts:
        if part not in found:
            found.append(part)
    return found


def _is_linear(one: Filter) -> bool:
    try:
        one.copy().response([100.0])
    except FilterError:
        return False
    return True


def _designed(one: Filter, sample_rate: int | None) -> Curves:
    worker = one.copy()
    if sample_rate is not None:
        worker.sample_rate = sample_rate
    hz = np.geomspace(_LOWEST_HZ, worker.sample_rate / 2, _POINTS)
    # Rounding must not go beyond half the rate.
    hz[-1] = worker.sample_rate / 2
    values = worker.response(hz)
    delay = worker.group_delay(hz) * (1000 / worker.sample_rate)
    return {"hz": hz, "magnitude": _decibels(values), "phase": _degrees(values), "delay": delay}


def _measured(
    named: Mapping[str, Filter], before: Sound | None, after: Sound | None, seconds: float
) -> dict[str, Curves]:
    if before is None:
        if after is not None:
            raise SoundError("after= was given without before=: give both")
        return {}
    first = as_recording(before)
    if after is not None:
        return {"": _transfer(first, as_recording(after), seconds)}
    return {name: _transfer(first, first | one, seconds) for name, one in named.items()}


def _transfer(before: Recording, after: Recording, seconds: float) -> Curves:
    if before.sample_rate != after.sample_rate:
        raise SoundError(
            f"before has {before.sample_rate} Hz and after {after.sample_rate} Hz: "
            "resample one of them"
        )
    if not 0 < as_real(seconds) < math.inf:
        raise SoundError(f"window_seconds={shown(seconds)} is no window: give seconds above 0")
    bins = round(seconds * before.sample_rate)
    length = min(before.samples.shape[1], after.samples.shape[1])
    if bins < 16 or length < bins * _FEWEST_WINDOWS // 2:
        raise SoundError(
            f"{length / before.sample_rate:.3g} s of sound are too short to measure with windows "
            f"of {seconds:g} s: give {seconds * _FEWEST_WINDOWS / 2:.3g} s, or shorter windows"
        )
    found = cross_spectrum(before, after, bins)
    values, gone = found.transfer, np.where(found.coherence >= _COHERENT, 1.0, np.nan)
    # As many as can be told apart, evenly on the axis.
    kept = np.geomspace(1, found.hz.size - 1, _DOTS).round().astype(np.intp)
    kept = np.unique(kept)
    curves = {
        "hz": found.hz,
        "magnitude": _decibels(values) * gone,
        "phase": np.degrees(np.angle(values)) * gone,
        "coherence": found.coherence,
    }
    chosen = {name: curve[kept] for name, curve in curves.items()}
    return {**chosen, "delay": _delays(found, kept)}


def _delays(found: CrossSpectrum, kept: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the group delay in ms at some bins, from how the phase turns round each."""
    values, spacing = found.transfer, found.hz[1] - found.hz[0]
    delays = np.full(kept.size, np.nan)
    for index, bin_ in enumerate(kept):
        # A single step of the phase is mostly noise where many bins share a dot.
        reach = min(_MOST_STEPS, max(1, round(bin_ / _DOTS_PER_E / 2)))
        part = slice(max(0, bin_ - reach), bin_ + reach + 1)
        if found.coherence[part].min() >= _COHERENT:
            turns = values[part][1:] * np.conj(values[part][:-1])
            delays[index] = -np.angle(turns.sum()) / (2 * np.pi * spacing) * 1000
    return delays


def _decibels(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    return 20 * np.log10(np.maximum(np.abs(values), 10 ** (_FLOOR_DB / 20 - 1)))


def _degrees(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the phase, with a break in the line where it goes round."""
    degrees = np.degrees(np.angle(values))
    degrees[1:][np.abs(np.diff(degrees)) > 180] = np.nan
    return degrees


def _finish(panel: Axes, part: str) -> None:
    panel.set_ylabel(_PARTS[part])
    panel.grid(alpha=0.3)
    if part == "phase":
        panel.set_ylim(-190, 190)
        panel.set_yticks([-180, -90, 0, 90, 180])
    elif part == "coherence":
        panel.set_ylim(-0.05, 1.05)
    elif part == "magnitude":
        low, high = panel.get_ylim()
        panel.set_ylim(max(low, _FLOOR_DB, high - 100), max(high, low + 6, 3))
    else:
        low, high = panel.get_ylim()
        panel.set_ylim(min(low, -0.05), max(high, 1.0))
