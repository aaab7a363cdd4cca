"""Where something begins, over the spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..recording import Recording
from ..sound import Sound, as_recording
from .colours import FOREGROUND
from .drawing import add_legend, make_axes
from .spectrogram import spectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["onsets"]

_FRAME_SECONDS = 0.04
_HOPS_PER_SECOND = 100
_LEAD_SECONDS = 0.25


def onsets(sound: Sound, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw where notes, words and knocks begin, over the spectrogram.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Channels are mixed.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes are made by default.
    **options
        As :func:`lkexplore.plot.spectrogram` takes them.

    Returns
    -------
    matplotlib.axes.Axes
        As :func:`lkexplore.plot.spectrogram`, with an upright line at each beginning, labelled
        "onset", to about 10 ms.

    Raises
    ------
    SoundError
        As :func:`lkexplore.plot.spectrogram`.

    References
    ----------
    S. Böck and G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013,
    as librosa computes it. Taught in ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore
    >>> lkexplore.plot.onsets(lkexplore.sample("plucked"))  # doctest: +SKIP
    """
    recording = as_recording(sound)
    times = _begins(recording)
    if ax is None:
        ax = make_axes(3.2)
    spectrogram(recording, ax, **options)
    from matplotlib.patheffects import Normal, Stroke

    edge = [Stroke(linewidth=2.5, foreground=FOREGROUND.edge), Normal()]
    for index, time in enumerate(times):
        ax.axvline(
            time,
            color=FOREGROUND.line,
            linewidth=1.3,
            path_effects=edge,
            label="_" if index else "onset",
        )
    add_legend(ax)
    return ax


def _begins(recording: Recording) -> NDArray[np.float64]:
    """Return the times of the onsets in seconds."""
    if not recording.samples.any():
        return np.empty(0)
    import librosa

    rate = recording.sample_rate
    # Silence before, so that a sound that begins at once has a beginning.
    lead = round(_LEAD_SECONDS * rate)
    voice = np.pad(recording.mono().samples[0], (lead, 0))
    hop = max(1, round(rate / _HOPS_PER_SECOND))
    frame = 1 << int(np.ceil(np.log2(max(16, _FRAME_SECONDS * rate))))
    bands = librosa.feature.melspectrogram(
        y=voice, sr=rate, n_fft=frame, hop_length=hop, n_mels=min(128, frame // 16)
    )
    strength = librosa.onset.onset_strength(
        S=librosa.power_to_db(bands), sr=rate, hop_length=hop, n_fft=frame, lag=2, max_size=3
    )
    found = librosa.onset.onset_detect(
        onset_envelope=strength, sr=rate, hop_length=hop, units="time"
    )
    times = np.asarray(found, dtype=np.float64) - lead / rate
    return np.unique(np.clip(times, 0.0, recording.duration))
