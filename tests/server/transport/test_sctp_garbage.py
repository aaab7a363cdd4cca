"""SCTP from a peer that is connected but hostile: nothing escapes, nothing grows, nobody hangs."""

from __future__ import annotations

import asyncio
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sctp_packets import (
    FIRST,
    LAST,
    UNORDERED,
    Attacker,
    chunk,
    data_chunk,
    open_message,
    packet,
)
from transport_client import until

from lkexplore.server.transport import sctp, sctp_check
from lkexplore.server.transport.sctp_check import Situation, find_problem

UP = Situation(True, True, 10, {0, 2}, 2)
NEW = Situation(False, False, 0, (), 0)
INIT_HEAD = struct.pack("!LLHHL", 7, 100000, 16, 16, 1)


def sack(cumulative: int, gaps: list[tuple[int, int]], claimed: int | None = None) -> bytes:
    count = len(gaps) if claimed is None else claimed
    body = struct.pack("!LLHH", cumulative & 0xFFFFFFFF, 1 << 20, count, 0)
    return chunk(3, body + b"".join(struct.pack("!HH", *gap) for gap in gaps))


@pytest.mark.parametrize(
    ("chunks", "situation"),
    [
        ([data_chunk(1)], UP),
        ([data_chunk(1), data_chunk(2), sack(1, [(2, 3)])], UP),
        ([sack(1, [(2, 5), (7, 9)])], UP),
        ([chunk(1, INIT_HEAD + struct.pack("!HHHH", 0xC000, 4, 0x8008, 6) + b"\xc0\x82\0\0")], NEW),
        ([chunk(4, struct.pack("!HH", 1, 8) + b"info")], UP),
        ([chunk(6)], NEW),
        ([chunk(130, struct.pack("!HHLLLH", 13, 18, 1, 2, 3, 0))], UP),
        ([chunk(192, struct.pack("!LHH", 5, 0, 1))], UP),
        ([chunk(200, b"of another kind")], UP),
        ([chunk(10, bytes(24)), data_chunk(1)], UP),
    ],
)
def test_packets_of_a_proper_peer_are_let_through(chunks, situation):
    assert find_problem(packet(1, *chunks), situation) is None


@pytest.mark.parametrize(
    ("chunks", "situation", "problem"),
    [
        ([], UP, "without a chunk"),
        ([chunk(0, length=0)], UP, "wrong length"),
        ([chunk(0, length=3)], UP, "wrong length"),
        ([chunk(0, b"x" * 20, length=40)], UP, "wrong length"),
        ([data_chunk(1, b"")], UP, "without data"),
        ([chunk(0, b"x" * 5)], UP, "without data"),
        ([data_chunk(1, stream=1024)], UP, "beyond those agreed"),
        ([data_chunk(1, stream=4)], UP._replace(stream_count=64), "too many streams"),
        ([data_chunk(1)] * 65, UP, "too many chunks"),
        ([sack(1, []), sack(2, [])], UP, "too many chunks"),
        ([sack(1, [(1, 65535)])], UP, "more than was sent"),
        ([sack(1, [(1, 5)] * 100)], UP, "more than was sent"),
        ([sack(1, [(5, 1)])], UP, "reversed"),
        ([sack(1, [], claimed=400)], UP, "wrong length"),
        ([chunk(3, b"short")], UP, "too short"),
        ([chunk(1, INIT_HEAD + struct.pack("!HH", 7, 0))], NEW, "parameters"),
        ([chunk(1, INIT_HEAD + struct.pack("!HH", 7, 3))], NEW, "parameters"),
        ([chunk(1, INIT_HEAD + struct.pack("!HH", 7, 99))], NEW, "parameters"),
        ([chunk(1, b"short")], NEW, "parameters"),
        ([chunk(1, INIT_HEAD)], UP, "within the association"),
        ([chunk(2, INIT_HEAD)], UP, "within the association"),
        ([chunk(1, INIT_HEAD), chunk(11)], NEW, "not alone"),
        ([chunk(4, struct.pack("!HH", 1, 0))], UP, "parameters"),
        ([chunk(6, struct.pack("!HH", 1, 0))], UP, "parameters"),
        ([chunk(9, struct.pack("!HH", 1, 0))], UP, "parameters"),
        ([chunk(130, struct.pack("!HH", 13, 0))], UP, "parameters"),
        ([chunk(130, struct.pack("!HHLL", 13, 12, 1, 2))], UP, "RE-CONFIG"),
        ([chunk(130, struct.pack("!HHL", 16, 8, 1))], UP, "RE-CONFIG"),
        ([chunk(192, b"abc")], UP, "FORWARD TSN"),
        ([chunk(192, struct.pack("!LHH", 5, 2000, 1))], UP, "beyond those agreed"),
        ([chunk(192, bytes(4) + bytes(4 * 65))], UP, "too many streams"),
        ([chunk(7, b"")], UP, "SHUTDOWN"),
        ([data_chunk(1)], NEW, "before the association"),
        ([sack(1, [])], NEW, "before the association"),
        ([chunk(192, bytes(4))], NEW, "before the association"),
    ],
)
def test_packets_that_break_a_rule_are_named(chunks, situation, problem):
    assert problem in find_problem(packet(1, *chunks), situation)


