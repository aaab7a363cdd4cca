"""Live equals offline: any way of cutting sound into blocks gives the same output."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .report import Finding, Verdict
from .subject import BlockFailed, OutOfTime, Process, Subject, in_blocks

__all__ = ["Cutting", "check_empty", "compare_cuttings", "cuttings", "noise"]

TOLERANCE = 1e-6
"""Share of the peak, or of full scale, by which two outputs may differ and still be the same."""

_SOON = 4
"""Blocks after a difference in which it is looked for in mono as well."""

_TO_EXPLAIN = 1.0
"""Share of the time of finding a difference that explaining it may take as well."""

_FORGOTTEN = (
    "It forgets its state between blocks: every block comes out as if there had been silence "
    "before it. Keep what it remembers (the zi of scipy.signal.lfilter, the last samples) from "
    "one call to the next: in an object with process(block) and reset(), or by "
    "lkexplore.filters.from_function(f, state)"
)
"""Advice if every block comes out as it does after silence."""

_WRONG_STATE = (
    "The error begins where a block begins: something of what it remembers is not carried over, "
    "or not rightly. Compare what it keeps at the end of a block with what the next one needs"
)
"""Advice if the error begins with a later block, which is not as after silence."""

_AHEAD = (
    "The error sits at the ends of blocks: it wants samples that come only with the next block "
    "(mode='same', a centred window, filtfilt). Hold the sound back by so many samples, and say "
    "so with latency"
)
"""Advice if the middles of blocks are right and their ends are wrong."""

_LEAKS = (
    "With one channel the cuts make no difference, with two they do: its state leaks from one "
    "channel into the other. Keep a state for each channel, such as zi of shape (channels, n), and "
    "begin it anew when the number of channels changes"
)
"""Advice if mono is right and stereo is wrong."""

_AS_A_WHOLE = (
    "Even the first block is different: the output depends on the block as a whole, such as its "
    "maximum, its mean or its FFT. Use what can be told from the samples so far"
)
"""Advice if the first block is wrong all over."""


@dataclass(frozen=True)
class Cutting:
    """One way to cut sound into blocks."""

    label: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class _Difference:
    cutting: Cutting
    live: NDArray[np.float64]
    bad: NDArray[np.bool_]
    index: int
    channel: int


def noise(seconds: float, sample_rate: int, seed: int, channels: int = 2) -> NDArray[np.float32]:
    """Return noise and tones that swell, other ones in each channel, of peak 1 at most.

    They swell so that the loudest sample is not in the first block.
    """
    rng = np.random.default_rng(seed)
    length = max(16, round(seconds * sample_rate))
    t = np.arange(length) / sample_rate
    tones = [0.25 * np.sin(2 * np.pi * 440 * (k + 1) * t + k) for k in range(channels)]
    sound = np.stack(tones) + 0.2 * rng.standard_normal((channels, length))
    return np.clip(sound * np.linspace(0.3, 1.0, length), -1, 1).astype(np.float32)


def cuttings(length: int, sample_rate: int, seed: int) -> list[Cutting]:
    """Return ways to cut so many samples, from single ones to seconds."""
    rng = np.random.default_rng(seed)
    ten = max(1, sample_rate // 100)

    def even(label: str, size: int) -> Cutting:
        return Cutting(label, (size,) * (length // size))

    found = [
        even("blocks of 10 ms", ten),
        even("blocks of 20 ms", 2 * ten),
        even("blocks of 128 samples", 128),
        even("blocks of 1 s", sample_rate),
        Cutting("single samples", (1,) * min(300, length)),
        Cutting("one block after one sample", (1,)),
    ]
    for number in range(3):
        sizes = np.exp(rng.uniform(0, np.log(max(2, sample_rate / 4)), 400)).astype(int)
        found.append(Cutting(f"random blocks {number + 1}", tuple(int(s) for s in sizes)))
    return found


@dataclass
class _Outcome:
    """What came of all ways to cut: how many were tried, over how many samples, in what time."""

    different: list[_Difference]
    failures: list[str]
    tried: int = 0
    samples: int = 0
    seconds: float = 0.0


def compare_cuttings(
    subject: Subject, samples: NDArray[np.float32], whole: NDArray[np.float64], seed: int
) -> tuple[Finding, int | None]:
    """Return the finding, and the first sample that differs."""
    name, rate = "live = offline", subject.sample_rate
    ways = cuttings(samples.shape[1], rate, seed)
    found = _tried(subject, samples, whole, ways)
    # What was found has to be explained, in less time than it took.
    subject.deadline += _TO_EXPLAIN * found.seconds
    different, failures = found.different, found.failures
    if failures and not different:
        return Finding(name, "failed", failures[0]), None
    if not different and found.tried == len(ways):
        blocks = f"{samples.shape[1] / rate:g} s cut in {len(ways)} ways"
        return Finding(name, "ok", f"{blocks}, from single samples to seconds: same to 1e-6"), None
    if not different:
        blocks = f"{found.samples / rate:.2g} s cut in {found.tried} of {len(ways)} ways"
        return Finding(name, "ok", f"{blocks}: same to 1e-6; for more it is too slow"), None
    shown = different[0]
    text = _describe(shown, whole, rate)
    fine = found.tried - len(different) - len(failures)
    if fine:
        text += f" ({fine} of {found.tried} ways to cut are fine)"
    text = ". ".join([text, _explain(shown, subject, samples), *failures[:1]])
    return Finding(name, "failed", text), shown.index


def _tried(
    subject: Subject,
    samples: NDArray[np.float32],
    whole: NDArray[np.float64],
    ways: list[Cutting],
) -> _Outcome:
    """Try one way to cut after the other, until the time is over."""
    found, begun = _Outcome([], []), time.monotonic()
    for cutting in ways:
        try:
            live = in_blocks(subject.fresh(), samples, cutting.sizes, partial=True)
        except BlockFailed as error:
            found.failures.append(f"In {cutting.label} {error}")
        except OutOfTime:
            if not found.tried:
                raise
            break
        else:
            heard = whole[:, : live.shape[1]]
            difference = _difference(cutting, live, heard)
            if difference is not None:
                found.different.append(difference)
            found.samples = max(found.samples, live.shape[1])
        found.tried += 1
    found.seconds = time.monotonic() - begun
    return found


def check_empty(subject: Subject, samples: NDArray[np.float32]) -> Finding:
    """Return whether blocks without samples go through, as they may in a chain."""
    name, part = "empty blocks", samples[:, :2000]
    # A live track sends no empty block; a filter of the package's kind may get one in a chain.
    verdict: Verdict = "failed" if subject.kind == "filter" else "note"
    try:
        plain = in_blocks(subject.fresh(), part, (500,) * 4)
        live = in_blocks(subject.fresh(), part, (0, 500, 0, 0, 500, 500, 0, 500))
    except BlockFailed as error:
        return Finding(name, verdict, f"{error}; return the block if block.shape[1] is 0")
    if _difference(Cutting("empty blocks", ()), live, plain) is not None:
        text = (
            "a block without samples changes what comes after it (scipy.signal.lfilter then gives "
            "back a zi without meaning): return the block as it is if block.shape[1] is 0"
        )
        return Finding(name, verdict, text)
    return Finding(name, "ok", "go through, and change nothing")


def _difference(
    cutting: Cutting, live: NDArray[np.float64], whole: NDArray[np.float64]
) -> _Difference | None:
    if live.shape != whole.shape:
        return _Difference(cutting, live, np.ones(whole.shape[1], np.bool_), 0, 0)
    peak = float(np.max(np.abs(whole[np.isfinite(whole)]), initial=1.0))
    error = np.abs(live - whole)
    # Equal infinities and NaN are no difference here; another test tells that they are there.
    error[(live == whole) | (np.isnan(live) & np.isnan(whole))] = 0.0
    wrong = ~(error <= TOLERANCE * peak)
    bad = np.asarray(wrong.any(axis=0))
    if not bad.any():
        return None
    index = int(np.argmax(bad))
    return _Difference(cutting, live, bad, index, int(np.argmax(wrong[:, index])))


def _describe(found: _Difference, whole: NDArray[np.float64], sample_rate: int) -> str:
    if len(found.live) != len(whole):
        return f"In {found.cutting.label} {found.live.shape} came out instead of {whole.shape}"
    borders = np.cumsum(found.cutting.sizes)
    block = int(np.searchsorted(borders, found.index, side="right"))
    within = found.index - (int(borders[block - 1]) if block else 0)
    return (
        f"In {found.cutting.label} the first difference is at sample {found.index} "
        f"({1000 * found.index / sample_rate:.4g} ms), sample {within} of block {block + 1}: "
        f"{whole[found.channel, found.index]:.6g} as a whole, "
        f"{found.live[found.channel, found.index]:.6g} in blocks"
    )


def _explain(found: _Difference, subject: Subject, samples: NDArray[np.float32]) -> str:
    borders = np.cumsum(found.cutting.sizes)
    if _right_in_mono(found, subject, samples, borders):
        return _LEAKS
    first = int(borders[0]) if borders.size else samples.shape[1]
    if found.index < first:
        return _AHEAD if _at_borders(found, borders) else _AS_A_WHOLE
    return _FORGOTTEN if _starts_anew(found, subject, samples) else _WRONG_STATE


def _right_in_mono(
    found: _Difference,
    subject: Subject,
    samples: NDArray[np.float32],
    borders: NDArray[np.int_],
) -> bool:
    """Return whether the same cuts make no difference to a single channel, soon after either."""
    if not borders.size:
        return False
    block = int(np.searchsorted(borders, found.index, side="right"))
    end = int(borders[min(block + _SOON, borders.size - 1)])
    mono = samples[:1, : end + 1]
    try:
        live = in_blocks(subject.fresh(1), mono, found.cutting.sizes)
        whole = in_blocks(subject.fresh(1), mono, ())
    except (BlockFailed, OutOfTime):
        return False
    return _difference(found.cutting, live, whole) is None


def _at_borders(found: _Difference, borders: NDArray[np.int_]) -> bool:
    """Return whether the middles of blocks are right."""
    starts = np.concatenate(([0], borders[:-1]))
    inside = [
        found.bad[begin + (end - begin) // 3 : end - (end - begin) // 3]
        for begin, end in zip(starts, borders, strict=True)
        if end - begin >= 3 and end <= found.bad.size
    ]
    return bool(inside) and not np.concatenate(inside).any()


def _starts_anew(found: _Difference, subject: Subject, samples: NDArray[np.float32]) -> bool:
    """Return whether each block came out as it does after silence."""
    begin = 0
    for size in found.cutting.sizes[:12]:
        block = samples[:, begin : begin + size]
        try:
            process: Process = subject.fresh()
            alone = in_blocks(process, block, (size,))
        except OutOfTime:
            return begin > found.index
        except BlockFailed:
            return False
        live = found.live[:, begin : begin + size]
        if live.shape != alone.shape or not np.allclose(live, alone, rtol=0, atol=TOLERANCE):
            return False
        begin += size
    return True
