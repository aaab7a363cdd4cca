"""Where something begins, over the spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..sound.as_recording import Sound, as_recording
from ..sound.recording import Recording
from .axes import add_legend
from .colours import FOREGROUND
from .spectrogram import spectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["onsets"]

_FRAME_SECONDS = 0.04
"""Seconds of a window, at least; rounded up to a power of two in samples."""

_HOPS_PER_SECOND = 100
"""Windows a second, so that onsets are first found to 10 ms."""

_LEAD_SECONDS = 0.25
"""Seconds of silence put before the sound, at least, so that one that begins at once has a
beginning.
"""

_EARLIER = 0.03
"""Seconds before the time of a found window at which the beginning may be."""

_LATER = 0.015
"""Seconds after the time of a found window at which the beginning may be."""

_AFTER = 0.005
"""Seconds after a moment whose energy is compared with that before."""

_BEFORE = 0.01
"""Seconds before a moment whose energy is compared with that after."""

_HEAD_SECONDS = 0.05
"""Seconds at the start that decide whether the sound begins with its first sample."""

_SOFT = 0.1
"""Share of the highest peak, from 0 to 1, below which the start is no beginning."""

_FAINT = 1e-5
"""Share of the strongest rise in energy below which noise before it does not count."""


def onsets(sound: Sound, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw where notes, words and knocks begin, over the spectrogram.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound; channels are mixed.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    **options
        Further options, as :func:`lkexplore.plot.spectrogram` takes them.

    Returns
    -------
    matplotlib.axes.Axes
        As :func:`lkexplore.plot.spectrogram`, with an upright line at each beginning, labelled
        "onset": to a millisecond where something begins at once, to some where it swells. Sound
        that is there from the first sample on begins there if it is within 20 dB of the highest
        peak.

    Raises
    ------
    SoundError
        As :func:`lkexplore.plot.spectrogram`.

    See Also
    --------
    spectrogram : Without the onsets.
    waveform : The amplitude over time.

    References
    ----------
    S. Böck and G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013,
    as librosa computes it, to 10 ms; within those, where the next 5 ms hold the most energy in
    relation to the last 10. Taught in ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.onsets(lk.sample("clicks"))
    >>> len(ax.lines)
    12
    """
    recording = as_recording(sound)
    times = _begins(recording)
    ax = spectrogram(recording, ax, **options)
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
    hop = max(1, round(rate / _HOPS_PER_SECOND))
    frame = 1 << int(np.ceil(np.log2(max(16, _FRAME_SECONDS * rate))))
    # Silence before, so that a sound that begins at once has a beginning.
    lead = max(frame, round(_LEAD_SECONDS * rate))
    voice = np.pad(recording.mono().samples[0], (lead, 0))
    bands = librosa.feature.melspectrogram(
        y=voice, sr=rate, n_fft=frame, hop_length=hop, n_mels=min(128, frame // 16)
    )
    strength = librosa.onset.onset_strength(
        S=librosa.power_to_db(bands), sr=rate, hop_length=hop, n_fft=frame, lag=2, max_size=3
    )
    found = librosa.onset.onset_detect(
        onset_envelope=strength, sr=rate, hop_length=hop, units="time"
    )
    exact = np.array([_steepest(voice, rate, float(time)) for time in found], dtype=np.float64)
    times = np.unique(np.clip(exact - lead / rate, 0.0, recording.duration))
    # What is there from the first sample on, and soft, has begun before.
    head = voice[lead : lead + max(1, round(_HEAD_SECONDS * rate))]
    soft = np.abs(head).max() < _SOFT * np.abs(voice).max()
    return times[times > _AFTER] if soft else times


def _steepest(voice: NDArray[np.float32], rate: int, near: float) -> float:
    """Return the moment in seconds, near another one, at which the energy rises most."""
    after, before = (max(1, round(seconds * rate)) for seconds in (_AFTER, _BEFORE))
    first = max(0, round((near - _EARLIER) * rate) - before)
    end = min(voice.size, round((near + _LATER) * rate) + after)
    part = voice[first:end].astype(np.float64)
    if part.size <= before + after:
        return near
    sums = np.append(0.0, np.cumsum(np.square(part)))
    moments = np.arange(before, part.size - after + 1)
    rising = sums[moments + after] - sums[moments]
    falling = sums[moments] - sums[moments - before]
    ratio = rising / (falling + _FAINT * rising.max() + 1e-30)
    # A click stays in sight of the next 5 ms for as long: the last moment counts.
    last = np.flatnonzero(ratio >= 0.5 * ratio.max())[-1]
    return float(first + moments[last]) / rate
