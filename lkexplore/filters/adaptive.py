"""Adaptive cancelling: what a second microphone hears, taken out of the first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.blas import dtrsv

from ..errors import FilterError
from ..sound.in_words import kind_of, shown
from ..sound.recording import Recording
from ..sound.validation import is_whole
from .engine.far_end_input import FarEnd
from .engine.stateful import RunningFilter
from .parameter import Parameter

__all__ = ["Lms", "Nlms", "lms", "nlms"]

_PRODUCT = 200_000
"""Multiplications in one product of matrices, at most: larger ones are spread over threads, which
costs more time than it saves here.
"""

_LONGEST_STEP = 32
"""Samples that are adapted to at a time, at most."""

_POWER_FLOOR = 1e-6
"""Power, full scale being 1, that is added to that of the reference, so that silence is not divided
by.
"""


class Lms(RunningFilter):
    """Least-mean-squares canceller; see :func:`lms`.

    Attributes
    ----------
    reference : Recording or None
        The sound to cancel, in step with the filtered sound from its first sample on.
    taps : int
        Number of weights, 1 to 4096.
    """

    step = Parameter(low=0.0, high=2.0)

    def __init__(
        self, reference: Recording | None = None, taps: int = 64, step: float = 0.01
    ) -> None:
        if reference is not None and not isinstance(reference, Recording):
            raise FilterError(
                f"{kind_of(reference)} is no reference: give a Recording, "
                "or none and feed blocks by far(block)"
            )
        if not (is_whole(taps) and 1 <= taps <= 4096):
            raise FilterError(f"taps={shown(taps)} cannot be: give a whole number from 1 to 4096")
        self.reference = reference
        self.taps = int(taps)
        self.set(step=step)
        self._fed = FarEnd()

    def start(self, channels: int) -> _AdaptiveRun:
        """Return weights of zero."""
        far = np.zeros(0)
        if self.reference is not None:
            if self.reference.sample_rate != self.sample_rate:
                far = self.reference.resample(self.sample_rate).samples.mean(axis=0)
            else:
                far = self.reference.samples.mean(axis=0)
        return _AdaptiveRun(self, channels, far.astype(np.float64))

    def far(self, block: ArrayLike) -> None:
        """Give the next block of the reference, before the block of sound that it goes with.

        Parameters
        ----------
        block : array_like, shape (channels, n)
            Samples of the reference at this filter's sample rate, as many as in the block of sound;
            channels are averaged. Missing samples count as silence.

        Raises
        ------
        FilterError, SoundError
            If it is no block of finite samples, or a reference was given already.
        """
        if self.reference is not None:
            raise FilterError("this filter has its reference already: make one without to feed it")
        self._fed.give(block, self.sample_rate)

    def fed(self, length: int) -> NDArray[np.float64]:
        """Return the next samples that came by :meth:`far`, fewer if there are no more."""
        return self._fed.take(length)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The present weights, shape (channels, taps): the way from reference to sound."""
        if isinstance(self._run, _AdaptiveRun):
            return self._run.weights.copy()
        return np.zeros((1, self.taps))

    def steps(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the step size at every sample, given the power of the taps' content there."""
        return np.full(power.shape, self.step)

    def reset(self) -> None:
        """Forget all sound and all weights."""
        super().reset()
        self._fed = FarEnd()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(taps={self.taps}, step={self.step:g})"


class Nlms(Lms):
    """Normalised least-mean-squares canceller; see :func:`nlms`."""

    def __init__(
        self, reference: Recording | None = None, taps: int = 64, step: float = 0.5
    ) -> None:
        super().__init__(reference, taps, step)

    def steps(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the step size at every sample, given the power of the taps' content there."""
        return self.step / (_POWER_FLOOR + power)


class _AdaptiveRun:
    """Weights at work.

    Every error moves the weights that make the next: over a few samples that is a triangular
    system of equations, whose solution is the sample-by-sample one and far faster.
    """

    def __init__(self, owner: Lms, channels: int, far: NDArray[np.float64]) -> None:
        self._owner = owner
        self._far = far
        self._past = np.zeros(owner.taps - 1)
        self._step = min(_LONGEST_STEP, round((_PRODUCT / owner.taps) ** 0.5))
        self.weights = np.zeros((channels, owner.taps))

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        length = block.shape[1]
        far = self._owner.fed(length) if self._owner.reference is None else self._far[:length]
        self._far = self._far[length:]
        now = np.pad(far, (0, length - far.size))
        joined = np.concatenate((self._past, now))
        self._past = joined[length:].copy()
        # Row n holds what the taps see at sample n, the newest first.
        seen = np.lib.stride_tricks.sliding_window_view(joined, self._owner.taps)[:, ::-1]
        out = np.empty_like(block)
        for begin in range(0, length, self._step):
            now_at = slice(begin, begin + self._step)
            out[:, now_at] = self._adapt(np.ascontiguousarray(seen[now_at]), block[:, now_at])
        return out

    def _adapt(self, seen: NDArray[np.float64], sound: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", invalid="ignore"):
            # A copy, because the product of an array with itself would be spread over threads.
            alike = seen @ np.ascontiguousarray(seen.T)
            steps = self._owner.steps(np.diagonal(alike))
            ahead = sound - self.weights @ seen.T
            # A channel at a time: solved together they would be spread over threads as well.
            errors = np.stack([dtrsv(alike * steps, channel, lower=1, diag=1) for channel in ahead])
            self.weights += (errors * steps) @ seen
        if not np.isfinite(self.weights).all() or np.abs(self.weights).max() > 1e6:
            self.weights[:] = 0.0
            raise FilterError(
                f"{self._owner!r} has run away, and begins anew: a smaller step keeps it stable"
            )
        return errors


def lms(reference: Recording | None = None, taps: int = 64, step: float = 0.01) -> Lms:
    """Take out of sound whatever can be made from a reference, learning how as it goes.

    Parameters
    ----------
    reference : Recording, optional
        The sound to cancel, as another microphone recorded it, in step with the sound from its
        first sample. Without it give blocks by ``filter.far(block)``, each before the block of
        sound that it goes with.
    taps : int
        Number of weights, 1 to 4096: the longest way from reference to sound, in samples, that can
        be learned.
    step : float
        Step size, 0 to 2: how fast to learn. It is stable below
        ``2 / (taps * power of the reference)``.

    Returns
    -------
    Lms
        With the parameter ``step`` and the ``weights``; no latency. The output is the error: the
        sound without what the reference explains. A new step acts at once.

    Raises
    ------
    FilterError
        If a value is out of its range; from ``process`` if the step makes the weights run away.

    See Also
    --------
    nlms : A step that allows for how loud the reference is.
    webrtc : Cancel echo as browsers do for calls.
    denoise : Reduce noise without a second microphone.

    References
    ----------
    B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proc. IEEE 63(12),
    1975; S. Haykin, "Adaptive Filter Theory", 4th ed., Prentice Hall 2002, chapter 5.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> noise = 0.3 * np.random.default_rng(0).standard_normal((1, 48000)).astype("f4")
    >>> left = lms(Recording(noise, 48000), taps=4).process(0.5 * noise)
    >>> bool(abs(left[0, -100:]).max() < 1e-6)
    True
    """
    return Lms(reference, taps, step)


def nlms(reference: Recording | None = None, taps: int = 64, step: float = 0.5) -> Nlms:
    """Cancel as :func:`lms`, with a step that allows for how loud the reference is.

    Parameters
    ----------
    reference : Recording, optional
        The sound to cancel, as for :func:`lms`.
    taps : int
        Number of weights, 1 to 4096, as for :func:`lms`.
    step : float
        Step size, 0 to 2: how fast to learn. Between the two ends it works and is stable, whatever
        the level of the reference.

    Returns
    -------
    Nlms
        As :func:`lms`.

    Raises
    ------
    FilterError
        As :func:`lms`.

    See Also
    --------
    lms : The same with a fixed step.
    webrtc : Cancel echo as browsers do for calls.

    References
    ----------
    S. Haykin, "Adaptive Filter Theory", 4th ed., Prentice Hall 2002, chapter 6.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> nlms(taps=128)
    Nlms(taps=128, step=0.5)
    """
    return Nlms(reference, taps, step)
