"""What a filter is: blocks in, blocks out, live as on a whole recording."""

from __future__ import annotations

import copy
import difflib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FilterError, SoundError
from ..sound.convert import WEBRTC_RATE
from ..sound.in_words import kind_of
from ..sound.validation import as_sample_rate
from .analysis import PolesZeros
from .output import as_output
from .parameter import BoundParameter, Parameter

if TYPE_CHECKING:
    from ..sound.recording import Recording
    from .chain import Chain

__all__ = ["Filter"]

_CHUNK = 1 << 16
"""Samples of the blocks in which a whole recording goes through a filter."""


class Filter(ABC):
    """Base of all filters: sound goes through in blocks of any size.

    A subclass writes :meth:`process`, and :meth:`reset` if it remembers anything between blocks.
    It may call nothing of this class in its ``__init__``. However the sound is cut into blocks,
    the joined output must be the same: then the filter does live what it does on a recording.

    Attributes
    ----------
    sample_rate : int
        Samples per second in Hz; 48000 until it is set.
    latency : int
        Number of samples by which the output is late; a subclass sets it if it is not 0.
    parameters : mapping of str to BoundParameter
        The attributes declared with :class:`Parameter`, for sliders.

    Notes
    -----
    ``recording | filter`` is ``filter(recording)``; ``first | second`` is a :class:`Chain`, and
    either may be a plain function of a block.
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> class Delay(Filter):
    ...     latency = 1
    ...     def __init__(self): self.reset()
    ...     def reset(self): self.last = None
    ...     def process(self, block):
    ...         if self.last is None: self.last = np.zeros((len(block), 1), "f4")
    ...         joined = np.concatenate((self.last, block), axis=1)
    ...         self.last = joined[:, -1:]
    ...         return joined[:, :-1]
    >>> Delay().process(np.array([[1.0, 2.0]], "f4")).tolist()
    [[0.0, 1.0]]
    """

    latency: int = 0
    _rate: int = WEBRTC_RATE

    @abstractmethod
    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block.

        Parameters
        ----------
        block : ndarray of float32, shape (channels, n)
            Finite samples, full scale [-1, 1]; n may be any length, 0 included.

        Returns
        -------
        ndarray of float32, shape (channels, n)
            As many samples as came in.

        Raises
        ------
        SoundError
            If the block holds NaN or infinity, which would stay in a filter's memory for good.
        FilterError
            If the block is no (channels, n), or a parameter does not fit the sample rate.
        """

    def reset(self) -> None:  # noqa: B027  - a filter without memory has nothing to do here
        """Forget all sound; parameters stay."""

    def changed(self) -> None:  # noqa: B027  - few filters need it
        """Take note that parameters or the sample rate have changed.

        A subclass may redo its design here, or raise FilterError: then the old values are put back.
        It is called in whatever thread made the change, also within ``__init__``.
        """

    def __setattr__(self, name: str, value: Any) -> None:
        known = name.startswith("_") or name in self.__dict__ or hasattr(type(self), name)
        if not known and (meant := _meant(name, type(self))):
            # A subclass may have an attribute of that name, so it is no error.
            warnings.warn(
                f"{type(self).__name__} has no parameter {name!r}: did you mean {meant!r}?",
                UserWarning,
                stacklevel=2,
            )
        super().__setattr__(name, value)

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz."""
        return self._rate

    @sample_rate.setter
    def sample_rate(self, value: int) -> None:
        self._assign({"_rate": as_sample_rate(value)})

    @property
    def parameters(self) -> Mapping[str, BoundParameter]:
        """The declared parameters by name, in the order of their declaration."""
        return {name: BoundParameter(self, found) for name, found in self._declared()}

    def set(self, **values: float) -> None:
        """Set several parameters at once, or none if one of them cannot be.

        Parameters
        ----------
        **values : float
            Names and values, such as ``low=300, high=3400``.

        Raises
        ------
        FilterError
            If a name or a value is wrong; everything then stays as it was.

        Examples
        --------
        >>> from lkexplore.filters import bandpass
        >>> band = bandpass(300, 3400)
        >>> band.set(low=5000, high=7000)
        >>> band.low
        5000.0
        """
        declared = dict(self._declared())
        for name in values:
            if name not in declared:
                known = ", ".join(declared) or "none"
                raise FilterError(
                    f"{type(self).__name__} has no parameter {name!r}: it has {known}"
                )
        self._assign({name: declared[name].checked(value) for name, value in values.items()})

    def copy(self) -> Filter:
        """Return a filter with the same parameters that has heard nothing yet."""
        other = copy.deepcopy(self)
        other.reset()
        return other

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the frequency response at the present parameters and sample rate.

        Parameters
        ----------
        hz : array_like
            Frequencies from 0 to half the sample rate.

        Returns
        -------
        ndarray of complex128
            Of the shape of ``hz``: ``abs`` is the gain, ``angle`` the phase.

        Raises
        ------
        FilterError
            If this filter is not known to be linear, or a frequency is outside the range.
        """
        raise self._not_linear("frequency response")

    def group_delay(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return how much later a slow swell of each frequency comes out, in samples.

        Parameters
        ----------
        hz : array_like
            Frequencies from 0 to half the sample rate.

        Returns
        -------
        ndarray of float64
            Of the shape of ``hz``: minus the slope of the phase. Where the response is zero, and so
            has no phase, it is the value right beside it.

        Raises
        ------
        FilterError
            As :meth:`response`.
        """
        raise self._not_linear("group delay")

    def poles_zeros(self) -> PolesZeros:
        """Return the poles and zeros at the present parameters and sample rate.

        Returns
        -------
        PolesZeros
            ``poles``, ``zeros`` and ``gain``.

        Raises
        ------
        FilterError
            If this filter is not known to be linear, or has more than 2000 zeros.
        """
        raise self._not_linear("poles and zeros")

    def impulse_response(self, n: int) -> NDArray[np.float64]:
        """Return what a single sample of height 1 becomes, after silence.

        Parameters
        ----------
        n : int
            Number of samples of the response, 1 to 10 000 000.

        Returns
        -------
        ndarray of float64, shape (n,)
            As live: with the filter's latency.

        Raises
        ------
        FilterError
            If this filter is not known to be linear, or `n` is below 1.
        """
        raise self._not_linear("impulse response")

    def __call__(self, recording: Recording) -> Recording:
        """Filter a whole recording with a fresh copy of this filter at the recording's rate.

        Parameters
        ----------
        recording : Recording
            The sound to filter.

        Returns
        -------
        Recording
            As long as the input; the filter's latency is taken out, so nothing is late.

        Raises
        ------
        FilterError
            If the filter does not fit the recording, or does not put out as many finite samples as
            came in.
        """
        from ..sound.recording import Recording

        if not isinstance(recording, Recording):
            raise FilterError(
                f"{kind_of(recording)} cannot be filtered as a whole: give a Recording, "
                "or blocks of shape (channels, n) to process()"
            )
        if not recording.samples.size:
            return recording
        worker = self.copy()
        worker.sample_rate = recording.sample_rate
        worker.reset()
        try:
            return recording.replace(samples=_run(worker, recording.samples))
        except SoundError as error:
            raise FilterError(f"{self!r} put out what is no sound: {error}") from None

    def __or__(self, other: Any) -> Chain:
        from .chain import Chain

        return Chain(self, other)

    def __ror__(self, other: Any) -> Chain:
        from .chain import Chain

        return Chain(other, self)

    def __repr__(self) -> str:
        values = (
            f"{name}={self.__dict__[name]:g}"
            for name, _ in self._declared()
            if name in self.__dict__
        )
        return f"{type(self).__name__}({', '.join(values)})"

    def _not_linear(self, wanted: str) -> FilterError:
        return FilterError(
            f"{self!r} is not known to be linear, so it has no {wanted}: "
            "compare spectra before and after instead"
        )

    def _declared(self) -> Iterator[tuple[str, Parameter]]:
        found: dict[str, Parameter] = {}
        for base in reversed(type(self).__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Parameter):
                    found[name] = value
        return iter(found.items())

    def _assign(self, values: dict[str, float]) -> None:
        before = dict(self.__dict__)
        if all(name in before and before[name] == value for name, value in values.items()):
            return
        self.__dict__.update(values)
        try:
            self.changed()
        except Exception:
            for name in values:
                del self.__dict__[name]
                if name in before:
                    self.__dict__[name] = before[name]
            raise


