"""What is checked: a filter, an object with process, or a bare function, started anew."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError, SoundError
from ..filters import Filter, FunctionFilter, as_filter
from ..filters.output import as_output
from ..sound.convert import WEBRTC_RATE

__all__ = ["BlockFailed", "OutOfTime", "Process", "Subject", "in_blocks"]

Process: TypeAlias = Callable[[NDArray[np.float32]], NDArray[Any]]


class BlockFailed(FilterError):
    """The filter raised, or put out what no live track could take."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class OutOfTime(Exception):
    """The time that a part of the check may take is over."""


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
    deadline : float
        Instant of ``time.monotonic()``, in seconds, from which on no more blocks go in: then
    tell : callable
        Function called again and again while there is computing, to show how far it is.
        :class:`OutOfTime` is raised.

    Raises
    ------
    FilterError
        If it is none of these.
    """

    def __init__(self, thing: Any, sample_rate: int | None = None) -> None:
        self._function: Process | None = None
        self._filter: Filter | None = None
        self.deadline = math.inf
        self.tell: Callable[[], None] = lambda: None
        made = as_filter(thing)
        plain = isinstance(made, FunctionFilter) and made is not thing
        if isinstance(made, FunctionFilter) and plain and not made.takes_state:
            self._function = thing
            self.kind = "function"
        else:
            self._filter = made
            self.kind = "filter" if plain or made is thing else "object"
        self.name = _name(thing)
        self.can_reset = callable(getattr(made if plain else thing, "reset", None))
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
            self.spend()
            # Another test tells of a function that cannot take silence.
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                self._function(np.zeros((channels, self.sample_rate), np.float32))
            return self._careful(self._function)
        return self.resettable()[0]

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 or more."""
        return max(0.0, self.deadline - time.monotonic())

    def spend(self) -> None:
        """Tell that time passes, and raise OutOfTime from the deadline on."""
        self.tell()
        if time.monotonic() >= self.deadline:
            raise OutOfTime

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
        return self._careful(worker.process), worker.reset

    def _careful(self, process: Process) -> Process:
        """Return a processing that keeps the caller's block and says what went wrong, on what."""

        def run(block: NDArray[np.float32]) -> NDArray[Any]:
            self.spend()
            shape = block.shape
            try:
                with np.errstate(all="ignore"):
                    out = _sound(process(block.copy()))
            except BlockFailed:
                raise
            except Exception as error:
                raise BlockFailed(
                    f"it raised {type(error).__name__} ({_message(error)}) "
                    f"on a block of shape {shape}",
                    refused=isinstance(error, SoundError),
                ) from error
            if out.ndim != 2 or out.shape[1] != shape[1]:
                raise BlockFailed(
                    f"it made {out.shape} of a block of shape {shape}: "
                    "return (channels, n) with the same n"
                )
            return out

        return run


def _sound(result: object) -> NDArray[Any]:
    try:
        return as_output(result, "it")
    except FilterError as error:
        raise BlockFailed(str(error).replace("'it'", "it", 1)) from None


def _message(error: Exception) -> str:
    return " ".join(str(error).split()) or "no message"


def _name(thing: Any) -> str:
    if getattr(type(thing), "__repr__", None) is object.__repr__:
        return f"{type(thing).__name__}()"
    return getattr(thing, "__name__", "") or repr(thing)


def in_blocks(
    process: Process, samples: NDArray[np.float32], sizes: Iterable[int], *, partial: bool = False
) -> NDArray[np.float64]:
    """Return the joined output of blocks of such sizes, the last one being what is left.

    If it may be partial, the output ends where the time is over, unless there is none at all.
    """
    out: list[NDArray[Any]] = []
    begin = 0
    try:
        for size in sizes:
            out.append(process(samples[:, begin : begin + size]))
            begin += size
            if begin >= samples.shape[1]:
                break
        if begin < samples.shape[1] or not out:
            out.append(process(samples[:, begin:]))
    except OutOfTime:
        if not (partial and out):
            raise
    channels = {part.shape[0] for part in out}
    if len(channels) > 1:
        raise BlockFailed(
            f"it put out {' and '.join(map(str, sorted(channels)))} channels in turn: "
            "always return as many"
        )
    return np.concatenate(out, axis=1, dtype=np.float64)
