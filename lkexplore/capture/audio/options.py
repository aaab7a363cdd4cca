"""What a caller wants of a recording, checked before anything is waited for."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from ...errors import SoundError
from ...files import check_stream_path
from ...sound.validation import as_sample_rate
from .storage import FileStore, MemoryStore, Store

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to record.

    Parameters
    ----------
    seconds : float or None
        Length in seconds, 0 or more; None for no limit.
    sample_rate : int
        Sample rate of the recording in Hz.
    channels : int
        Number of channels of the recording, 1 or 2.
    timeout : float
        Seconds to wait for a track, and for its first frame.
    overwrite : bool
        Whether files may be replaced.

    Raises
    ------
    SoundError
        For values that cannot be used.
    """

    seconds: float | None
    sample_rate: int
    channels: int
    timeout: float
    overwrite: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sample_rate", as_sample_rate(self.sample_rate))
        if self.channels not in (1, 2):
            raise SoundError(f"channels must be 1 or 2 for a recording, not {self.channels!r}")
        if self.seconds is not None and not (0 <= self.seconds < math.inf):
            raise SoundError(
                f"cannot record for {self.seconds!r} seconds: give a number of 0 or more, or None "
                "to record until the track ends"
            )

    def check_path(self, path: str | os.PathLike[str]) -> Path:
        """Return the path to write to, or raise the reason why that is not possible."""
        return check_stream_path(path, self.sample_rate, self.channels, overwrite=self.overwrite)

    def store(self, path: str | os.PathLike[str] | None) -> Store:
        """Return where one recording is to gather."""
        if path is None:
            return MemoryStore(self.sample_rate, self.channels, self.seconds)
        return FileStore(Path(path), self.sample_rate, self.channels, self.overwrite)
