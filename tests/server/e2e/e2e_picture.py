"""Moving pictures to publish, eyes to see them with, and what can be read off what was seen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

Image = NDArray[np.uint8]

BARS = ((230, 30, 30), (30, 200, 30), (40, 40, 230), (230, 230, 40))
_DIGITS = 12


@dataclass(frozen=True)
class Film:
    """Four upright bars of colour, and below them the frame's number in black and white.

    Parameters
    ----------
    width, height : int
        Pixels.
    fps : float
        Frames per second.
    noise : int
        Largest deviation of a pixel of the bars, so that frames need several packets.
    """

    width: int
    height: int
    fps: float = 15.0
    bars: tuple[tuple[int, int, int], ...] = BARS
    noise: int = 0

    def frame(self, number: int) -> rtc.VideoFrame:
        """Return one frame."""
        image = np.full((self.height, self.width, 4), 255, np.uint8)
        digits = self.height * 3 // 4
        columns = np.arange(self.width)
        image[:digits, :, :3] = np.array(self.bars, np.uint8)[
            columns * len(self.bars) // self.width
        ]
        if self.noise:
            size = (digits, self.width, 1)
            noise = np.random.default_rng(number).integers(self.noise, size=size)
            image[:digits, :, :3] -= np.minimum(noise, image[:digits, :, :3]).astype(np.uint8)
        bits = number >> (columns * _DIGITS // self.width) & 1
        image[digits:, :, :3] = (bits * 255)[None, :, None]
        return rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.RGBA, image.tobytes())

    async def feed(self, source: rtc.VideoSource) -> None:
        """Show frame after frame, in time."""
        loop = asyncio.get_running_loop()
        begin, number = loop.time(), 0
        while True:
            source.capture_frame(self.frame(number % (1 << _DIGITS)))
            number += 1
            await asyncio.sleep(max(0.0, begin + number / self.fps - loop.time()))


@dataclass(frozen=True)
class Seen:
    """What was read off one received frame."""

    width: int
    height: int
    number: int
    colours: tuple[tuple[float, float, float], ...]


class Eye:
    """Everything that is seen of one track."""

    def __init__(self, track: rtc.Track) -> None:
        self._stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGBA)
        self.seen: list[Seen] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for event in self._stream:
            frame = event.frame
            if frame.height < 16:
                # LiveKit's own server ends a track with tiny black frames.
                continue
            image = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 4)
            self.seen.append(_read(image))
            self._news.set()

    async def until(self, width: int, frames: int = 5, timeout: float = 20.0) -> list[Seen]:
        """Wait for so many frames in a row of this width, and return them."""
        begin = len(self.seen)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    last = self.seen[begin:][-frames:]
                    if len(last) == frames and {s.width for s in last} == {width}:
                        return last
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            widths = [s.width for s in self.seen[begin:]]
            raise AssertionError(f"no frames of width {width}, but {widths}") from None

    async def next(self, frames: int, timeout: float = 20.0) -> list[Seen]:
        """Return the next so many frames."""
        begin = len(self.seen)
        try:
            async with asyncio.timeout(timeout):
                while len(self.seen) < begin + frames:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{len(self.seen) - begin} frames in {timeout} s") from None
        return self.seen[begin : begin + frames]

    async def close(self) -> None:
        """Stop seeing."""
        self._task.cancel()
        await self._stream.aclose()


def _read(image: Image) -> Seen:
    height, width = image.shape[:2]
    row, bars = height * 3 // 8, len(BARS)
    centres = [width * (2 * n + 1) // (2 * bars) for n in range(bars)]
    patches = [image[row - 2 : row + 3, c - 2 : c + 3, :3].mean(axis=(0, 1)) for c in centres]
    digits = [width * (2 * n + 1) // (2 * _DIGITS) for n in range(_DIGITS)]
    line = image[height * 7 // 8, digits, :3].mean(axis=1) > 128
    number = sum(1 << n for n, bit in enumerate(line) if bit)
    colours = tuple((float(p[0]), float(p[1]), float(p[2])) for p in patches)
    return Seen(width, height, number, colours)


def assert_film(frames: list[Seen], film: Film) -> None:
    """Check that the colours are right and that each frame is a newer one."""
    for frame in frames:
        assert np.abs(np.array(frame.colours) - np.array(film.bars)).max() < 40
    numbers = np.array([frame.number for frame in frames])
    steps = np.diff(numbers) % (1 << _DIGITS)
    assert (steps > 0).all()
    assert (steps < film.fps).all()
