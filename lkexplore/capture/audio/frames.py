"""A live track as numpy blocks: every sample, up to a bound; what is dropped is counted."""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
import weakref
from collections import deque
from typing import Any, TypeAlias

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ...errors import SoundError
from ...sdk.encryption import check_readable
from ...sdk.find_track import find_track
from ...sdk.joined_room import JoinedRoom
from ...sdk.media_loop import MediaUse, media_loop, on_media_loop
from ...sdk.participants import Source
from ...sdk.pending import needs_await
from ...sound.convert import INT16_STEP, WEBRTC_RATE
from ...sound.in_words import shown
from ...sound.validation import is_whole
from ..rooms import as_sdk_room
from .options import Options
from .placement import Placement
from .receiver import AudioReceiver

__all__ = ["DroppedWarning", "Frames", "capture_frames", "frames"]

BOUND = 10.0
"""Most seconds of blocks that may wait to be fetched."""

MAX_BLOCK = 1 << 20
"""Most samples per channel in a block."""

Block: TypeAlias = NDArray[np.float32]
"""Samples of shape (channels, block) in [-1, 1)."""


class DroppedWarning(UserWarning):
    """Blocks of a live track were not fetched in time and had to be dropped."""


class _Blocks(Placement):
    """Cuts a track's sound into blocks, and keeps them until they are fetched."""

    def __init__(self, block: int, rate: int, channels: int) -> None:
        super().__init__(channels, time.monotonic(), lead=False, patience=0.0, at_once=True)
        self.block, self.rate = block, rate
        self.ready: deque[tuple[int, Block]] = deque()
        self.news = asyncio.Event()
        self.dropped = 0
        self._bound = max(2, round(BOUND * rate / block))
        self._cut = 0
        self._rest = np.empty((channels, 0), np.float32)
        self._resampler: Any = None
        if rate != WEBRTC_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(
                WEBRTC_RATE, rate, channels, dtype="float32", quality="VHQ"
            )

    def _write(self, interleaved: NDArray[np.int16]) -> None:
        samples = interleaved.reshape(-1, self.channels).astype(np.float32)
        samples *= INT16_STEP
        self._cut_up(samples)

    def _write_silence(self, count: int) -> None:
        for piece in range(0, count, WEBRTC_RATE):
            length = min(count - piece, WEBRTC_RATE)
            self._cut_up(np.zeros((length, self.channels), np.float32))

    def _cut_up(self, samples: Block) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples).reshape(-1, self.channels)
        whole = np.concatenate((self._rest, samples.T), axis=1)
        end = whole.shape[1] // self.block * self.block
        for start in range(0, end, self.block):
            if len(self.ready) >= self._bound:
                self.ready.popleft()
                self.dropped += 1
            piece = np.ascontiguousarray(whole[:, start : start + self.block])
            self.ready.append((self._cut, piece))
            self._cut += self.block
        self._rest = whole[:, end:].copy()
        if end:
            self.news.set()


class _Reader:
    """Follows the track on the media loop for one `Frames`, which may be let go at any time."""

    def __init__(self, source: Source, room: rtc.Room | None, timeout: float) -> None:
        self.source, self.room, self.timeout = source, room, timeout
        self.task: asyncio.Task[None] | None = None
        self._loop = media_loop()

    async def run(self, sink: _Blocks) -> None:
        try:
            track, view = await find_track(self.room, self.source, "audio", self.timeout)
            check_readable(self.room, view)
            with MediaUse():
                await AudioReceiver(self.room, view, sink, self.timeout, switches=True).run(track)
        finally:
            sink.news.set()

    def abandon(self) -> None:
        """Stop, from any thread."""
        with contextlib.suppress(RuntimeError):  # the media loop has stopped, and all with it
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Frames:
    """Blocks of a live track: up to 10 s wait, then the oldest are dropped and counted.

    Made by `frames`, to be iterated over once with ``async for``. It ends with the track.

    Attributes
    ----------
    block, sample_rate, channels : int
        Samples per channel in each block, their rate in Hz, and the number of channels.
    time : float
        Seconds of ``time.monotonic()`` at which the last block's first sample was sent; the time
        on the network counts as zero.
    """

    def __init__(
        self,
        source: Source,
        room: rtc.Room | None,
        block: int,
        sample_rate: int,
        channels: int,
        timeout: float,
    ) -> None:
        self.block, self.sample_rate, self.channels = block, sample_rate, channels
        self.timeout, self.time = timeout, 0.0
        self._reader = _Reader(source, room, timeout)
        self._sink: _Blocks | None = None
        self._reported = 0
        self._finalizer = weakref.finalize(self, self._reader.abandon)

    @property
    def dropped(self) -> int:
        """How many blocks were not fetched in time, so far."""
        return 0 if self._sink is None else self._sink.dropped

    def __aiter__(self) -> Frames:
        return self

    async def __anext__(self) -> Block:
        sink = self._sink
        if sink is None or not sink.ready:
            sink = await self._more()
        if not sink.ready:
            raise StopAsyncIteration
        position, block = sink.ready.popleft()
        started = sink.started + sink.delay - sink.latest_delay
        self.time = started + position / self.sample_rate
        if sink.dropped > self._reported:
            new, self._reported = sink.dropped - self._reported, sink.dropped
            warnings.warn(
                f"{new} blocks of {self.block} samples were not fetched within {BOUND:g} s and are "
                "lost: do less between two blocks, or record() and look at it afterwards",
                DroppedWarning,
                stacklevel=2,
            )
        return block

    @on_media_loop
    async def _more(self) -> _Blocks:
        reader = self._reader
        if self._sink is None:
            self._sink = _Blocks(self.block, self.sample_rate, self.channels)
            reader.task = asyncio.get_running_loop().create_task(reader.run(self._sink))
        sink, task = self._sink, reader.task
        while not sink.ready and task is not None and not task.done():
            sink.news.clear()
            await sink.news.wait()
        if not sink.ready and task is not None and not task.cancelled():
            await task  # raises what went wrong
        return sink

    @on_media_loop
    async def aclose(self) -> None:
        """Stop, and let go of what was not fetched."""
        if self._sink is not None:
            self._sink.ready.clear()
        if self._reader.task is not None:
            self._reader.task.cancel()
            await asyncio.wait([self._reader.task], timeout=self.timeout)

    async def __aenter__(self) -> Frames:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return (
            f"<Frames of ({self.channels}, {self.block}) at {self.sample_rate} Hz, "
            f"{self.dropped} dropped>"
        )


