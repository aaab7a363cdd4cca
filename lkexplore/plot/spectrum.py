"""The spectrum: level over frequency, averaged over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.recording import Recording
from ..sound.validation import as_real
from .axes import add_legend, add_title, axes_for
from .colours import SERIES
from .octaves import Bands, band_powers, octave_bands
from .welch import mean_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Width", "draw_spectra", "named_sounds", "spectrum"]

Width: TypeAlias = Literal["bins", "octave", "third"]

_FLOOR_DBFS = -200.0
"""Level in dBFS that silence counts as."""

_LOWEST_HZ = 20.0
"""Lower end of the frequency axis in Hz."""

_RANGE_DB = 120.0
"""How many dB below the strongest are shown, at most."""

_BAND_SECONDS = 1.5
"""Seconds of the Hann windows for bands."""

_PER_OCTAVE = {"octave": 1, "third": 3}
"""Bands in an octave."""

_FEWEST = 16
"""Samples of the shortest sound, and of the shortest window, that has a spectrum."""


def spectrum(
    sound: Sound | Mapping[str, Sound],
    ax: Axes | None = None,
    *,
    bands: Width = "bins",
    window_seconds: float = 0.17,
    title: str | None = None,
) -> Axes:
    """Draw the level over frequency, averaged over the whole sound.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate), or mapping
        One sound, or several by their names in the legend. Channels are averaged.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    bands : {"bins", "octave", "third"}
        Width of the bands: a line through all frequencies, or the power in octaves or thirds of an
        octave.
    window_seconds : float
        Length in seconds of the Hann windows, which overlap by half: longer ones tell close tones
        apart, shorter ones average more. Bands take 1.5 s, or the whole sound if it is shorter.
    title : str, optional
        Heading; by default the name or identity of a single recording.

    Returns
    -------
    matplotlib.axes.Axes
        Hz below, from 20 up; dBFS at the left, a full-scale sine being 0. Noise reads lower the
        longer the window, but is the same in bands, which hold all its power.

    Raises
    ------
    SoundError
        If something is no sound, or has fewer than 16 samples, or an option is out of its range.

    See Also
    --------
    spectrogram : How the spectrum changes over time.
    compare : Two spectra and their difference.

    References
    ----------
    P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE
    Trans. Audio and Electroacoustics 15(2), 1967; IEC 61260-1:2014 for the bands. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.spectrum(lk.sample("speech"), bands="third")
    >>> [label.get_text() for label in ax.get_xticklabels()][:4]
    ['16', '20', '25', '31.5']
    """
    if bands not in ("bins", *_PER_OCTAVE):
        raise SoundError(f"bands={shown(bands)} is unknown: use 'bins', 'octave' or 'third'")
    seconds = as_real(window_seconds)
    if not 0 < seconds < math.inf:
        raise SoundError(
            f"window_seconds={shown(window_seconds)} is no window: give seconds above 0"
        )
    sounds = named_sounds(sound)
    for name, recording in sounds.items():
        if recording.samples.shape[1] < _FEWEST:
            raise SoundError(
                f"{name or 'the sound'} has {recording.samples.shape[1]} samples, too few for "
                f"a spectrum: give {_FEWEST} or more"
            )
    found = {} if bands == "bins" else _banded(sounds, _PER_OCTAVE[bands])
    ax = axes_for(ax, 3.2)
    if found:
        _draw_bands(ax, found, upright=bands == "octave")
    else:
        draw_spectra(ax, sounds, window_seconds=seconds)
    only = next(iter(sounds.values()))
    own = only.name or only.identity if len(sounds) == 1 else None
    add_title(ax, own if title is None else title)
    return ax


def named_sounds(sound: Sound | Mapping[str, Sound]) -> dict[str, Recording]:
    """Return sounds by their names; a single one has an empty name."""
    if not isinstance(sound, Mapping):
        return {"": as_recording(sound)}
    if not sound:
        raise SoundError("there are no sounds to draw: give at least one")
    return {str(name): as_recording(each) for name, each in sound.items()}


def draw_spectra(
    ax: Axes, sounds: Mapping[str, Recording], *, window_seconds: float = 0.17
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Draw the mean spectra of sounds over each other.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw into.
    sounds : mapping of str to Recording
        Sounds by their labels; those of fewer than 16 samples are left out.
    window_seconds : float
        Length of the Hann windows in seconds.

    Returns
    -------
    dict of str to (hz, level)
        What was drawn: Hz and dBFS.
    """
    drawn, highest, strongest = {}, 100.0, -math.inf
    for index, (label, recording) in enumerate(sounds.items()):
        if recording.samples.shape[1] < _FEWEST:
            continue
        bins = max(_FEWEST, round(window_seconds * recording.sample_rate))
        hz, power = mean_spectrum(recording, bins)
        level = _dbfs(power)
        color = SERIES[index % len(SERIES)]
        ax.plot(hz[1:], level[1:], label=label or "_", color=color, linewidth=1)
        highest, strongest = max(highest, float(hz[-1])), max(strongest, float(level.max()))
        drawn[label] = hz, level
    ax.set_xscale("log")
    ax.set_xlim(_LOWEST_HZ, highest)
    ax.xaxis.set_major_formatter(hertz)
    _label(ax, strongest, [level for _, level in drawn.values()])
    return drawn