@given(st.binary(max_size=300))
def test_the_check_never_raises(data):
    for situation in (NEW, UP):
        find_problem(data, situation)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 130, 192]), st.binary(max_size=80)
        ),
        max_size=6,
    )
)
def test_the_check_never_raises_on_chunks_of_every_kind(parts):
    data = packet(1, *(chunk(kind, body) for kind, body in parts))
    for situation in (NEW, UP):
        find_problem(data, situation)


@pytest.fixture
async def attack(connect):
    """An attacker with an open channel, and a healthy pair on the same socket."""
    healthy, other = await connect("healthy", data=True)
    await other.open_channel("_reliable")
    transport, client = await connect("attacked", data=True)
    await client.open_channel("_reliable")
    attacker = Attacker(transport, client)
    yield transport, attacker
    assert healthy.data.send("_reliable", b"fine")
    assert await asyncio.wait_for(other.messages.get(), 2) == ("_reliable", b"fine")


def held(attacker: Attacker) -> dict[str, int]:
    association = attacker.server
    streams = association._inbound_streams
    return {
        "streams": len(streams),
        "chunks": sum(len(stream.reassembly) for stream in streams.values()),
        "early": len(association._sack_misordered),
        "duplicates": len(association._sack_duplicates),
        "channels": association.channel_count,
    }


def assert_bounded(attacker: Attacker) -> None:
    sizes = held(attacker)
    assert sizes["streams"] <= sctp_check.MAX_STREAMS
    assert sizes["chunks"] <= sctp.MAX_CHUNKS_HELD + sctp_check.MAX_CHUNKS
    assert sizes["early"] <= sctp.MAX_CHUNKS_AHEAD + 1
    assert sizes["duplicates"] <= sctp_check.MAX_CHUNKS
    assert sizes["channels"] <= sctp.MAX_CHANNELS


async def settle(transport) -> None:
    """Wait until the server has read everything that was sent to it."""
    while True:
        received = transport.mux.received
        await asyncio.sleep(0.02)
        if transport.mux.received == received:
            return


async def test_a_proper_message_of_the_attacker_arrives(attack):
    transport, attacker = attack
    got = []
    transport.data.on_message = lambda label, message: got.append((label, message))
    attacker.send(data_chunk(attacker.next_tsn(), b"hello", sequence=0, flags=3 | UNORDERED))
    await until(lambda: bool(got))
    assert got == [("_reliable", b"hello")]


@pytest.mark.parametrize("size", [1, 1100])
async def test_a_message_without_an_end_ends_the_association(attack, size):
    transport, attacker = attack
    reasons = []
    transport.data.on_closed = reasons.append
    first = data_chunk(attacker.next_tsn(), b"x" * size, sequence=0, flags=FIRST | UNORDERED)
    attacker.send(first)
    for _ in range(20000):
        attacker.send(data_chunk(attacker.next_tsn(), b"x" * size, flags=UNORDERED))
        if attacker.tsn % 32 == 0:
            await asyncio.sleep(0)
        assert_bounded(attacker)
        if reasons:
            break
    assert reasons == ["the peer sends messages without an end"]
    assert held(attacker) == dict.fromkeys(held(attacker), 0)
    assert transport.state == "connected"


