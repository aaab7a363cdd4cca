"""A joined room: who is here, what they publish, and what can be done with it."""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import Mapping
from typing import TYPE_CHECKING

from livekit import rtc

from ..capture.audio.last_minute import Memory
from ..sdk.find_track import everyone, find_track
from ..sdk.media_loop import MediaUse, close_at_exit, on_loop, on_media_loop
from ..sdk.participants import Kind, Participant, Source, Track, participant_view
from ..sdk.pending import needs_await
from .captures import RoomCaptures
from .frames import RoomFrames
from .network import RoomNetwork
from .summary import table_of, text_of
from .video_captures import RoomVideo

if TYPE_CHECKING:
    from ..filters import Filter
    from ..live import Live, LiveVideo
    from ..publishing.publish import Playable, Playback
    from .credentials import Credentials

__all__ = ["Room"]

LEAVE_TIMEOUT = 5.0
"""Seconds that the SDK may take to disconnect from the server."""

_find = on_media_loop(find_track)


class Room(RoomCaptures, RoomFrames, RoomVideo, RoomNetwork):
    """A room that we are in: record from it, publish into it, see who is here.

    `connect` makes one. ``Room(rtc_room)`` puts the same methods around a connected room of the
    LiveKit SDK, which stays on the event loop that it lives on.

    Parameters
    ----------
    room : rtc.Room
        A connected room of the SDK.
    memory : float
        Seconds of each audio track that `last` can give, at most 3600; 0 keeps nothing. Each
        track costs 96 kB of memory a second.

    See Also
    --------
    connect : Joins a room and returns one of these.

    Notes
    -----
    Also an async context manager that leaves the room at the end. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> room = await lk.connect("lesson-1")              # doctest: +SKIP
    >>> voice = await room.record("alice", 5)            # doctest: +SKIP
    >>> await room.close()                               # doctest: +SKIP
    """

    def __init__(
        self,
        room: rtc.Room,
        *,
        memory: float = 0.0,
        _use: MediaUse | None = None,
        _credentials: Credentials | None = None,
    ) -> None:
        super().__init__(room)
        self._use, self._credentials = _use, _credentials
        self.playing: set[Playback]
        self.lives: set[Live | LiveVideo]
        self._memory = Memory(self, memory)
        if _use is not None:
            room.on("disconnected", self._on_disconnected)
            close_at_exit(self)

    @property
    def participants(self) -> Mapping[str, Participant]:
        """The others who are here now, by identity."""
        others = list(self.rtc.remote_participants.values())
        return {other.identity: participant_view(other) for other in others}

    @property
    def me(self) -> Participant:
        """Ourselves, as the others see us."""
        return participant_view(self.rtc.local_participant)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What the others publish now."""
        return tuple(track for who in self.participants.values() for track in who.tracks)

    @needs_await
    async def wait_for_track(
        self, identity: Source, kind: Kind = "audio", timeout: float = 10.0
    ) -> Track:
        """Wait until a participant publishes a track and we are subscribed to it.

        Parameters
        ----------
        identity : str, Participant, Track, rtc.TrackPublication or rtc.Track
            The identity of a participant, or a track of this room.
        kind : {"audio", "video"}
            The kind of media that the track must carry.
        timeout : float
            Seconds to wait; 0 looks once.

        Returns
        -------
        Track
            Their microphone (or camera), else their oldest track of that kind.

        Raises
        ------
        ParticipantNotFound
            They did not come; the message names who is here.
        TrackNotFound
            They publish no such track; the message names what they do publish.
        TokenError
            Our token does not allow subscribing.
        RoomClosed
            We are not in the room any more.

        See Also
        --------
        record : Waits for the track by itself.
        tracks : The tracks that are published now, without waiting.
        """
        return (await _find(self.rtc, identity, kind, timeout))[1]

    @needs_await
    async def publish(
        self,
        sound: Playable,
        *,
        name: str | None = None,
        wait: bool = True,
        loop: bool = False,
        microphone: bool = False,
        timeout: float = 10.0,
    ) -> Playback:
        """Play a sound into the room as a track of ours, which ends with the sound.

        Parameters
        ----------
        sound : Recording, (samples, sample_rate), str or path-like
            The sound, or the path of its file: 1 or 2 channels at any rate. What is beyond full
            scale is clipped.
        name : str, optional
            The track's name; by default the recording's or the file's.
        wait : bool
            Whether to return only when the last sample has been played and the track is
            unpublished, or as soon as it is published.
        loop : bool
            Whether to play the sound again and again, without a seam, until it is stopped.
        microphone : bool
            Whether to announce the track as a microphone; it is then sent in mono, in the codec's
            mode for speech.
        timeout : float
            Most seconds to wait for the server to accept the track.

        Returns
        -------
        Playback
            Await it for the end; ``await playback.stop()`` ends it now.

        Raises
        ------
        SoundError, FileError
            The sound cannot be used or read.
        TokenError
            Our token does not allow publishing.
        RoomClosed
            We are not in the room (any more).
        WaitTimeout
            The server did not accept the track in time.

        See Also
        --------
        lkexplore.publish : The same for rooms of the LiveKit SDK, with all the details.
        lkexplore.bots.play : Lets another participant play a sound.
        live : Publishes a live track through a filter.

        Notes
        -----
        See `lkexplore.publish` for what is sent. Taught in ``notebooks/01_quickstart.ipynb``.

        Examples
        --------
        >>> await room.publish(voice | lk.filters.lowpass(1000), name="dull")  # doctest: +SKIP
        """
        from ..publishing.publish import publish

        return await publish(
            self,
            sound,
            name=name,
            wait=wait,
            loop=loop,
            microphone=microphone,
            timeout=timeout,
        )

    @needs_await
    async def live(
        self, source: Source, filter: Filter, *, name: str | None = None, timeout: float = 10.0
    ) -> Live:
        """Send a live track through a filter, and publish what comes out as a track of ours.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            The identity of a participant, or an audio track of this room.
        filter : Filter or object with ``process``
            The filter, used without a copy, so that changes of its parameters are heard. It runs
            at 48000 Hz, on the media thread, and should not be in use elsewhere.
        name : str, optional
            Name of the new track; by default ``"<identity> (filtered)"``.
        timeout : float
            Seconds to wait for the track, and again for the server to accept ours.

        Returns
        -------
        Live
            Its ``filter`` can be replaced while it runs; ``await live.close()`` ends it. It follows
            the person: while they reload the page or change the microphone, its ``state`` is
            ``"waiting"`` and our track is silent.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed, WaitTimeout
            As `record` and `publish`.
        FilterError
            `filter` is not a filter.

        See Also
        --------
        live_video : The same for pictures.
        lkexplore.FilterLab : Sliders for the filter, in a notebook.
        lkexplore.as_frame_processor : A filter for the LiveKit SDK's own streams.

        Examples
        --------
        >>> live = await room.live("alice", lk.filters.lowpass(1000))    # doctest: +SKIP
        """
        from ..live import live

        return await live(self, source, filter, name=name, timeout=timeout)

    @on_media_loop
    async def close(self) -> None:
        """Leave the room; what we play ends first. Closing again does nothing.

        See Also
        --------
        lkexplore.connect : Joins it again; as ``async with``, it leaves by itself.
        """
        await self._leave()

    async def _leave(self) -> None:
        self.rtc.off("disconnected", self._on_disconnected)
        try:
            ending = [session.stop().ended() for session in list(self.sessions)]
            busy = [*(p.stop() for p in list(self.playing)), *(f.close() for f in list(self.lives))]
            await asyncio.gather(*ending, *busy, self._memory.close())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(on_loop(self.sdk_loop, self.rtc.disconnect()), LEAVE_TIMEOUT)
        finally:
            self._on_disconnected()

    def _on_disconnected(self, *_reason: object) -> None:
        if self._use is not None:
            self._use.end()

    async def __aenter__(self) -> Room:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        if self.closed:
            return f"<Room {self._name!r} (left)>"
        return text_of(self._name, self._identity, self.participants.values())

    def _repr_html_(self) -> str:
        if self.closed:
            return f"<p>Room <b>{html.escape(self._name)}</b>: left</p>"
        return table_of(self._name, map(participant_view, everyone(self.rtc)))
