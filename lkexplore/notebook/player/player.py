"""A recording in a notebook: a player with its waveform, as HTML that needs no kernel."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import SoundError
from ...sound.envelope import column_edges, covered_columns, extremes
from .embedding import Embedded, embed

if TYPE_CHECKING:
    from ...sound.recording import Recording

__all__ = ["MAX_BYTES", "Heard", "Player", "cut", "describe", "html_of", "waveform_svg"]

MAX_BYTES = 280_000
"""Most bytes that a player adds to a notebook unless told otherwise: ten stay below 3 MB."""

_MIN_BYTES = 100_000
"""Least bytes that a player of one sound may be limited to."""

_MORE_BYTES = 50_000
"""Bytes that this limit grows by for each further sound."""

_MAX_LANES = 8
"""Most channels that are drawn one by one."""

_LANES_OF_SEVERAL = 2
"""Most channels that are drawn one by one when there are several sounds."""

_LONGEST_NAME = 60
"""Most characters of a name that are shown."""

_HEIGHT = 64
"""Height of a waveform in pixels."""

_NORMALISED_DBFS = -1.0
"""Peak of a normalised sound, in dBFS."""

_WIDGETS = Path(__file__).parent.parent
"""Folder of all widgets, with their scripts and styles."""


class Player:
    """A player that Jupyter shows, with waveform and playhead; at the recorded level.

    Parameters
    ----------
    recording : Recording
        The sound to play. More than two channels are mixed into one for listening.
    max_bytes : int
        Upper bound of the HTML, in bytes; at least 100000. Sound is embedded as FLAC (16 bits) if
        that fits, else as Ogg Vorbis, else as a Vorbis preview of the beginning.
    waveform : bool
        Whether to draw the waveform, on which one clicks and drags.
    normalise : bool
        Whether to bring the peak to -1 dBFS; the caption tells the gain in dB.

    Attributes
    ----------
    html : str
        A fragment that refers to nothing outside itself.
    note : str
        What was embedded, in the words of the caption.

    Raises
    ------
    SoundError
        If ``max_bytes`` is too small.

    Notes
    -----
    A click on the waveform goes there, a drag loops a region; the keys are space, the arrows
    (with shift by tenths of a second), Home, End and L. It works in a saved notebook and an
    exported one; where scripts do not run, as in a notebook not yet trusted, the browser's own
    player is left. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.sound.recording import Recording
    >>> "<audio" in Player(Recording([0.0] * 800, 8000)).html
    True
    """

    def __init__(
        self,
        recording: Recording,
        *,
        max_bytes: int = MAX_BYTES,
        waveform: bool = True,
        normalise: bool = False,
    ) -> None:
        said = describe(recording)
        gain_db = _normalising_db(recording) if normalise else 0.0
        if gain_db:
            recording = recording.replace(samples=recording.samples * 10 ** (gain_db / 20))
        remark = f", normalised by {gain_db:+.1f} dB" if normalise else ""
        heard = Heard(recording, said, remark=remark)
        self.html, (self.note,) = html_of([heard], max_bytes=max_bytes, waveform=waveform)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"Player({self.note})"


def _normalising_db(recording: Recording) -> float:
    peak = recording.peak_dbfs
    return _NORMALISED_DBFS - peak if np.isfinite(peak) else 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One of the sounds of a player.

    Attributes
    ----------
    recording : Recording
        The sound.
    caption : str
        Plain text about the sound.
    name : str
        Name of the sound among others.
    level_db : float
        Gain in dB with which it is played.
    remark : str
        Text to add to the note on what was embedded.
    """

    recording: Recording
    caption: str
    name: str = ""
    level_db: float = 0.0
    remark: str = ""


def html_of(
    sounds: Sequence[Heard], *, max_bytes: int, waveform: bool = True
) -> tuple[str, list[str]]:
    """Return a player of one sound, or of several to switch between.

    Parameters
    ----------
    sounds : sequence of Heard
        The sounds, at least one.
    max_bytes : int
        Upper bound of the HTML, in bytes; at least 100000, more for several sounds.
    waveform : bool
        Whether to draw the waveforms.

    Returns
    -------
    html : str
        A fragment that refers to nothing outside itself.
    notes : list of str
        For each sound, what was embedded.

    Raises
    ------
    SoundError
        If ``max_bytes`` is too small.
    """
    _check_size(max_bytes, len(sounds))
    lanes = [_lane(sounds, number) if waveform else "" for number in range(len(sounds))]
    style, script = _assets()
    fixed = sum(map(len, lanes)) + len(style) + len(script)
    fixed += sum(1_000 + 2 * len(escape(sound.caption).encode()) for sound in sounds)
    # Base64 makes four bytes of three.
    budget = (int(max_bytes) - fixed) * 3 // 4
    full = [sound for sound in sounds if sound.recording.samples.shape[1]]
    embedded = embed([sound.recording for sound in full], budget) if full else []
    files = dict(zip(map(id, full), embedded, strict=True))
    notes = [_note(sound, files.get(id(sound))) for sound in sounds]
    parts = [
        _audio(sound, files.get(id(sound))) + _caption(sound, note)
        for sound, note in zip(sounds, notes, strict=True)
    ]
    longest = max(sound.recording.duration for sound in sounds)
    heard = max((file.seconds for file in embedded), default=0.0)
    html = (
        f'<div class="lkexplore-recording lkx lkx-player" data-seconds="{longest:.6f}" '
        f'data-heard="{heard:.6f}" style="max-width:640px">{"".join(lanes)}{"".join(parts)}'
    )
    return html + (f"{style}{script}</div>" if full else "</div>"), notes