async def test_a_message_over_the_limit_ends_the_association(attack):
    transport, attacker = attack
    reasons, got = [], []
    transport.data.on_closed = reasons.append
    transport.data.on_message = lambda label, message: got.append(len(message))
    pieces = sctp.MAX_MESSAGE_BYTES // 1024 + 1
    for number in range(pieces):
        flags = UNORDERED | (FIRST if number == 0 else 0) | (LAST if number == pieces - 1 else 0)
        attacker.send(data_chunk(attacker.next_tsn(), bytes(1024), flags=flags))
        await asyncio.sleep(0)
    await until(lambda: bool(reasons))
    assert reasons == ["the peer sent a message of more than 262144 bytes"]
    assert not got


async def test_chunks_that_come_early_are_bounded_and_the_missing_one_is_still_taken(attack):
    transport, attacker = attack
    got = []
    transport.data.on_message = lambda label, message: got.append(message)
    missing = attacker.next_tsn()
    for number in range(2500):
        attacker.send(
            data_chunk(missing + 1 + number, b"x", sequence=number, flags=FIRST | LAST | UNORDERED)
        )
        if number % 50 == 0:
            await asyncio.sleep(0.001)
            assert_bounded(attacker)
    await settle(transport)
    assert held(attacker)["early"] == sctp.MAX_CHUNKS_AHEAD - 1
    assert len(got) == sctp.MAX_CHUNKS_AHEAD - 1
    attacker.send(data_chunk(missing, b"missing", flags=FIRST | LAST | UNORDERED))
    await until(lambda: b"missing" in got)
    assert held(attacker)["early"] == 0


async def test_random_numbers_far_ahead_are_not_kept(attack):
    transport, attacker = attack
    randomness = random.Random(7)
    for number in range(3000):
        attacker.send(data_chunk(randomness.getrandbits(32), b"x", flags=3 | UNORDERED))
        if number % 50 == 0:
            await asyncio.sleep(0.001)
            assert_bounded(attacker)
    await settle(transport)
    assert_bounded(attacker)
    assert transport.data.rejected > 1000


async def test_thousands_of_streams_are_refused(attack):
    transport, attacker = attack
    for stream in range(0, 65536, 13):
        attacker.send(data_chunk(attacker.tsn, b"x", stream=stream, sequence=5, flags=FIRST | LAST))
        if stream < 64 * 13:
            attacker.next_tsn()
        if stream % 97 == 0:
            await asyncio.sleep(0)
    await settle(transport)
    assert_bounded(attacker)
    assert transport.state == "connected"


async def test_thousands_of_channels_are_refused(attack):
    transport, attacker = attack
    announced = []
    transport.data.on_channel = announced.append
    for number in range(1, 1000):
        message = open_message(f"c{number}".encode())
        attacker.send(
            data_chunk(
                attacker.next_tsn(), message, stream=number % 60, flags=3 | UNORDERED, protocol=50
            )
        )
        if number % 20 == 0:
            await asyncio.sleep(0.001)
    await settle(transport)
    assert_bounded(attacker)
    assert len(announced) == sctp.MAX_CHANNELS - 1
    assert transport.data.rejected >= 900


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x03",
        b"\x03" + bytes(10),
        open_message(b"\xff\xfe not UTF-8"),
        open_message(b"x" * 2000),
        struct.pack("!BBHLHH", 3, 0, 0, 0, 65535, 65535),
        b"\x02",
        b"\x77 unknown",
    ],
)
async def test_broken_control_messages_open_nothing(attack, message):
    transport, attacker = attack
    announced = []
    transport.data.on_channel = announced.append
    if message:
        attacker.send(
            data_chunk(attacker.next_tsn(), message, stream=8, flags=3 | UNORDERED, protocol=50)
        )
    await settle(transport)
    assert_bounded(attacker)
    assert transport.data.send("_reliable", b"still")
    assert all(not channel.label for channel in announced)


