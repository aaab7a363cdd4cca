"""Before and after: what a filter or a room has done to a sound, in numbers and in a picture."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import measure
from ..errors import MissingExtra, SoundError
from ..measure.lag import lag_limit
from ..sound.as_recording import Sound, as_recording
from ..sound.progress import count_progress
from ..sound.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "Row", "compare"]


@dataclass(frozen=True)
class Row:
    """One measure of both sounds.

    Attributes
    ----------
    name, unit : str
        Name of the measure and its unit, such as ``"loudness"`` and ``"LUFS"``.
    before, after : float or None
        The values; None where there is none, as for a sound too short. What is measured between
        the two is in ``after`` alone.
    """

    name: str
    unit: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """After minus before, None unless both are finite numbers."""
        if self.before is None or self.after is None:
            return None
        change = self.after - self.before
        return change if math.isfinite(change) else None


STEPS = 10
"""Measures that `compare` takes of two sounds."""

STEPS_AGAINST = 10
"""Measures that it takes of both against a reference."""


def compare(
    before: Sound, after: Sound, reference: Sound | None = None, *, max_lag: float | None = None
) -> Comparison:
    """Measure a sound before and after, and both against a clean reference if there is one.

    Parameters
    ----------
    before, after : Recording or (samples, sample_rate)
        The sound that went in, and the one that came out.
    reference : Recording or (samples, sample_rate), optional
        The clean sound that both should be like: with it, signal-to-noise ratio, SI-SDR (aligned),
        spectral distance and, if their packages are installed, STOI and PESQ are added for both.
    max_lag : float, optional
        Largest lag in seconds, as in :func:`lkexplore.measure.lag_seconds`; needed for periodic
        sound.

    Returns
    -------
    Comparison
        A table as it is, in a terminal and in a notebook; ``plot`` draws the spectra.

    Raises
    ------
    SoundError
        If one of them is no sound, or ``max_lag`` no time. A measure that cannot be taken is left
        open instead.

    See Also
    --------
    lkexplore.plot.compare : Draw both sounds and the difference.
    lkexplore.measure : Each measure alone.

    Notes
    -----
    The measures are those of :mod:`lkexplore.measure`, each with its source. Taught in
    ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> import numpy as np
    >>> noise = 0.1 * np.random.RandomState(0).standard_normal(48000)
    >>> round(compare((noise, 48000), (noise / 2, 48000))["RMS"].change, 2)
    -6.02
    """
    first, second = as_recording(before), as_recording(after)
    lag_limit(max_lag, first.sample_rate)
    clean = None if reference is None else as_recording(reference)
    steps = STEPS if clean is None else STEPS + STEPS_AGAINST
    with count_progress(first.duration, "comparing", "compared") as done:
        taken = _Taken(done, first.duration / steps)
        rows = [*_levels(taken, first, second), *_between(taken, first, second, max_lag)]
        if clean is not None:
            rows += _against(taken, clean, first, second, max_lag)
    return Comparison(first, second, clean, tuple(rows))


@dataclass(frozen=True, repr=False)
class Comparison:
    """What :func:`lkexplore.compare` has measured.

    Attributes
    ----------
    before, after : Recording
        The two sounds that were compared.
    reference : Recording or None
        The clean sound, if there is one.
    rows : tuple of Row
        The measures; ``comparison["loudness"]`` is the one of that name.

    Examples
    --------
    >>> compare(([0.5], 8000), ([0.25], 8000))["peak"].after
    -12.041199826559248
    """

    before: Recording
    after: Recording
    reference: Recording | None
    rows: tuple[Row, ...]

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name!r} is not among {', '.join(row.name for row in self.rows)}")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the average spectra over each other.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw into; new ones are made by default.

        Returns
        -------
        matplotlib.axes.Axes
            Frequency in Hz, from 20 up, below; level in dBFS, a full-scale sine being 0, at the
            left, as :func:`lkexplore.plot.spectrum` draws it. A sound of fewer than 16 samples is
            left out.
        """
        from .axes import axes_for
        from .spectrum import draw_spectra

        sounds = {"before": self.before, "after": self.after}
        if self.reference is not None:
            sounds["reference"] = self.reference
        ax = axes_for(ax, 3.2)
        draw_spectra(ax, sounds)
        if self.reference is not None:
            # The filter's output is what matters, so the reference is drawn behind it.
            for line in ax.lines:
                line.set_zorder(1.9 if line.get_label() == "reference" else 2)
        return ax

    def _cells(self) -> Iterator[tuple[str, str, str, str]]:
        for row in self.rows:
            name = f"{row.name} ({row.unit})" if row.unit else row.name
            yield name, _number(row.before), _number(row.after), _number(row.change, sign=True)

    def __repr__(self) -> str:
        table = [("", "before", "after", "change"), *self._cells()]
        widths = [max(len(line[k]) for line in table) for k in range(4)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *(line[k].rjust(widths[k]) for k in (1, 2, 3))])
            for line in table
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(name)}</td>"
            + "".join(f"<td style='text-align:right'>{value}</td>" for value in values)
            + "</tr>"
            for name, *values in self._cells()
        )
        head = "".join(f"<th>{name}</th>" for name in ("", "before", "after", "change"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


class _Taken:
    """Takes measures, and tells how far that is."""

    def __init__(self, done: Callable[[float], None], share: float) -> None:
        self._done, self._share = done, share
        self._count = 0

    def __call__(self, taken: Callable[..., float], *sounds: Sound, **options: Any) -> float | None:
        """Return a measure of sounds, None if there is none of these."""
        self._count += 1
        try:
            return float(taken(*sounds, **options))
        except SoundError:
            return None
        finally:
            self._done(self._count * self._share)


def _levels(take: _Taken, before: Recording, after: Recording) -> list[Row]:
    measures: list[tuple[str, str, Callable[[Sound], float]]] = [
        ("peak", "dBFS", measure.peak_dbfs),
        ("true peak", "dBTP", measure.true_peak_dbtp),
        ("RMS", "dBFS", measure.rms_dbfs),
        ("loudness", "LUFS", measure.loudness_lufs),
    ]
    return [
        Row(name, unit, take(taken, before), take(taken, after)) for name, unit, taken in measures
    ]


def _between(take: _Taken, before: Recording, after: Recording, max_lag: float | None) -> list[Row]:
    lag = take(measure.lag_seconds, before, after, max_lag=max_lag)
    distance = take(measure.log_spectral_distance_db, before, after, max_lag=max_lag)
    return [
        Row("lag", "ms", None, None if lag is None else 1000 * lag),
        Row("spectral distance", "dB", None, distance),
    ]


def _against(
    take: _Taken, clean: Recording, before: Recording, after: Recording, max_lag: float | None
) -> list[Row]:
    ratio, lagged = measure.snr_db, {"max_lag": max_lag}
    measures: list[tuple[str, str, Callable[..., float], dict[str, Any]]] = [
        ("SNR", "dB", ratio, {"gain": False, **lagged}),
        ("SI-SDR", "dB", ratio, lagged),
        ("distance to reference", "dB", measure.log_spectral_distance_db, lagged),
        ("STOI", "", measure.stoi, lagged),
        ("PESQ", "MOS", measure.pesq, {}),
    ]
    rows = []
    for name, unit, taken, options in measures:
        try:
            values = [take(taken, clean, sound, **options) for sound in (before, after)]
        except MissingExtra:
            continue
        rows.append(Row(name, unit, *values))
    return rows


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+z.2f}" if sign else f"{value:z.2f}"
    return text.replace("-", "−")
