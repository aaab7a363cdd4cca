"""An MP4 file that grows: H.264 at the times of the pictures, AAC beside it, whole at any time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FileError
from ...sound.arguments import as_flag
from ...sound.convert import WEBRTC_RATE
from ...sound.in_words import shown
from .fitting import Sizes, fitted
from .muxer_file import MuxerFile
from .picture import Image

if TYPE_CHECKING:
    import av

__all__ = ["Mp4File", "checked_path"]


_CLOCK = 90_000
"""Ticks per second of the file's clock, the rate of video in RTP (RFC 3551, 5)."""

_FRAGMENT = 0.5
"""Seconds of a fragment: so much later, what was written is complete on the disk."""

_ENCODERS = {
    "libx264": {"preset": "veryfast", "tune": "zerolatency", "crf": "20"},
    "libopenh264": {"b": "4M"},
}
"""Settings of the H.264 encoders of FFmpeg, in the order in which they are tried."""

_BT601 = 6
"""Code of the colour matrix that WebRTC uses (ITU-T H.273, table 4, from ITU-R BT.601)."""

_LIMITED = 1
"""FFmpeg's number for luma from 16 to 235 (``AVCOL_RANGE_MPEG``)."""


def checked_path(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """Return the path to write to, or raise the reason why that is not possible."""
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise FileError(f"{shown(path)} is no path of a file: give text such as 'film.mp4'")
    target = Path(path)
    if target.suffix.lower() != ".mp4":
        raise FileError(f"{target.name!r} does not end in .mp4: video is written as MP4 only")
    if not target.parent.is_dir():
        raise FileError(f"there is no folder {target.parent}: make it first")
    if target.is_dir():
        raise FileError(f"{target} is a folder: give the path of a file in it")
    if os.path.lexists(target) and not as_flag("overwrite", overwrite):
        raise _there_already(target)
    return target


def _there_already(target: Path) -> FileError:
    return FileError(f"{target} is there already: choose another name, or overwrite=True")


def _take_name(path: Path) -> None:
    """Make an empty file of that name, which only one program can do."""
    try:
        path.open("xb").close()
    except FileExistsError:
        raise _there_already(path) from None
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}") from None


class Mp4File:
    """Writes pictures and sound; not for use by two threads at once.

    While it grows it consists of complete fragments, so that a process that is killed leaves a
    file that plays; closing it makes an ordinary MP4 of it.

    Parameters
    ----------
    path : Path
        Path of the file, as `checked_path` returns it.
    size : tuple of int
        Width and height in pixels, both even; pictures of other sizes are scaled.
    channels : int
        Number of channels of the sound; 0 for no sound.
    overwrite : bool
        Whether an existing file may be replaced; else none is, whoever else writes at that time.

    Attributes
    ----------
    times : list of float
        Seconds at which the pictures begin.
    samples : int
        Number of samples of sound per channel, at 48000 Hz.
    sizes : Sizes
        Number of pictures that were scaled.
    closed : bool
        Whether nothing more is written.

    Raises
    ------
    FileError
        From every method, when the disk takes no more; what was written before stays.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], channels: int = 0, *, overwrite: bool = False
    ) -> None:
        import av

        self.path, self.size = path, size
        self.times: list[float] = []
        self.samples = 0
        self.sizes = Sizes()
        self.closed = False
        self._last: av.VideoFrame | None = None
        self._ticks = -1
        options = {
            # The header waits for the first fragment, to say by how much AAC begins before 0 s.
            "movflags": "hybrid_fragmented+delay_moov",
            "frag_duration": str(round(_FRAGMENT * 1e6)),
            "flush_packets": "1",
        }
        if not overwrite:
            _take_name(path)
        with self._failing():
            self._disk = MuxerFile(path)
            self._container = av.open(self._disk, "w", format="mp4", options=options)
            self._video = self._add_video(size)
            self._audio: Any = None
            if channels:
                layout = "stereo" if channels == 2 else "mono"
                self._audio = self._container.add_stream("aac", rate=WEBRTC_RATE, layout=layout)
                self._audio.codec_context.bit_rate = 96_000 * channels

    def add_picture(self, yuv: Image, seconds: float) -> None:
        """Show a picture, as `yuv_of` returns it, from that time on (later than the last)."""
        import av

        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        if (frame.width, frame.height) != self.size:
            self.sizes.note(frame.width, frame.height)
            planes = fitted(frame, *self.size, "yuv420p")
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self.times.append(seconds)
        self._encode(frame, seconds)

    def hold(self, seconds: float) -> None:
        """Write the last picture once more, so that the file reaches to that time."""
        if self._last is not None and round(seconds * _CLOCK) > self._ticks:
            self._encode(self._last, seconds)

    def add_sound(self, samples: NDArray[np.int16]) -> None:
        """Append sound of shape (n, channels)."""
        import av

        count, channels = samples.shape
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1),
            format="s16",
            layout="stereo" if channels == 2 else "mono",
        )
        frame.sample_rate, frame.time_base = WEBRTC_RATE, Fraction(1, WEBRTC_RATE)
        frame.pts = self.samples
        self.samples += count
        with self._failing():
            self._container.mux(self._audio.encode(frame))

    def close(self, seconds: float) -> None:
        """Finish the file, its last picture standing until then."""
        with self._failing():
            for packet in [*self._last_packets(seconds), *self._video.encode(None)]:
                # Otherwise the last picture would stand as long as the one before it did.
                packet.duration = max(round(seconds * _CLOCK) - packet.pts, 1)
                self._container.mux(packet)
            if self._audio is not None and self.samples:
                self._container.mux(self._audio.encode(None))
        with self._failing():
            self._container.close()
            self._disk.close()
        self.closed = True

    def abandon(self) -> None:
        """Let go of the file as it is."""
        self._disk.leave()
        with contextlib.suppress(OSError, ValueError):
            self._container.close()
        self._disk.close()
        self.closed = True

    def _last_packets(self, seconds: float) -> list[Any]:
        if self._last is None:
            return []
        self._ticks = max(round((seconds - 1 / 60) * _CLOCK), self._ticks + 1)
        self._last.pts = self._ticks
        packets: list[Any] = self._video.encode(self._last)
        return packets

    def _encode(self, frame: av.VideoFrame, seconds: float) -> None:
        self._ticks = max(round(seconds * _CLOCK), self._ticks + 1)
        frame.pts, frame.time_base = self._ticks, Fraction(1, _CLOCK)
        frame.pict_type = 0
        self._last = frame
        with self._failing():
            self._container.mux(self._video.encode(frame))

    def _add_video(self, size: tuple[int, int]) -> Any:
        import av

        for name, settings in _ENCODERS.items():
            if name not in av.codecs_available:
                continue
            stream: Any = self._container.add_stream(name, rate=30, options=settings)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, _CLOCK)
            context = stream.codec_context
            context.time_base, context.gop_size = Fraction(1, _CLOCK), 60
            context.colorspace, context.color_range = _BT601, _LIMITED
            return stream
        raise FileError(
            "PyAV was built here without an H.264 encoder: install its wheel, 'pip install av'"
        )

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
            self._disk.flush()
            if self._disk.error is not None:
                raise self._disk.error
        except FileError:
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FileError(f"{self.path} cannot be written: {reason}") from None
