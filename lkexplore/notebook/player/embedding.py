"""Sound as bytes in a notebook: without loss where it fits, else compressed, else its beginning."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import SoundError
from ...sound.convert import MAX_RATE_RATIO

if TYPE_CHECKING:
    from ...sound.recording import Recording

__all__ = ["Embedded", "embed"]

_LOWEST_RATE = 8_000
"""Lowest sample rate in Hz that browsers play; sound below it is converted for listening."""

_CHUNK = 1 << 13
"""Samples that are encoded at a time."""

_SHORTEST = 0.1
"""Twice the seconds that a preview must last at least."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A sound as a file in memory.

    Attributes
    ----------
    kind : str
        Format of the file: ``"flac"`` or ``"ogg"``.
    data : bytes
        Content of the file.
    seconds : float
        Length of the sound in seconds.
    note : str
        How the sound was changed, in the words of a caption.
    """

    kind: str
    data: bytes
    seconds: float
    note: str


@dataclass(frozen=True, slots=True)
class _Rung:
    """One way of embedding sound: its container, highest rate, and bytes a second and channel."""

    kind: str
    subtype: str
    highest_rate: int
    level: float | None
    bytes_per_second: float


_LADDER = (
    _Rung("FLAC", "PCM_16", 48_000, None, 24_000),
    _Rung("OGG", "VORBIS", 48_000, 0.6, 9_000),
    _Rung("OGG", "VORBIS", 24_000, 0.9, 5_000),
    _Rung("OGG", "VORBIS", 16_000, 1.0, 3_200),
)
"""Ways of embedding sound, from lossless to the smallest; the bytes per second of Vorbis were
measured on speech in noise."""


def embed(recordings: Sequence[Recording], budget: int) -> list[Embedded]:
    """Encode sounds for a browser, all in the same way, so that they can be compared by ear.

    Parameters
    ----------
    recordings : sequence of Recording
        The sounds, each with samples. More than two channels are mixed into one.
    budget : int
        Most bytes that they may have together.

    Returns
    -------
    list of Embedded
        The sounds as FLAC (16 bits) if that fits, else as Ogg Vorbis, else previews of their
        beginnings, all of the same length.

    Raises
    ------
    SoundError
        If the budget is not enough for a twentieth of a second.
    """
    for rung in _LADDER:
        expected = sum(r.duration * min(r.channels, 2) for r in recordings) * rung.bytes_per_second
        # Twice the budget may still fit, since silence and tones take less than speech.
        if expected > 2 * budget:
            continue
        made = [_render(recording, rung) for recording in recordings]
        if sum(len(one.data) for one in made) <= budget:
            return made
    return _previews(recordings, budget)


def _previews(recordings: Sequence[Recording], budget: int) -> list[Embedded]:
    rung = _LADDER[-1]
    longest = max(recording.duration for recording in recordings)
    seconds = min(longest, budget / rung.bytes_per_second / len(recordings))
    while seconds > min(longest, _SHORTEST) / 2:
        made = [_render(recording[:seconds].mono(), rung) for recording in recordings]
        size = sum(len(one.data) for one in made)
        if size <= budget:
            return [
                Embedded(one.kind, one.data, one.seconds, _cut(recording, seconds, one.note))
                for one, recording in zip(made, recordings, strict=True)
            ]
        seconds *= 0.9 * budget / size
    raise SoundError(f"{max(budget, 0)} bytes are not enough to embed a sound: give more")


def _cut(recording: Recording, seconds: float, note: str) -> str:
    note += ", mono" * (recording.channels > 1)
    if recording.duration <= seconds:
        return note
    advice = "to hear another part cut it out, as in recording[60:90]"
    return f"only the first {seconds:.1f} s {note}; {advice}"


def _render(recording: Recording, rung: _Rung) -> Embedded:
    import soundfile

    note = "embedded as " + ("FLAC, 16 bits" if rung.kind == "FLAC" else "Ogg Vorbis, compressed")
    sound = recording
    if recording.channels > 2:
        sound = recording.mono()
        note += ", mono"
    rate = min(max(sound.sample_rate, _LOWEST_RATE), rung.highest_rate)
    if rate != sound.sample_rate:
        rate = min(rate, sound.sample_rate * MAX_RATE_RATIO)
        sound = sound.resample(rate)
        note += f", at {rate} Hz"
    samples = np.clip(sound.samples, -1, 1) if rung.kind == "OGG" else sound.to_int16()
    target = io.BytesIO()
    with soundfile.SoundFile(
        target,
        "w",
        rate,
        sound.channels,
        format=rung.kind,
        subtype=rung.subtype,
        compression_level=rung.level,
    ) as file:
        # Vorbis puts every call's samples on the C stack: small pieces only.
        for begin in range(0, samples.shape[1], _CHUNK):
            file.write(samples[:, begin : begin + _CHUNK].T)
    return Embedded(rung.kind.lower(), target.getvalue(), recording.duration, note)
