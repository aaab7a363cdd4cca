"""Inputs of every kind: mono and stereo, silence, full scale, a constant, NaN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .block_sizes import TOLERANCE, noise
from .report import Finding
from .subject import BlockFailed, Subject, in_blocks

_SILENCE = 1e-9
"""Amplitude, full scale being 1, below which an output counts as silence."""

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
    """Return whether mono and stereo can be told apart and both pass."""
    name, made = "channels", []
    for channels in (1, 2):
        try:
            out = in_blocks(subject.fresh(channels), samples[:channels, :9600], (480,) * 20)
        except BlockFailed as error:
            return Finding(name, "failed", f"{'mono' if channels == 1 else 'stereo'}: {error}")
        made.append(out.shape[0])
    if made == [1, 2]:
        return Finding(name, "ok", "mono stays mono, stereo stays stereo")
    text = (
        f"mono becomes {made[0]} channels, stereo {made[1]}: a live track needs as many as it had"
    )
    return Finding(name, "note", text)


def check_inputs(subject: Subject) -> list[Finding]:
    """Return what silence, full scale and a constant become."""
    length = subject.sample_rate
    signs = np.where(noise(1.0, length, 3) >= 0, 1.0, -1.0).astype(np.float32)
    inputs = {
        "silence": np.zeros((2, length), np.float32),
        "full scale": signs,
        "constant": np.ones((2, length), np.float32),
    }
    return [_one_input(subject, name, sound) for name, sound in inputs.items()]


def _one_input(subject: Subject, name: str, sound: NDArray[np.float32]) -> Finding:
    try:
        out = in_blocks(subject.fresh(), sound, (480,) * (sound.shape[1] // 480))
    except BlockFailed as error:
        return Finding(name, "failed", str(error))
    bad = ~np.isfinite(out).all(axis=0)
    if bad.any():
        text = f"it makes NaN or infinity of it, from sample {int(np.argmax(bad))} on"
        hint = ": add a small number before dividing or taking a logarithm"
        return Finding(name, "failed", text + hint * (name == "silence"))
    level = _level(out)
    silent = float(np.max(np.abs(out), initial=0.0)) < _SILENCE
    if name == "silence" and not silent:
        return Finding(name, "note", f"it makes sound of silence, peak {level}")
    return Finding(name, "ok", "stays silence" if name == "silence" else f"peak {level}")


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


def _level(out: NDArray[np.float64]) -> str:
    peak = float(np.max(np.abs(out), initial=0.0))
    return f"{round(20 * np.log10(peak), 1) + 0.0:+.1f} dBFS" if peak else "none at all"


def same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two outputs are the same, to the tolerance."""
    if one.shape != other.shape:
        return False
    peak = float(np.max(np.abs(other[np.isfinite(other)]), initial=1.0))
    return np.allclose(one, other, rtol=0, atol=TOLERANCE * peak, equal_nan=True)
