"""Loudness: the level as it is heard, in LUFS."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.recording import Recording
from ..sound.validation import as_real

__all__ = ["k_weighting", "loudness_lufs", "momentary_lufs", "short_term_lufs"]

_LOWEST_RATE = 8000
"""Sample rate in Hz below which no loudness is given."""

_HOPS_PER_SECOND = 10
"""Powers that are computed a second: blocks of 400 ms overlap by 75 % (ITU-R BS.1770-5, 2023, annex
1).
"""

_HOPS_AT_ONCE = 10
"""Tenths of a second that are filtered at a time: so few that they stay in the processor's cache.
"""

_GATE_LUFS = -70.0
"""Absolute gate in LUFS: quieter blocks do not count (ITU-R BS.1770-5, 2023, annex 1)."""

_GATE_LU = -10.0
"""Relative gate in LU, from the mean of the blocks above the absolute one (ITU-R BS.1770-5, 2023,
annex 1).
"""

_WEIGHTS = {1: (1.0,), 2: (1.0, 1.0), 5: (1.0, 1.0, 1.0, 1.41, 1.41)}
"""Weight of each channel's power by the number of channels: left, right, centre, left and right
surround (ITU-R BS.1770-5, 2023, annex 1).
"""


def loudness_lufs(sound: Sound, *, weights: Sequence[float] | None = None) -> float:
    """Return the integrated loudness of a whole programme in LUFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Sound of at least 8000 Hz and 0.4 s; 1, 2 or 5 channels (left, right, centre and two
        surround), or any number with ``weights``.
    weights : sequence of float, optional
        Weight of each channel's power, 0 or more. A mono sound counts once, so it is 3 LU below the
        same sound on two loudspeakers.

    Returns
    -------
    float
        LUFS: the mean power of the K-weighted sound in blocks of 400 ms, without those below
        -70 LUFS and then without those 10 LU or more below the mean of the rest. -inf if no
        block is above the gate.

    Raises
    ------
    SoundError
        If it is too short, its rate too low, or its number of channels unknown.

    See Also
    --------
    momentary_lufs : Over time, 400 ms each.
    short_term_lufs : Over time, 3 s each.
    rms_dbfs : The level without regard to hearing.

    References
    ----------
    ITU-R BS.1770-5 (2023), annex 1; EBU R 128 and EBU Tech 3341. The K-weighting for rates other
    than 48 kHz: B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement",
    AES 145th Convention, 2018. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    >>> round(loudness_lufs(([tone, tone], 48000)), 1)
    -20.0
    """
    powers = _moving(_hop_powers(sound, weights), 4)
    heard = powers[_lufs(powers) > _GATE_LUFS]
    if not heard.size:
        return -math.inf
    gate = float(_lufs(heard.mean())) + _GATE_LU
    return float(_lufs(heard[_lufs(heard) > gate].mean()))


def momentary_lufs(sound: Sound, *, weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Return the momentary loudness, ten values a second, in LUFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Sound of at least 0.4 s and 8000 Hz, as in :func:`loudness_lufs`.
    weights : sequence of float, optional
        Weight of each channel's power, 0 or more, as in :func:`loudness_lufs`.

    Returns
    -------
    ndarray of float64, shape (k,)
        The loudness of 400 ms each, without a gate; value i is of the time from ``i / 10`` to
        ``i / 10 + 0.4`` s. -inf for silence.

    Raises
    ------
    SoundError
        As :func:`loudness_lufs`.

    See Also
    --------
    short_term_lufs : 3 s each.
    loudness_lufs : One value of the whole.
    lkexplore.plot.levels : Draw it over time.

    References
    ----------
    EBU Tech 3341 (2023), section 2.2. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    >>> momentary_lufs(([tone, tone], 48000)).round(1).tolist()
    [-20.0, -20.0, -20.0, -20.0, -20.0, -20.0, -20.0]
    """
    return _lufs(_moving(_hop_powers(sound, weights), 4))


