"""A recording in a notebook: an audio player and a small waveform, as plain HTML."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .convert import MAX_RATE_RATIO
from .envelope import column_edges, covered_columns, extremes
from .errors import SoundError

if TYPE_CHECKING:
    from .recording import Recording

__all__ = ["Player", "describe", "waveform_svg"]

_MIN_BYTES = 100_000
# Browsers do not play slower sound; it is converted for listening.
_LOWEST_RATE = 8_000
_CHUNK = 1 << 13
_MAX_LANES = 8
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class _Rung:
    """One way of embedding sound: its container, highest rate, and bytes a second and channel."""

    kind: str
    subtype: str
    highest_rate: int
    level: float | None
    bytes_per_second: float


# From lossless to the smallest; the rates of the Vorbis rungs were measured on speech in noise.
_LADDER = (
    _Rung("FLAC", "PCM_16", 48_000, None, 24_000),
    _Rung("OGG", "VORBIS", 48_000, 0.6, 9_000),
    _Rung("OGG", "VORBIS", 24_000, 0.9, 5_000),
    _Rung("OGG", "VORBIS", 16_000, 1.0, 3_200),
)


class Player:
    """An audio player that Jupyter shows; plays at the recorded level, never normalised.

    Parameters
    ----------
    recording : Recording
        What to play. More than two channels are mixed into one for listening.
    max_bytes : int
        Upper bound of the HTML, in bytes; at least 100000. Sound is embedded as FLAC (16 bits) if
        that fits, else as Ogg Vorbis, else as a Vorbis preview of the beginning.
    waveform : bool
        Whether to draw the waveform above the player.

    Attributes
    ----------
    html : str
        A fragment that refers to nothing outside itself.
    note : str
        What was embedded, as the caption says it.

    Raises
    ------
    SoundError
        If ``max_bytes`` is too small.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.recording import Recording
    >>> "<audio" in Player(Recording([0.0] * 800, 8000)).html
    True
    """

    def __init__(
        self, recording: Recording, *, max_bytes: int = 300_000, waveform: bool = True
    ) -> None:
        if max_bytes < _MIN_BYTES:
            raise SoundError(
                f"max_bytes={max_bytes!r} is too small for a player: give at least {_MIN_BYTES}"
            )
        picture = waveform_svg(recording) if waveform and recording.samples.size else ""
        caption = escape(describe(recording))
        # Base64 makes four bytes of three; the rest is for the tags and the note.
        budget = (max_bytes - len(picture) - len(caption) - 1_000) * 3 // 4
        if recording.samples.shape[1]:
            kind, sound, self.note = _encode(recording, budget)
            if recording.peak_dbfs > 0:
                self.note += ", clipped at full scale"
            source = f"data:audio/{kind.lower()};base64,{base64.b64encode(sound).decode()}"
            audio = f'<audio controls preload="metadata" style="width:100%" src="{source}"></audio>'
        else:
            audio, self.note = "", "nothing to play"
        self.html = (
            '<div class="lkexplore-recording" style="max-width:640px">'
            f"{picture}{audio}"
            f'<div style="font-size:0.85em;opacity:0.8">{caption}; {escape(self.note)}</div></div>'
        )

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"Player({self.note})"


def describe(recording: Recording) -> str:
    """Return one line on a recording: length, channels, rate, whose, peak, gaps.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    str
        Such as ``5.000 s, mono, 48000 Hz, from 'alice', peak -6.0 dBFS``; not HTML.
    """
    words = {1: "mono", 2: "stereo"}
    parts = [
        f"{recording.duration:.3f} s",
        words.get(recording.channels, f"{recording.channels} channels"),
        f"{recording.sample_rate} Hz",
    ]
    if recording.name:
        parts.insert(0, _short(recording.name))
    if recording.identity is not None:
        parts.append(f"from {_short(recording.identity)}")
    # Adding 0.0 turns -0.0 into 0.0.
    parts.append(f"peak {round(recording.peak_dbfs, 1) + 0.0:.1f} dBFS")
    if recording.gaps:
        total = sum(gap.duration for gap in recording.gaps)
        noun = "gap" if len(recording.gaps) == 1 else "gaps"
        parts.append(f"{len(recording.gaps)} {noun} ({total:.3f} s)")
    if recording.concealed:
        parts.append(f"{sum(part.seconds for part in recording.concealed):.3f} s concealed")
    return ", ".join(parts)


def _short(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")


def waveform_svg(recording: Recording, *, width: int = 640, height: int = 64) -> str:
    """Draw the envelope of every channel as an SVG of a few kilobytes.

    Parameters
    ----------
    recording : Recording
        What to draw. The vertical scale is full scale, or the peak if that is higher.
    width, height : int
        Pixels; up to eight channels share the height, more are drawn as one.

    Returns
    -------
    str
        An ``<svg>`` element; gaps are grey, what was concealed is orange.
    """
    shapes = []
    marked = (("gap", "#707070", recording.gaps), ("concealed", "#e69f00", recording.concealed))
    for word, fill, stretches in marked:
        spans = [(s.start / recording.duration, s.end / recording.duration) for s in stretches]
        shapes += [
            f'<rect x="{first}" y="0" width="{end - first}" height="{height}" '
            f'fill="{fill}" fill-opacity="0.35"><title>{word}</title></rect>'
            for first, end in covered_columns(spans, width)
        ]
    length = recording.samples.shape[1]
    if length:
        edges = column_edges(length, width if recording.channels <= 2 else width // 2)
        low, high = extremes(recording.samples, edges)
        if recording.channels > _MAX_LANES:
            low, high = low.min(axis=0, keepdims=True), high.max(axis=0, keepdims=True)
        scale = max(1.0, float(high.max()), -float(low.min()))
        x = (edges[:-1] + edges[1:]) / 2 * (width / length)
        half = height / len(low) / 2
        for lane in range(len(low)):
            middle = (2 * lane + 1) * half
            # Half a pixel each way, so that silence shows as a line.
            top = middle - high[lane] / scale * (half - 1) - 0.5
            bottom = middle - low[lane] / scale * (half - 1) + 0.5
            shapes.append(f'<path d="{_outline(x, top, bottom)}" fill="#2f8fce"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="none" style="display:block;width:100%;height:{height}px" '
        f'role="img" aria-label="waveform">{"".join(shapes)}</svg>'
    )


def _outline(x: NDArray[np.float64], top: NDArray[np.float64], bottom: NDArray[np.float64]) -> str:
    there = (f"{a:.1f},{b:.1f}" for a, b in zip(x, top, strict=True))
    back = (f"{a:.1f},{b:.1f}" for a, b in zip(x[::-1], bottom[::-1], strict=True))
    return f"M{' '.join(there)} {' '.join(back)}Z"


def _encode(recording: Recording, budget: int) -> tuple[str, bytes, str]:
    """Return the kind, the bytes and a note for the best rung of the ladder that fits."""
    for rung in _LADDER:
        channels = min(recording.channels, 2)
        expected = recording.duration * rung.bytes_per_second * channels
        # Twice the budget may still fit, for silence and tones take less than speech.
        if expected > 2 * budget:
            continue
        data, note = _render(recording, rung)
        if len(data) <= budget:
            return rung.kind, data, note
    return _preview(recording, budget)


def _preview(recording: Recording, budget: int) -> tuple[str, bytes, str]:
    rung = _LADDER[-1]
    part = recording[: min(recording.duration, budget / rung.bytes_per_second)].mono()
    data, note = _render(part, rung)
    while len(data) > budget:
        part = part[: part.duration * 0.9 * budget / len(data)]
        data, note = _render(part, rung)
    note = f"only the first {part.duration:.1f} s {note}" + ", mono" * (recording.channels > 1)
    return rung.kind, data, f"{note}; to hear another part cut it out, as in recording[60:90]"


def _render(recording: Recording, rung: _Rung) -> tuple[bytes, str]:
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
    return target.getvalue(), note
