"""Cost: time and memory of a block."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sdk.thread_switching import media_runs
from .block_sizes import noise
from .report import Finding
from .subject import BlockFailed, Process, Subject

__all__ = ["Cost", "check_memory", "check_speed"]

_BLOCKS = 300
"""Blocks of 10 ms that are timed, at most."""

_FIRST = 20
"""Blocks of 10 ms, at most, that run before any are timed."""

_PATIENCE = 4.0
"""Seconds that timing may take, at most."""

_WARM = 220
"""Blocks of 10 ms that run before memory is measured, so that buffers have their size."""


@dataclass(frozen=True)
class Cost:
    """Time of a block in ms, the median and the 99th percentile."""

    median_ms: float
    p99_ms: float


def check_speed(subject: Subject) -> tuple[Finding, Cost | None]:
    """Return the finding, and what a stereo block of 10 ms costs."""
    name = "speed"
    block = noise(0.01, subject.sample_rate, 9)
    length_ms = 1000 * block.shape[1] / subject.sample_rate
    process = subject.fresh()
    times: list[float] = []
    try:
        patience = min(_PATIENCE, subject.left / 2)
        begun = time.perf_counter()
        for _ in range(_FIRST):
            process(block)
            if time.perf_counter() - begun > patience / 2:
                break
        while not times or (len(times) < _BLOCKS and time.perf_counter() - begun < patience):
            started = time.perf_counter()
            process(block)
            times.append(1000 * (time.perf_counter() - started))
    except BlockFailed as error:
        return Finding(name, "failed", str(error)), None
    median, p99 = (float(np.percentile(times, share)) for share in (50, 99))
    text = (
        f"{_times(length_ms / median)} times faster than the sound: "
        f"a stereo block of 10 ms takes {median:.3g} ms, at times {p99:.3g} ms"
    )
    if median > length_ms:
        text = f"too slow to run live: a stereo block of 10 ms takes {median:.3g} ms"
        return Finding(name, "failed", text), Cost(median, p99)
    return Finding(name, "ok" if median < length_ms / 4 else "note", text), Cost(median, p99)


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.3g}"


def check_memory(subject: Subject) -> tuple[Finding, int | None, int | None]:
    """Return the finding, the bytes taken for a block, and those kept after it.

    While media run they are None: ``tracemalloc.stop`` may bring Python down if a thread that is
    not Python's own calls in just then (python/cpython issue 128679).
    """
    name = "memory"
    if media_runs():
        return (
            Finding(name, "note", "not measured while a room is joined: leave it first"),
            None,
            None,
        )
    block = noise(0.01, subject.sample_rate, 10)
    process = subject.fresh()
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        _run(process, block, _WARM)
        held = [tracemalloc.get_traced_memory()[0]]
        for _ in range(2):
            _run(process, block, 100)
            held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        process(block)
        taken = max(0, tracemalloc.get_traced_memory()[1] - before)
    except BlockFailed as error:
        return Finding(name, "failed", str(error)), None, None
    finally:
        if not tracing:
            tracemalloc.stop()
    kept = max(0, min(held[1] - held[0], held[2] - held[1]) // 100)
    text = f"a stereo block of 10 ms takes {taken / 1024:.3g} KiB for a moment"
    if kept > block.nbytes // 8:
        text += f" and keeps {kept / 1024:.3g} KiB for good: it hoards sound that it has heard"
        return Finding(name, "note", text), taken, kept
    return Finding(name, "ok", f"{text}, and keeps none"), taken, kept


def _run(process: Process, block: NDArray[np.float32], n: int) -> None:
    for _ in range(n):
        process(block)