def short_term_lufs(sound: Sound, *, weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Return the short-term loudness, ten values a second, in LUFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Sound of at least 3 s and 8000 Hz, as in :func:`loudness_lufs`.
    weights : sequence of float, optional
        Weight of each channel's power, 0 or more, as in :func:`loudness_lufs`.

    Returns
    -------
    ndarray of float64, shape (k,)
        The loudness of 3 s each, without a gate; value i is of the time from ``i / 10`` to
        ``i / 10 + 3`` s. -inf for silence.

    Raises
    ------
    SoundError
        As :func:`loudness_lufs`.

    See Also
    --------
    momentary_lufs : 400 ms each.
    loudness_lufs : One value of the whole.

    References
    ----------
    EBU Tech 3341 (2023), section 2.2. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(4 * 48000) / 48000)
    >>> float(short_term_lufs(([tone, tone], 48000))[0].round(1))
    -20.0
    """
    return _lufs(_moving(_hop_powers(sound, weights), 30))


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Return the K-weighting filter: a shelf for the head, and a highpass.

    Parameters
    ----------
    sample_rate : int
        Sample rate in Hz, at least 8000.

    Returns
    -------
    ndarray of float64, shape (2, 6)
        Second-order sections; at 48000 Hz those of the standard.

    Raises
    ------
    SoundError
        If the rate is too low.

    References
    ----------
    As :func:`loudness_lufs`.

    Examples
    --------
    >>> k_weighting(48000)[0, :3].round(5).tolist()
    [1.53512, -2.6917, 1.19839]
    """
    if sample_rate < _LOWEST_RATE:
        raise SoundError(
            f"loudness is not defined at {sample_rate} Hz: give sound of {_LOWEST_RATE} Hz or more"
        )
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]
    bottom = [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]
    first = np.array([*shelf, *bottom]) / bottom[0]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    bottom = [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]
    # The standard does not divide the numerator of the highpass.
    second = np.array([1.0, -2.0, 1.0, *(np.array(bottom) / bottom[0])])
    return np.stack((first, second))


def _hop_powers(sound: Sound, weights: Sequence[float] | None) -> NDArray[np.float64]:
    """Return the weighted sum of all channels' power, ten values a second."""
    from scipy.signal import sosfilt

    recording = as_recording(sound)
    sections = k_weighting(recording.sample_rate)
    shares = _weights(recording, weights)
    rate, length = recording.sample_rate, recording.samples.shape[1]
    count = length * _HOPS_PER_SECOND // rate
    borders = np.arange(count + 1) * rate // _HOPS_PER_SECOND
    state = np.zeros((2, recording.channels, 2))
    powers = np.empty(count)
    for begin in range(0, count, _HOPS_AT_ONCE):
        edges = borders[begin : begin + _HOPS_AT_ONCE + 1]
        part = recording.samples[:, edges[0] : edges[-1]].astype(np.float64)
        weighted, state = sosfilt(sections, part, axis=-1, zi=state)
        sums = np.add.reduceat(shares @ np.square(weighted), edges[:-1] - edges[0])
        powers[begin : begin + len(edges) - 1] = sums / np.diff(edges)
    return powers


def _weights(recording: Recording, weights: Sequence[float] | None) -> NDArray[np.float64]:
    given = _WEIGHTS.get(recording.channels) if weights is None else weights
    if given is None:
        raise SoundError(
            f"the loudness of {recording.channels} channels depends on where they are heard: "
            "give weights, 1 for each in front, 1.41 at the sides and behind, 0 for the subwoofer"
        )
    try:
        shares = np.array([as_real(weight) for weight in given])
    except TypeError:
        shares = np.empty(0)
    good = shares.shape == (recording.channels,)
    if not (good and np.isfinite(shares).all() and (shares >= 0).all()):
        raise SoundError(
            f"weights={shown(given)} do not fit {recording.channels} channels: "
            "give a number from 0 for each"
        )
    return shares


def _moving(powers: NDArray[np.float64], hops: int) -> NDArray[np.float64]:
    """Return the mean of so many hops, from every hop on."""
    if powers.size < hops:
        raise SoundError(
            f"{powers.size / _HOPS_PER_SECOND:g} s of sound are too short for this loudness: "
            f"give at least {hops / _HOPS_PER_SECOND:g} s"
        )
    means = np.lib.stride_tricks.sliding_window_view(powers, hops).mean(axis=-1)
    return np.asarray(means, dtype=np.float64)


def _lufs(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(-0.691 + 10 * np.log10(power), dtype=np.float64)
