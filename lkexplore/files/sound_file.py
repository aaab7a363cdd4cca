"""Sound files: wav, flac, ogg and mp3, read and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..convert import int16_of, int24_of
from ..errors import FileError, SoundError
from ..recording import Recording
from ..sound import Sound, as_recording

if TYPE_CHECKING:
    import soundfile

__all__ = ["ClippedWarning", "load", "save"]

# Vorbis puts every call's samples on the C stack: small pieces only.
_CHUNK = 1 << 14
_WAV_LIMIT = 2**32 - 2**16
# A broken header may promise any length; even silence is hardly compressed further than this.
_MOST_FRAMES_PER_BYTE = 1024


class ClippedWarning(UserWarning):
    """Samples beyond full scale were clipped, for the file holds integers."""


@dataclass(frozen=True, slots=True)
class _Format:
    """What a kind of file can hold; None for rates that only have an upper bound."""

    container: str
    subtype: str
    channels: int
    highest_rate: int
    rates: frozenset[int] | None = None


_MP3_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))
_FORMATS = {
    ".wav": _Format("WAV", "FLOAT", 64, 768_000),
    ".flac": _Format("FLAC", "PCM_24", 8, 655_350),
    # libvorbis crashes above 200 kHz.
    ".ogg": _Format("OGG", "VORBIS", 64, 192_000),
    ".mp3": _Format("MP3", "MPEG_LAYER_III", 2, 48_000, _MP3_RATES),
}


def load(path: str | os.PathLike[str]) -> Recording:
    """Read a sound file, all channels of it.

    Parameters
    ----------
    path : str or path-like
        A file of any kind that libsndfile reads: wav, flac, ogg, mp3, aiff and others, of any
        bit depth.

    Returns
    -------
    Recording
        Named after the file. Integers are scaled so that full scale is 1.

    Raises
    ------
    FileError
        If there is no such file, or it cannot be read as sound.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> voice = load("voice.flac")  # doctest: +SKIP
    """
    import soundfile

    source = Path(path)
    if os.path.isdir(source):
        raise FileError(f"{source} is a folder: give the path of a sound file")
    if not os.path.exists(source):
        raise FileError(f"there is no file {source}: check the path, from {Path.cwd()}")
    try:
        with source.open("rb"):
            pass
        with soundfile.SoundFile(source) as file:
            rate, samples = file.samplerate, _read(file, source.stat().st_size)
        return Recording(samples, rate, name=source.stem)
    except OSError as error:
        raise FileError(f"{source} cannot be read: {error.strerror or error}") from None
    except SoundError as error:
        raise FileError(f"{source} holds what cannot be used: {error}") from None
    except soundfile.SoundFileError as error:
        raise FileError(
            f"{source} cannot be read as sound: {_one_line(error)}; "
            "wav, flac, ogg, mp3 and whatever else libsndfile knows can"
        ) from None


def save(sound: Sound, path: str | os.PathLike[str], *, subtype: str | None = None) -> None:
    """Write a sound file; an existing one is replaced only by a complete new one.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        What to write.
    path : str or path-like
        Ends in ``.wav`` (written as 32-bit float, so nothing is lost), ``.flac`` (24-bit
        integers, lossless for anything that came from 16 or 24 bits; up to 8 channels), ``.ogg``
        (Vorbis; up to 192 kHz) or ``.mp3`` (1 or 2 channels; 8 to 48 kHz, the usual rates).
    subtype : str, optional
        Another coding that libsndfile knows for that kind of file, such as ``"PCM_16"``.

    Raises
    ------
    FileError
        If the suffix or subtype is unknown, the format cannot hold the sound, or the folder or
        the disk does not take it. Nothing is left behind then, and an old file stays as it was.

    Warns
    -----
    ClippedWarning
        If samples beyond full scale had to be clipped: wav as float, the default, keeps them.

    Notes
    -----
    The file is written beside its place under another name, flushed to the disk, and then moved
    there in one step. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> save(([0.0, 0.5], 8000), "two.wav")  # doctest: +SKIP
    """
    recording = as_recording(sound)
    # Through a symbolic link to the file itself, which is what is to be replaced.
    target = Path(os.path.realpath(path))
    chosen = _fitting(recording, target, subtype)
    if os.path.isdir(target):
        raise FileError(f"{target} is a folder: give the path of a file in it")
    if not os.path.isdir(target.parent):
        raise FileError(f"there is no folder {target.parent}: make it first")
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        _write(recording, part, chosen)
        os.replace(part, target)
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    if chosen.subtype.startswith("PCM"):
        _warn_of_clipping(recording, target)


def _read(file: soundfile.SoundFile, size: int) -> NDArray[np.float32]:
    """Read all of a file as (channels, n); the length that it promises may be wrong."""
    # In one piece: soundfile seeks after every call, and an mp3 does not sound on after a seek.
    promised = min(max(0, file.frames), _MOST_FRAMES_PER_BYTE * size)
    pieces = [file.read(promised, dtype="float32", always_2d=True)]
    while len(piece := file.read(_CHUNK, dtype="float32", always_2d=True)):
        pieces.append(piece)
    whole = len(pieces) == 1 and len(pieces[0]) == promised
    return np.ascontiguousarray((pieces[0] if whole else np.concatenate(pieces)).T)


def _fitting(recording: Recording, target: Path, subtype: str | None) -> _Format:
    """Return the format to write, or say why the sound does not fit it."""
    import soundfile

    suffix = target.suffix.lower()
    if suffix not in _FORMATS:
        raise FileError(
            f"{target.name!r} ends in {suffix or 'no suffix'}, which says no format: "
            f"use one of {' '.join(_FORMATS)}"
        )
    known = _FORMATS[suffix]
    if recording.channels > known.channels:
        raise FileError(
            f"{recording.channels} channels do not fit into {suffix}, at most {known.channels} do: "
            "use .wav, or mono()"
        )
    rate = recording.sample_rate
    if known.container == "FLAC" and 65_535 < rate < known.highest_rate and rate % 10:
        raise FileError(
            f".flac holds rates above 65535 Hz only in tens, not {rate} Hz: use .wav, or resample()"
        )
    if rate > known.highest_rate or (known.rates and rate not in known.rates):
        allowed = f"up to {known.highest_rate} Hz"
        if known.rates:
            allowed = ", ".join(map(str, sorted(known.rates))) + " Hz"
        raise FileError(f"{suffix} does not hold {rate} Hz but {allowed}: use .wav, or resample()")
    if not recording.samples.size and known.container in ("FLAC", "MP3"):
        raise FileError(f"{suffix} cannot hold a recording without samples: use .wav or .ogg")
    if subtype is None:
        return known
    allowed_subtypes = soundfile.available_subtypes(known.container)
    if subtype not in allowed_subtypes:
        raise FileError(
            f"subtype {subtype!r} is not for {suffix}: use one of {' '.join(allowed_subtypes)}"
        )
    return _Format(known.container, subtype, known.channels, known.highest_rate)


def _write(recording: Recording, part: Path, chosen: _Format) -> None:
    """Write a whole file and see to it that all of it is on the disk; OSError if not."""
    import soundfile

    samples = recording.samples
    # A wav counts its bytes in 32 bits.
    large = chosen.container == "WAV" and samples.size * 8 > _WAV_LIMIT
    try:
        # Python says why a file cannot be made; libsndfile does not.
        part.open("xb").close()
        with soundfile.SoundFile(
            part,
            "w",
            recording.sample_rate,
            recording.channels,
            format="RF64" if large else chosen.container,
            subtype=chosen.subtype,
        ) as file:
            for begin in range(0, samples.shape[1], _CHUNK):
                file.write(_coded(samples[:, begin : begin + _CHUNK], chosen.subtype).T)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        # libsndfile does not report every failed write.
        found = soundfile.info(part).frames
    except (soundfile.SoundFileError, AssertionError) as error:
        raise OSError(f"{_one_line(error)} (is the disk full?)") from None
    if found < samples.shape[1]:
        raise OSError(f"only {found} of {samples.shape[1]} samples were taken (is the disk full?)")


def _coded(block: NDArray[np.float32], subtype: str) -> NDArray[Any]:
    """Return what to hand to libsndfile, so that integers come back as they went in."""
    if subtype == "PCM_16":
        return int16_of(block)
    if subtype == "PCM_24":
        return int24_of(block)
    if subtype.startswith("PCM"):
        return np.clip(block, -1.0, 1.0)
    return block


def _warn_of_clipping(recording: Recording, target: Path) -> None:
    samples = recording.samples
    if not samples.size or max(float(samples.max()), -float(samples.min())) <= 1:
        return
    clipped = sum(int(np.count_nonzero(np.abs(channel) > 1)) for channel in samples)
    warnings.warn(
        f"{clipped} of {samples.size} samples are beyond full scale and were clipped in "
        f"{target.name}: lower the level, or save as .wav without a subtype",
        ClippedWarning,
        stacklevel=3,
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
