"""The pitch over the spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.recording import Recording
from ..sound.validation import as_real
from .axes import add_legend
from .colours import FOREGROUND
from .spectrogram import spectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Method", "pitch"]

Method: TypeAlias = Literal["pyin", "yin"]

_RATE = 22_050
"""Sample rate in Hz to which sound is converted before a low pitch is looked for."""

_PERIODS = 4
"""Periods of the lowest pitch that a window must hold."""

_OVERTONES = 4
"""Times the highest pitch that the frequency axis shows by default."""

_LOWEST_TOP_HZ = 400.0
"""Lowest upper end in Hz of the frequency axis by default."""


def pitch(
    sound: Sound,
    ax: Axes | None = None,
    *,
    method: Method = "pyin",
    low: float = 65.0,
    high: float = 1000.0,
    max_hz: float | None = None,
    **options: Any,
) -> Axes:
    """Draw the pitch of a single voice over its spectrogram.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound; channels are mixed.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    method : {"pyin", "yin"}
        Way to find the pitch: pyin also finds out where there is one at all; yin is many times
        faster, and gives one everywhere.
    low, high : float
        Lowest and highest pitch to look for in Hz, ``0 < low < high``, up to half the sample rate.
    max_hz : float, optional
        Upper end of the frequency axis in Hz; by default four times the highest pitch.
    **options
        Further options, as :func:`lkexplore.plot.spectrogram` takes them.

    Returns
    -------
    matplotlib.axes.Axes
        As :func:`lkexplore.plot.spectrogram`, with a line labelled "pitch" in Hz, broken where
        there is none.

    Raises
    ------
    SoundError
        If the sound is shorter than four periods of `low`, or an option is out of its range.

    See Also
    --------
    chroma : Which notes are heard, of several voices too.
    lkexplore.measure.tone_hz : The strongest tone of the whole.

    References
    ----------
    M. Mauch and S. Dixon, "pYIN: a fundamental frequency estimator using probabilistic threshold
    distributions", ICASSP 2014; A. de Cheveigné and H. Kawahara, "YIN, a fundamental frequency
    estimator for speech and music", JASA 111(4), 2002; both as librosa computes them. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> tone = 0.5 * np.sin(2 * np.pi * 220 * np.arange(8000) / 8000)
    >>> ax = lk.plot.pitch((tone, 8000), method="yin")
    >>> print(np.nanmedian(ax.lines[-1].get_ydata()).round())
    220.0
    """
    recording = as_recording(sound)
    _check(recording, method, low, high)
    times, hz = _track(recording, method, low, high)
    if max_hz is None:
        highest = max(_LOWEST_TOP_HZ, _OVERTONES * float(np.nanmax(hz, initial=low)))
        max_hz = min(highest, recording.sample_rate / 2)
    ax = spectrogram(recording, ax, max_hz=max_hz, **options)
    from matplotlib.patheffects import Normal, Stroke

    edge = [Stroke(linewidth=3.5, foreground=FOREGROUND.edge), Normal()]
    ax.plot(times, hz, color=FOREGROUND.line, linewidth=2, path_effects=edge, label="pitch")
    add_legend(ax)
    return ax


def _check(recording: Recording, method: str, low: float, high: float) -> None:
    if method not in ("pyin", "yin"):
        raise SoundError(f"method={shown(method)} is unknown: use 'pyin' or 'yin'")
    half = recording.sample_rate / 2
    if not 0 < as_real(low) < as_real(high) <= half:
        raise SoundError(
            f"low={shown(low)} and high={shown(high)} cannot be: give 0 < low < high <= {half:g} "
            "Hz, half the sample rate"
        )
    if recording.duration < _PERIODS / low:
        raise SoundError(
            f"{recording.duration:.3g} s are too short for a pitch from {low:g} Hz on: "
            f"give {_PERIODS / low:.3g} s or more"
        )


def _track(
    recording: Recording, method: str, low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the middles of frames in seconds, and the pitch in Hz, NaN where there is none."""
    import librosa

    voice = recording.mono()
    if voice.sample_rate > _RATE and high < _RATE / 4:
        voice = voice.resample(_RATE)
    rate = voice.sample_rate
    frame = 1 << int(np.ceil(np.log2(_PERIODS * rate / low)))
    line = voice.samples[0]
    if method == "pyin":
        hz, _, _ = librosa.pyin(line, fmin=low, fmax=high, sr=rate, frame_length=frame)
    else:
        hz = librosa.yin(line, fmin=low, fmax=high, sr=rate, frame_length=frame)
    return librosa.times_like(hz, sr=rate, hop_length=frame // 4), np.asarray(hz, dtype=np.float64)
