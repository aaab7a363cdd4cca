"""Measures of sound: level, signal-to-noise ratio, lag and pitch.

Levels are in dBFS as AES17 defines it: a full-scale sine is 0 dBFS both as a peak and as RMS,
so a full-scale square wave has an RMS level of +3.01 dBFS.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .errors import SoundError
from .recording import Recording
from .sound import Sound, as_recording

__all__ = ["lag_seconds", "peak_dbfs", "rms_dbfs", "segmental_snr_db", "snr_db", "tone_hz"]

_CHUNK = 1 << 20


def peak_dbfs(sound: Sound) -> float:
    """Return the sample peak of all channels in dBFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Any number of channels.

    Returns
    -------
    float
        ``20 log10(max |x|)``: 0 for a sample at full scale, above 0 beyond it, -inf for silence
        and for a recording without samples. Peaks between the samples are not looked for.

    Raises
    ------
    SoundError
        If it is no sound.

    References
    ----------
    AES17-2020, AES standard method for digital audio engineering: measurement of digital audio
    equipment, definition of dB FS. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> round(peak_dbfs(([0.0, -0.5], 8000)), 2)
    -6.02
    """
    samples = as_recording(sound).samples
    if not samples.size:
        return -math.inf
    return _decibels(max(float(samples.max()), -float(samples.min())) ** 2)


def rms_dbfs(sound: Sound) -> float:
    """Return the RMS level over all channels and the whole length, in dBFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Any number of channels; their powers are averaged.

    Returns
    -------
    float
        ``20 log10(rms * sqrt(2))``: 0 for a full-scale sine, +3.01 for a full-scale square wave,
        -inf for silence and for a recording without samples.

    Raises
    ------
    SoundError
        If it is no sound.

    References
    ----------
    AES17-2020, definition of dB FS: the reference is the RMS of a sine whose peak reaches full
    scale. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> round(rms_dbfs(([1.0, -1.0], 8000)), 2)
    3.01
    """
    samples = as_recording(sound).samples
    if not samples.size:
        return -math.inf
    total = 0.0
    for begin in range(0, samples.shape[1], _CHUNK):
        part = samples[:, begin : begin + _CHUNK].astype(np.float64)
        total += float(np.vdot(part, part))
    return _decibels(2 * total / samples.size)


def lag_seconds(reference: Sound, test: Sound, *, max_lag: float | None = None) -> float:
    """Return how much later the test is than the reference, by cross-correlation.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        The same sound twice, mixed to mono; a test at another rate is converted to the
        reference's. Levels, noise and different lengths do not matter.
    max_lag : float, optional
        Look only at lags of at most so many seconds either way; needed for periodic sound, which
        fits itself once every period.

    Returns
    -------
    float
        Seconds; positive when the test is late, negative when it is early.

    Raises
    ------
    SoundError
        If one of them is silent or has no samples, or ``max_lag`` is no time.

    Notes
    -----
    The plain cross-correlation, computed by FFT, has its maximum at the lag of least squared
    error; the maximum is then refined between samples on the band-limited correlation, so the
    resolution is far below a sample. About 60 bytes of memory are used for every sample of the
    two. The whitened kind (GCC-PHAT) was not chosen: it weighs the
    bands that a codec or a filter has emptied as much as those with sound in them.

    References
    ----------
    C. H. Knapp and G. C. Carter, "The generalized correlation method for estimation of time
    delay", IEEE Trans. ASSP 24(4), 1976. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> click = [0.0] * 100
    >>> late = click.copy()
    >>> click[10] = late[18] = 1.0
    >>> round(lag_seconds((click, 8000), (late, 8000)), 6)
    0.001
    """
    first, second = _pair(reference, test)
    limit = _limit(max_lag, first.sample_rate)
    return _lag_samples(first.samples[0], second.samples[0], limit) / first.sample_rate


def snr_db(
    reference: Sound,
    test: Sound,
    *,
    align: bool = True,
    gain: bool = True,
    max_lag: float | None = None,
) -> float:
    """Return the signal-to-noise ratio of a test against the clean reference, in dB.

    Parameters
    ----------
    reference : Recording or (samples, sample_rate)
        The clean sound.
    test : Recording or (samples, sample_rate)
        The same sound after something happened to it; mono mix and the reference's rate, as in
        :func:`lag_seconds`.
    align : bool
        Shift by the lag, fractions of a sample included, and compare only what overlaps;
        otherwise both are compared from their starts, to the end of the shorter.
    gain : bool
        Scale the reference to fit the test by least squares, so that a change of level is no
        noise; otherwise it is.
    max_lag : float, optional
        As in :func:`lag_seconds`.

    Returns
    -------
    float
        ``10 log10(|g r|^2 / |t - g r|^2)``; inf if nothing differs, -inf if nothing is left of
        the reference.

    Raises
    ------
    SoundError
        If one of them is silent, or they do not overlap.

    References
    ----------
    With ``gain=True`` this is the scale-invariant SDR of J. Le Roux, S. Wisdom, H. Erdogan and
    J. R. Hershey, "SDR - half-baked or well done?", ICASSP 2019. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> tone = np.sin(np.arange(8000))
    >>> round(snr_db((tone, 8000), (tone + 0.1, 8000)), 1)
    17.0
    """
    first, second = _pair(reference, test)
    clean = first.samples[0].astype(np.float64)
    other = second.samples[0].astype(np.float64)
    if align:
        limit = _limit(max_lag, first.sample_rate)
        clean, other = _aligned(clean, other, _lag_samples(clean, other, limit))
    length = min(clean.size, other.size)
    clean, other = clean[:length], other[:length]
    energy = float(np.dot(clean, clean))
    if not energy:
        raise SoundError("the reference is silent where the two overlap: give more of both")
    factor = float(np.dot(clean, other)) / energy if gain else 1.0
    noise = other - factor * clean
    left = float(np.dot(noise, noise))
    if not left:
        return math.inf
    return _decibels(factor**2 * energy / left)


def segmental_snr_db(
    reference: Sound, test: Sound, *, seconds: float = 0.1, drift: float = 0.06
) -> float:
    """Return the median signal-to-noise ratio of short segments, each aligned by itself, in dB.

    For live sound: a WebRTC jitter buffer stretches and drops a few milliseconds here and there,
    which nobody hears, but after which :func:`snr_db` compares what does not belong together.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        As in :func:`snr_db`.
    seconds : float
        Length of a segment, from 0.01.
    drift : float
        By how many seconds at most the lag of a segment may differ from that of the whole.

    Returns
    -------
    float
        dB; segments in which the reference is 40 dB or more below its loudest one are left out.

    Raises
    ------
    SoundError
        If one of them is silent, or no segment of the reference lies within the test.

    References
    ----------
    P. Noll, "Adaptive quantizing in speech coding systems", 1974; with the median in place of
    the mean. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> noise = np.random.RandomState(0).standard_normal(16000)
    >>> stretched = np.concatenate((noise[:8000], np.zeros(40), noise[8000:]))
    >>> bool(segmental_snr_db((noise, 8000), (stretched, 8000)) > 100)
    True
    """
    if not (0.01 <= seconds < math.inf and 0 <= drift < math.inf):
        raise SoundError(
            f"segments of {seconds!r} s that drift by {drift!r} s cannot be: "
            "give finite numbers, at least 0.01 and 0"
        )
    first, second = _pair(reference, test)
    lag = lag_seconds(first, second)
    starts = np.arange(0.0, first.duration - seconds + 1e-9, seconds)
    within = [
        start
        for start in starts
        if start + lag - drift >= 0 and start + lag + seconds + drift <= second.duration
    ]
    pieces = [
        (first[t : t + seconds], second[t + lag - drift : t + lag + seconds + drift])
        for t in within
    ]
    loudest = max((piece.rms_dbfs for piece, _ in pieces), default=-math.inf)
    ratios = [
        snr_db(piece, around) if np.any(around.samples) else -math.inf
        for piece, around in pieces
        if piece.rms_dbfs > loudest - 40
    ]
    if not ratios:
        raise SoundError("no segment of the reference is heard within the test: give more of both")
    return float(np.median(ratios))


def tone_hz(sound: Sound) -> float:
    """Return the frequency of the strongest tone, between the bins of the spectrum.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        At least 16 samples; mixed to mono.

    Returns
    -------
    float
        Hz. For a steady tone of a second the error is below 0.01 Hz; it grows as the sound gets
        shorter. It is the strongest partial, which need not be the pitch that is heard.

    Raises
    ------
    SoundError
        If it is silent, constant or too short.

    References
    ----------
    Parabolic interpolation of the logarithmic spectrum: J. O. Smith and X. Serra, "PARSHL",
    ICMC 1987, on a Hann window with zero padding. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> round(tone_hz((np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), 8000)), 2)
    440.0
    """
    from scipy.fft import next_fast_len, rfft

    recording = as_recording(sound).mono()
    samples = recording.samples[0].astype(np.float64)
    if samples.size < 16:
        raise SoundError(f"a tone cannot be found in {samples.size} samples: give at least 16")
    samples -= samples.mean()
    if not samples.any():
        raise SoundError("there is no tone in silence: give a sound with one")
    window = np.hanning(samples.size + 2)[1:-1]
    size = next_fast_len(4 * samples.size, real=True)
    power = np.square(np.abs(rfft(samples * window, size)))
    peak = int(np.argmax(power[1:-1])) + 1
    left, middle, right = np.log(np.maximum(power[peak - 1 : peak + 2], np.finfo(float).tiny))
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend else 0.0
    return float((peak + offset) * recording.sample_rate / size)


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf


def _pair(reference: Sound, test: Sound) -> tuple[Recording, Recording]:
    first = as_recording(reference).mono()
    second = as_recording(test).mono().resample(first.sample_rate)
    for name, recording in (("reference", first), ("test", second)):
        if not recording.samples.any():
            raise SoundError(f"the {name} is silent, so nothing can be compared: give sound")
    return first, second


def _limit(max_lag: float | None, sample_rate: int) -> int | None:
    if max_lag is None:
        return None
    if not 0 < max_lag < math.inf:
        raise SoundError(f"max_lag={max_lag!r} is no span of time: give seconds above 0")
    return round(max_lag * sample_rate)


def _lag_samples(
    reference: NDArray[np.floating], test: NDArray[np.floating], limit: int | None
) -> float:
    """Return the lag of least squared error, in samples and fractions of one."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(reference.size + test.size, real=True)
    cross = rfft(test.astype(np.float64), size) * rfft(reference.astype(np.float64), size).conj()
    correlation = irfft(cross, size)
    early, late = reference.size - 1, test.size - 1
    if limit is not None:
        early, late = min(early, limit), min(late, limit)
    around = np.concatenate((correlation[size - early :], correlation[: late + 1]))
    best = int(np.argmax(around)) - early
    return best + _refined(cross, size, best)


