"""How long things live: rooms, people who vanish, the server process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from e2e_people import House, Target, until
from e2e_process import start_child
from e2e_sound import Tone
from livekit import api

_HERE = Path(__file__).parent


async def _rooms(admin: api.LiveKitAPI, *names: str) -> set[str]:
    listed = await admin.room.list_rooms(api.ListRoomsRequest(names=names))
    return {room.name for room in listed.rooms}


async def _until_gone(admin: api.LiveKitAPI, name: str, timeout: float) -> float:
    """Wait until a room is gone, and return how long it took."""
    begin = time.monotonic()
    while await _rooms(admin, name):
        assert time.monotonic() - begin < timeout, f"{name} is still there"
        await asyncio.sleep(0.1)
    return time.monotonic() - begin


async def test_a_room_ends_when_its_time_is_over(lobby: House, admin: api.LiveKitAPI) -> None:
    empty, left, kept = [f"{lobby.name}-{kind}" for kind in ("empty", "left", "kept")]
    await admin.room.create_room(api.CreateRoomRequest(name=empty, empty_timeout=2))
    for name in (left, kept):
        await admin.room.create_room(
            api.CreateRoomRequest(name=name, empty_timeout=60, departure_timeout=2)
        )
    guest, stayer = await lobby.join("guest", room=left), await lobby.join("stayer", room=kept)
    assert await _rooms(admin, empty, left, kept) == {empty, left, kept}
    await _until_gone(admin, empty, 40)
    assert await _rooms(admin, left, kept) == {left, kept}
    await guest.leave()
    assert await _until_gone(admin, left, 40) > 1
    assert await _rooms(admin, kept) == {kept}
    assert stayer.seen("disconnected") == []


async def test_a_room_waits_for_people_to_come_back(lobby: House, admin: api.LiveKitAPI) -> None:
    await admin.room.create_room(
        api.CreateRoomRequest(name=lobby.name, empty_timeout=60, departure_timeout=30)
    )
    first = await lobby.join("alice")
    sid = await first.room.sid
    await first.leave()
    await asyncio.sleep(1.5)
    assert await (await lobby.join("alice")).room.sid == sid


async def test_killed_clients_are_missed_soon(lobby: House) -> None:
    bob = await lobby.join("bob")
    victims = {"one connection": True, "two connections": False}
    clients = [_start_client(lobby, name, single) for name, single in victims.items()]
    try:
        for name in victims:
            await (await bob.hear(name)).sound(0.2)
    finally:
        for client in clients:
            client.kill()
            client.wait()
    limit = 12 if lobby.target.embedded else 60
    for name in victims:
        await bob.wait(
            "participant_disconnected",
            lambda gone, name=name: gone.identity == name,
            timeout=limit,
        )
    assert len(bob.seen("track_unsubscribed")) == 2


def _start_client(house: House, identity: str, single: bool) -> subprocess.Popen[str]:
    client = subprocess.Popen(
        [sys.executable, str(_HERE / "e2e_client.py")], stdin=subprocess.PIPE, text=True
    )
    assert client.stdin is not None
    token = house.target.token(identity, house.name)
    options = {"url": house.target.url, "token": token, "single": single}
    client.stdin.write(json.dumps(options) + "\n")
    client.stdin.flush()
    return client


@pytest.fixture
def grandchild(embedded: Target) -> subprocess.Popen[str]:
    """A process that has started the server and told us of it."""
    return subprocess.Popen(
        [sys.executable, str(_HERE / "e2e_parent.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_the_server_ends_with_its_parent(grandchild: subprocess.Popen[str]) -> None:
    assert grandchild.stdout is not None
    told = json.loads(grandchild.stdout.readline())
    server = psutil.Process(told["pid"])
    port = int(told["url"].rpartition(":")[2])
    assert _is_taken(port)
    assert server.is_running()
    grandchild.send_signal(signal.SIGKILL)
    grandchild.wait()
    await until(
        lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE,
        "the server ends",
        timeout=10,
    )
    assert not _is_taken(port)


@pytest.mark.parametrize("how", ["stdin", "SIGTERM"])
async def test_the_server_ends_when_told(embedded: Target, how: str) -> None:
    with start_child() as child:
        house = House(Target(child.url, child.key, child.secret, embedded=True), None)
        alice = await house.join("alice")
        await alice.play(Tone(440))
        port = int(child.url.rpartition(":")[2])
        assert _is_taken(port)
        os.kill(child.process.pid, signal.SIGINT)
        await asyncio.sleep(0.3)
        assert child.process.poll() is None, "an interrupt is for the notebook, not for the server"
        if how == "stdin":
            assert child.process.stdin is not None
            child.process.stdin.close()
        else:
            child.process.terminate()
        await until(lambda: child.process.poll() is not None, "the server ends", timeout=10)
        assert child.process.returncode == 0
        assert not _is_taken(port)
        await alice.wait("disconnected")
        await house.close()


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
