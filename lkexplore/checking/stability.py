"""Behaviour over time: latency, tail and stability."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from .block_sizes import noise
from .report import Finding
from .subject import BlockFailed, Subject, in_blocks

__all__ = ["check_latency", "check_stability", "check_tail"]

_LONGEST_TAIL = 10.0
"""Seconds of sound, at most, over which a tail is followed."""

_LONG_RUN = 20.0
"""Seconds of sound, at most, over which levels are watched for growth."""

_PATIENCE = 4.0
"""Seconds of computing after which each of these tests ends early."""

_QUIET = 1e-4
"""Share of the peak up to which a tail counts as over: 80 dB down."""

_LINEAR_PHASE = 0.9995
"""Correlation, from 0 to 1, of the two halves of a response above which it counts as symmetric."""


def check_latency(subject: Subject) -> tuple[Finding, int | None]:
    """Return the finding, and the latency in samples where there is one figure."""
    name, rate = "latency", subject.sample_rate
    declared = subject.latency
    if declared < 0:
        return Finding(name, "failed", f"latency is {declared}: give 0 or more samples"), None
    rng = np.random.default_rng(6)
    sound = np.zeros((2, 2 * rate + declared), np.float32)
    sound[:, :rate] = np.clip(0.2 * rng.standard_normal(rate), -1, 1)
    try:
        out = in_blocks(subject.fresh(), sound, (480,) * (sound.shape[1] // 480))[0]
    except BlockFailed as error:
        return Finding(name, "failed", str(error)), None
    says = f"{declared} samples ({1000 * declared / rate:.4g} ms)"
    if not (np.isfinite(out).all() and out.any()):
        return Finding(name, "note", f"says {says}; no sound came out to tell"), None
    response, share = _response(sound[0].astype(np.float64), out)
    if share < 0.5:
        return Finding(name, "ok", f"says {says}; too unlike the input to measure it"), None
    found = int(np.argmax(np.abs(response)))
    measured = f"measured {found} ({1000 * found / rate:.4g} ms)"
    if abs(found - declared) <= 2 or not _symmetric(response, found):
        spread = "" if abs(found - declared) <= 2 else ", spread over frequency by its phase"
        return Finding(name, "ok", f"says {says}, {measured}{spread}"), found
    hint = f"set latency = {found}, unless the delay is what it is for"
    return Finding(name, "note", f"says {says}, but {measured}: {hint}"), found


def _response(
    sound: NDArray[np.float64], out: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the impulse response that explains the output best, and the share it explains."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(2 * sound.size, real=True)
    given, made = rfft(sound, size), rfft(out / np.max(np.abs(out)), size)
    power = np.square(np.abs(given))
    spectrum = made * given.conj() / (power + 1e-9 * power.mean())
    response = irfft(spectrum, size)[: sound.size]
    explained = irfft(rfft(response, size) * given, size)[: sound.size]
    rest = out / np.max(np.abs(out)) - explained
    total = float(np.sum(np.square(out / np.max(np.abs(out)))))
    return response, 1 - float(np.dot(rest, rest)) / total


def _symmetric(across: NDArray[np.float64], centre: int) -> bool:
    """Return whether a response is a pure delay or of linear phase, so that it has one latency."""
    reach = min(centre, across.size - 1 - centre, 4000)
    before = across[centre - reach : centre + 1][::-1]
    after = across[centre : centre + reach + 1]
    heard = (np.abs(before) + np.abs(after)) > 0.05 * abs(across[centre])
    first, second = before[heard], after[heard]
    rest = np.delete(across, slice(centre - reach, centre + reach + 1))
    if np.any(np.abs(rest) > 0.3 * abs(across[centre])):
        return False
    total = float(np.sum(np.square(first)) + np.sum(np.square(second)))
    return 2 * float(np.dot(first, second)) > _LINEAR_PHASE * total


def check_tail(subject: Subject) -> tuple[Finding, float | None]:
    """Return the finding, and how long the output goes on after the input."""
    name, rate = "tail", subject.sample_rate
    process = subject.fresh()
    sound = noise(0.5, rate, 7)
    silence = np.zeros((2, max(1, rate // 10)), np.float32)
    started = time.monotonic()
    try:
        peak = float(np.max(np.abs(in_blocks(process, sound, ())), initial=0.0))
        last, heard = 0, 0
        patience = min(_PATIENCE, subject.left / 4)
        while heard < _LONGEST_TAIL * rate and time.monotonic() - started < patience:
            out = np.max(np.abs(np.asarray(process(silence), np.float64)), axis=0)
            peak = max(peak, float(np.max(out, initial=0.0)))
            loud = np.flatnonzero(~(out <= _QUIET * peak))
            if loud.size:
                last = heard + int(loud[-1]) + 1
            heard += silence.shape[1]
    except BlockFailed as error:
        return Finding(name, "failed", str(error)), None
    if last > heard - silence.shape[1]:
        text = f"still sounds {heard / rate:g} s after the input has ended"
        return Finding(name, "note", text), math.inf
    seconds = last / rate
    return Finding(name, "ok", f"{1000 * seconds:.4g} ms until it is 80 dB down"), seconds


def check_stability(subject: Subject) -> Finding:
    """Return whether bounded input gives bounded output over a long run."""
    name, rate = "stability", subject.sample_rate
    loud = np.clip(noise(1.0, rate, 8) * 4, -1, 1)
    ran = 0.0
    for kind, second in (("noise", loud), ("a constant", np.ones_like(loud))):
        process = subject.fresh()
        levels: list[float] = []
        started = time.monotonic()
        patience = min(_PATIENCE, subject.left / 4)
        while len(levels) < _LONG_RUN and time.monotonic() - started < patience:
            try:
                out = np.asarray(process(second), np.float64)
            except BlockFailed as error:
                return Finding(name, "failed", f"after {len(levels)} s of {kind} {error}")
            if not np.isfinite(out).all():
                return Finding(
                    name, "failed", f"{kind} of full scale becomes NaN or infinity{_WHY}"
                )
            # Relative to the peak, because the square of a value that explodes would overflow.
            peak = float(np.max(np.abs(out), initial=0.0)) or 1.0
            levels.append(peak * float(np.sqrt(np.mean(np.square(out / peak)))))
        if _grows(levels):
            text = (
                f"{kind} of full scale grows without end, to an RMS of {levels[-1]:.3g} "
                f"after {len(levels)} s{_WHY}"
            )
            return Finding(name, "failed", text)
        ran = max(ran, len(levels))
    return Finding(name, "ok", f"{ran:g} s of full-scale noise, and of a constant, stay bounded")


_WHY = ": its feedback is too strong, a pole is on or outside the unit circle"
"""Cause that is added to a finding of an output without bounds."""


def _grows(levels: list[float]) -> bool:
    """Return whether levels rise by as much in the end as before, instead of settling."""
    part = len(levels) // 4
    if not part:
        return False
    second, third, fourth = (float(np.mean(levels[k * part : (k + 1) * part])) for k in (1, 2, 3))
    return fourth > 1.2 * second and fourth - third > 0.97 * (third - second)