Levels: TypeAlias = tuple[Bands, NDArray[np.float64]]


def _banded(sounds: Mapping[str, Recording], per_octave: int) -> dict[str, Levels]:
    """Return the bands of each sound and their levels in dBFS."""
    every = {}
    for label, recording in sounds.items():
        hz, power = mean_spectrum(recording, round(_BAND_SECONDS * recording.sample_rate))
        bands = octave_bands(per_octave, recording.sample_rate / 2)
        every[label] = bands, _dbfs(band_powers(hz, power, bands.edges))
    if not any(bands.names for bands, _ in every.values()):
        raise SoundError("the sample rate is too low for any band: give 40 Hz or more")
    return every


def _draw_bands(ax: Axes, every: Mapping[str, Levels], *, upright: bool) -> None:
    bands = max((found for found, _ in every.values()), key=lambda found: len(found.names))
    strongest = max(float(level.max()) for _, level in every.values() if level.size)
    lowest = min(float(level.min()) for _, level in every.values() if level.size)
    bottom = max(lowest - 6, strongest - _RANGE_DB)
    for index, (label, (found, level)) in enumerate(every.items()):
        width = 0.8 / len(every)
        places = np.arange(len(found.names)) + (index - (len(every) - 1) / 2) * width
        ax.bar(
            places,
            np.maximum(level - bottom, 0),
            width,
            bottom=bottom,
            color=SERIES[index % len(SERIES)],
            label=label or "_",
        )
    ax.set_xticks(range(len(bands.names)), bands.names, rotation=0 if upright else 90)
    _label(ax, strongest, [np.array([bottom])])
    ax.set_xlabel("Middle of the band (Hz)")
    ax.set_ylabel("Level of the band (dBFS)")


def _label(ax: Axes, strongest: float, levels: list[NDArray[np.float64]]) -> None:
    if levels:
        top = 10 * math.ceil(strongest / 10 + 0.1)
        bottom = min(float(level[1:].min() if level.size > 1 else level[0]) for level in levels)
        ax.set_ylim(max(bottom - 3, top - _RANGE_DB), top)
    ax.set_xlabel("Frequency (Hz)")
    ax.set_ylabel("Level (dBFS)")
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    add_legend(ax)


def hertz(value: float, _: Any = None) -> str:
    """Write a frequency as ``100`` or ``10k``."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _dbfs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10 * np.log10(np.maximum(2 * power, 10 ** (_FLOOR_DBFS / 10)))
