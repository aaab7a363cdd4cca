"""Participants that play a sound or pictures, so that there is someone to record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..errors import RoomClosed
from ..publishing.publish import Playable, Playback, publish
from ..sdk.encryption import E2eeKey, HiddenKey
from ..sdk.media_loop import on_media_loop
from ..sdk.pending import needs_await
from .connect import connect
from .credentials import hidden
from .room import Room

if TYPE_CHECKING:
    from livekit import rtc

    from .video_bots import VideoBot as VideoBot
    from .video_bots import colour_bars as colour_bars
    from .video_bots import play_video as play_video

__all__ = ["Bot", "VideoBot", "play", "play_video"]

_OF_VIDEO = ("VideoBot", "colour_bars", "play_video")
"""Names that are loaded from `video_bots` on first use."""


def __getattr__(name: str) -> Any:
    if name not in _OF_VIDEO:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import video_bots

    return getattr(video_bots, name)


def __dir__() -> list[str]:
    return sorted(__all__)


@needs_await
async def play(
    room: str | Room,
    sound: Playable,
    identity: str = "alice",
    loop: bool = True,
    *,
    name: str | None = None,
    microphone: bool = False,
    url: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
    e2ee_key: E2eeKey | None = None,
    timeout: float = 10.0,
) -> Bot:
    """Send a participant into a room who plays a sound there.

    Parameters
    ----------
    room : str or Room
        The room's name, or a room that we are in: the bot joins it as another participant.
    sound : Recording, (samples, sample_rate), str or path-like
        The sound to play, or the path of its file; see `publish`.
    identity : str
        The bot's identity; a participant of that identity who is already there is removed.
    loop : bool
        Whether to play the sound again and again, without a seam; otherwise it is played once,
        after which the bot stays silent.
    name : str, optional
        The track's name; by default the sound's.
    microphone : bool
        Whether to announce the track as a microphone; see `publish`.
    url, token, api_key, api_secret : str, optional
        The server and our rights there, as in `connect`. A token must be one for `identity`.
    e2ee_key : str or bytes, or dict of identity to str or bytes, optional
        The key of an end-to-end encrypted room, as in `connect`.
    timeout : float
        Most seconds to wait for joining, and again for publishing.

    Returns
    -------
    Bot
        Also an async context manager; the bot leaves with it.

    Raises
    ------
    ConnectError, TokenError, WaitTimeout, ServerError
        As `connect`.
    SoundError, FileError
        As `publish`.

    See Also
    --------
    play_video : A participant who shows pictures.
    lkexplore.Room.publish : Plays a sound as ourselves.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> alice = await lk.bots.play("lesson-1", lk.sample("speech"))    # doctest: +SKIP
    >>> await alice.close()                                            # doctest: +SKIP
    """
    token, api_secret = hidden(token), hidden(api_secret)
    e2ee_key = None if e2ee_key is None else HiddenKey(e2ee_key)
    where = room.name if isinstance(room, Room) else room
    joined = await connect(
        where,
        identity=identity,
        url=url,
        token=token,
        api_key=api_key,
        api_secret=api_secret,
        memory=0.0,
        e2ee_key=e2ee_key,
        timeout=timeout,
    )
    try:
        playback = await publish(
            joined, sound, name=name, wait=False, loop=loop, microphone=microphone, timeout=timeout
        )
    except BaseException:
        await joined.close()
        raise
    return Bot(joined, playback)


class Bot:
    """A participant that plays a sound; made by `play`.

    Attributes
    ----------
    room : Room
        The room, as the bot sees it.
    playback : Playback
        The sound being played; await it for the end of a sound that is not looped.

    See Also
    --------
    VideoBot : The same for pictures.

    Examples
    --------
    >>> async with await lk.bots.play("lesson-1", "voice.wav") as alice:   # doctest: +SKIP
    ...     voice = await room.record(alice.identity, 5)
    """

    def __init__(self, room: Room, playback: Playback) -> None:
        self.room, self.playback = room, playback

    @property
    def identity(self) -> str:
        """Who it is in the room."""
        return self.room.identity

    @on_media_loop
    async def mute(self) -> None:
        """Mute the track; the sound goes on unheard.

        Raises
        ------
        RoomClosed
            The sound has ended, or the bot has left.
        """
        self._track().mute()

    @on_media_loop
    async def unmute(self) -> None:
        """Be heard again.

        Raises
        ------
        RoomClosed
            The sound has ended, or the bot has left.
        """
        self._track().unmute()

    def _track(self) -> rtc.LocalAudioTrack:
        track = self.playback.publication.track
        if self.room.closed or self.playback.done or track is None:
            raise RoomClosed(f"{self.identity!r} plays nothing any more: send another bot")
        return cast("rtc.LocalAudioTrack", track)

    async def close(self) -> None:
        """Leave the room."""
        await self.room.close()

    async def __aenter__(self) -> Bot:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "left" if self.room.closed else repr(self.playback)
        return f"<Bot {self.identity!r} in room {self.room.name!r}: {state}>"