def _refined(cross: NDArray[np.complex128], size: int, lag: int) -> float:
    """Return how far from a lag the band-limited correlation peaks, by Newton's method."""
    omega = 2 * np.pi / size * np.arange(cross.size)
    offset = 0.0
    for _ in range(6):
        turned = cross * np.exp(1j * omega * (lag + offset))
        slope = -float(np.dot(omega, turned.imag))
        bend = -float(np.dot(np.square(omega), turned.real))
        if bend >= 0:
            return 0.0
        step = slope / bend
        offset -= step
        if abs(offset) > 1 or abs(step) < 1e-7:
            break
    # A maximum elsewhere is not this one's; and an exact fit on the grid must stay exact.
    return offset if 1e-4 < abs(offset) <= 1 else 0.0


def _aligned(
    reference: NDArray[np.float64], test: NDArray[np.float64], lag: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the overlap of both, the reference delayed by the lag's fraction of a sample."""
    whole = round(lag)
    fraction = lag - whole
    edge = 0
    if fraction:
        from scipy.fft import irfft, rfft

        # Zeros at the end take what wraps around; the ends themselves ring and are left out.
        edge = min(64, reference.size // 8)
        size = reference.size + 2 * 64
        omega = 2 * np.pi / size * np.arange(size // 2 + 1)
        delayed = irfft(rfft(reference, size) * np.exp(-1j * omega * fraction), size)
        reference = delayed[: reference.size]
    begin = max(edge, edge - whole)
    end = min(reference.size - edge, test.size - whole)
    if end <= begin:
        raise SoundError("the reference and the test do not overlap: give more of both")
    return reference[begin:end], test[begin + whole : end + whole]
