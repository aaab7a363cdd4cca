"""Watching a server that is under attack, and two people who talk through it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from children import Child
from livekit import api
from serving import until

from e2e_people import House, Target  # isort: skip - found by way of `serving`
from e2e_sound import Tone, rms_db, silent_blocks, tone_hz  # isort: skip

TONE = Tone(440.0)
GROWTH_BYTES = 40 << 20


@dataclass(frozen=True)
class Figures:
    """What a server process holds."""

    memory: int
    files: int
    threads: int

    @classmethod
    def of(cls, child: Child) -> Figures:
        inside = child.inside
        return cls(inside.memory_info().rss, inside.num_fds(), inside.num_threads())


async def rooms(child: Child) -> dict[str, int]:
    """Return each room with its number of participants."""
    url = child.url.replace("ws", "http", 1)
    async with api.LiveKitAPI(url, child.key, child.secret) as admin:
        found = await admin.room.list_rooms(api.ListRoomsRequest())
        for room in found.rooms:
            if room.num_participants == 0:
                await admin.room.delete_room(api.DeleteRoomRequest(room=room.name))
    return {room.name: room.num_participants for room in found.rooms if room.num_participants}


@contextlib.asynccontextmanager
async def undisturbed(child: Child) -> AsyncIterator[None]:
    """Let two people talk through what is in the block; check that all is as before."""
    house = House(Target(child.url, child.key, child.secret, embedded=True), None)
    try:
        alice = await house.join("innocent-alice")
        bob = await house.join("innocent-bob")
        await alice.play(TONE)
        ear = await bob.hear("innocent-alice")
        await ear.sound(0.5)
        before = Figures.of(child)
        begin = ear.heard.shape[1]
        yield
        await ear.next(0.5)
        heard = ear.heard[:, begin:]
        assert silent_blocks(heard) == 0
        for start in range(0, heard.shape[1] - 24_000, 24_000):
            part = heard[0, start : start + 24_000]
            assert abs(tone_hz(part) - 440) < 1.5
            assert abs(rms_db(part) - TONE.rms_db) < 1.5
        assert bob.room.connection_state == alice.room.connection_state == 1
        await until(lambda: Figures.of(child).files <= before.files, "its sockets are closed", 20)
        after = Figures.of(child)
        assert after.threads == before.threads
        assert after.memory - before.memory < GROWTH_BYTES
        assert await rooms(child) == {house.name: 2}
        assert child.process.poll() is None
        assert "Traceback" not in child.log
        assert child.secret not in child.log
        assert "eyJ" not in child.log
    finally:
        await house.close()
