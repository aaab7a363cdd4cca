"""A FLAC file that grows and is valid at any time, up to its last full block."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .given_file import for_library

__all__ = ["GrowingFlac"]

_PIECE = 1 << 12
"""Samples per channel that are written at a time, so that an error costs no more than the last."""

_BLOCK_AT = 8
"""Byte of the file at which STREAMINFO has the length of a block (RFC 9639, 2024, section 8.2)."""

_RATE_AT = 18
"""Byte of the file at which STREAMINFO has the rate, and in the last 36 of 64 bits how many samples
there are (RFC 9639, 2024, section 8.2).
"""

_CHECKSUM_AT = 26
"""Byte of the file at which STREAMINFO has the checksum of all samples (RFC 9639, 2024, section
8.2).
"""

_COUNT_MASK = 2**36 - 1
"""The 36 bits in which STREAMINFO counts the samples per channel."""


class GrowingFlac:
    """Appends to a new FLAC file; :meth:`sync` updates how much its header says there is.

    Parameters
    ----------
    path : Path
        Path of the file, which is made.
    sample_rate, channels : int
        Rate in Hz, and 1 to 8 channels.
    exact16 : bool
        Whether it holds 16-bit integers; otherwise 24-bit ones.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    OSError
        From everything, if the disk does not take it.

    Notes
    -----
    The encoder is libFLAC, by way of libsndfile. It leaves the count of samples at 0 until the
    end, which libsndfile itself cannot read, so the count is written here.

    References
    ----------
    RFC 9639, "Free Lossless Audio Codec (FLAC)", 2024, section 8.2 for STREAMINFO.
    """

    def __init__(
        self, path: Path, sample_rate: int, channels: int, *, exact16: bool, overwrite: bool
    ) -> None:
        self.frames = 0
        self._path, self._rate, self._channels, self._exact16 = path, sample_rate, channels, exact16
        self._encoder: Any = None
        self._block, self._whole, self._size = 0, 0, 0
        self._file = path.open("w+b" if overwrite else "x+b", buffering=0)
        try:
            # The encoder writes its own only with the first samples, and there may be none.
            self._size = self._file.write(_header(sample_rate, channels, 16 if exact16 else 24))
        except OSError:
            self._file.close()
            raise

    def append(self, block: NDArray[Any]) -> None:
        """Write samples of shape (n, channels): int16, or 24 bits in the upper ones of int32."""
        import soundfile

        try:
            if self._encoder is None and len(block):
                self._encoder = self._start()
            # In pieces, so that an error costs no more than the last.
            for begin in range(0, len(block), _PIECE):
                piece = block[begin : begin + _PIECE]
                self._encoder.write(piece)
                self.frames += len(piece)
                self._note()
        except (soundfile.SoundFileError, AssertionError) as error:
            raise OSError(f"{' '.join(str(error).split())} (is the disk full?)".strip()) from None

    def silence(self, count: int) -> None:
        """Add so many frames of zeros."""
        dtype = np.int16 if self._exact16 else np.int32
        zeros = np.zeros((min(count, _PIECE), self._channels), dtype)
        for begin in range(0, count, _PIECE):
            self.append(zeros[: count - begin])

    def sync(self) -> None:
        """Make the header say how much there is in full blocks."""
        if self._whole:
            self._set_count(self._whole)

    def finish(self) -> None:
        """Write the last block, wait until the disk has everything, and close."""
        if self._encoder is not None:
            self._encoder.close()
            if self._count() != self.frames:
                raise OSError("the last block was not taken (is the disk full?)")
        os.fsync(self._file.fileno())
        self._file.close()

    def salvage(self) -> None:
        """Make a valid file of what was taken before an error, and close."""
        import soundfile

        with contextlib.suppress(soundfile.SoundFileError):
            if self._encoder is not None:
                self._encoder.close()
        self.frames = self._whole
        with self._file, contextlib.suppress(OSError):
            self._file.truncate(self._size)
            self._set_count(self._whole)
            self._write_at(_CHECKSUM_AT, bytes(16))

    def _start(self) -> Any:
        import soundfile

        class Encoder(soundfile.SoundFile):  # type: ignore[misc]
            # Otherwise it seeks three times for every piece.
            def seekable(self) -> bool:
                return False

        return Encoder(
            for_library(self._path),
            "w",
            self._rate,
            self._channels,
            format="FLAC",
            subtype="PCM_16" if self._exact16 else "PCM_24",
            # At low rates, the blocks of the usual level are half a second long.
            compression_level=0.625 if self._rate >= 32_000 else 0.25,
        )

    def _note(self) -> None:
        """Remember how much is whole on the disk."""
        if not self._block:
            self._block = int.from_bytes(self._read_at(_BLOCK_AT, 2), "big")
        # The encoder holds a block back until it sees the sample after it.
        whole = (self.frames - 1) // self._block * self._block
        if whole > self._whole:
            self._whole, self._size = whole, os.fstat(self._file.fileno()).st_size

    def _count(self) -> int:
        return int.from_bytes(self._read_at(_RATE_AT, 8), "big") & _COUNT_MASK

    def _set_count(self, count: int) -> None:
        packed = int.from_bytes(self._read_at(_RATE_AT, 8), "big") & ~_COUNT_MASK
        self._write_at(_RATE_AT, (packed | count).to_bytes(8, "big"))

    def _read_at(self, place: int, count: int) -> bytes:
        self._file.seek(place)
        return self._file.read(count)

    def _write_at(self, place: int, data: bytes) -> None:
        self._file.seek(place)
        self._file.write(data)


def _header(sample_rate: int, channels: int, bits: int) -> bytes:
    """Return a FLAC file without any samples."""
    packed = sample_rate << 44 | (channels - 1) << 41 | (bits - 1) << 36
    block = (4096).to_bytes(2, "big")
    info = block + block + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info
