"""The twelve pitch classes over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.validation import as_real
from .axes import add_legend, axes_for, label_time, pixels
from .shading import ON_DARK, shade
from .spectrogram import add_colorbar
from .spectrogram_columns import places

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["chroma"]

_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
"""Names of the pitch classes in the order of the rows, from below."""

_WINDOW_SECONDS = 0.19
"""Seconds of the Hann window, and so of the shortest sound."""

_LOWEST_RATE = 4000
"""Lowest sample rate in Hz of which pitch classes are drawn."""

_FRAMES_AT_ONCE = 256
"""Windows that are transformed at a time, so that memory stays small."""


def chroma(
    sound: Sound,
    ax: Axes | None = None,
    *,
    tuning: float | None = None,
    cmap: str = "viridis",
    colorbar: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw how strong each of the twelve pitch classes is over time, whatever the octave.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound, of at least 4000 Hz and 0.19 s; channels are mixed.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    tuning : float, optional
        Difference of A4 from 440 Hz in semitones, -0.5 to 0.5; estimated by default.
    cmap : str
        A matplotlib colour map; the default is perceptually uniform.
    colorbar : bool
        Whether to draw the colour bar; it takes no room from the axes.
    title : str, optional
        Heading; by default the recording's name or identity. ``""`` for none.

    Returns
    -------
    matplotlib.axes.Axes
        Seconds below, pitch classes at the left, C lowest; colours are the power in relation to
        the strongest class of the moment, 0 to 1.

    Raises
    ------
    SoundError
        If the sound is too short, its rate too low, or `tuning` out of its range.

    See Also
    --------
    pitch : The pitch of a single voice.
    spectrogram : All frequencies.

    References
    ----------
    D. P. W. Ellis, "Chroma feature analysis and synthesis", 2007, for the bank of filters, as
    librosa builds it. Taught in ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.chroma(lk.sample("plucked"))
    >>> [label.get_text() for label in ax.get_yticklabels()][:3]
    ['C', 'C♯', 'D']
    """
    recording = as_recording(sound)
    window = round(_WINDOW_SECONDS * recording.sample_rate)
    if recording.sample_rate < _LOWEST_RATE or recording.samples.shape[1] < window:
        raise SoundError(
            f"{recording.duration:.3g} s at {recording.sample_rate} Hz have no pitch classes: "
            f"give {_WINDOW_SECONDS:g} s or more at {_LOWEST_RATE} Hz or more"
        )
    if tuning is not None and not -0.5 <= as_real(tuning) <= 0.5:
        raise SoundError(f"tuning={shown(tuning)} cannot be: give semitones from -0.5 to 0.5")
    voice = recording.mono().samples[0]
    bank = _bank(voice, recording.sample_rate, window, tuning)
    ax = axes_for(ax, 3.0)
    label_time(ax, recording, title)
    image = _classes(voice, bank, window, pixels(ax)[0])
    mesh = ax.pcolormesh(
        np.linspace(0, recording.duration, image.shape[1] + 1),
        np.arange(13) - 0.5,
        image,
        cmap=cmap,
        vmin=0,
        vmax=1,
        rasterized=True,
    )
    ax.set_yticks(range(12), _NAMES)
    ax.set_ylabel("Pitch class")
    shade(ax, recording, ON_DARK)
    add_legend(ax)
    if colorbar:
        add_colorbar(ax, mesh, "Power, strongest 1")
    return ax


def _bank(
    voice: NDArray[np.float32], rate: int, window: int, tuning: float | None
) -> NDArray[np.float32]:
    """Return how much of each bin belongs to each pitch class, shape (12, bins)."""
    import librosa

    if tuning is None:
        # A minute from the middle tells as much as an hour.
        begin = max(0, (voice.size - 60 * rate) // 2)
        minute = voice[begin : begin + 60 * rate]
        tuning = float(librosa.estimate_tuning(y=minute, sr=rate, n_fft=window))
    return np.asarray(librosa.filters.chroma(sr=rate, n_fft=window, tuning=tuning))


def _classes(
    voice: NDArray[np.float32], bank: NDArray[np.float32], window: int, columns: int
) -> NDArray[np.float64]:
    """Return the power of the pitch classes, shape (12, columns)."""
    from scipy.fft import rfft

    shape = np.hanning(window + 2)[1:-1].astype(np.float32)
    columns = max(1, min(columns, voice.size - window + 1))
    starts, owner = places(voice.size, window, columns)
    frames = np.lib.stride_tricks.sliding_window_view(voice, window)
    power = np.zeros((columns, 12))
    for begin in range(0, starts.size, _FRAMES_AT_ONCE):
        part = slice(begin, begin + _FRAMES_AT_ONCE)
        spectrum = rfft(frames[starts[part]] * shape, axis=1)
        np.add.at(power, owner[part], np.square(np.abs(spectrum)) @ bank.T)
    strongest = power.max(axis=1, keepdims=True)
    return np.asarray((power / np.where(strongest > 0, strongest, 1)).T)
