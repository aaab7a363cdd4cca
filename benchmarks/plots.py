"""Measure plots beside librosa.display: the waveform of an hour, spectrograms of long sounds.

Run it as ``python benchmarks/plots.py`` (about five minutes), or with ``--quick`` (less than 90 s,
on shorter sounds). ``--only waveform`` and the like measure a part. Every picture is made in a
process of its own, with axes and drawing; the contenders take turns, so that whatever else the
machine does hits all alike, and the best of several rounds is the least disturbed. Memory is the
highest resident set while the first picture is made, over what there was before, the samples (for
lkexplore a Recording, for librosa an array) being there already. Figures depend on the machine and
on what else runs on it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from capture import table
from capture_children import RATE, Row
from capture_cost import forget_peak, resident
from numpy.typing import NDArray

OURS, LIBROSA = "lkexplore", "librosa.display"
WINDOW = 1920
HALF_DB = 0.5

Samples: TypeAlias = NDArray[np.float32]
Draw: TypeAlias = Callable[[Any], Any]


# What draws. All return axes.


def our_waveform(sound: Any) -> Any:
    import lkexplore as lk

    return lk.plot.waveform(sound)


def our_spectrogram(sound: Any) -> Any:
    import lkexplore as lk

    return lk.plot.spectrogram(sound)


def our_reassigned(sound: Any) -> Any:
    import lkexplore as lk

    return lk.plot.spectrogram(sound, reassigned=True)


def waveshow(samples: Samples) -> Any:
    import librosa.display
    import matplotlib.pyplot as plt

    ax = plt.subplots(figsize=(9, 2.8))[1]
    librosa.display.waveshow(samples[0], sr=RATE, ax=ax)
    return ax


def specshow(samples: Samples) -> Any:
    import librosa.display
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(9, 3.2))
    levels = librosa_levels(samples)
    mesh = librosa.display.specshow(
        levels, sr=RATE, hop_length=WINDOW // 4, n_fft=WINDOW, x_axis="time", y_axis="linear", ax=ax
    )
    figure.colorbar(mesh, ax=ax)
    return ax


def librosa_levels(samples: Samples) -> NDArray[np.float32]:
    """Return levels in dBFS, from windows that overlap as ours do."""
    import librosa

    found = np.abs(librosa.stft(samples[0], n_fft=WINDOW, hop_length=WINDOW // 4))
    return np.asarray(librosa.amplitude_to_db(found, ref=WINDOW / 4, amin=1e-7, top_db=80))


PICTURES: dict[str, dict[str, Draw]] = {
    "waveform": {OURS: our_waveform, LIBROSA: waveshow},
    "spectrogram": {OURS: our_spectrogram, LIBROSA: specshow},
    "reassigned": {OURS: our_reassigned},
}


# A process for each.


def one_run(picture: str, name: str, seconds: int) -> dict[str, float]:
    """Draw a picture twice, in a process that has drawn nothing yet."""
    import librosa.display
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    import lkexplore as lk

    # What is imported late counts for nobody.
    loaded = librosa.display.specshow, librosa.stft, lk.plot, lk.Recording
    samples = 0.1 * np.random.default_rng(0).standard_normal((1, seconds * RATE), dtype="f4")
    draw = PICTURES[picture][name]
    sound = lk.Recording(samples, RATE) if name == OURS else samples
    found: dict[str, float] = {"loaded": len(loaded)}
    before = forget_peak()
    for turn in ("first", "again"):
        began = time.perf_counter()
        ax = draw(sound)
        ax.figure.canvas.draw()
        found[turn] = time.perf_counter() - began
        if turn == "first":
            found["memory"] = resident("VmHWM") - before
        plt.close(ax.figure)
    return found


def apart(picture: str, name: str, seconds: int) -> dict[str, float]:
    """Return what :func:`one_run` found in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", picture, name, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def best_of(picture: str, seconds: int, rounds: int) -> dict[str, dict[str, float]]:
    names = list(PICTURES[picture])
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(apart(picture, name, seconds))
    return {
        name: {key: min(run[key] for run in runs[name]) for key in runs[name][0]} for name in names
    }


