"""Sound files: wav, flac, ogg and mp3, read and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import FileError, SoundError
from ..sound.arguments import as_flag
from ..sound.as_recording import Sound, as_recording
from ..sound.convert import int16_of, int24_of
from ..sound.in_words import shown
from ..sound.reasons import Reason
from ..sound.recording import Recording
from .formats import Format, as_target, fitting
from .given_file import as_contents, as_source, for_library, printable, put_down
from .new_file import check_free, put_in_place
from .reading import assemble, one_line, read_part
from .sidecar import Facts, read_sidecar, remove_sidecar, write_sidecar

__all__ = ["ClippedWarning", "load", "save"]

_CHUNK = 1 << 14
"""Samples per channel that are written at a time: Vorbis puts every call's samples on the C stack.
"""

_WAV_LIMIT = 2**32 - 2**16
"""Bytes of samples above which a wav becomes an RF64 file: 4 GB, less what its header takes."""


_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)
"""Sample rates in Hz that Opus takes (RFC 6716, 2012, section 2)."""


class ClippedWarning(UserWarning):
    """Samples beyond full scale were clipped, because the file holds integers."""


def load(
    path: str | os.PathLike[str] | bytes | BinaryIO,
    *,
    start: float | None = None,
    end: float | None = None,
) -> Recording:
    """Read a sound file, all channels of it, and what its sidecar says about it.

    Parameters
    ----------
    path : str, path-like, bytes, or open binary file
        Path of a file of any kind that libsndfile reads: wav, flac, ogg, mp3, aiff and others, of
        any bit depth. One that is still being written, or was cut off, is read as far as it goes.
        The contents of such a file do as well, as bytes or as something with ``read()``, such as
        ``io.BytesIO``; then there is no sidecar and no name.
    start, end : float, optional
        The part to read, as in ``recording[start:end]``, in seconds; the rest of a wav or flac
        is not even looked at.

    Returns
    -------
    Recording
        Integers are scaled so that full scale is 1. Start, identity, gaps and timing come from the
        sidecar, ``x.flac.json`` for ``x.flac``; without one it is named after the file.

    Raises
    ------
    FileError
        If there is no such file, or it cannot be read as sound.
    SoundError
        If the part is no stretch of time.

    Warns
    -----
    SidecarWarning
        If there is a sidecar that cannot be used.
    UserWarning
        If the file is broken in the middle: then it is read up to there.

    See Also
    --------
    save : Write a sound file.
    lkexplore.sample : A sound that comes with the package.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(([0.0, 0.5, 0.25], 8000), f"{folder}/three.wav")
    ...     load(f"{folder}/three.wav", start=1 / 8000).samples.tolist()
    [[0.5, 0.25]]
    """
    contents = as_contents(path)
    if contents is not None:
        with put_down(contents) as source:
            samples, rate, begin = read_part(source, start, end)
        facts = Facts(rate)
    else:
        source = as_source(path)
        samples, rate, begin = read_part(source, start, end)
        facts = read_sidecar(source, rate) or Facts(rate, name=printable(source.stem))
    try:
        return assemble(samples, begin, facts)
    except SoundError as error:
        name = "what was given" if contents is not None else printable(source)
        raise FileError(f"{name} holds what cannot be used: {error}") from None


def save(
    sound: Sound,
    path: str | os.PathLike[str],
    *,
    subtype: str | None = None,
    sidecar: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a sound file, whole or not at all; nothing is overwritten unless asked for.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound to write.
    path : str or path-like
        Path that ends in ``.wav`` (written as 32-bit float, so nothing is lost), ``.flac`` (24-bit
        integers, lossless for anything that came from 16 or 24 bits; up to 8 channels), ``.ogg``
        (Vorbis; up to 192 kHz) or ``.mp3`` (1 or 2 channels; 8 to 48 kHz, the usual rates).
    subtype : str, optional
        Another coding that libsndfile knows for that kind of file, such as ``"PCM_16"``.
    sidecar : bool
        Whether to write a JSON file beside it that keeps start, identity, gaps and timing for
        :func:`load`. If not, one of a file that is replaced is removed.
    overwrite : bool
        Whether an existing file, and its sidecar, may be replaced: by a complete new one.

    Raises
    ------
    FileError
        If the file, or a sidecar of its name, exists already, the suffix or subtype is unknown,
        the format cannot hold the sound, or the folder or the disk does not take it. Nothing is
        left behind then, and an old file stays as it was.

    Warns
    -----
    ClippedWarning
        If samples beyond full scale had to be clipped: wav as float, the default, keeps them.

    See Also
    --------
    load : Read a sound file.
    lkexplore.Recording.save : The same as a method.

    Notes
    -----
    The file is written beside its place under another name, flushed to the disk, and then moved
    there in one step, so that no two programs write the same one. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(([0.0, 0.5], 8000), f"{folder}/two.wav")
    ...     load(f"{folder}/two.wav").samples.tolist()
    [[0.0, 0.5]]
    """
    recording = as_recording(sound)
    overwrite = as_flag("overwrite", overwrite)
    # Through a symbolic link to the file itself, which is the one to replace.
    target = as_target(path)
    chosen = _fitting(recording, target, subtype)
    if not overwrite:
        check_free(target, sidecar=sidecar)
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        _write(recording, part, chosen)
        put_in_place(part, target, overwrite=overwrite)
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    if sidecar:
        write_sidecar(target, Facts.of(recording, ended=Reason.SAVED))
    else:
        remove_sidecar(target)
    if chosen.subtype.startswith("PCM"):
        _warn_of_clipping(recording, target)


def _fitting(recording: Recording, target: Path, subtype: str | None) -> Format:
    """Return the format to write, or say why the sound does not fit it."""
    import soundfile

    known = fitting(target, recording.channels, recording.sample_rate)
    if not recording.samples.size and known.container in ("FLAC", "MP3"):
        raise FileError(
            f"{target.suffix} cannot hold a recording without samples: use .wav or .ogg"
        )
    if subtype is None:
        return known
    allowed = soundfile.available_subtypes(known.container)
    if subtype not in tuple(allowed):
        raise FileError(
            f"subtype {shown(subtype)} is not for {target.suffix}: use one of {' '.join(allowed)}"
        )
    if subtype == "OPUS" and recording.sample_rate not in _OPUS_RATES:
        rates = ", ".join(map(str, _OPUS_RATES))
        raise FileError(
            f"Opus does not hold {recording.sample_rate} Hz but {rates} Hz: use resample(48000)"
        )
    return replace(known, subtype=subtype)


def _write(recording: Recording, part: Path, chosen: Format) -> None:
    """Write a whole file and make sure that all of it is on the disk; OSError if not."""
    import soundfile

    samples = recording.samples
    # A wav counts its bytes in 32 bits.
    large = chosen.container == "WAV" and samples.size * 8 > _WAV_LIMIT
    opened = False
    try:
        # Python says why a file cannot be made; libsndfile does not.
        part.open("xb").close()
        with soundfile.SoundFile(
            for_library(part),
            "w",
            recording.sample_rate,
            recording.channels,
            format="RF64" if large else chosen.container,
            subtype=chosen.subtype,
        ) as file:
            opened = True
            for begin in range(0, samples.shape[1], _CHUNK):
                file.write(_coded(samples[:, begin : begin + _CHUNK], chosen.subtype).T)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        # libsndfile does not report every failed write.
        found = soundfile.info(for_library(part)).frames
    except (soundfile.SoundFileError, AssertionError) as error:
        full = " (is the disk full?)" if opened else ""
        raise OSError(f"{one_line(error)}{full}") from None
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