def _meant(name: str, kind: type[Filter]) -> str:
    """Return the parameter that a misspelt name probably means, or an empty string."""
    declared = [n for base in kind.__mro__ for n, v in vars(base).items() if type(v) is Parameter]
    return next(iter(difflib.get_close_matches(name, declared, 1, 0.8)), "")


def _run(worker: Filter, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Send samples through in pieces, then silence until the last one is out."""
    length, late = samples.shape[1], worker.latency
    out: NDArray[np.float32] | None = None
    for begin in range(0, length + late, _CHUNK):
        # A copy, because a filter of the user's may work in place.
        block = samples[:, begin : begin + _CHUNK].copy()
        missing = min(_CHUNK, length + late - begin) - block.shape[1]
        if missing:
            block = np.pad(block, ((0, 0), (0, missing)))
        result = as_output(worker.process(block), worker)
        if result.ndim != 2 or result.shape[1] != block.shape[1]:
            raise FilterError(
                f"{worker!r} made {result.shape} of a block of shape {block.shape}: "
                "process() must return (channels, n) with the same n"
            )
        if out is None:
            out = np.zeros((result.shape[0], length), dtype=np.float32)
        first = max(begin - late, 0)
        kept = result[:, max(late - begin, 0) :]
        with np.errstate(over="ignore"):
            out[:, first : first + kept.shape[1]] = kept
    if out is None:
        return samples
    return out
