"""What a caller wants of a recording, checked before anything is waited for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...files import check_stream_path
from ...files.new_file import reserve
from ...sound.arguments import as_channels, as_flag, as_length, as_seconds
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
    SoundError, LkExploreError
        For values that cannot be used.
    """

    seconds: float | None
    sample_rate: int
    channels: int
    timeout: float
    overwrite: bool = False

    def __post_init__(self) -> None:
        checked = {
            "seconds": as_length(self.seconds),
            "sample_rate": as_sample_rate(self.sample_rate),
            "channels": as_channels(self.channels),
            "timeout": as_seconds("timeout", self.timeout),
            "overwrite": as_flag("overwrite", self.overwrite),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def check_path(self, path: str | os.PathLike[str]) -> Path:
        """Return the path to write to, or raise the reason why that is not possible."""
        return check_stream_path(
            path, self.sample_rate, self.channels, overwrite=self.overwrite, sidecar=True
        )

    def store(self, path: str | os.PathLike[str] | None) -> Store:
        """Return where one recording is to gather."""
        if path is None:
            return MemoryStore(self.sample_rate, self.channels, self.seconds)
        return FileStore(Path(path), self.sample_rate, self.channels, self.overwrite)

    def store_in(self, folder: Path, stem: str, moment: datetime) -> Store:
        """Return where one recording of many is to gather: in a file with a name of its own.

        Parameters
        ----------
        folder : Path
            The folder of the file.
        stem : str
            Name of the file without suffix; the time is added if it is taken.
        moment : datetime
            That time.

        Raises
        ------
        FileError
            If no file can be made.
        """
        if self.overwrite:
            return self.store(folder / f"{stem}.flac")
        path = reserve(folder, stem, ".flac", moment)
        try:
            return FileStore(path, self.sample_rate, self.channels, overwrite=True)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
