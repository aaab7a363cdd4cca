"""Which kinds of sound file can be written, what each holds, and where a file may go."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError
from ..sound.in_words import shown

__all__ = ["FORMATS", "Format", "as_target", "fitting"]


@dataclass(frozen=True, slots=True)
class Format:
    """What a kind of file can hold; None for rates that only have an upper bound."""

    container: str
    subtype: str
    channels: int
    highest_rate: int
    rates: frozenset[int] | None = None


_MP3_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))
"""Sample rates in Hz of MPEG-1, MPEG-2 (ISO/IEC 11172-3 and 13818-3) and MPEG-2.5, layer III."""

FORMATS = {
    ".wav": Format("WAV", "FLOAT", 64, 768_000),
    ".flac": Format("FLAC", "PCM_24", 8, 655_350),
    # libvorbis crashes above 200 kHz.
    ".ogg": Format("OGG", "VORBIS", 64, 192_000),
    ".mp3": Format("MP3", "MPEG_LAYER_III", 2, 48_000, _MP3_RATES),
}
"""What each suffix that can be written stands for; the highest rates are in Hz."""


def as_target(path: str | os.PathLike[str]) -> Path:
    """Return where to write: through links to the file itself, in a folder that exists.

    Parameters
    ----------
    path : str or path-like
        Path of the file to write.

    Returns
    -------
    Path
        Absolute path.

    Raises
    ------
    FileError
        If it is no path, if there is a folder of that name, or no folder to hold the file.
    """
    try:
        target = Path(os.path.realpath(path))
        # Bytes make a Path of bytes, and 0 is the number of an open file.
        if not isinstance(path, str | os.PathLike) or "\0" in str(target):
            raise TypeError
    except (TypeError, ValueError):
        raise FileError(
            f"{shown(path)} is no path of a file: give text such as 'voice.flac', or a Path"
        ) from None
    if os.path.isdir(target):
        raise FileError(f"{target} is a folder: give the path of a file in it")
    if not os.path.isdir(target.parent):
        raise FileError(f"there is no folder {target.parent}: make it first")
    return target


def fitting(
    target: Path, channels: int, sample_rate: int, suffixes: Iterable[str] = tuple(FORMATS)
) -> Format:
    """Return the format that a file's suffix asks for, or say why the sound does not fit it.

    Parameters
    ----------
    target : Path
        The file, of whose name only the suffix counts, in upper or lower case.
    channels, sample_rate : int
        Number of channels and rate in Hz of the sound to write.
    suffixes : iterable of str
        Suffixes of the formats that are possible here.

    Returns
    -------
    Format
        The format, with its usual subtype.

    Raises
    ------
    FileError
        If the suffix is none of these, or the format cannot hold the sound.
    """
    suffix = target.suffix.lower()
    possible = tuple(suffixes)
    if suffix not in possible:
        raise FileError(
            f"{target.name!r} ends in {suffix or 'no suffix'}, which says no format that can be "
            f"written here: use one of {' '.join(possible)}"
        )
    known = FORMATS[suffix]
    if channels > known.channels:
        raise FileError(
            f"{channels} channels do not fit into {suffix}, at most {known.channels} do: "
            "use .wav, or mono()"
        )
    if known.container == "FLAC" and 65_535 < sample_rate < known.highest_rate and sample_rate % 10:
        raise FileError(
            f".flac holds rates above 65535 Hz only in tens, not {sample_rate} Hz: "
            "use .wav, or resample()"
        )
    if sample_rate > known.highest_rate or (known.rates and sample_rate not in known.rates):
        allowed = f"up to {known.highest_rate} Hz"
        if known.rates:
            allowed = ", ".join(map(str, sorted(known.rates))) + " Hz"
        raise FileError(
            f"{suffix} does not hold {sample_rate} Hz but {allowed}: use .wav, or resample()"
        )
    return known