def rows_of(found: dict[str, dict[str, float]]) -> list[Row]:
    rows = []
    for name, run in found.items():
        rows.append(Row(f"{name}, first picture of a process, s", f"{run['first']:.3f}"))
        rows.append(Row("  the next one, s", f"{run['again']:.3f}"))
        rows.append(Row("  memory, MB", f"{run['memory'] / 1e6:.0f}"))
    return rows


# The parts.


def check_same() -> None:
    """Make sure that both show the same peaks: a tone's level, and a click's height."""
    import matplotlib

    matplotlib.use("Agg")
    tone = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(5 * RATE) / RATE)
    x = np.asarray(tone[np.newaxis], dtype=np.float32)
    ours = float(np.max(our_spectrogram((x, RATE)).collections[0].get_array()))
    theirs = float(librosa_levels(x).max())
    if abs(ours - theirs) > HALF_DB:
        raise ValueError(f"one shows a tone at {ours:.2f} dBFS, the other at {theirs:.2f}")
    x[0, 3 * RATE + 7] = 0.9
    heights = [
        max(float(path.vertices[:, 1].max()) for c in ax.collections for path in c.get_paths())
        for ax in (our_waveform((x, RATE)), waveshow(x))
    ]
    if abs(heights[0] - heights[1]) > 1e-3:
        raise ValueError(f"one shows a click {heights[0]:.3f} high, the other {heights[1]:.3f}")


def faster(found: dict[str, dict[str, float]]) -> list[Row]:
    first, again = (found[LIBROSA][turn] / found[OURS][turn] for turn in ("first", "again"))
    return [
        Row("times faster, first picture", f"{first:.0f}", "≥ 20", first >= 20),
        Row("  the next one", f"{again:.0f}"),
    ]


def waveforms(seconds: int, rounds: int) -> list[Row]:
    found = best_of("waveform", seconds, rounds)
    return [*rows_of(found), *faster(found)]


def spectrograms(seconds: int, rounds: int) -> list[Row]:
    found = best_of("spectrogram", seconds, rounds)
    share = found[OURS]["memory"] / found[LIBROSA]["memory"]
    memory = Row("memory, of librosa's", f"{share:.3f}", "≤ 0.1", share <= 0.1)
    return [*rows_of(found), *faster(found), memory]


def long_one(picture: str, seconds: int, rounds: int) -> list[Row]:
    run = min((apart(picture, OURS, seconds) for _ in range(rounds)), key=lambda run: run["first"])
    return [
        Row(f"{picture}, s", f"{run['first']:.2f}", "< 10", run["first"] < 10),
        Row("  memory, MB", f"{run['memory'] / 1e6:.0f}", "< 1000", run["memory"] < 1e9),
    ]


def parts(quick: bool) -> dict[str, list[tuple[str, Callable[[], list[Row]]]]]:
    """Return what there is to measure: titles, and what gives their rows."""
    hour, ten, rounds = (10, 1, 2) if quick else (60, 10, 3)
    return {
        "waveform": [
            (
                f"Waveform of {hour} minutes of mono at 48 kHz, best of {rounds}",
                lambda: waveforms(60 * hour, rounds),
            )
        ],
        "spectrogram": [
            (
                f"Spectrogram of {ten} minutes, best of {rounds}",
                lambda: spectrograms(60 * ten, rounds),
            )
        ],
        "hour": [
            (
                f"Spectrogram of {hour} minutes, best of 2",
                lambda: [
                    *long_one("spectrogram", 60 * hour, 2),
                    *long_one("reassigned", 60 * hour, 1),
                ],
            )
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than 90 s, shorter sounds")
    parser.add_argument("--only", nargs="+", metavar="PART", help="waveform, spectrogram, hour")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        picture, name, seconds = options.one
        print(json.dumps(one_run(picture, name, int(seconds))))
        return
    measured = parts(options.quick)
    unknown = sorted(set(options.only or ()) - set(measured))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(measured)}")
    check_same()
    for name in options.only or measured:
        for title, rows in measured[name]:
            table(title, rows())


if __name__ == "__main__":
    main()
