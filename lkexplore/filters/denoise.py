"""Noise reduction by turning down where the spectrum is no more than noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..sound.recording import Recording
from .engine.noise_floor import RunningFloor, learned_floor
from .engine.overlap import OverlapAdd
from .engine.stateful import RunningFilter
from .parameter import Parameter

__all__ = ["Denoise", "denoise"]

WINDOW_SECONDS = 0.02
"""Seconds of a window; a new one begins every quarter of it."""

_MEMORY = 0.98
"""Share, from 0 to 1, of the estimate that comes from the window before: alpha of Y. Ephraim and D.
Malah, 1984, equation 51, with their value.
"""


class Denoise(RunningFilter):
    """Spectral noise gate; see :func:`denoise`.

    Attributes
    ----------
    profile : Recording or None
        Recording of noise alone; None if the noise is learned from the sound itself.
    """

    reduction = Parameter("dB", low=0.0, high=60.0)
    threshold = Parameter("dB", low=-20.0, high=20.0)

    def __init__(
        self, profile: Recording | None = None, reduction: float = 20.0, threshold: float = 3.0
    ) -> None:
        if profile is not None and not isinstance(profile, Recording):
            raise FilterError(
                f"{type(profile).__name__} is no noise profile: give a Recording of noise alone, "
                "or none to learn it as sound comes"
            )
        self.profile = profile
        self.set(reduction=reduction, threshold=threshold)
        if profile is not None:
            self.floor()

    @property
    def window(self) -> int:
        """Length of a window in samples: 20 ms, in whole quarters."""
        return 4 * max(2, round(WINDOW_SECONDS * self.sample_rate / 4))

    @property
    def latency(self) -> int:  # type: ignore[override]
        """One window less a sample."""
        return self.window - 1

    def floor(self) -> NDArray[np.float64] | None:
        """Return the profile's mean power spectrum, or None if there is none."""
        if self.profile is None:
            return None
        return learned_floor(self.profile, self.sample_rate, self.window)

    def start(self, channels: int) -> _DenoiseRun:
        """Return a memory of silence."""
        floor = self.floor()
        if floor is not None and floor.shape[0] not in (1, channels):
            raise FilterError(
                f"a noise profile of {floor.shape[0]} channels does not fit sound of {channels}: "
                "give one of as many channels, or profile.mono()"
            )
        return _DenoiseRun(self, channels, floor)


class _DenoiseRun:
    def __init__(self, owner: Denoise, channels: int, floor: NDArray[np.float64] | None) -> None:
        self._owner = owner
        self._floor = floor
        self._running = RunningFloor(4 * owner.sample_rate / owner.window)
        self._before = np.zeros((channels, owner.window // 2 + 1))
        self._overlap = OverlapAdd(channels, owner.window, self._gains)

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._overlap.process(block)

    def _gains(self, spectra: NDArray[np.complex128]) -> NDArray[np.float64]:
        power = spectra.real**2 + spectra.imag**2
        floor = self._running.follow(power) if self._floor is None else self._floor[np.newaxis]
        noise = np.maximum(floor * 10 ** (self._owner.threshold / 10), 1e-20)
        gains = (1 - _MEMORY) * np.maximum(power / noise - 1, 0)
        # The share of sound over noise, from each window and from what was kept of the last.
        kept = np.broadcast_to(_MEMORY / noise, power.shape)
        before, above = self._before, np.empty_like(self._before)
        for ratio, share, strength in zip(gains, kept, power, strict=True):
            np.multiply(before, share, out=before)
            ratio += before
            np.add(ratio, 1.0, out=above)
            ratio /= above
            np.multiply(ratio, ratio, out=before)
            before *= strength
        return np.asarray(np.maximum(gains, 10 ** (-self._owner.reduction / 20)))


def denoise(
    profile: Recording | None = None, reduction: float = 20.0, threshold: float = 3.0
) -> Denoise:
    """Reduce steady noise, such as hiss, fans and hum.

    Parameters
    ----------
    profile : Recording, optional
        Recording of noise alone, at least 20 ms and better a second of it, at any sample rate, with
        one channel or as many as the sound. Without it the noise floor is learned from the sound's
        own pauses, over the last 1.6 s, so that it takes about that long to know it.
    reduction : float
        Largest reduction of any frequency, 0 to 60 dB.
    threshold : float
        Level above the noise floor at which sound passes, -20 to 20 dB; a higher one takes out more
        noise, and more of the sound.

    Returns
    -------
    Denoise
        With the parameters ``reduction`` and ``threshold``; late by 20 ms less one sample.

    Raises
    ------
    FilterError
        If a value is out of its range, or the profile is too short or has other channels.

    See Also
    --------
    webrtc : Noise suppression as browsers do it.
    gate : Silence between the words.
    dehum : Take out mains hum alone.

    References
    ----------
    S. F. Boll, "Suppression of acoustic noise in speech using spectral subtraction", IEEE Trans.
    ASSP 27(2), 1979; the gain of every frequency is Wiener's with the decision-directed estimate
    of Y. Ephraim & D. Malah, IEEE Trans. ASSP 32(6), 1984, equation 51, which keeps single
    frequencies from chirping. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> denoise(reduction=12)
    Denoise(reduction=12, threshold=3)
    """
    return Denoise(profile, reduction, threshold)
