"""Every filter of the library: what a block of 10 ms costs, and what `lk.check` says of it.

`benchmarks/filters.py` runs this with the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from capture_children import RATE, Row
from filters_speed import BLOCK, has_board, noise
from scipy.signal import butter

import lkexplore as lk
from lkexplore import filters as f
from lkexplore.filters import Filter

Make: TypeAlias = Callable[[], Filter]

NO_FACTORIES = frozenset({"as_filter"})


def recorded(channels: int = 1) -> lk.Recording:
    return lk.Recording(noise(channels, RATE), RATE)


def difference(block: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    joined = np.concatenate((last, block), axis=1)
    return np.diff(joined, axis=1), joined[:, -1:]


def peak_board() -> Filter:
    import pedalboard

    return f.from_pedalboard(pedalboard.Pedalboard([pedalboard.PeakFilter(1000, 6, 1)]))


def examples() -> dict[str, list[tuple[str, Make]]]:
    """Return filters by the factory that makes them, the unremarkable one first."""
    sos, taps = butter(4, 1000, output="sos", fs=RATE), np.ones(100) / 100
    made: dict[str, list[tuple[str, Make]]] = {
        "gain": [("-6 dB", lambda: f.gain(-6))],
        "pan": [("", lambda: f.pan(0.3))],
        "mix": [("of a lowpass", lambda: f.mix(f.lowpass(1000), 0.5))],
        "delay": [("0.25 s", lambda: f.delay(0.25, feedback=0.3))],
        "echo": [("", lambda: f.echo())],
        "comb": [("5 ms", lambda: f.comb(0.005))],
        "feedback_comb": [("5 ms", lambda: f.feedback_comb(0.005))],
        "peaking": [("", lambda: f.peaking(1000, 6))],
        "low_shelf": [("", lambda: f.low_shelf(200, 6))],
        "high_shelf": [("", lambda: f.high_shelf(5000, 6))],
        "notch": [("", lambda: f.notch(1000))],
        "allpass": [("", lambda: f.allpass(1000))],
        "parametric_eq": [
            ("", lambda: f.parametric_eq((1000, 6), (3000, -6), low=(100, 3), high=(8000, 3)))
        ],
        "graphic_eq": [("", lambda: f.graphic_eq((3, -3) * 5))],
        "dehum": [("50 Hz", lambda: f.dehum(50))],
        "from_sos": [("order 4", lambda: f.from_sos(sos, RATE))],
        "from_ba": [("100 taps", lambda: f.from_ba(taps))],
        "from_function": [("", lambda: f.from_function(difference, lambda n: np.zeros((n, 1))))],
        "parallel": [("of two", lambda: f.parallel(f.lowpass(300), f.fir_highpass(3000)))],
        "compressor": [("", lambda: f.compressor())],
        "limiter": [("", lambda: f.limiter())],
        "gate": [("", lambda: f.gate())],
        "expander": [("", lambda: f.expander())],
        "denoise": [
            ("", lambda: f.denoise()),
            ("with a profile", lambda: f.denoise(recorded())),
        ],
        "webrtc": [
            ("", lambda: f.webrtc()),
            ("with echo cancellation", lambda: f.webrtc(echo_cancellation=True)),
        ],
        "lms": [
            ("64 taps", lambda: f.lms()),
            ("64 taps, a recording", lambda: f.lms(recorded())),
        ],
        "nlms": [
            ("64 taps", lambda: f.nlms()),
            ("512 taps, a recording", lambda: f.nlms(recorded(), 512)),
        ],
    }
    if has_board():
        made["from_pedalboard"] = [("a peak filter", peak_board)]
    return made | recursive() | finite()


def recursive() -> dict[str, list[tuple[str, Make]]]:
    others = {"chebyshev1": 1000, "chebyshev2": 1000, "elliptic": 1000, "bessel": 1000}
    return {
        "lowpass": [
            ("", lambda: f.lowpass(1000)),
            *((name, lambda name=name: f.lowpass(others[name], design=name)) for name in others),
            ("order 12", lambda: f.lowpass(1000, order=12)),
            ("50 Hz, order 12", lambda: f.lowpass(50, order=12)),
        ],
        "highpass": [("", lambda: f.highpass(300))],
        "bandpass": [("", lambda: f.bandpass(300, 3400))],
        "bandstop": [("", lambda: f.bandstop(900, 1100))],
    }


def finite() -> dict[str, list[tuple[str, Make]]]:
    return {
        "fir_lowpass": [
            ("255 taps", lambda: f.fir_lowpass(1000)),
            ("parks-mcclellan", lambda: f.fir_lowpass(1000, design="parks-mcclellan")),
            ("least squares", lambda: f.fir_lowpass(1000, design="least squares")),
            ("4095 taps", lambda: f.fir_lowpass(1000, taps=4095)),
        ],
        "fir_highpass": [("255 taps", lambda: f.fir_highpass(1000))],
        "fir_bandpass": [("255 taps", lambda: f.fir_bandpass(1000, 4000))],
        "fir_bandstop": [("255 taps", lambda: f.fir_bandstop(1000, 4000))],
    }


def named(quick: bool) -> Iterator[tuple[str, Make]]:
    """Give filters and what to call them; one for each factory if it is to be quick."""
    for factory, made in examples().items():
        for title, make in made[:1] if quick else made:
            yield (f"{factory}, {title}" if title else factory), make


def left_out() -> list[Row]:
    """Return a row for each factory that has no example here."""
    known = examples().keys() | NO_FACTORIES
    missing = sorted(name for name in f.__all__ if name.islower() and name not in known)
    return [
        Row(name, "not installed")
        if name == "from_pedalboard"
        else Row(name, "no example", "one", False)
        for name in missing
    ]


def block_us(made: Filter, channels: int, count: int) -> float:
    """Return the median time of a block, in us; a far end is fed, and not counted."""
    block, far = noise(channels, BLOCK), getattr(made, "far", None)
    fed = far if callable(far) and wants_far_end(made) else None
    times = []
    for n in range(count + 50):
        if fed is not None:
            fed(block)
        started = time.perf_counter()
        made.process(block)
        if n >= 50:
            times.append(1e6 * (time.perf_counter() - started))
    return float(np.median(times))


def wants_far_end(made: Any) -> bool:
    return getattr(made, "reference", None) is None and getattr(made, "echo_cancellation", True)


def costs(count: int, quick: bool) -> list[Row]:
    """Return what a block costs, mono and stereo, and how much faster than sound that is."""
    rows = [Row("", "mono     stereo   times faster, stereo")]
    for name, make in named(quick):
        mono, stereo = (block_us(make(), channels, count) for channels in (1, 2))
        faster = 1e6 * BLOCK / RATE / stereo
        # Four times faster than sound is what a filter needs to be no trouble live.
        rows.append(Row(name, f"{mono:7.1f}  {stereo:7.1f}  {faster:7.0f}", "≥ 4", faster >= 4))
    return [*rows, *left_out()]


def checks(seconds: float, quick: bool) -> list[Row]:
    """Return what `lk.check` says: a row for each filter, and one for each thing that failed."""
    rows = []
    for name, make in named(quick):
        found = lk.check(make(), seconds=seconds)
        failed = [each for each in found.findings if each.verdict == "failed"]
        notes = [each for each in found.findings if each.verdict == "note"]
        verdict = f"{len(failed)} failed" if failed else "ok"
        if notes:
            verdict += f", {len(notes)} noted"
        rows.append(Row(name, verdict, "ok", not failed))
        rows.extend(
            Row(f"  {each.name} {each.verdict}: {each.text}", "") for each in failed + notes
        )
    return [*rows, *left_out()]
