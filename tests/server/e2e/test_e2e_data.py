"""Data from one participant to others: packets, streams, calls, data tracks."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from e2e_people import House, Person, until
from livekit import rtc

_RELIABLE = rtc.DataPacketKind.KIND_RELIABLE
_LOSSY = rtc.DataPacketKind.KIND_LOSSY
_SECONDS = 20.0


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "lossy"])
async def test_a_message_reaches_everybody_else(house: House, reliable: bool) -> None:
    alice, bob, carol = await house.together("alice", "bob", "carol")
    await _send_until_heard(alice, [bob, carol], reliable)
    for person in (bob, carol):
        (packet,) = await person.wait("data_received")
        assert (packet.data, packet.topic) == (b"hello \x00\xff", "greeting")
        assert packet.kind == (_RELIABLE if reliable else _LOSSY)
        assert packet.participant.identity == "alice"
    assert alice.seen("data_received") == []
    await bob.me.publish_data("back", reliable=reliable)
    (packet,) = await alice.wait("data_received")
    assert (packet.data, packet.participant.identity) == (b"back", "bob")
    if reliable:
        await carol.wait("data_received", lambda packet: packet.data == b"back")
        assert [len(p.seen("data_received")) for p in (alice, bob, carol)] == [1, 1, 2]


async def _send_until_heard(sender: Person, hearers: list[Person], reliable: bool) -> None:
    """Send once; what is lossy may be lost while a hearer is still connecting."""

    async def send() -> None:
        for _ in range(1 if reliable else 100):
            await sender.me.publish_data(b"hello \x00\xff", reliable=reliable, topic="greeting")
            await asyncio.sleep(0.1)

    sending = sender.run(send())
    for hearer in hearers:
        await hearer.wait("data_received")
    sending.cancel()


async def test_only_those_who_are_named_get_it(house: House) -> None:
    alice, bob, carol = await house.together("alice", "bob", "carol")
    await alice.me.publish_data(b"secret", destination_identities=["carol", "nobody"])
    await alice.me.publish_data(b"for all")
    for person, expected in ((bob, [b"for all"]), (carol, [b"secret", b"for all"])):
        await person.wait("data_received", lambda packet: packet.data == b"for all")
        assert [packet.data for (packet,) in person.seen("data_received")] == expected


async def test_a_burst_comes_whole_and_in_order(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    messages = [f"{n} ".encode() + _noise(40 + n % 200) for n in range(500)]
    await asyncio.gather(*(alice.me.publish_data(message) for message in messages))
    await until(lambda: len(bob.seen("data_received")) >= 500, "500 messages", timeout=_SECONDS)
    assert [packet.data for (packet,) in bob.seen("data_received")] == messages


async def test_any_size_comes_unchanged(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    payloads = [_noise(size) for size in (0, 1, 1200, 15_000, 60_000)]
    for payload in payloads:
        await alice.me.publish_data(payload)
    await until(lambda: len(bob.seen("data_received")) == len(payloads), "five messages")
    assert [packet.data for (packet,) in bob.seen("data_received")] == payloads


async def test_text_streams(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    read: asyncio.Queue[tuple[rtc.TextStreamReader, str]] = asyncio.Queue()
    bob.room.register_text_stream_handler("chat", lambda *found: read.put_nowait(found))
    text = "größer, 大きい, " * 4000
    await alice.me.send_text(text, topic="chat", attributes={"mood": "good"})
    async with asyncio.timeout(_SECONDS):
        reader, sender = await read.get()
        assert await reader.read_all() == text
    assert (sender, reader.info.attributes) == ("alice", {"mood": "good"})

    writer = await alice.me.stream_text(topic="chat", destination_identities=["bob"])
    words = [f"word {n} " for n in range(50)]
    for word in words:
        await writer.write(word)
    await writer.aclose()
    async with asyncio.timeout(_SECONDS):
        reader, _ = await read.get()
        assert "".join([chunk async for chunk in reader]) == "".join(words)


async def test_a_byte_stream_of_two_megabytes(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    read: asyncio.Queue[tuple[rtc.ByteStreamReader, str]] = asyncio.Queue()
    bob.room.register_byte_stream_handler("file", lambda *found: read.put_nowait(found))
    content = _noise(2 << 20)
    writer = await alice.me.stream_bytes(
        "noise.bin", topic="file", total_size=len(content), mime_type="audio/x-noise"
    )

    async def send() -> None:
        await writer.write(content)
        await writer.aclose()

    async with asyncio.timeout(_SECONDS):
        sending = asyncio.create_task(send())
        reader, sender = await read.get()
        got = b"".join([chunk async for chunk in reader])
        await sending
    assert got == content
    assert (sender, reader.info.name, reader.info.mime_type) == (
        "alice",
        "noise.bin",
        "audio/x-noise",
    )


async def test_calls_both_ways(house: House) -> None:
    alice, bob = await house.together("alice", "bob")

    async def shout(call: rtc.RpcInvocationData) -> str:
        return f"{call.caller_identity}: {call.payload.upper()}"

    for person in (alice, bob):
        person.me.register_rpc_method("shout", shout)
    assert await _call(alice, "bob", "shout", "hello") == "alice: HELLO"
    assert await _call(bob, "alice", "shout", "x" * 14_000) == "bob: " + "X" * 14_000
    answers = await asyncio.gather(*(_call(alice, "bob", "shout", f"n{n}") for n in range(40)))
    assert answers == [f"alice: N{n}" for n in range(40)]


async def test_calls_that_fail_say_why(house: House) -> None:
    alice, bob = await house.together("alice", "bob")

    async def refuse(call: rtc.RpcInvocationData) -> str:
        raise rtc.RpcError(4711, "not today", "ask again")

    async def sleep(call: rtc.RpcInvocationData) -> str:
        await asyncio.sleep(5)
        return "late"

    bob.me.register_rpc_method("refuse", refuse)
    bob.me.register_rpc_method("sleep", sleep)
    code = rtc.RpcError.ErrorCode
    with pytest.raises(rtc.RpcError) as failure:
        await _call(alice, "bob", "refuse", "")
    error = failure.value
    assert (error.code, error.message, error.data) == (4711, "not today", "ask again")
    with pytest.raises(rtc.RpcError) as failure:
        await _call(alice, "bob", "unheard of", "")
    assert failure.value.code == code.UNSUPPORTED_METHOD
    with pytest.raises(rtc.RpcError) as failure:
        await _call(alice, "bob", "sleep", "", timeout=1.0)
    assert failure.value.code == code.RESPONSE_TIMEOUT


async def test_a_call_ends_when_the_callee_leaves(lobby: House) -> None:
    alice, bob = await lobby.together("alice", "bob")
    called = asyncio.Event()

    async def hang(call: rtc.RpcInvocationData) -> str:
        called.set()
        await asyncio.sleep(30)
        return ""

    bob.me.register_rpc_method("hang", hang)
    calling = asyncio.create_task(_call(alice, "bob", "hang", "", timeout=25.0))
    await asyncio.wait_for(called.wait(), _SECONDS)
    # The caller is told at once only if it knows that the call has begun.
    await asyncio.sleep(0.2)
    begin = time.monotonic()
    leaving = asyncio.create_task(bob.leave())
    with pytest.raises(rtc.RpcError) as failure:
        await calling
    assert failure.value.code == rtc.RpcError.ErrorCode.RECIPIENT_DISCONNECTED
    assert time.monotonic() - begin < 10
    await leaving


async def _call(person: Person, to: str, method: str, payload: str, timeout: float = 10.0) -> str:
    return await asyncio.wait_for(
        person.me.perform_rpc(
            destination_identity=to, method=method, payload=payload, response_timeout=timeout
        ),
        _SECONDS,
    )


async def test_data_tracks(house: House) -> None:
    alice, bob, carol = await house.together("alice", "bob", "carol")
    tracks = [await alice.me.publish_data_track(name=name) for name in ("angle", "force")]
    frames: dict[str, list[rtc.DataTrackFrame]] = {}

    async def read(person: Person, track: rtc.RemoteDataTrack) -> None:
        kept = frames[f"{person.identity} {track.info.name}"] = []
        async for frame in track.subscribe():
            kept.append(frame)

    for person, names in ((bob, ["angle", "force"]), (carol, ["force"])):
        for name in names:
            (found,) = await person.wait(
                "data_track_published", lambda t, name=name: t.info.name == name
            )
            assert found.publisher_identity == "alice"
            person.run(read(person, found))

    async def push() -> None:
        for n in range(1000):
            for track in tracks:
                payload = f"{track.info.name} {n} ".encode() + _noise(3000 if n % 10 == 0 else 30)
                track.try_push(rtc.DataTrackFrame(payload=payload, user_timestamp=n))
            await asyncio.sleep(0.02)

    pushing = alice.run(push())
    for key in ("bob angle", "bob force", "carol force"):
        await until(lambda key=key: len(frames.get(key, ())) >= 30, key)
        name = key.split()[1].encode()
        for frame in frames[key]:
            words = frame.payload.split(b" ", 2)
            assert words[0] == name
            assert int(words[1]) == frame.user_timestamp
        numbers = [frame.user_timestamp for frame in frames[key]]
        assert numbers == sorted(numbers)
        assert numbers[-1] - numbers[0] < 2 * len(numbers)

    pushing.cancel()
    gone = tracks[0].info.sid
    await tracks[0].unpublish()
    await bob.wait("data_track_unpublished", lambda sid: sid == gone)
