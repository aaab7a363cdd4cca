"""One value object for sound: float32 samples, their rate, where and when they come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import SoundError
from .conveniences import Conveniences
from .convert import int16_of, resampled
from .reasons import Reason, as_reason
from .timing import Concealment, Gap, Timing, as_monotonic, as_utc, clip, cut
from .validation import as_sample_rate, as_samples

__all__ = ["Concealment", "Gap", "Recording", "Timing"]


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Recording(Conveniences):
    """Sound as a value: samples, their rate, and where and when they come from.

    A recording never changes: every operation returns a new one. Its samples are read-only and
    are not copied if they already are C-contiguous float32 of shape (channels, n) or (n,): then
    the recording shares them with the caller, who must leave them as they are.

    Parameters
    ----------
    samples : array_like
        Samples, float or int16, of shape (n,) or (channels, n), 1 to 64 channels. Full scale is
        [-1, 1]; floats beyond it are kept (and clipped where integers are made of them), int16 is
        divided by 32768. n may be 0: a recording cancelled at once is a recording.
    sample_rate : int
        Samples per second in Hz, 1 to 768000.
    started_at : datetime, optional
        Time at which the first sample arrived; must have a time zone, kept in UTC.
    started_monotonic : float, optional
        The same instant on this computer's ``time.monotonic()``, in seconds.
    identity, track, name : str, optional
        Identity of the participant, id of the track, and a title.
    gaps : iterable of Gap, optional
        Stretches that are silent because nothing came; clipped to the recording and sorted.
    concealed : iterable of Concealment, optional
        Stretches in which the decoder made up for a loss; clipped to the recording and sorted.
    timing : Timing, optional
        Delay and precision of the recording's clock.
    ended : Reason or str, optional
        Reason why the recording of a track ended, see :class:`lkexplore.Reason`. None for
        everything that was made from one, such as a part or a filtered one; ``==`` ignores it.

    Raises
    ------
    SoundError
        For samples, rates, times and gaps that cannot be used, NaN and infinity among them.

    See Also
    --------
    lkexplore.load : A recording from a sound file.
    lkexplore.sample : A recording that comes with the package.
    lkexplore.compare : Measure two recordings.

    Notes
    -----
    ``recording[1.0:2.5]`` cuts by seconds, ``recording | filter`` filters, ``==`` compares
    everything. A bare recording at the end of a notebook cell shows a player and its waveform.
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> import numpy as np
    >>> tone = Recording(0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000), 48000)
    >>> tone[0.25:0.75]
    Recording(0.500 s, mono, 48000 Hz, peak -6.0 dBFS)
    """

    samples: NDArray[np.float32]
    sample_rate: int
    started_at: datetime | None
    started_monotonic: float | None
    identity: str | None
    track: str | None
    name: str | None
    gaps: tuple[Gap, ...]
    concealed: tuple[Concealment, ...]
    timing: Timing | None
    ended: Reason | str | None

    # Without a length or indices there is nothing to step through: iter() must say so.
    __iter__ = None

    def __init__(
        self,
        samples: ArrayLike | Recording,
        sample_rate: int,
        *,
        started_at: datetime | None = None,
        started_monotonic: float | None = None,
        identity: str | None = None,
        track: str | None = None,
        name: str | None = None,
        gaps: Iterable[Gap] = (),
        concealed: Iterable[Concealment] = (),
        timing: Timing | None = None,
        ended: Reason | str | None = None,
    ) -> None:
        fields: dict[str, Any] = {
            "samples": as_samples(samples),
            "sample_rate": as_sample_rate(sample_rate),
            "started_at": as_utc(started_at),
            "started_monotonic": as_monotonic(started_monotonic),
            "identity": identity,
            "track": track,
            "name": name,
            "timing": timing,
            "ended": None if ended is None else as_reason(ended),
        }
        length = fields["samples"].shape[1] / fields["sample_rate"]
        fields["gaps"] = clip(gaps, 0.0, length)
        fields["concealed"] = clip(concealed, 0.0, length)
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def channels(self) -> int:
        """How many channels."""
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds, gaps included."""
        return int(self.samples.shape[1]) / self.sample_rate

    @property
    def peak_dbfs(self) -> float:
        """Sample peak in dBFS; see :func:`lkexplore.measure.peak_dbfs`."""
        from ..measure import peak_dbfs

        return peak_dbfs(self)

    @property
    def rms_dbfs(self) -> float:
        """RMS level in dBFS, a full-scale sine being 0; see :func:`lkexplore.measure.rms_dbfs`."""
        from ..measure import rms_dbfs

        return rms_dbfs(self)

    # New recordings from it

    def replace(self, **changes: Any) -> Recording:
        """Return a recording that differs in the named arguments of :class:`Recording`.

        Parameters
        ----------
        **changes
            Arguments of the constructor, by name.

        Returns
        -------
        Recording
            Everything not named is kept; unchanged samples are shared, not copied.

        Raises
        ------
        SoundError
            As the constructor.
        TypeError
            For a name that the constructor does not have.

        Examples
        --------
        >>> Recording([0.0], 8000).replace(name="silence").name
        'silence'
        """
        fields: dict[str, Any] = {"samples": self.samples, "sample_rate": self.sample_rate}
        return Recording(**(fields | self._meta() | changes))

    __replace__ = replace

    def __getitem__(self, seconds: slice) -> Recording:
        """Cut by seconds: ``recording[1.0:2.5]``.

        Parameters
        ----------
        seconds : slice
            Start and end in seconds, each optional; negative counts from the end, beyond the
            ends means the ends. Each is rounded to the nearest sample. There is no step.

        Returns
        -------
        Recording
            Start times moved, gaps and concealment cut to fit. Mono samples are shared.

        Raises
        ------
        SoundError
            For an index instead of a slice, a step, or a time that is no number.
        """
        begin, end = cut(seconds, self.sample_rate, self.samples.shape[1])
        offset = begin / self.sample_rate
        meta = self._meta()
        if self.started_at is not None:
            meta["started_at"] = self.started_at + timedelta(seconds=offset)
        if self.started_monotonic is not None:
            meta["started_monotonic"] = self.started_monotonic + offset
        meta["gaps"] = clip(self.gaps, offset, end / self.sample_rate)
        meta["concealed"] = clip(self.concealed, offset, end / self.sample_rate)
        return Recording(self.samples[:, begin:end], self.sample_rate, **meta)

    def mono(self) -> Recording:
        """Mix all channels into one, as their mean.

        Returns
        -------
        Recording
            One channel; itself if it is mono already.
        """
        if self.channels == 1:
            return self
        weights = np.full(self.channels, 1 / self.channels, dtype=np.float32)
        return self.replace(samples=weights @ self.samples)

    def resample(self, sample_rate: int) -> Recording:
        """Convert to another sample rate with soxr at its highest quality.

        Parameters
        ----------
        sample_rate : int
            Wanted rate in Hz, 1 to 768000, at most 5000 times above or below the present one.

        Returns
        -------
        Recording
            As long on the clock, to half a sample, and not delayed; itself if the rate is the
            same. What lies above half the new rate is removed.

        Raises
        ------
        SoundError
            For a rate that cannot be used.

        Examples
        --------
        >>> Recording([0.0] * 480, 48000).resample(16000).samples.shape
        (1, 160)
        """
        rate = as_sample_rate(sample_rate)
        if rate == self.sample_rate:
            return self
        samples = resampled(self.samples, self.sample_rate, rate)
        return self.replace(samples=samples, sample_rate=rate)

    # Integers, as sound leaves Python

    @classmethod
    def from_int16(cls, samples: ArrayLike, sample_rate: int, **meta: Any) -> Recording:
        """Make a recording of 16-bit integers, dividing by 32768.

        Parameters
        ----------
        samples : array_like of int16
            Shape (n,) or (channels, n).
        sample_rate : int
            Samples per second in Hz.
        **meta
            Further arguments of the constructor.

        Returns
        -------
        Recording

        Raises
        ------
        SoundError
            If the samples are not int16, or as the constructor.
        """
        array = np.asarray(samples)
        if array.dtype.kind != "i" or array.dtype.itemsize != 2:
            raise SoundError(
                f"from_int16 was given {array.dtype}: give int16, or floats to Recording(...)"
            )
        return cls(array, sample_rate, **meta)

    def to_int16(self) -> NDArray[np.int16]:
        """Convert to 16-bit integers, times 32768, rounded; beyond full scale clips, never wraps.

        Returns
        -------
        ndarray of int16, shape (channels, n)
            A new array; what came from int16 comes back the same.

        Examples
        --------
        >>> Recording([0.5, 1.5, -1.5], 8000).to_int16().tolist()
        [[16384, 32767, -32768]]
        """
        return int16_of(self.samples)

    # Python's own protocols

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Give numpy the samples."""
        if dtype is None or np.dtype(dtype) == self.samples.dtype:
            return self.samples.copy() if copy else self.samples
        if copy is False:
            raise ValueError(f"samples are float32 and become {np.dtype(dtype)} only by a copy")
        return self.samples.astype(dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Recording):
            return NotImplemented
        return (
            self.sample_rate == other.sample_rate
            and self._meta() == other._meta()
            and np.array_equal(self.samples, other.samples)
        )

    def __hash__(self) -> int:
        return hash((self.samples.shape, self.sample_rate, self.started_at, self.identity))

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, because numpy restores arrays as writable.
        meta = self._meta() | {"ended": self.ended}
        return partial(Recording, **meta), (self.samples, self.sample_rate)

    def _meta(self) -> dict[str, Any]:
        # All fields but the samples, their rate and the end.
        return {field: getattr(self, field) for field in Recording.__slots__[2:-1]}
