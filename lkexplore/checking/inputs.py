"""Inputs of every kind: mono and stereo, silence, full scale, a constant, NaN."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .block_sizes import TOLERANCE, noise
from .report import Finding
from .subject import BlockFailed, Subject, in_blocks

_SILENCE = 1e-9
"""Amplitude, full scale being 1, below which an output counts as silence."""

_LEAK = 1e-5
"""Amplitude, full scale being 1, above which sound of the other channel counts as heard."""

_LOUD_DB = 20.0
"""Gain in dB above which there is a warning: few filters are meant to be that loud."""

__all__ = ["check_channels", "check_inputs", "check_kept", "check_nan", "check_reset", "same"]


def check_reset(
    subject: Subject, samples: NDArray[np.float32], whole: NDArray[np.float64]
) -> Finding:
    """Return whether the same sound gives the same output after reset()."""
    name = "reset"
    process, reset = subject.resettable()
    try:
        in_blocks(process, samples, ())
        reset()
        again = in_blocks(process, samples, ())
    except BlockFailed as error:
        return Finding(name, "failed", str(error))
    if same(again, whole):
        return Finding(name, "ok", "the same sound gives the same output again")
    if subject.kind == "function":
        text = (
            "the function remembers the sound before, and cannot be told to forget it: make it an "
            "object with process(block) and reset(), or use "
            "lkexplore.filters.from_function(f, state)"
        )
        return Finding(name, "note", text)
    if subject.can_reset:
        text = "after reset() the same sound gives another output: set all that it remembers back"
    else:
        text = "it remembers the sound before: write reset(), which makes it forget"
    return Finding(name, "failed", text)


def check_channels(subject: Subject, samples: NDArray[np.float32]) -> Finding:
    """Return whether mono and stereo can be told apart and both pass, each channel for itself."""
    name, sound = "channels", samples[:, :9600]
    try:
        alone = in_blocks(subject.fresh(1), sound[:1], (480,) * 20)
    except BlockFailed as error:
        return Finding(name, "failed", f"mono: {error}")
    try:
        both = in_blocks(subject.fresh(), sound, (480,) * 20)
        twice = in_blocks(subject.fresh(), np.repeat(sound[:1], 2, axis=0), (480,) * 20)
        one, other = sound.copy(), sound.copy()
        one[1] = other[0] = 0
        first = in_blocks(subject.fresh(), one, (480,) * 20)
        second = in_blocks(subject.fresh(), other, (480,) * 20)
    except BlockFailed as error:
        return Finding(name, "failed", f"stereo: {error}")
    if (len(alone), len(both)) != (1, 2):
        text = f"mono becomes {len(alone)} channels, stereo {len(both)}"
        return Finding(name, "note", f"{text}: a live track needs as many as it had")
    heard = max(_peak(first[1:]), _peak(second[:1]))
    if heard > _LEAK and not (same(twice[:1], alone) and same(twice[1:], alone)):
        text = (
            f"sound in one channel alone comes out of the other too, at {_level(heard)}, and one "
            "channel twice is not the same as once: if this is not wanted, as in reverb, one state "
            "serves both channels, so keep a state for each"
        )
        return Finding(name, "note", text)
    return Finding(name, "ok", "mono stays mono, stereo stays stereo")


def check_inputs(
    subject: Subject, samples: NDArray[np.float32], whole: NDArray[np.float64]
) -> list[Finding]:
    """Return what silence, full scale and a constant become, and how much louder sound gets."""
    length = subject.sample_rate
    signs = np.where(noise(1.0, length, 3) >= 0, 1.0, -1.0).astype(np.float32)
    inputs = {
        "silence": np.zeros((2, length), np.float32),
        "full scale": signs,
        "constant": np.ones((2, length), np.float32),
    }
    gains = {"noise": _gain_db(samples, whole)}
    findings = []
    for name, sound in inputs.items():
        try:
            out = in_blocks(subject.fresh(), sound, (480,) * (length // 480))
        except BlockFailed as error:
            findings.append(Finding(name, "failed", str(error)))
            continue
        findings.append(_one_input(name, out))
        gains[name] = _gain_db(sound, out)
    return [*findings, _gain(gains)]


def _one_input(name: str, out: NDArray[np.float64]) -> Finding:
    bad = ~np.isfinite(out).all(axis=0)
    if bad.any():
        text = f"it makes NaN or infinity of it, from sample {int(np.argmax(bad))} on"
        hint = ": add a small number before dividing or taking a logarithm"
        return Finding(name, "failed", text + hint * (name == "silence"))
    level = _level(_peak(out))
    silent = _peak(out) < _SILENCE
    if name == "silence" and not silent:
        return Finding(name, "note", f"it makes sound of silence, peak {level}")
    return Finding(name, "ok", "stays silence" if name == "silence" else f"peak {level}")


def _gain(gains: dict[str, float]) -> Finding:
    loudest = max(gains, key=lambda name: gains[name])
    most = gains[loudest]
    if most <= _LOUD_DB:
        text = f"at most {most:+z.1f} dB" if most > -math.inf else "no sound comes out"
        return Finding("gain", "ok", text)
    text = (
        f"{loudest} comes out {most:.1f} dB louder than it goes in: if this is not wanted, divide "
        "by what full scale is, 32768 for 16-bit integers; samples are from -1 to 1"
    )
    return Finding("gain", "note", text)


def _gain_db(sound: NDArray[np.float32], out: NDArray[np.float64]) -> float:
    """Return how many dB the RMS level rises; -inf for silence, and if there is no level."""
    peak = _peak(out)
    if not (0 < peak < math.inf) or not sound.any():
        return -math.inf
    # Relative to the peak, because squares of what explodes would overflow.
    after = float(np.mean(np.square(out / peak)))
    before = float(np.mean(np.square(sound, dtype=np.float64)))
    return 20 * math.log10(peak) + 10 * math.log10(after / before)


def check_nan(subject: Subject) -> Finding:
    """Return whether a NaN is refused, or at least forgotten."""
    name = "NaN"
    process = subject.fresh()
    sound = noise(1.0, subject.sample_rate, 4)
    block = sound[:, :480].copy()
    block[:, 100] = np.nan
    text = "passes through, and is forgotten again"
    try:
        in_blocks(process, sound, (480,) * (sound.shape[1] // 480))
        process(block)
    except BlockFailed as error:
        text = "is refused, and what comes after is fine"
        if not error.refused:
            text = f"{error}; what comes after is fine"
    try:
        after = in_blocks(process, sound, (480,) * (sound.shape[1] // 480))
    except BlockFailed as error:
        return Finding(name, "note", f"after a block with NaN {error}")
    if not np.isfinite(after[:, -480:]).all():
        text = (
            "one NaN stays in its memory for good: raise SoundError, before anything is kept, if "
            "not np.isfinite(block).all(); or reset() after such a block"
        )
        return Finding(name, "note", text)
    return Finding(name, "ok", text)


def check_kept(subject: Subject) -> Finding:
    """Return whether the input is left as it is."""
    name = "input kept"
    block = noise(0.01, subject.sample_rate, 5)
    before = block.copy()
    subject.raw(block)
    if np.array_equal(block, before):
        return Finding(name, "ok", "the block that goes in is not changed")
    text = "it changes the block that it is given: work on a copy, others may need the block"
    return Finding(name, "note", text)


def _peak(out: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(out), initial=0.0))


def _level(peak: float) -> str:
    return f"{round(20 * np.log10(peak), 1) + 0.0:+.1f} dBFS" if peak else "none at all"


def same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two outputs are the same, to the tolerance."""
    if one.shape != other.shape:
        return False
    peak = float(np.max(np.abs(other[np.isfinite(other)]), initial=1.0))
    return np.allclose(one, other, rtol=0, atol=TOLERANCE * peak, equal_nan=True)
