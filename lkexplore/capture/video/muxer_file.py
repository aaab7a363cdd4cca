"""A file that a muxer writes to in whole pieces, which stays whole when a write fails."""

from __future__ import annotations

import io
import os
from pathlib import Path

__all__ = ["MuxerFile"]


class MuxerFile:
    """Gathers what is written until `flush`, and then writes it in one go.

    After a write that failed nothing is written any more, and the file ends with the last flush
    that succeeded: what the muxer still writes cannot harm what is there.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.

    Attributes
    ----------
    error : OSError or None
        The error of the write that failed; None while none has.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self.name = str(path)
        self._file = path.open("wb", buffering=0)
        self._pending = bytearray()
        self._start = self._size = 0
        self._left = False

    def write(self, data: bytes) -> int:
        """Take some bytes, to be written with the next flush."""
        self._pending += data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place."""
        self.flush()
        end = max(self._size, self._start)
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._start, io.SEEK_END: end}[whence]
        self._start = base + offset
        return self._start

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._start + len(self._pending)

    def seekable(self) -> bool:
        """Tell that `seek` works."""
        return True

    def flush(self) -> None:
        """Write what was gathered; see `error` for whether that went well."""
        data, self._pending = self._pending, bytearray()
        start, self._start = self._start, self._start + len(data)
        if self._left or self.error is not None or not data:
            return
        try:
            self._file.seek(start)
            written = 0
            while written < len(data):
                written += self._file.write(memoryview(data)[written:]) or 0
        except OSError as error:
            self.error = error
            self._file.truncate(self._size)
        self._size = max(self._size, start + len(data)) if self.error is None else self._size

    def leave(self) -> None:
        """Write nothing any more."""
        self._left = True

    def close(self) -> None:
        """Flush, have the disk take all of it, and let go of the file."""
        if self._file.closed:
            return
        self.flush()
        try:
            if self.error is None:
                os.fsync(self._file.fileno())
        except OSError as error:
            self.error = error
        finally:
            self._file.close()
