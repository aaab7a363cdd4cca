"""Sounds with known answers, and measurements that share no code with the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

RATE = 48_000


def sine(hz: float, seconds: float, level: float = 0.5, rate: int = RATE) -> NDArray[np.float32]:
    t = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def speechlike(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Noise from 300 to 3000 Hz in syllables: no stretch of it resembles another."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(hz < 300) | (hz > 3000)] = 0
    noise = np.fft.irfft(spectrum, count)
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(count) / RATE)
    return (0.12 * noise / noise.std() * syllables).astype(np.float32)


def tone_fit(samples: NDArray[np.float32], rate: int) -> tuple[float, float]:
    """Return frequency in Hz and amplitude of the strongest sine, by an interpolated spectrum."""
    window = np.hanning(len(samples))
    size = 1 << 21
    spectrum = np.abs(np.fft.rfft(samples * window, size))
    peak = int(spectrum[1:-1].argmax()) + 1
    below, at, above = np.log(spectrum[peak - 1 : peak + 2])
    hz = (peak + 0.5 * (below - above) / (below - 2 * at + above)) * rate / size
    return float(hz), float(2 * spectrum[peak] / window.sum())


def block_snr(samples: NDArray[np.float32], hz: float, rate: int = RATE) -> NDArray[np.float64]:
    """Return, per 100 ms, how far a fitted sine of `hz` is above everything else, in dB."""
    size = rate // 10
    t = np.arange(size) / rate
    basis = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)], axis=1)
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    fitted = (basis @ np.linalg.lstsq(basis, blocks.T, rcond=None)[0]).T
    noise = ((blocks - fitted) ** 2).sum(axis=1) + 1e-20
    return 10 * np.log10((fitted**2).sum(axis=1) / noise + 1e-20)


def silent_blocks(samples: NDArray[np.float32], rate: int = RATE, below: float = 0.01) -> int:
    """Count blocks of 10 ms whose RMS is under `below`."""
    size = rate // 100
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return int((np.sqrt((blocks**2).mean(axis=1)) < below).sum())


def find(part: NDArray[np.float32], whole: NDArray[np.float32]) -> tuple[int, float]:
    """Return where in `whole` a `part` is, in samples, and their correlation there (-1 to 1)."""
    cross = correlate(whole, part, mode="valid", method="fft")
    energy = np.cumsum(np.concatenate([[0.0], whole.astype(np.float64) ** 2]))
    power = energy[len(part) :] - energy[: -len(part)]
    score = cross / np.sqrt(np.maximum(power, 1e-9) * float(part @ part))
    place = int(np.argmax(np.where(power > 1e-3 * power.max(), score, 0)))
    return place, float(score[place])


def beside(samples, hz=1000.0):
    """Return the energy more than a tenth away from a tone, in dB of it."""
    spectrum = np.abs(np.fft.rfft(samples * np.blackman(len(samples)))) ** 2
    away = np.abs(np.fft.rfftfreq(len(samples), 1 / RATE) - hz) > 0.1 * hz
    return 10 * np.log10(spectrum[away].sum() / spectrum[~away].sum())
