"""Make the sounds that come with the package: ``python data/make_samples.py [FOLDER]``.

The same program gives the same files again, bit for bit with the same versions of libsndfile,
libFLAC and (for the speech) espeak-ng. Random numbers come from numpy's ``RandomState``, whose
streams are frozen.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Sound = tuple[NDArray[np.float64], int]

TEXT = (
    "Hello, and welcome to this room. What you hear was cut into packets, sent, and joined again."
)
SPEECH_DBFS = -23.0
HUM_BELOW_SPEECH_DB = 6.0
NOISE_BELOW_SPEECH_DB = 20.0


def main(folder: Path) -> None:
    """Write every sample into a folder as 16-bit FLAC; speech only if espeak-ng is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in samples().items():
        x, rate = make()
        if np.max(np.abs(x)) >= 1:
            raise ValueError(f"{name} is clipped")
        integers = np.rint(x * 32768).astype(np.int16)
        soundfile.write(folder / f"{name}.flac", integers, rate, subtype="PCM_16")


def samples() -> dict[str, Callable[[], Sound]]:
    """Return what can be made here, by name."""
    found: dict[str, Callable[[], Sound]] = {
        "chirp": chirp,
        "clicks": clicks,
        "hum": hum,
        "plucked": plucked,
        "sweep": sweep,
    }
    if shutil.which("espeak-ng"):
        found |= {"speech": speech, "speech_noisy": speech_noisy}
    return found


def speech() -> Sound:
    """Return two sentences spoken by espeak-ng, at -23 dBFS (RMS; a full-scale sine is 0)."""
    command = ["espeak-ng", "-v", "en-us", "-s", "155", "-p", "45", "--stdout", TEXT]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    # What is written to a pipe has a wrong length in its header: the samples follow 44 bytes.
    rate = soundfile.info(io.BytesIO(wav)).samplerate
    x = np.frombuffer(wav[44:], dtype="<i2") / 32768
    sounding = np.flatnonzero(np.abs(x) > 1e-3)
    pause = np.zeros(rate // 5)
    x = np.concatenate((pause, x[sounding[0] : sounding[-1] + 1], pause))
    return at_level(x, SPEECH_DBFS), rate


def speech_noisy() -> Sound:
    """Return the same speech with mains hum 6 dB and white noise 20 dB below it (RMS)."""
    x, rate = speech()
    noise = np.random.RandomState(20).standard_normal(x.size)
    spoiled = x + at_level(mains(x.size, rate), SPEECH_DBFS - HUM_BELOW_SPEECH_DB)
    return spoiled + at_level(noise, SPEECH_DBFS - NOISE_BELOW_SPEECH_DB), rate


def plucked() -> Sound:
    """Return a plucked string of 219.4 Hz (Karplus and Strong 1983): noise round a delay line."""
    rate, period, seconds = 22050, 100, 3.0
    x = np.zeros(int(rate * seconds))
    line = np.random.RandomState(1983).uniform(-1, 1, period)
    # A softer pluck: the mean of neighbours takes the edge off the noise.
    line = (line + np.roll(line, 1)) / 2
    before = 0.0
    for begin in range(0, x.size, period):
        x[begin : begin + period] = line[: x.size - begin]
        # Each sample is the mean of those 100 and 101 earlier: a delay of 100.5.
        earlier = np.concatenate(([before], line[:-1]))
        before = line[-1]
        line = (line + earlier) / 2
    return fade(at_level(x, -20.0), rate), rate


def chirp() -> Sound:
    """Return four rising chirps, 200 to 3800 Hz in 0.5 s each: linear in frequency."""
    rate, low, high, seconds = 8000, 200.0, 3800.0, 0.5
    t = np.arange(int(rate * seconds)) / rate
    one = np.sin(2 * np.pi * (low * t + (high - low) / (2 * seconds) * t**2))
    return 0.25 * np.tile(fade(one, rate), 4), rate


def clicks() -> Sound:
    """Return clicks of one sample every 0.25 s from 0.125 s on, every second one negative."""
    rate = 48000
    x = np.zeros(3 * rate)
    places = np.arange(rate // 8, x.size, rate // 4)
    x[places] = np.where(np.arange(places.size) % 2, -0.5, 0.5)
    return x, rate


def sweep() -> Sound:
    """Return a sine that rises from 20 Hz to 20 kHz in 4 s, exponentially (Farina 2000)."""
    rate, low, high, seconds = 48000, 20.0, 20000.0, 4.0
    t = np.arange(int(rate * seconds)) / rate
    growth = seconds / np.log(high / low)
    return fade(0.25 * np.sin(2 * np.pi * low * growth * np.expm1(t / growth)), rate), rate


def hum() -> Sound:
    """Return mains hum of 50 Hz with its overtones, at -30 dBFS."""
    rate = 8000
    return at_level(mains(3 * rate, rate), -30.0), rate


def mains(length: int, rate: int) -> NDArray[np.float64]:
    """Return 50 Hz and overtones up to 350 Hz, the odd ones stronger, as of a transformer."""
    t = np.arange(length) / rate
    partials = {1: 1.0, 2: 0.1, 3: 0.4, 4: 0.05, 5: 0.2, 7: 0.1}
    x = np.zeros(length)
    for k, a in partials.items():
        x += a * np.sin(2 * np.pi * 50 * k * t + k)
    return x


def at_level(x: NDArray[np.float64], dbfs: float) -> NDArray[np.float64]:
    """Scale to an RMS level in dBFS, a full-scale sine being 0 dBFS."""
    scaled: NDArray[np.float64] = x * (10 ** (dbfs / 20) / np.sqrt(2 * np.mean(np.square(x))))
    return scaled


def fade(x: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Fade in and out over 5 ms."""
    steps = rate // 200
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(steps) + 0.5) / steps)
    faded = x.copy()
    faded[:steps] *= ramp
    faded[-steps:] *= ramp[::-1]
    return faded


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
