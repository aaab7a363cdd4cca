"""Checking a filter: does it do live what it does offline, and what does it cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..filters import Parameter
from ..filters.output import noting_integers
from ..sound.progress import count_progress
from ..sound.validation import as_sample_rate
from .block_sizes import check_empty, compare_cuttings, noise
from .cost import Cost, check_memory, check_speed
from .inputs import check_channels, check_inputs, check_kept, check_nan, check_reset, same
from .report import Check, Finding, Verdict
from .stability import check_latency, check_stability, check_tail
from .subject import BlockFailed, OutOfTime, Subject, in_blocks

__all__ = ["Check", "Finding", "Verdict", "check"]

_SECONDS = Parameter("s", low=0.1, high=60.0)
"""Length of the sound that is cut, in seconds, as a parameter of filters is checked."""
_SECONDS.name = "seconds"
_SEED = Parameter(low=0, high=2**32 - 1, whole=True)
"""Seed of the noise, a bare number, as a parameter of filters is checked."""
_SEED.name = "seed"
_BUDGET = Parameter("s", low=0.1, high=86_400.0)
"""Seconds that a check may take, as a parameter of filters is checked."""
_BUDGET.name = "budget"

_CHANCE = (
    "the same sound gives another output the second time: it uses random numbers, or copies of it "
    "share what they remember. Give it a seed, or a reset() that forgets all"
)
"""Advice if two runs over the same sound differ."""

_SECOND = "the same once more"
"""Name of the second run, if there was no time for it."""

_INTEGERS = (
    "{} comes out, which is divided by full scale as in lkexplore.Recording: return floats from -1 "
    "to 1, which keep what is quieter than one step of an integer"
)
"""Advice if integers came out, of the types named first."""

_Found = TypeVar("_Found")


def check(
    filter: Any,
    *,
    sample_rate: int | None = None,
    seconds: float = 2.0,
    seed: int = 0,
    budget: float = 10.0,
) -> Check:
    """Try whether a filter does live what it does on a recording, and explain why not.

    Sound is cut into blocks in many ways, from single samples to seconds, even and random; every
    way must give the output of the whole. Mono, stereo, silence, full scale, a constant and NaN
    go in; latency, tail, gain, stability, speed and memory are measured.

    Parameters
    ----------
    filter : Filter, object with ``process(block)``, or function of a block
        The filter to check. Its blocks are float32 of shape (channels, n). Filters and objects are
        copied, so that one in use is not disturbed; an object that cannot be copied is reset
        instead. A function is called as it is, and given a second of silence before each run, since
        it has no reset.
    sample_rate : int, optional
        Sample rate in Hz, 1 to 768000; by default that of the filter, 48000 for a function.
    seconds : float
        Length in seconds of the sound that is cut, 0.1 to 60.
    seed : int
        Seed of the noise and the random blocks, 0 to 2**32 - 1; the same seed makes the same test.
    budget : float
        Seconds of computing, 0.1 to 86400, after which the rest is left out; the report then says
        what. A block that is being computed is waited for, so it may take somewhat longer.

    Returns
    -------
    Check
        Readable as it is, in a terminal and in a notebook; ``ok`` tells whether nothing failed.

    Raises
    ------
    FilterError
        If it is nothing that can be checked, or does not fit the sample rate. What goes wrong
        within the filter is no error here but a finding.

    See Also
    --------
    lkexplore.filters.as_filter : A filter of an object with ``process``.
    lkexplore.filters.from_function : A filter of a function, its memory handed in and out.
    lkexplore.plot.response : Draw what a filter does to each frequency.

    Notes
    -----
    Two outputs are the same if they differ by at most 1e-6 of their peak, or of full scale.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> import numpy as np
    >>> def smooth(block):
    ...     return np.cumsum(block, axis=1) * 0.001
    >>> check(smooth)["live = offline"].verdict
    'failed'
    """
    length = _SECONDS.checked(seconds)
    first = int(_SEED.checked(seed))
    most = _BUDGET.checked(budget)
    rate = None if sample_rate is None else as_sample_rate(sample_rate)
    subject = Subject(filter, rate)
    samples = noise(length, subject.sample_rate, first)
    found = _Findings(subject, most)
    begun = time.monotonic()
    with (
        noting_integers() as integers,
        count_progress(most, "checking, at most", "checked") as done,
    ):
        subject.tell = lambda: done(time.monotonic() - begun)
        found.try_all(samples, first)
    if integers:
        found.add(Finding("integers", "note", _INTEGERS.format(" and ".join(sorted(integers)))))
    return found.check()


class _Findings:
    """What has been found so far, and what there was no time for."""

    def __init__(self, subject: Subject, budget: float) -> None:
        self._subject, self._budget = subject, budget
        self._begun = time.monotonic()
        self._list: list[Finding] = []
        self._left_out: list[str] = []
        self.values: dict[str, Any] = {}

    def add(self, *findings: Finding) -> None:
        """Take note of findings."""
        self._list.extend(findings)

    def try_all(self, samples: NDArray[np.float32], seed: int) -> None:
        """Try everything, until something fails so that nothing else can be tried."""
        subject = self._subject
        seconds = samples.shape[1] / subject.sample_rate
        try:
            process, begun = subject.fresh(), time.perf_counter()
            whole = in_blocks(process, samples, ())
            took = time.perf_counter() - begun
            again = self._within(0.5, _SECOND, lambda: in_blocks(subject.fresh(), samples, ()))
        except BlockFailed as error:
            self.add(Finding("runs", "failed", f"In one block of {seconds:g} s {error}"))
            return
        repeatable = again is None or same(again, whole)
        # Before the rest, because of a filter that is slow it tells most.
        speed = self._within(0.2, "speed", lambda: check_speed(subject))
        if not np.isfinite(whole).all():
            self.add(Finding("runs", "failed", "it makes NaN or infinity of a sound"))
        elif not repeatable:
            self.add(Finding("runs", "failed", _CHANCE))
        else:
            twice = "" if again is None else ", twice the same"
            self.add(Finding("runs", "ok", f"{seconds:g} s in one block{twice}"))
            self._compare(samples, whole, seed)
        self._measure(samples, whole)
        self._cost(speed, took / seconds)
        self._last(samples, repeatable)

    def _compare(self, samples: NDArray[np.float32], whole: NDArray[np.float64], seed: int) -> None:
        """Compare with the output of the whole."""
        subject = self._subject
        compared = self._within(
            0.5, "live = offline", lambda: compare_cuttings(subject, samples, whole, seed)
        )
        if compared is not None:
            difference, self.values["first_difference"] = compared
            self.add(difference)
        self._part("reset", lambda: [check_reset(subject, samples, whole)])

    def _measure(self, samples: NDArray[np.float32], whole: NDArray[np.float64]) -> None:
        """Try what needs little time."""
        subject, values = self._subject, self.values
        self._part("channels", lambda: [check_channels(subject, samples)])
        inputs = "silence, full scale, constant, gain"
        self._part(inputs, lambda: check_inputs(subject, samples, whole))
        self._part("stability", lambda: [check_stability(subject)])
        latency = self._within(0.3, "latency", lambda: check_latency(subject))
        if latency is not None:
            values["measured_latency"] = latency[1]
            self.add(latency[0])
        tail = self._within(0.3, "tail", lambda: check_tail(subject))
        if tail is not None:
            values["tail_seconds"] = tail[1]
            self.add(tail[0])

    def _last(self, samples: NDArray[np.float32], repeatable: bool) -> None:
        """Try what may spoil the memory of a filter that cannot be copied."""
        subject = self._subject
        self._part("input kept", lambda: [check_kept(subject)])
        if repeatable:
            self._part("empty blocks", lambda: [check_empty(subject, samples)])
        self._part("NaN", lambda: [check_nan(subject)])

    def _cost(self, speed: tuple[Finding, Cost | None] | None, share: float) -> None:
        """Note the speed, and measure memory; one block took a share of the sound's own time."""
        subject, values = self._subject, self.values
        if speed is None and share > 1:
            text = f"too slow to run live: it takes {share:.3g} times as long as the sound lasts"
            self.add(Finding("speed", "failed", text))
            self._left_out.remove("speed")
        if speed is not None:
            self.add(speed[0])
            cost = speed[1]
            if cost is not None:
                length_ms = 1000 * round(0.01 * subject.sample_rate) / subject.sample_rate
                values["block_ms"], values["block_ms_p99"] = cost.median_ms, cost.p99_ms
                ratio = length_ms / cost.median_ms if cost.median_ms else math.inf
                values["real_time_factor"] = ratio
        memory = self._within(0.3, "memory", lambda: check_memory(subject))
        if memory is not None:
            self.add(memory[0])
            values["block_bytes"], values["kept_bytes"] = memory[1:]

    def _part(self, name: str, part: Callable[[], list[Finding]]) -> None:
        self.add(*(self._within(0.3, name, part) or []))

    def _within(self, share: float, name: str, part: Callable[[], _Found]) -> _Found | None:
        """Return what a part finds in a share of the time left; None if it is too little."""
        now = time.monotonic()
        left = max(0.0, self._begun + self._budget - now)
        self._subject.deadline = now + share * left
        try:
            self._subject.spend()
            return part()
        except OutOfTime:
            self._left_out.append(name)
            return None
        finally:
            self._subject.deadline = math.inf

    def check(self) -> Check:
        """Return everything."""
        if self._left_out:
            text = (
                f"{', '.join(self._left_out)}: there was no time for it, as it is too slow for "
                f"budget={self._budget:g} s; give more to try everything"
            )
            self.add(Finding("left out", "note", text))
        subject = self._subject
        return Check(
            subject.name,
            subject.sample_rate,
            tuple(self._list),
            latency=subject.latency,
            left_out=tuple(self._left_out),
            **self.values,
        )
