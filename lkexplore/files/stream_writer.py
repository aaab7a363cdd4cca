"""Sound written to a file while it comes in, so that what was written can be read at any time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FileError, SoundError
from ..sound.convert import int16_of, int24_of
from ..sound.in_words import shown
from ..sound.validation import MAX_CHANNELS, as_sample_rate, as_samples, is_whole
from .formats import as_target, fitting
from .growing_flac import GrowingFlac
from .growing_wav import GrowingWav
from .new_file import check_free
from .sidecar import remove_sidecar

__all__ = ["SoundWriter", "check_stream_path"]

_KINDS = {".wav": GrowingWav, ".flac": GrowingFlac}
"""What writes each kind of file that can be streamed to, by suffix."""


class _Growing(Protocol):
    """A file that grows; all but `frames` and `salvage` raise OSError."""

    frames: int

    def append(self, block: NDArray[Any]) -> None: ...
    def silence(self, count: int) -> None: ...
    def sync(self) -> None: ...
    def finish(self) -> None: ...
    def salvage(self) -> None: ...


def check_stream_path(
    path: str | os.PathLike[str],
    sample_rate: int,
    channels: int,
    *,
    overwrite: bool = False,
    sidecar: bool = False,
) -> Path:
    """Say at once whether a file can be streamed to, before there is any sound.

    Parameters
    ----------
    path, sample_rate, channels, overwrite
        Path, sample rate in Hz, number of channels, and whether a file may be replaced, as for
        :class:`SoundWriter`.
    sidecar : bool
        Whether a sidecar will be written beside it, whose place must then be free, too.

    Returns
    -------
    Path
        Where the file will be, absolute.

    Raises
    ------
    FileError
        For another suffix, a missing folder, an existing file, and what the format cannot hold.
    SoundError
        For a rate or a number of channels that cannot be.

    Examples
    --------
    >>> check_stream_path("x.flac", 48000, 1).name
    'x.flac'
    """
    target = as_target(path)
    if not (is_whole(channels) and 1 <= channels <= MAX_CHANNELS):
        raise SoundError(f"{shown(channels)} channels cannot be written: give 1 to {MAX_CHANNELS}")
    fitting(target, channels, as_sample_rate(sample_rate), _KINDS)
    if not overwrite:
        check_free(target, sidecar=sidecar)
    return target


class SoundWriter:
    """Writes sound to a new file as it comes; after every :meth:`flush` the file is whole.

    Memory does not grow with the file. A wav beyond 4 GB becomes an RF64 file by itself. For one
    thread at a time.

    Parameters
    ----------
    path : str or path-like
        Path that ends in ``.wav`` or ``.flac``.
    sample_rate : int
        Sample rate in Hz, 1 to 768000; flac up to 655350.
    channels : int
        Number of channels, 1 to 64; flac up to 8.
    exact16 : bool
        Whether to keep 16-bit integers, the form in which sound comes out of a room. If false,
        32-bit floats (wav) or 24-bit integers (flac).
    overwrite : bool
        Whether to replace a file that is there; a sidecar of it goes too. Otherwise nothing is
        ever overwritten, whoever else writes at the same time.

    Attributes
    ----------
    path : Path
        Absolute path of the file.
    frames : int
        Samples per channel written so far; after an error, how many the file holds.

    Raises
    ------
    FileError
        For another suffix, a missing folder, an existing file, and what the format or the disk
        does not take.
    SoundError
        For a rate or a number of channels that cannot be.

    Notes
    -----
    A process that is killed leaves a file that any program reads, up to the last flush. In a flac,
    only full blocks are on the disk before :meth:`close`: it may lack 4097 samples more, 1153 at
    rates below 32 kHz. When the disk is full, the write that fails raises, and so does every later
    one; what was taken before is a valid file. Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, SoundWriter(f"{folder}/x.wav", 48000, 1) as file:
    ...     file.write_int16(np.zeros(480, np.int16))
    ...     file.seconds
    0.01
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        *,
        exact16: bool = True,
        overwrite: bool = False,
    ) -> None:
        self.path: Path = check_stream_path(path, sample_rate, channels, overwrite=overwrite)
        self._rate = as_sample_rate(sample_rate)
        self._channels, self._exact16 = channels, exact16
        self._failure: FileError | None = None
        self._closed = False
        make = _KINDS[self.path.suffix.lower()]
        try:
            self._file: _Growing = make(
                self.path, self._rate, channels, exact16=exact16, overwrite=overwrite
            )
        except FileExistsError:
            # Another program was faster.
            check_free(self.path)
            raise FileError(f"{self.path} cannot be written: it was there for a moment") from None
        except OSError as error:
            raise FileError(f"{self.path} cannot be written: {error.strerror or error}") from None
        remove_sidecar(self.path)

    @property
    def frames(self) -> int:
        """Samples per channel written so far; after an error, how many the file holds."""
        return self._file.frames

    @property
    def seconds(self) -> float:
        """The length of what was written so far."""
        return self.frames / self._rate

    def write_int16(self, interleaved: NDArray[np.int16]) -> None:
        """Append 16-bit samples as they come from a room.

        Parameters
        ----------
        interleaved : ndarray of int16, shape (n * channels,)
            Samples, one of every channel after the other.

        Raises
        ------
        SoundError
            For another type or shape.
        FileError
            If the disk does not take it, or the file is closed.
        """
        block = np.asarray(interleaved)
        if block.dtype != np.int16 or block.ndim != 1 or block.size % self._channels:
            raise SoundError(
                f"{block.dtype} of shape {block.shape} cannot be written: give int16, interleaved, "
                f"a multiple of {self._channels} in one dimension"
            )
        frames = block.reshape(-1, self._channels)
        if self._exact16:
            self._do(self._file.append, frames)
        else:
            self.write(frames.T)

    def write(self, samples: ArrayLike) -> None:
        """Append samples of any kind that a recording takes.

        Parameters
        ----------
        samples : array_like, float32 or int16, shape (channels, n)
            Samples, full scale being [-1, 1]; beyond it, integers are clipped.

        Raises
        ------
        SoundError
            For what is no sound, NaN among it, or another number of channels.
        FileError
            If the disk does not take it, or the file is closed.
        """
        checked = as_samples(samples)
        if len(checked) != self._channels:
            raise SoundError(
                f"samples of shape {checked.shape} cannot be written to {self.path.name}: "
                f"it has {self._channels} channels, so give ({self._channels}, n)"
            )
        coded: NDArray[Any] = checked
        if self._exact16:
            coded = int16_of(checked)
        elif isinstance(self._file, GrowingFlac):
            coded = int24_of(checked)
        self._do(self._file.append, np.ascontiguousarray(coded.T))

    def silence(self, count: int) -> None:
        """Append so many samples of silence to every channel.

        Parameters
        ----------
        count : int
            Number of samples, 0 or more. In a wav they take no time to write, however many.

        Raises
        ------
        SoundError
            For less than none.
        FileError
            If the disk does not take it, or the file is closed.
        """
        if count < 0:
            raise SoundError(f"{count} samples of silence cannot be: give 0 or more")
        self._do(self._file.silence, count)

    def flush(self) -> None:
        """Make the file whole as it is; does not wait for the disk itself.

        Raises
        ------
        FileError
            If the disk does not take it, or the file is closed.
        """
        self._do(self._file.sync)

    def close(self) -> None:
        """Finish the file and wait until the disk has it; once is enough, again does nothing.

        Raises
        ------
        FileError
            If the disk did not take the rest. After an error that was raised before, nothing.
        """
        if not self._closed and self._failure is None:
            self._do(self._file.finish)
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _do(self, what: Callable[..., None], *arguments: Any) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise FileError(f"{self.path} is closed: make another SoundWriter")
        try:
            what(*arguments)
        except OSError as error:
            self._file.salvage()
            self._failure = FileError(
                f"{self.path} takes no more: {error.strerror or error}; "
                f"the first {self.seconds:.3f} s are in it"
            )
            raise self._failure from None