def _check_size(max_bytes: int, sounds: int) -> None:
    least = _MIN_BYTES + _MORE_BYTES * (sounds - 1)
    given: object = max_bytes
    number = isinstance(given, int | float | np.integer) and np.isfinite(given)
    if not number or max_bytes < least:
        raise SoundError(
            f"max_bytes={max_bytes!r} is not enough for a player: give at least {least}"
        )


@cache
def _assets() -> tuple[str, str]:
    """Return the style and the script, without the indentation, which only readers need."""
    style = "".join(
        (_WIDGETS / name).read_text(encoding="utf-8")
        for name in ("page/common.css", "player/player.css")
    )
    names = ("page/element.js", "page/sound.js", "player/player.js", "page/embedded.js")
    lines = [
        line.strip() for name in names for line in (_WIDGETS / name).read_text("utf-8").splitlines()
    ]
    script = "\n".join(line for line in lines if line and not line.startswith("//"))
    return f"<style>{style}</style>", f"<script>(() => {{\n{script}\n}})();</script>"


def _lane(sounds: Sequence[Heard], number: int) -> str:
    recording = sounds[number].recording
    if not recording.samples.size:
        return ""
    longest = max(sound.recording.duration for sound in sounds)
    height, most = _HEIGHT, _MAX_LANES
    if len(sounds) > 1:
        height, most = _HEIGHT * 3 // 4, _LANES_OF_SEVERAL
    return (
        f'<div data-lane="{number}" style="width:{100 * recording.duration / longest:.4g}%">'
        f"{waveform_svg(recording, height=height, most_lanes=most)}</div>"
    )


def _note(sound: Heard, file: Embedded | None) -> str:
    if file is None:
        return "nothing to play"
    clipped = ", clipped at full scale" if sound.recording.peak_dbfs > 0 else ""
    return file.note + clipped + sound.remark


def _audio(sound: Heard, file: Embedded | None) -> str:
    if file is None:
        return ""
    source = f"data:audio/{file.kind};base64,{base64.b64encode(file.data).decode()}"
    name = escape(cut(sound.name) or "the sound")
    return (
        f'<audio controls preload="metadata" style="width:100%" data-name="{name}" '
        f'data-level="{10 ** (sound.level_db / 20):.6g}" src="{source}"></audio>'
    )


def _caption(sound: Heard, note: str) -> str:
    return (
        f'<div style="font-size:0.85em;opacity:0.8">{escape(sound.caption)}; {escape(note)}</div>'
    )


def describe(recording: Recording) -> str:
    """Return one line on a recording: length, channels, rate, whose, peak, gaps.

    Parameters
    ----------
    recording : Recording
        The recording to describe.

    Returns
    -------
    str
        Plain text, such as ``5.000 s, mono, 48000 Hz, from 'alice', peak -6.0 dBFS``.
    """
    words = {1: "mono", 2: "stereo"}
    parts = [
        f"{recording.duration:.3f} s",
        words.get(recording.channels, f"{recording.channels} channels"),
        f"{recording.sample_rate} Hz",
    ]
    if recording.name:
        parts.insert(0, repr(cut(recording.name)))
    if recording.identity is not None:
        parts.append(f"from {cut(recording.identity)!r}")
    # Adding 0.0 turns -0.0 into 0.0.
    parts.append(f"peak {round(recording.peak_dbfs, 1) + 0.0:.1f} dBFS")
    if recording.gaps:
        total = sum(gap.duration for gap in recording.gaps)
        noun = "gap" if len(recording.gaps) == 1 else "gaps"
        parts.append(f"{len(recording.gaps)} {noun} ({total:.3f} s)")
    if recording.concealed:
        parts.append(f"{sum(part.seconds for part in recording.concealed):.3f} s concealed")
    return ", ".join(parts)


def cut(name: str) -> str:
    """Return a name as it is shown: at most 60 characters of it."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def waveform_svg(
    recording: Recording, *, width: int = 640, height: int = 64, most_lanes: int = _MAX_LANES
) -> str:
    """Draw the envelope of every channel as an SVG of a few kilobytes.

    Parameters
    ----------
    recording : Recording
        The recording to draw. The vertical scale is full scale, or the peak if that is higher.
    width, height : int
        Size of the drawing in pixels.
    most_lanes : int
        Most channels that share the height; of more channels, the extremes are drawn as one.

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
        if recording.channels > most_lanes:
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
