"""Checking a filter: does it do live what it does offline, and what does it cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters import Parameter
from ..sound.validation import as_sample_rate
from .block_sizes import check_empty, compare_cuttings, noise
from .cost import check_memory, check_speed
from .inputs import check_channels, check_inputs, check_kept, check_nan, check_reset, same
from .report import Check, Finding, Verdict
from .stability import check_latency, check_stability, check_tail
from .subject import BlockFailed, Subject, in_blocks

__all__ = ["Check", "Finding", "Verdict", "check"]

_SECONDS = Parameter("s", low=0.1, high=60.0)
"""Length of the sound that is cut, in seconds, as a parameter of filters is checked."""
_SECONDS.name = "seconds"
_SEED = Parameter(low=0, high=2**32 - 1, whole=True)
"""Seed of the noise, a bare number, as a parameter of filters is checked."""
_SEED.name = "seed"


def check(
    filter: Any, *, sample_rate: int | None = None, seconds: float = 2.0, seed: int = 0
) -> Check:
    """Try whether a filter does live what it does on a recording, and explain why not.

    Sound is cut into blocks in many ways, from single samples to seconds, even and random; every
    way must give the output of the whole. Mono, stereo, silence, full scale, a constant and NaN
    go in; latency, tail, stability, speed and memory are measured.

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
    rate = None if sample_rate is None else as_sample_rate(sample_rate)
    subject = Subject(filter, rate)
    samples = noise(length, subject.sample_rate, first)
    found = _Findings(subject)
    try:
        whole = in_blocks(subject.fresh(), samples, ())
        again = in_blocks(subject.fresh(), samples, ())
    except BlockFailed as error:
        found.add(Finding("runs", "failed", f"In one block of {length:g} s {error}"))
        return found.check()
    repeatable = same(again, whole)
    if not np.isfinite(whole).all():
        found.add(Finding("runs", "failed", "it makes NaN or infinity of a sound"))
    elif not repeatable:
        text = (
            "the same sound gives another output the second time: it uses random numbers, or "
            "copies of it share what they remember. Give it a seed, or a reset() that forgets all"
        )
        found.add(Finding("runs", "failed", text))
    else:
        found.add(Finding("runs", "ok", f"{length:g} s in one block, twice the same"))
        difference, found.values["first_difference"] = compare_cuttings(
            subject, samples, whole, first
        )
        found.add(difference)
        found.add(check_reset(subject, samples, whole))
    found.measure(samples, repeatable)
    return found.check()


class _Findings:
    """What has been found so far."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._list: list[Finding] = []
        self.values: dict[str, Any] = {}

    def add(self, *findings: Finding) -> None:
        """Take note of findings."""
        self._list.extend(findings)

    def measure(self, samples: NDArray[np.float32], repeatable: bool) -> None:
        """Try all that needs no output of the whole to compare with."""
        subject, values = self._subject, self.values
        self.add(check_channels(subject, samples), *check_inputs(subject))
        self.add(check_stability(subject))
        finding, values["measured_latency"] = check_latency(subject)
        self.add(finding)
        finding, values["tail_seconds"] = check_tail(subject)
        self.add(finding)
        finding, cost = check_speed(subject)
        self.add(finding)
        if cost is not None:
            length_ms = 1000 * round(0.01 * subject.sample_rate) / subject.sample_rate
            values["block_ms"], values["block_ms_p99"] = cost.median_ms, cost.p99_ms
            values["real_time_factor"] = length_ms / cost.median_ms if cost.median_ms else math.inf
        finding, values["block_bytes"], values["kept_bytes"] = check_memory(subject)
        self.add(finding)
        # Last, because these may spoil the memory of a filter that cannot be copied.
        self.add(check_kept(subject))
        if repeatable:
            self.add(check_empty(subject, samples))
        self.add(check_nan(subject))

    def check(self) -> Check:
        """Return the whole of it."""
        subject = self._subject
        return Check(
            subject.name,
            subject.sample_rate,
            tuple(self._list),
            latency=subject.latency,
            **self.values,
        )
