"""A WAV file that grows and is valid at any time, beyond 4 GB too."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GrowingWav"]

_LARGEST = 2**32 - 1
"""Largest size in bytes that fits 32 bits; in an RF64 file it stands for one in ds64 (EBU Tech
3306, 2009).
"""

_PCM = 1
"""Format tag of integers (Microsoft and IBM, 1991)."""

_FLOAT = 3
"""Format tag of IEEE floats."""

_EXTENSIBLE = 0xFFFE
"""Format tag of more than two channels: what the samples are then stands in a GUID."""

_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""Last 14 bytes of that GUID; the first two are the format tag of the samples."""


class GrowingWav:
    """Appends to a new WAV file; what its header says is brought up to date by :meth:`sync`.

    Parameters
    ----------
    path : Path
        Path of the file, which is made.
    sample_rate, channels : int
        Rate in Hz, and 1 to 64 channels.
    exact16 : bool
        Whether it holds 16-bit integers; otherwise 32-bit floats.
    overwrite : bool
        Whether an existing file is replaced.
    largest : int
        Size in bytes beyond which a RIFF file becomes an RF64 file.

    Raises
    ------
    OSError
        From everything, if the disk does not take it.

    References
    ----------
    Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991;
    EBU Tech 3306, "RF64: An extended file format for audio", 2009: room for 64-bit sizes is
    reserved ahead in a JUNK chunk, which becomes ds64 when the sizes no longer fit 32 bits.
    """

    def __init__(
        self,
        path: Path,
        sample_rate: int,
        channels: int,
        *,
        exact16: bool,
        overwrite: bool,
        largest: int = _LARGEST,
    ) -> None:
        self.frames = 0
        self._rate, self._channels, self._largest = sample_rate, channels, largest
        self._dtype = np.dtype("<i2" if exact16 else "<f4")
        self._frame = channels * self._dtype.itemsize
        # Without a buffer of Python's: what is written survives the process being killed.
        self._file = path.open("wb" if overwrite else "xb", buffering=0)
        try:
            self._begin = len(self._header())
            self.sync()
        except OSError:
            self._file.close()
            raise

    def append(self, block: NDArray[Any]) -> None:
        """Write samples of shape (n, channels), int16 or float32 as the file holds."""
        left = memoryview(block.astype(self._dtype, copy=False).tobytes())
        while left:
            left = left[self._file.write(left) :]
        self.frames += len(block)

    def silence(self, count: int) -> None:
        """Add so many frames of zeros, which take no room on most disks."""
        self._file.truncate(self._begin + (self.frames + count) * self._frame)
        self._file.seek(0, os.SEEK_END)
        self.frames += count

    def sync(self) -> None:
        """Make the header say how much there is."""
        header = self._header()
        self._file.seek(0)
        if self._file.write(header) < len(header):
            raise OSError("the header does not fit")
        self._file.seek(0, os.SEEK_END)

    def finish(self) -> None:
        """Bring the header up to date, wait until the disk has everything, and close."""
        self.sync()
        os.fsync(self._file.fileno())
        self._file.close()

    def salvage(self) -> None:
        """Make a valid file of what was taken before an error, and close."""
        with self._file, contextlib.suppress(OSError):
            size = os.fstat(self._file.fileno()).st_size
            self.frames = max(0, size - self._begin) // self._frame
            self._file.truncate(self._begin + self.frames * self._frame)
            self.sync()

    def _header(self) -> bytes:
        kind = self._kind()
        exact = self._dtype.kind == "i"
        begin = 12 + 36 + len(kind) + (0 if exact else 12) + 8
        data = self.frames * self._frame
        riff = begin - 8 + data
        large = riff > self._largest
        sizes = struct.pack("<QQQI", riff, data, self.frames, 0) if large else bytes(28)
        fact = b"" if exact else b"fact" + struct.pack("<II", 4, _LARGEST if large else self.frames)
        return b"".join(
            (
                struct.pack("<4sI4s", b"RF64" if large else b"RIFF", _fits(riff, large), b"WAVE"),
                struct.pack("<4sI", b"ds64" if large else b"JUNK", 28) + sizes,
                kind + fact,
                struct.pack("<4sI", b"data", _fits(data, large)),
            )
        )

    def _kind(self) -> bytes:
        """Return the chunk that says what the samples are."""
        code = _PCM if self._dtype.kind == "i" else _FLOAT
        bits = 8 * self._dtype.itemsize
        tag, tail = code, b""
        if self._channels > 2:
            tag = _EXTENSIBLE
            tail = struct.pack("<HHIH", 22, bits, 0, code) + _GUID_TAIL
        elif code == _FLOAT:
            tail = struct.pack("<H", 0)
        body = struct.pack(
            "<HHIIHH",
            tag,
            self._channels,
            self._rate,
            self._rate * self._frame,
            self._frame,
            bits,
        )
        return b"fmt " + struct.pack("<I", len(body + tail)) + body + tail


def _fits(size: int, large: bool) -> int:
    return _LARGEST if large else size
