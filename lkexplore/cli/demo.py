"""``lkexplore demo``: the main job on real sound in a real room, with figures to look at."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError, SoundError
from .progress import with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..filters import Filter
    from ..sound.recording import Recording

__all__ = ["Results", "cleaning_filter", "draw", "play_and_record", "run_demo"]

MIN_SECONDS = 1.0
"""Least seconds to record."""

MAX_SECONDS = 60.0
"""Most seconds to record."""

SETTLING_SECONDS = 2.5
"""Seconds to wait first: a new track is played a little fast until the jitter buffer has shrunk."""


@dataclass(frozen=True)
class Results:
    """The sounds that the demo heard and made.

    Attributes
    ----------
    voice : Recording
        Alice's noisy speech, as recorded in the room.
    clean : Recording
        The same speech, filtered.
    heard : Recording
        The filtered sound, as a second participant recorded it when it was published.
    """

    voice: Recording
    clean: Recording
    heard: Recording


def run_demo(out: str, *, seconds: float = 5.0) -> int:
    """Do the main job and leave its sounds and pictures in a folder.

    Parameters
    ----------
    out : str
        The folder, made if it does not exist. Where a name is taken, the time is added to it:
        nothing is overwritten.
    seconds : float
        Seconds to record, 1 to 60.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    FileError
        When the folder cannot be written to; found out before anything is recorded.
    SoundError
        When `seconds` is out of its range.
    """
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise SoundError(f"--seconds {seconds:g}: from {MIN_SECONDS:g} to {MAX_SECONDS:g}")
    folder = _writable(out)
    from ..sdk.synchronous import run

    results = run(play_and_record(seconds))
    _report(results)
    _save(results, folder)
    return 0


def cleaning_filter() -> Filter:
    """Return the filter of the demo: it keeps speech, and removes hum, its harmonics and hiss."""
    from .. import filters

    chain: Filter = filters.bandpass(120, 5000, order=4)
    for harmonic in (150, 250, 350):
        chain = chain | filters.notch(harmonic, q=20)
    return chain


async def play_and_record(seconds: float) -> Results:
    """Record a noisy voice in a room, filter it, publish it, and record that again."""
    from ..files import sample_sounds as samples
    from ..room import bots
    from ..room.connect import connect

    name = f"lkexplore-demo-{secrets.token_hex(4)}"
    noisy = samples.sample("speech_noisy")
    async with connect(name, identity="you") as room:
        print("1. joined a room; alice is speaking in it, with hum and hiss behind her")
        async with await bots.play(name, noisy, identity="alice"):
            await room.wait_for_track("alice")
            await asyncio.sleep(SETTLING_SECONDS)
            voice = await with_progress(
                room.record("alice", seconds), "2. recording alice", seconds
            )
        clean = voice | cleaning_filter()
        print("3. filtered it: 120 Hz to 5 kHz, without the harmonics of the hum")
        async with connect(name, identity="listener") as listener:
            listening = asyncio.ensure_future(listener.record("you"))
            try:
                await with_progress(
                    room.publish(clean, name="clean"), "4. publishing it back", clean.duration
                )
                heard = await listening
            finally:
                listening.cancel()
    return Results(voice, clean, heard)


def _report(results: Results) -> None:
    """Print what was measured."""
    from .. import measure
    from ..files import sample_sounds as samples

    spoken = samples.sample("speech")
    print("\n                          duration     level      peak")
    rows = (("alice, as recorded", results.voice), ("filtered", results.clean))
    for label, sound in (*rows, ("heard by the listener", results.heard)):
        print(
            f"  {label:<22} {sound.duration:8.2f} s {sound.rms_dbfs:6.1f} dBFS"
            f" {sound.peak_dbfs:6.1f} dBFS"
        )
    lag = measure.lag_seconds(results.clean, results.heard)
    through = measure.segmental_snr_db(results.clean, results.heard)
    print(f"\n  published track against what the listener heard: SNR {through:.1f} dB")
    print(f"  the sound starts {1000 * lag:.0f} ms into the listener's recording")
    before = _speech_to_noise(spoken, results.voice)
    after = _speech_to_noise(spoken | cleaning_filter(), results.clean)
    print(f"  speech to noise before the filter {before:.1f} dB, after it {after:.1f} dB")


def _speech_to_noise(spoken: Recording, sound: Recording) -> float:
    """Return the level of the clean speech above everything else in `sound`, in dB."""
    from .. import measure

    repeated = _looped(spoken, sound.duration)
    begin = -measure.lag_seconds(repeated, sound)
    return measure.segmental_snr_db(repeated[begin : begin + sound.duration], sound)


def _looped(sound: Recording, seconds: float) -> Recording:
    """Return two more repetitions of `sound` than `seconds` need, to find any part of it."""
    import numpy as np

    times = int(seconds / sound.duration) + 3
    return sound.replace(samples=np.tile(sound.samples, times))


def _save(results: Results, folder: Path) -> None:
    """Write the sounds and the pictures, and say where."""
    from ..files.new_file import reserve

    sounds: Mapping[str, Recording] = {
        "alice": results.voice,
        "filtered": results.clean,
        "heard": results.heard,
    }
    now = datetime.now(UTC)
    saved = []
    for name, sound in sounds.items():
        saved.append(reserve(folder, name, ".wav", now))
        sound.save(saved[-1], overwrite=True)
    figure = draw(results)
    saved.append(reserve(folder, "before_after", ".png", now, sidecar=False))
    try:
        figure.savefig(saved[-1], dpi=110)
    except OSError as error:
        raise FileError(f"the picture could not be written: {error.strerror}") from error
    print(f"\nsaved in {folder.resolve()}:")
    print("  " + "  ".join(path.name for path in saved))


def draw(results: Results) -> Figure:
    """Return a figure with waveform and spectrogram, before and after the filter."""
    from matplotlib.figure import Figure

    from .. import plot

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    columns = (("as recorded", results.voice), ("filtered", results.clean))
    for column, (title, sound) in enumerate(columns):
        plot.waveform(sound, axes[0, column], title=title)
        plot.spectrogram(sound, axes[1, column], title="", max_hz=10_000)
    limit = 1.1 * max(abs(results.voice.samples).max(), 1e-3)
    for axis in axes[0]:
        axis.set_ylim(-limit, limit)
    return figure


def _writable(out: str) -> Path:
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FileError(
            f"--out {out}: {error.strerror}; name a folder that can be written to"
        ) from error
    return folder
