"""WAV files whose writer was killed before it could say how long they are."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["mended"]

_LARGEST = 2**32 - 1
"""Largest size in bytes that fits 32 bits."""

_MOST_CHUNKS = 100
"""Chunks that are looked through for the samples."""


def mended(source: Path) -> BinaryIO | None:
    """Open a WAV file that says it holds nothing but does, as if it said how much.

    Parameters
    ----------
    source : Path
        Path of any file.

    Returns
    -------
    binary file or None
        The file as it should be, for reading; None if it is no such file. The file on the disk
        stays as it is.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with source.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        said = struct.unpack("<I", head[4:8])[0] + 8
        size = file.seek(0, io.SEEK_END)
        place = 12
        for _ in range(_MOST_CHUNKS):
            file.seek(place)
            chunk = file.read(8)
            if len(chunk) < 8:
                return None
            length = struct.unpack("<I", chunk[4:])[0]
            begin = place + 8
            if chunk[:4] == b"data":
                break
            place = begin + length + length % 2
        else:
            return None
    # One that is complete and empty may have other chunks after the data, and counts them.
    if length or said > begin or size <= begin:
        return None
    sizes = ((4, size - 8), (place + 4, size - begin))
    return _Mended(source, {at: struct.pack("<I", min(n, _LARGEST)) for at, n in sizes})


class _Mended(io.FileIO):
    """A file in which some bytes are read as other ones."""

    def __init__(self, source: Path, changes: dict[int, bytes]) -> None:
        super().__init__(source)
        self._changes = changes

    def read(self, size: int | None = -1) -> bytes:
        """Read up to so many bytes."""
        begin = self.tell()
        data = bytearray(super().read(-1 if size is None else size))
        for at, new in self._changes.items():
            for place, byte in enumerate(new, at - begin):
                if 0 <= place < len(data):
                    data[place] = byte
        return bytes(data)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read as much as fits."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
