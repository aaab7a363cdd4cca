"""What is checked: a filter, an object with process, or a bare function, started anew."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError, SoundError
from ..filters import Filter, as_filter
from ..sound.convert import WEBRTC_RATE

__all__ = ["BlockFailed", "Process", "Subject", "in_blocks"]

Process: TypeAlias = Callable[[NDArray[np.float32]], NDArray[Any]]


class BlockFailed(FilterError):
    """The filter raised, or put out what no live track could take."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Subject:
    """Something to check.

    Parameters
    ----------
    thing : Filter, object with ``process``, or callable
        The filter, object or function to check.
    sample_rate : int, optional
        Sample rate in Hz; by default that of the filter.

    Attributes
    ----------
    name : str
        Name or repr of the thing.
    kind : {"filter", "object", "function"}
        A function has no ``reset``, so its memory can only be flushed with silence.
    sample_rate, latency : int
        Sample rate in Hz, and the latency that the filter declares, in samples.

    Raises
    ------
    FilterError
        If it is none of these.
    """

    def __init__(self, thing: Any, sample_rate: int | None = None) -> None:
        self._function: Process | None = None
        self._filter: Filter | None = None
        if callable(getattr(thing, "process", None)) or isinstance(thing, type):
            self._filter = as_filter(thing)
            self.kind = "filter" if isinstance(thing, Filter) else "object"
        elif callable(thing):
            self._function = thing
            self.kind = "function"
        else:
            raise FilterError(
                f"{type(thing).__name__} cannot be checked: give a filter, an object with "
                "process(block), or a function of a block"
            )
        self.name = _name(thing)
        self.can_reset = callable(getattr(thing, "reset", None))
        self.sample_rate = sample_rate or (
            self._filter.sample_rate if self._filter else WEBRTC_RATE
        )
        self.copied = self._try_copy(sample_rate)

    def _try_copy(self, sample_rate: int | None) -> bool:
        if self._filter is None:
            return False
        try:
            worker = self._filter.copy()
        except (TypeError, AttributeError, ValueError, copy.Error):
            return False
        if sample_rate is not None:
            worker.sample_rate = sample_rate
        self._filter = worker
        return True

    @property
    def latency(self) -> int:
        """The latency that the filter declares, in samples."""
        return int(self._filter.latency) if self._filter else 0

    def fresh(self, channels: int = 2) -> Process:
        """Return the processing of blocks by a copy that has heard nothing."""
        if self._function is not None:
            # Another test tells of a function that cannot take silence.
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                self._function(np.zeros((channels, self.sample_rate), np.float32))
            return _careful(self._function)
        return self.resettable()[0]

    def raw(self, block: NDArray[np.float32]) -> None:
        """Give a fresh copy the block itself, not a copy of it, and ignore what it raises."""
        process = self._function
        if self._filter is not None:
            process = (self._filter.copy() if self.copied else self._filter).process
        if process is not None:
            # Another test tells what it raises.
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                process(block)

    def resettable(self) -> tuple[Process, Callable[[], None]]:
        """Return the processing of a fresh copy, and its reset."""
        if self._filter is None:
            return self.fresh(), lambda: None
        worker = self._filter
        if self.copied:
            worker = worker.copy()
            if worker.sample_rate != self.sample_rate:
                worker.sample_rate = self.sample_rate
        worker.reset()
        return _careful(worker.process), worker.reset


def _name(thing: Any) -> str:
    if getattr(type(thing), "__repr__", None) is object.__repr__:
        return f"{type(thing).__name__}()"
    return getattr(thing, "__name__", "") or repr(thing)


def _careful(process: Process) -> Process:
    """Return a processing that keeps the caller's block and says what went wrong, and on what."""

    def run(block: NDArray[np.float32]) -> NDArray[Any]:
        shape = block.shape
        try:
            with np.errstate(all="ignore"):
                out = np.asarray(process(block.copy()))
        except Exception as error:
            raise BlockFailed(
                f"it raised {type(error).__name__} ({str(error).strip() or 'no message'}) "
                f"on a block of shape {shape}",
                refused=isinstance(error, SoundError),
            ) from error
        if out.ndim != 2 or out.shape[1] != shape[1]:
            raise BlockFailed(
                f"it made {out.shape} of a block of shape {shape}: "
                "return (channels, n) with the same n"
            )
        if out.dtype.kind not in "fiu":
            raise BlockFailed(f"it put out {out.dtype}: return float32")
        return out

    return run


def in_blocks(
    process: Process, samples: NDArray[np.float32], sizes: Iterable[int]
) -> NDArray[np.float64]:
    """Return the joined output of blocks of such sizes, the last one being what is left."""
    out, begin = [], 0
    for size in sizes:
        out.append(process(samples[:, begin : begin + size]))
        begin += size
        if begin >= samples.shape[1]:
            break
    if begin < samples.shape[1] or not out:
        out.append(process(samples[:, begin:]))
    channels = {part.shape[0] for part in out}
    if len(channels) > 1:
        raise BlockFailed(
            f"it put out {' and '.join(map(str, sorted(channels)))} channels in turn: "
            "always return as many"
        )
    return np.concatenate(out, axis=1, dtype=np.float64)
