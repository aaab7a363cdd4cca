"""Four biquads, on an hour and on blocks of 10 ms, beside pedalboard and scipy.

`benchmarks/filters.py` runs this with the rest. All run the same four filters of the Audio EQ
Cookbook. An hour runs in a process of its own each time, and the contenders take turns, so that
whatever else the machine does hits all alike; the best of several rounds is the least disturbed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from capture_children import RATE, Row
from capture_cost import forget_peak, resident
from numpy.typing import NDArray
from scipy.signal import sosfilt

import lkexplore as lk
from lkexplore.filters import high_shelf, low_shelf, peaking

OURS, BOARD, SCIPY = "lkexplore", "pedalboard", "scipy.signal.sosfilt"
LOW, FIRST, SECOND, HIGH = (120, 3, 0.7071), (500, -4, 1.0), (2500, 3, 1.4), (8000, -3, 0.7071)
BLOCK = RATE // 100
SAME = 1e-3
"""By how much outputs may differ: pedalboard computes in float32."""

Samples: TypeAlias = NDArray[np.float32]
Work: TypeAlias = Callable[[Samples], NDArray[Any]]


def noise(channels: int, length: int) -> Samples:
    return 0.1 * np.random.default_rng(0).standard_normal((channels, length), dtype="f4")


def has_board() -> bool:
    try:
        import pedalboard  # noqa: F401
    except ImportError:
        return False
    return True


def contenders() -> list[str]:
    return [OURS, BOARD, SCIPY] if has_board() else [OURS, SCIPY]


def chain() -> lk.filters.Filter:
    return low_shelf(*LOW) | peaking(*FIRST) | peaking(*SECOND) | high_shelf(*HIGH)


def sections() -> NDArray[np.float64]:
    return np.concatenate([each.design().sections for each in chain().filters])


def board() -> Any:
    import pedalboard as pb

    return pb.Pedalboard(
        [
            pb.LowShelfFilter(*LOW),
            pb.PeakFilter(*FIRST),
            pb.PeakFilter(*SECOND),
            pb.HighShelfFilter(*HIGH),
        ]
    )


def whole(name: str) -> Work:
    """Return what filters a whole recording."""
    if name == BOARD:
        made = board()
        return lambda samples: made(samples, RATE)
    if name == SCIPY:
        found = sections()
        return lambda samples: sosfilt(found, samples).astype(np.float32)
    ours = chain()
    return lambda samples: ours(lk.Recording(samples, RATE)).samples


def live(name: str, channels: int) -> Work:
    """Return what filters block after block."""
    if name == BOARD:
        made = board()
        return lambda block: made(block, RATE, buffer_size=BLOCK, reset=False)
    if name == SCIPY:
        return _Sosfilt(channels)
    return chain().process


class _Sosfilt:
    def __init__(self, channels: int) -> None:
        self.sections = sections()
        self.state = np.zeros((len(self.sections), channels, 2))

    def __call__(self, block: Samples) -> NDArray[Any]:
        out, self.state = sosfilt(self.sections, block, zi=self.state)
        return out.astype(np.float32)


def check_same(made: dict[str, NDArray[Any]]) -> None:
    """Make sure that all do the same work."""
    for name, out in made.items():
        difference = float(np.abs(out - made[OURS]).max())
        if difference > SAME:
            raise ValueError(f"{name} does not do what {OURS} does: they differ by {difference:g}")


# An hour.


def one_run(name: str, minutes: int) -> dict[str, float]:
    """Filter so many minutes once, in a process that has done nothing else."""
    work, samples = whole(name), noise(1, minutes * 60 * RATE)
    work(samples[:, :RATE])
    before, used, began = forget_peak(), time.process_time(), time.perf_counter()
    out = work(samples)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    memory = (resident("VmHWM") - before) / samples.nbytes
    return {"seconds": seconds, "cpu": cpu, "memory": memory, "samples": out.size}


def apart(name: str, minutes: int) -> dict[str, float]:
    """Return what :func:`one_run` found in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, name, str(minutes)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def hour(minutes: int, rounds: int) -> list[Row]:
    names = contenders()
    check_same({name: whole(name)(noise(1, 5 * RATE)) for name in names})
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(apart(name, minutes))
    best = {name: min(run["seconds"] for run in runs[name]) for name in names}
    rows = []
    for name in names:
        cpu = min(run["cpu"] for run in runs[name])
        memory = min(run["memory"] for run in runs[name])
        rows.append(Row(f"{name}, s", f"{best[name]:.2f}"))
        rows.append(Row("  of which CPU, s", f"{cpu:.2f}"))
        rows.append(Row("  times faster than the sound", f"{60 * minutes / best[name]:.0f}"))
        # The output, which is as long as the input, is 1.00 of it.
        rows.append(Row("  memory taken, output included, of the input", f"{memory:.2f}"))
    if BOARD not in names:
        return [*rows, Row("pedalboard is not installed: scipy only", "-")]
    ratio = best[OURS] / best[BOARD]
    return [*rows, Row("time, of pedalboard's", f"{ratio:.2f}", "≤ 1", ratio <= 1)]


# Blocks of 10 ms.


def block_times(works: dict[str, Work], block: Samples, count: int) -> dict[str, list[float]]:
    """Return what each takes for a block, in us; they take turns every hundred blocks."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for begin in range(0, count + 200, 100):
        for name, work in works.items():
            for _ in range(100):
                started = time.perf_counter()
                work(block)
                taken = 1e6 * (time.perf_counter() - started)
                if begin >= 200:
                    times[name].append(taken)
    return times


def blocks(channels: int, count: int) -> list[Row]:
    names = contenders()
    block = noise(channels, BLOCK)
    check_same({name: live(name, channels)(block) for name in names})
    times = block_times({name: live(name, channels) for name in names}, block, count)
    rows = []
    for name in names:
        middle, late = np.percentile(times[name], [50, 99])
        rows.append(Row(f"{name}, us (the slowest hundredth)", f"{middle:.1f} ({late:.0f})"))
    if BOARD not in names:
        return [*rows, Row("pedalboard is not installed: scipy only", "-")]
    ratio = float(np.median(times[OURS]) / np.median(times[BOARD]))
    return [*rows, Row("time, of pedalboard's", f"{ratio:.2f}", "≤ 2", ratio <= 2)]


if __name__ == "__main__":
    print(json.dumps(one_run(sys.argv[1], int(sys.argv[2]))))
