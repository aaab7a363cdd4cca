"""Participants for end-to-end tests: real SDK rooms that remember every event they saw."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields, replace
from typing import Any

from e2e_picture import Eye, Film
from e2e_sound import Ear, Tone
from livekit import api, rtc

PATIENCE = 15.0
"""Seconds to wait for what should happen at once, on a machine that is busy."""

_EVENTS = (
    "participant_connected",
    "participant_disconnected",
    "participant_active",
    "local_track_published",
    "local_track_unpublished",
    "local_track_republished",
    "local_track_subscribed",
    "track_published",
    "track_unpublished",
    "track_subscribed",
    "track_unsubscribed",
    "track_subscription_failed",
    "track_muted",
    "track_unmuted",
    "active_speakers_changed",
    "room_metadata_changed",
    "participant_metadata_changed",
    "participant_name_changed",
    "participant_attributes_changed",
    "participant_permissions_changed",
    "connection_quality_changed",
    "data_received",
    "data_track_published",
    "data_track_unpublished",
    "e2ee_state_changed",
    "connection_state_changed",
    "disconnected",
    "reconnecting",
    "reconnected",
    "room_updated",
    "token_refreshed",
)


@dataclass(frozen=True)
class Target:
    """The server under test; `embedded` when it is ours."""

    url: str
    key: str
    secret: str
    embedded: bool

    def token(
        self,
        identity: str,
        room: str,
        *,
        name: str = "",
        metadata: str = "",
        attributes: dict[str, str] | None = None,
        ttl: float = 3600.0,
        **grants: Any,
    ) -> str:
        """Return a token that may join `room`, with the grants given on top."""
        token = api.AccessToken(self.key, self.secret).with_identity(identity)
        token = token.with_grants(api.VideoGrants(room_join=True, room=room, **grants))
        token = token.with_name(name).with_metadata(metadata).with_attributes(attributes or {})
        return token.with_ttl(datetime.timedelta(seconds=ttl)).to_jwt()

    def api(self) -> api.LiveKitAPI:
        """Return a client of the administration, which is to be closed."""
        return api.LiveKitAPI(self.url.replace("ws", "http", 1), self.key, self.secret)


class Person:
    """One SDK room, everything that happened in it, and everything it plays and hears."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.room = rtc.Room()
        self.log: list[tuple[str, tuple[Any, ...]]] = []
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._senses: list[Ear | Eye] = []
        for name in _EVENTS:
            self.room.on(name, self._noter(name))

    def _noter(self, name: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            self.log.append((name, arguments))
            self._news.set()

        return note

    @property
    def me(self) -> rtc.LocalParticipant:
        return self.room.local_participant

    def mark(self) -> int:
        """Return a point in the log from which on `wait` may look."""
        return len(self.log)

    def seen(self, name: str, after: int = 0) -> list[tuple[Any, ...]]:
        """Return the arguments of each event of a name."""
        return [arguments for event, arguments in self.log[after:] if event == name]

    async def wait(
        self,
        name: str,
        where: Callable[..., bool] = lambda *_: True,
        *,
        after: int = 0,
        timeout: float = PATIENCE,
    ) -> tuple[Any, ...]:
        """Return the arguments of the first such event, which may have happened already."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    found = next((a for a in self.seen(name, after) if where(*a)), None)
                    if found is not None:
                        return found
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            seen = [event for event, _ in self.log[after:]]
            raise AssertionError(
                f"{self.identity}: no such {name} in {timeout} s: {seen}"
            ) from None

    async def track(self, identity: str, name: str = "", *, after: int = 0) -> Any:
        """Return the subscribed track of somebody, waiting for it."""
        arguments = await self.wait(
            "track_subscribed",
            lambda _, publication, owner: (
                owner.identity == identity and name in ("", publication.name)
            ),
            after=after,
        )
        return arguments[0]

    async def publication(
        self, identity: str, name: str = "", *, after: int = 0
    ) -> rtc.RemoteTrackPublication:
        """Return the publication of somebody, waiting for it."""

        def find() -> rtc.RemoteTrackPublication | None:
            owner = self.room.remote_participants.get(identity)
            publications = owner.track_publications.values() if owner else ()
            return next((p for p in publications if name in ("", p.name)), None)

        await until(find, f"{self.identity} sees a publication {name!r} of {identity}")
        found = find()
        assert found is not None
        return found

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in the background until this person leaves."""
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def play(self, tone: Tone, **options: Any) -> rtc.LocalTrackPublication:
        """Publish a sound that goes on until this person leaves."""
        source = rtc.AudioSource(tone.rate, tone.channels, queue_size_ms=500)
        track = rtc.LocalAudioTrack.create_audio_track(tone.name, source)
        options.setdefault("source", rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await asyncio.wait_for(
            self.me.publish_track(track, rtc.TrackPublishOptions(**options)), PATIENCE
        )
        self.run(tone.feed(source))
        return publication

    async def show(self, film: Film, name: str = "film", **options: Any) -> Any:
        """Publish a film that goes on until this person leaves."""
        source = rtc.VideoSource(film.width, film.height)
        track = rtc.LocalVideoTrack.create_video_track(name, source)
        options.setdefault("source", rtc.TrackSource.SOURCE_CAMERA)
        publication = await asyncio.wait_for(
            self.me.publish_track(track, rtc.TrackPublishOptions(**options)), PATIENCE
        )
        self.run(film.feed(source))
        return publication

    def watch(self, track: rtc.Track) -> Eye:
        """Begin to see a subscribed track."""
        eye = Eye(track)
        self._senses.append(eye)
        return eye

    def listen(self, track: rtc.Track, channels: int = 1) -> Ear:
        """Begin to hear a subscribed track."""
        ear = Ear(track, channels)
        self._senses.append(ear)
        return ear

    async def hear(self, identity: str, name: str = "", *, after: int = 0) -> Ear:
        """Wait for a track of somebody, and begin to hear it."""
        return self.listen(await self.track(identity, name, after=after))

    async def leave(self) -> None:
        """Stop everything and disconnect."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        for sense in self._senses:
            await sense.close()
        self._senses.clear()
        await self.room.disconnect()


class House:
    """Who joins the rooms of one test; everybody leaves at its end."""

    def __init__(self, target: Target, single: bool | None) -> None:
        self.target, self.single = target, single
        self.name = f"e2e-{secrets.token_hex(4)}"
        self.people: list[Person] = []

    async def join(
        self,
        identity: str,
        *,
        room: str = "",
        url: str = "",
        single: bool | None = None,
        options: rtc.RoomOptions | None = None,
        token: str = "",
        **claims: Any,
    ) -> Person:
        """Return a person who has joined, with token claims and grants as given."""
        person = Person(identity)
        token = token or self.target.token(identity, room or self.name, **claims)
        mode = single if single is not None else self.single
        async with asyncio.timeout(PATIENCE):
            await person.room.connect(
                url or self.target.url, token, with_mode(options or rtc.RoomOptions(), mode)
            )
        self.people.append(person)
        return person

    async def together(self, *identities: str, **claims: Any) -> list[Person]:
        """Return people who have joined and know of each other."""
        people = [await self.join(identity, **claims) for identity in identities]
        for person in people:
            others = set(identities) - {person.identity}
            await until(
                lambda person=person, others=others: others <= set(person.room.remote_participants),
                f"{person.identity} knows of {others}",
            )
        return people

    async def close(self) -> None:
        """Let everybody leave."""
        people, self.people = self.people, []
        for person in people:
            await person.leave()


def has_modes() -> bool:
    """Return whether this SDK can choose between one and two peer connections."""
    return "single_peer_connection" in {field.name for field in fields(rtc.RoomOptions)}


def with_mode(options: rtc.RoomOptions, single: bool | None) -> rtc.RoomOptions:
    """Return options for one or two peer connections, or as the SDK has it."""
    if single is None or not has_modes():
        return options
    return replace(options, single_peer_connection=single)


async def until(
    condition: Callable[[], Any], what: str, *, timeout: float = PATIENCE, every: float = 0.02
) -> None:
    """Wait until something is true that no event tells of."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s: {what}"
        await asyncio.sleep(every)
