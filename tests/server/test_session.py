"""Signalling sessions: in order, bounded, and deaf to nonsense."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from google.protobuf import json_format
from livekit.protocol import models as m
from livekit.protocol import rtc
from serving import Clients, http_url, joining_token, open_clients, until

from lkexplore.server.config import Limits, Timeouts


async def test_messages_arrive_in_order(clients: Clients) -> None:
    alice = await clients.join("alice")
    for n in range(500):
        clients.participant("alice").send(pong=n)
    await alice.wait("pong", lambda n: n == 499)
    pongs = [response.pong for response in alice.heard if response.HasField("pong")]
    assert pongs == list(range(500))


async def test_requests_are_answered_in_order(clients: Clients) -> None:
    alice = await clients.join("alice")
    for n in range(1, 500):
        await alice.send(ping=n)
    await alice.wait("pong", lambda n: n == 499)
    pongs = [response.pong for response in alice.heard if response.HasField("pong")]
    assert pongs == list(range(1, 500))


async def test_pings_tell_the_time(clients: Clients) -> None:
    alice = await clients.join("alice")
    answer = await alice.ask("pong_resp", ping_req=rtc.Ping(timestamp=123, rtt=5))
    assert answer.last_ping_timestamp == 123
    assert answer.timestamp > 1_700_000_000_000


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xff", b"\xff\xff\xff", b"\x0a\x7fabc", bytes(1000), b"\x12\x04\x0a\x02\xff\xfe"],
)
async def test_nonsense_is_ignored(clients: Clients, frame: bytes) -> None:
    alice = await clients.join("alice")
    await alice.socket.send_bytes(frame)
    await alice.settled()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ping": "x"}', '{"none": 1}', "[" * 5000, "ü"])
async def test_nonsense_in_text_is_ignored(clients: Clients, text: str) -> None:
    alice = await clients.join("alice")
    await alice.socket.send_str(text)
    await alice.settled()


async def test_requests_may_be_json(clients: Clients) -> None:
    alice = await clients.join("alice")
    request = rtc.SignalRequest(ping_req=rtc.Ping(timestamp=77))
    await alice.socket.send_str(json_format.MessageToJson(request))
    answer = await alice.wait("pong_resp")
    assert answer.last_ping_timestamp == 77


async def test_a_message_beyond_the_limit_ends_the_connection_only_of_its_sender() -> None:
    limits = Limits(signal_message_bytes=10_000)
    async with open_clients(limits, Timeouts(resume=0.1)) as clients:
        alice = await clients.join("alice")
        bob = await clients.join("bob")
        await alice.socket.send_bytes(bytes(9_000))
        await alice.settled()
        await alice.socket.send_bytes(bytes(11_000))
        await alice.gone()
        assert alice.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        gone = m.ParticipantInfo.State.DISCONNECTED
        update = await bob.wait("update", lambda u: u.participants[0].state == gone)
        assert update.participants[0].disconnect_reason == m.DisconnectReason.SIGNAL_CLOSE
        await bob.settled()


@pytest.mark.parametrize("limits", [Limits(signal_queue=50), Limits(signal_queue_bytes=1 << 20)])
async def test_a_client_that_does_not_read_is_cut_off(limits: Limits) -> None:
    async with open_clients(limits, Timeouts(resume=0.1)) as clients:
        bob = await clients.join("bob")
        deaf = await clients.http.ws_connect(
            http_url(clients.server, "/rtc"),
            headers={"Authorization": f"Bearer {joining_token('deaf')}"},
        )
        participant = clients.participant("deaf")
        session = participant.session
        blob = m.Room(metadata="x" * 60_000)
        most = 0
        for _ in range(5000):
            if participant.session is None:
                break
            participant.send(room_update=rtc.RoomUpdate(room=blob))
            most = max(most, session._waiting)
            await asyncio.sleep(0)
        assert participant.session is None
        assert most <= min(limits.signal_queue * 70_000, limits.signal_queue_bytes) + 70_000
        gone = m.ParticipantInfo.State.DISCONNECTED
        await bob.wait("update", lambda u: u.participants[0].state == gone)
        assert list(clients.server.rooms["room"].participants) == ["bob"]
        await bob.settled()
        await deaf.close()


async def test_who_goes_without_a_goodbye_may_come_back_for_a_while() -> None:
    async with open_clients(timeouts=Timeouts(resume=0.3)) as clients:
        bob = await clients.join("bob")
        alice = await clients.join("alice")
        await alice.close()
        await until(lambda: clients.participant("alice").session is None, "it is noticed")
        assert "alice" in clients.server.rooms["room"].participants
        gone = m.ParticipantInfo.State.DISCONNECTED
        await bob.wait("update", lambda u: u.participants[0].state == gone)
        assert list(clients.server.rooms["room"].participants) == ["bob"]


async def test_who_says_goodbye_is_gone_at_once(clients: Clients) -> None:
    alice = await clients.join("alice")
    await alice.send(leave=rtc.LeaveRequest())
    await alice.gone()
    assert clients.server.rooms["room"].participants == {}


async def test_an_empty_room_ends_after_its_time() -> None:
    async with open_clients(
        timeouts=Timeouts(resume=0.1, empty_room=1, departed_room=0)
    ) as clients:
        alice = await clients.join("alice")
        await alice.send(leave=rtc.LeaveRequest())
        await until(lambda: not clients.server.rooms, "the room has ended")
        clients.server.room("never joined")
        await asyncio.sleep(0.5)
        assert "never joined" in clients.server.rooms
        await until(lambda: not clients.server.rooms, "the room has ended")