def frames(
    source: Source,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    block: int = 960,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    timeout: float = 10.0,
) -> Frames:
    """Give a live track in blocks of samples, which wait up to 10 s to be fetched.

    Parameters
    ----------
    source : rtc.Track, rtc.TrackPublication, Track, Participant or str
        The track, or the participant who publishes it, as in `record`; an identity needs `room`.
    room : Room or rtc.Room, optional
        The room of `source`.
    block : int
        Samples per channel in each block, 1 to 1048576. All blocks have exactly this length,
        however the sound comes from the network.
    sample_rate : int
        Sample rate of the blocks in Hz.
    channels : int
        Number of channels of the blocks, 1 or 2.
    timeout : float
        Seconds to wait for the track and for its first frame.

    Returns
    -------
    Frames
        For ``async for``: float32 blocks of shape (channels, block) in [-1, 1). Up to 10 s of
        them wait to be fetched; beyond that the oldest are dropped: ``dropped`` counts them, and a
        `DroppedWarning` says so. The sound is without holes: while nothing arrives it is silent.
        A remainder shorter than a block, at the end of the track, is not given.

    Raises
    ------
    SoundError
        For a block, rate or number of channels that cannot be used. The iteration raises the
        other errors of `record`.

    See Also
    --------
    capture_frames : A given number of blocks.
    lkexplore.VideoFrames : Pictures, one by one.
    lkexplore.Room.frames : The same as a method of a room.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> async for block in lk.frames(track, block=480):   # doctest: +SKIP
    ...     print(20 * np.log10(np.abs(block).max() + 1e-9))
    """
    if not (is_whole(block) and 1 <= block <= MAX_BLOCK):
        raise SoundError(f"a block of {shown(block)} samples cannot be: give 1 to {MAX_BLOCK}")
    wanted = Options(None, sample_rate, channels, timeout)
    form = int(block), wanted.sample_rate, wanted.channels
    return Frames(source, as_sdk_room(room), *form, wanted.timeout)


@needs_await
async def capture_frames(
    source: Source,
    count: int,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    block: int = 960,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    timeout: float = 10.0,
) -> list[Block]:
    """Capture the next blocks of a live track, every one of them.

    Parameters
    ----------
    source : rtc.Track, rtc.TrackPublication, Track, Participant or str
        The track, or the participant who publishes it, as in `record`; an identity needs `room`.
    count : int
        Number of blocks, 0 or more.
    room, block, sample_rate, channels, timeout
        As in `frames`.

    Returns
    -------
    list of ndarray of float32, shape (channels, block)
        The blocks; fewer than `count`, with a `UserWarning`, if the track ends before.

    Raises
    ------
    SoundError
        For a `count` that is not a whole number, or less than 0; other errors as from `frames`.

    See Also
    --------
    frames : One block after the other, without an end.
    record : The same sound as one recording.
    lkexplore.Room.capture_frames : The same as a method of a room.

    Examples
    --------
    >>> blocks = await lk.capture_frames(track, 50)       # doctest: +SKIP
    >>> np.concatenate(blocks, axis=1).shape              # doctest: +SKIP
    (1, 48000)
    """
    if not (is_whole(count) and count >= 0):
        raise SoundError(f"cannot capture {shown(count)} blocks: give a whole number, 0 or more")
    wanted = frames(
        source, room=room, block=block, sample_rate=sample_rate, channels=channels, timeout=timeout
    )
    got: list[Block] = []
    async with wanted:
        while len(got) < count:
            try:
                got.append(await anext(wanted))
            except StopAsyncIteration:
                warnings.warn(
                    f"the track ended after {len(got)} of {count} blocks", UserWarning, stacklevel=2
                )
                break
    return got