async def test_restarting_again_and_again_keeps_nothing(attack):
    transport, attacker = attack
    for number in range(300):
        head = struct.pack("!LLHHL", 1 + number, 100000, 16, 16, number * 100000)
        attacker.send(chunk(1, head), tag=0)
        attacker.send(data_chunk(number * 100000 + 5, b"x", flags=3 | UNORDERED))
        if number % 20 == 0:
            await asyncio.sleep(0.001)
    await settle(transport)
    assert_bounded(attacker)
    assert transport.data.send("_reliable", b"still")
    assert await asyncio.wait_for(attacker.client.messages.get(), 2) == ("_reliable", b"still")


async def test_a_shutdown_ends_without_timers_left(attack):
    transport, attacker = attack
    attacker.send(chunk(7, bytes(4)), data_chunk(attacker.next_tsn()))
    await settle(transport)
    attacker.send(chunk(14))
    await until(lambda: transport.data.closed)


async def test_a_callback_that_closes_amid_a_packet_leaves_no_timers(attack):
    transport, attacker = attack
    transport.data.on_message = lambda label, message: transport.data.close()
    timers = attacker.server
    attacker.send(data_chunk(attacker.next_tsn(), flags=3 | UNORDERED), chunk(7, bytes(4)))
    await until(lambda: transport.data.closed)
    assert timers._t1_handle is timers._t2_handle is timers._t3_handle is None


def mutate(randomness: random.Random, data: bytes) -> bytes:
    mutated = bytearray(data)
    for _ in range(randomness.randrange(1, 5)):
        choice = randomness.randrange(4)
        position = randomness.randrange(12, len(mutated)) if len(mutated) > 12 else 0
        if choice == 0 and mutated:
            mutated[position] = randomness.choice([0, 1, 3, 4, 127, 128, 255])
        elif choice == 1 and mutated:
            mutated[position] ^= 1 << randomness.randrange(8)
        elif choice == 2:
            mutated[position:position] = randomness.randbytes(randomness.randrange(1, 9))
        else:
            del mutated[position : position + randomness.randrange(1, 9)]
    return bytes(mutated)


async def test_mutated_chunks_of_every_kind_do_no_harm(attack):
    transport, attacker = attack
    randomness = random.Random(8)

    def templates() -> list[bytes]:
        tsn = attacker.next_tsn()
        acknowledged = attacker.server._local_tsn - 1
        return [
            data_chunk(
                tsn, b"x" * 50, flags=randomness.randrange(8), stream=randomness.randrange(4)
            ),
            data_chunk(tsn, open_message(b"c"), protocol=50, stream=randomness.randrange(100)),
            sack(acknowledged, [(2, 3), (5, 9)]),
            chunk(1, INIT_HEAD + struct.pack("!HHHH", 0xC000, 4, 0x8008, 6) + b"\xc0\x82\0\0"),
            chunk(2, INIT_HEAD + struct.pack("!HH", 7, 28) + bytes(24)),
            chunk(4, struct.pack("!HH", 1, 12) + b"heartbeat"),
            chunk(5, struct.pack("!HH", 1, 12) + b"heartbeat"),
            chunk(9, struct.pack("!HH", 3, 8) + bytes(4)),
            chunk(10, bytes(24)),
            chunk(11),
            chunk(130, struct.pack("!HHLLLH", 13, 18, tsn, 2, 3, 40) + bytes(2)),
            chunk(130, struct.pack("!HHLL", 16, 12, tsn, 1)),
            chunk(130, struct.pack("!HHLHH", 17, 12, tsn, 9, 0)),
            chunk(192, struct.pack("!LHH", tsn, 0, 1)),
        ]

    for number in range(250):
        for template in templates():
            body = mutate(randomness, bytes(12) + template)[12:]
            tag = attacker.tag if randomness.random() < 0.9 else randomness.getrandbits(32)
            attacker.send(body, tag=0 if template[0] == 1 else tag)
        await asyncio.sleep(0.001)
        assert_bounded(attacker)
        if number % 50 == 0:
            await settle(transport)
    await settle(transport)
    assert_bounded(attacker)
    assert transport.state == "connected"
    assert transport.mux.failures.count == 0


async def test_random_application_data_does_no_harm(attack):
    transport, attacker = attack

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def throw(data):
        transport._application_data(data)

    throw()
    assert transport.mux.failures.count == 0
    assert transport.data.send("_reliable", b"still")
    assert await asyncio.wait_for(attacker.client.messages.get(), 2) == ("_reliable", b"still")
