"""A participant that shows pictures, so that there is someone to watch."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import numpy as np
from livekit import rtc
from numpy.typing import ArrayLike

from ..capture.video.picture import Image
from ..errors import LkExploreError
from ..publishing.outgoing_video import OutgoingVideo, as_frame, as_picture, open_outgoing_video
from ..publishing.publish import Playable, Playback, publish
from ..sdk.encryption import E2eeKey, HiddenKey
from ..sdk.media_loop import MediaUse, on_media_loop
from ..sdk.pending import needs_await
from .connect import connect
from .credentials import hidden
from .room import Room

__all__ = ["Pictures", "VideoBot", "colour_bars", "play_video"]

Pictures: TypeAlias = Literal["test pattern"] | ArrayLike | Callable[[int], ArrayLike]
"""What can be shown: a name, an array of shape (n, h, w, 3), or a function of a number."""

BARS = np.array([[192, 192, 192], [192, 192, 0], [0, 192, 192], [0, 192, 0]], np.uint8)
"""Colours of the test pattern's bars, from left to right: red, green, blue, 0 to 255."""

STOP_TIMEOUT = 5.0
"""Seconds that the bot's task may take to end."""

_log = logging.getLogger("lkexplore")


def colour_bars(number: int, size: tuple[int, int] = (640, 360)) -> Image:
    """Return a picture of colour bars with a white mark that moves on with every picture.

    Parameters
    ----------
    number : int
        Number of the picture, from 0; the mark is back where it was after 60 pictures.
    size : tuple of int
        Width and height in pixels.

    Returns
    -------
    ndarray of uint8
        Shape (h, w, 3).

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> colour_bars(0, (80, 40))[5, ::20].tolist()[3]
    [0, 192, 0]
    """
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = BARS[np.arange(width) * len(BARS) // width]
    image[height * 3 // 4 :] = 16
    left = width * (number % 60) // 60
    image[height * 3 // 4 :, left : left + max(width // 30, 2)] = 235
    return image


@needs_await
async def play_video(
    room: str | Room,
    pictures: Pictures = "test pattern",
    identity: str = "alice",
    *,
    sound: Playable | None = None,
    fps: float = 30.0,
    name: str = "camera",
    codec: str = "vp8",
    simulcast: bool = False,
    url: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
    e2ee_key: E2eeKey | None = None,
    timeout: float = 10.0,
) -> VideoBot:
    """Send a participant into a room who shows pictures there, over and over.

    Parameters
    ----------
    room : str or Room
        The room's name, or a room that we are in: the bot joins it as another participant.
    pictures : "test pattern", array_like of uint8 or callable
        What to show: ``"test pattern"`` for colour bars, an array of shape (n, h, w, 3) that is
        shown from the start again after its end, or a function from a picture's number to an
        array of shape (h, w, 3), called on the media thread: it must be quick.
    identity : str
        The bot's identity; a participant of that identity who is already there is removed.
    sound : Recording, (samples, sample_rate), str or path-like, optional
        A sound that is played with them, over and over, as a second track: picture number n is
        shown when n / `fps` seconds of the sound were played.
    fps : float
        Pictures per second, more than 0, at most 120.
    name : str
        The track's name; it is announced as a camera.
    codec : {"vp8", "h264", "vp9", "av1"}
        The codec that encodes the pictures.
    simulcast : bool
        Whether to send the pictures in several sizes at once.
    url, token, api_key, api_secret : str, optional
        The server and our rights there, as in `connect`. A token must be one for `identity`.
    e2ee_key : str or bytes, or dict of identity to str or bytes, optional
        The key of an end-to-end encrypted room, as in `connect`.
    timeout : float
        Most seconds to wait for joining, and again for publishing.

    Returns
    -------
    VideoBot
        Also an async context manager; the bot leaves with it.

    Raises
    ------
    ConnectError, TokenError, WaitTimeout, ServerError
        As `connect`.
    LkExploreError
        For pictures, a rate or a codec that cannot be used.
    SoundError, FileError
        For a sound that cannot be played.

    See Also
    --------
    play : A participant who plays a sound alone.
    lkexplore.Room.record_video : Records what the bot shows.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> alice = await lk.bots.play_video("lesson-1")               # doctest: +SKIP
    >>> image = await room.capture_image("alice")                  # doctest: +SKIP
    """
    if not (0 < fps <= 120):
        raise LkExploreError(f"fps must be more than 0 and at most 120, not {fps!r}")
    if codec.upper() not in rtc.VideoCodec.keys():  # noqa: SIM118 (no mapping)
        raise LkExploreError(f"codec {codec!r} is not known: use vp8, h264, vp9 or av1")
    frames = _frames(pictures)
    first = as_picture(next(frames))
    token, api_secret = hidden(token), hidden(api_secret)
    e2ee_key = None if e2ee_key is None else HiddenKey(e2ee_key)
    joined = await connect(
        room.name if isinstance(room, Room) else room,
        identity=identity,
        url=url,
        token=token,
        api_key=api_key,
        api_secret=api_secret,
        memory=0.0,
        e2ee_key=e2ee_key,
        timeout=timeout,
    )
    bot = VideoBot(joined, itertools.chain([first], frames), fps, sound)
    try:
        await bot.start((first.shape[1], first.shape[0]), name, codec, simulcast, timeout)
    except BaseException:
        await joined.close()
        raise
    return bot


class VideoBot:
    """A participant that shows pictures; made by `play_video`.

    Attributes
    ----------
    room : Room
        The room, as the bot sees it.
    fps : float
        Pictures per second.
    shown : int
        Number of pictures that were shown so far.
    publication : rtc.LocalTrackPublication
        The SDK's own object.
    playback : Playback or None
        The sound that goes with the pictures.

    See Also
    --------
    Bot : The same for a sound alone.

    Examples
    --------
    >>> async with await lk.bots.play_video("lesson-1") as alice:      # doctest: +SKIP
    ...     film = await room.record_video(alice.identity, 5)
    """

    publication: rtc.LocalTrackPublication
    _outlet: OutgoingVideo

    def __init__(
        self, room: Room, frames: Iterator[Image], fps: float, sound: Playable | None
    ) -> None:
        self.room, self.fps, self.shown = room, fps, 0
        self.playback: Playback | None = None
        self._frames, self._sound = frames, sound
        self._task: asyncio.Task[None] | None = None

    @property
    def identity(self) -> str:
        """Who it is in the room."""
        return self.room.identity

    @on_media_loop
    async def start(
        self, size: tuple[int, int], name: str, codec: str, simulcast: bool, timeout: float
    ) -> None:
        """Publish the tracks and begin to show pictures."""
        self._outlet = await open_outgoing_video(
            self.room,
            name,
            size=size,
            fps=self.fps,
            timeout=timeout,
            codec=codec,
            simulcast=simulcast,
        )
        self.publication = self._outlet.publication
        if self._sound is not None:
            self.playback = await publish(
                self.room, self._sound, wait=False, loop=True, timeout=timeout
            )
        self._task = asyncio.get_running_loop().create_task(self._show(self._outlet))
        self._task.add_done_callback(_report)

    @on_media_loop
    async def stop(self) -> None:
        """Unpublish the tracks, and stay in the room."""
        await self._end_task()
        if self.playback is not None:
            await self.playback.stop()
        await self._outlet.close()

    @on_media_loop
    async def mute(self) -> None:
        """Mute the camera."""
        self.publication.track.mute()  # type: ignore[union-attr]

    @on_media_loop
    async def unmute(self) -> None:
        """Show pictures again."""
        self.publication.track.unmute()  # type: ignore[union-attr]

    async def close(self) -> None:
        """Leave the room."""
        await self._end_task()
        await self.room.close()

    @on_media_loop
    async def _end_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_TIMEOUT)

    async def _show(self, outlet: OutgoingVideo) -> None:
        played = 0.0 if self.playback is None else self.playback.position
        begin = time.monotonic() - played
        with MediaUse():
            for image in self._frames:
                if self.room.closed:
                    return
                outlet.show(as_frame(as_picture(image)))
                self.shown += 1
                await asyncio.sleep(max(0.0, begin + self.shown / self.fps - time.monotonic()))

    async def __aenter__(self) -> VideoBot:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "left" if self.room.closed else f"{self.shown} pictures shown, {self.fps:g} fps"
        return f"<VideoBot {self.identity!r} in room {self.room.name!r}: {state}>"


def _frames(pictures: Pictures) -> Iterator[Image]:
    if isinstance(pictures, str):
        if pictures != "test pattern":
            raise LkExploreError(
                f"{pictures!r} is no picture: give 'test pattern', an array of shape "
                "(n, h, w, 3), or a function"
            )
        return map(colour_bars, itertools.count())
    if callable(pictures):
        return (np.asarray(pictures(number)) for number in itertools.count())
    array = np.asarray(pictures)
    if array.ndim != 4 or not len(array):
        raise LkExploreError(
            f"pictures of shape {array.shape} cannot be shown: give (n, h, w, 3), n at least 1"
        )
    return itertools.cycle(array)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("showing pictures ended early: %s", error)
