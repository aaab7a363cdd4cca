"""Sound read from a file: all of it or a part, and of an unfinished file what there is."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import FileError
from ..sound.progress import count_progress
from ..sound.recording import Recording
from ..sound.timing import clip, cut
from .given_file import check_contents, for_library, printable
from .unfinished_wav import mended

if TYPE_CHECKING:
    import soundfile

    from .sidecar import Facts

__all__ = ["assemble", "one_line", "read_part"]

_CHUNK = 1 << 12
"""Samples per channel that are read at a time: of the piece in which a file breaks, nothing can be
read.
"""

_MOST_FRAMES_PER_BYTE = 1024
"""Samples per channel and byte of a file, at most: a broken header may promise any length, but even
silence is hardly compressed further.
"""

_UNKNOWN = 1 << 62
"""Samples per channel from which on a file does not say how many it has."""

_SEEKABLE = frozenset(("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "AU", "CAF"))
"""Formats that sound the same after a jump to the middle as when they are read up to there."""


def read_part(
    source: Path, start: float | None = None, end: float | None = None
) -> tuple[NDArray[np.float32], int, int]:
    """Read a stretch of a sound file.

    Parameters
    ----------
    source : Path
        Path of the file.
    start, end : float, optional
        Start and end of the part in seconds, as in ``recording[start:end]``.

    Returns
    -------
    samples : ndarray of float32, shape (channels, n)
        The samples, which may include NaN and infinity.
    sample_rate : int
        Sample rate in Hz.
    begin : int
        Number of the first sample in the file, from 0.

    Raises
    ------
    FileError
        If there is no such file, or it cannot be read as sound.
    SoundError
        If the part is no stretch of time.
    """
    import soundfile

    if os.path.isdir(source):
        raise FileError(f"{printable(source)} is a folder: give the path of a sound file")
    if not os.path.exists(source):
        raise FileError(f"there is no file {printable(source)}: check the path, from {Path.cwd()}")
    try:
        check_contents(source)
        with _opened(source) as file:
            length, rate = _length(file, source.stat().st_size), file.samplerate
            part = slice(start, end)
            if part == slice(None) or length is None or file.format not in _SEEKABLE:
                samples = _read(file, length or 0, source, beyond=True)
                begin, stop = cut(part, rate, samples.shape[1])
                return samples[:, begin:stop], rate, begin
            begin, stop = cut(part, rate, length)
            file.seek(begin)
            return _read(file, stop - begin, source, beyond=False), rate, begin
    except soundfile.SoundFileError as error:
        raise FileError(
            f"{printable(source)} cannot be read as sound: {_reason(error)}; "
            "wav, flac, ogg, mp3 and whatever else libsndfile knows can"
        ) from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{printable(source)} cannot be read: {error.strerror or error}") from None


def assemble(samples: NDArray[np.float32], begin: int, facts: Facts) -> Recording:
    """Make a recording of a part of a file and of what is known about the whole.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        Samples of the part.
    begin : int
        Number of its first sample in the file, from 0.
    facts : Facts
        Facts about the whole file.

    Returns
    -------
    Recording
        The same as if all of the file had been read and then cut.

    Raises
    ------
    SoundError
        If there is NaN or infinity among the samples.
    """
    meta, offset = facts.meta(), begin / facts.sample_rate
    end = (begin + samples.shape[1]) / facts.sample_rate
    meta["gaps"] = clip(facts.gaps, offset, end)
    meta["concealed"] = clip(facts.concealed, offset, end)
    if facts.started_at is not None:
        meta["started_at"] = facts.started_at + timedelta(seconds=offset)
    if facts.started_monotonic is not None:
        meta["started_monotonic"] = facts.started_monotonic + offset
    return Recording(samples, facts.sample_rate, **meta)


def one_line(error: BaseException) -> str:
    """Return the message of another library's error, in one line and without a full stop."""
    # Without the path, which is in the message already, or is that of a passing file.
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def _reason(error: BaseException) -> str:
    text = one_line(error)
    # The decoder of mp3 says so of every file in which it finds no sound.
    missing = "does not exist" in text
    return "there is no sound in it, or of another kind than its name says" if missing else text


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[soundfile.SoundFile]:
    import soundfile

    class Straight(soundfile.SoundFile):  # type: ignore[misc]
        # soundfile seeks after every read, which a file of unknown length does not survive, and
        # after which an mp3 does not sound on.
        def seekable(self) -> bool:
            return False

    plain = contextlib.nullcontext(for_library(source))
    with mended(source) or plain as readable, Straight(readable) as file:
        yield file


def _length(file: soundfile.SoundFile, size: int) -> int | None:
    """Return how many frames there can be at most, or None if the file does not say."""
    if not 0 <= file.frames < _UNKNOWN:
        return None
    return int(min(file.frames, _MOST_FRAMES_PER_BYTE * size))


def _read(
    file: soundfile.SoundFile, promised: int, source: Path, *, beyond: bool
) -> NDArray[np.float32]:
    """Read so many frames, and those beyond if wanted, or as many as there are."""
    import soundfile

    found = np.empty((file.channels, promised), np.float32)
    more: list[NDArray[np.float32]] = []
    count = 0
    length = promised / file.samplerate if promised else math.inf
    name = printable(source.name)
    try:
        with count_progress(length, f"reading {name}:", f"read {name}:") as done:
            for piece in _pieces(file, None if beyond else promised):
                fits = min(len(piece), found.shape[1] - count)
                found[:, count : count + fits] = piece[:fits].T
                count += fits
                if fits < len(piece):
                    more.append(piece[fits:].T)
                done(count / file.samplerate)
    except soundfile.SoundFileError as error:
        if not count and not more:
            raise
        # If all that was promised is there, the writer was stopped within what follows.
        if count < promised or not promised:
            seconds = (count + sum(piece.shape[1] for piece in more)) / file.samplerate
            warnings.warn(
                f"{printable(source)} is broken after {seconds:.3f} s, the rest was not read "
                f"({one_line(error)})",
                stacklevel=4,
            )
    return np.concatenate([found[:, :count], *more], axis=1) if more else found[:, :count]


def _pieces(file: soundfile.SoundFile, most: int | None) -> Iterator[NDArray[np.float32]]:
    """Yield pieces of shape (n, channels), up to so many frames, or all there are."""
    left = math.inf if most is None else most
    while left > 0:
        piece = file.read(int(min(_CHUNK, left)), dtype="float32", always_2d=True)
        if not len(piece):
            return
        left -= len(piece)
        yield piece
