"""Data channels: messages both ways, limits, and how channels and associations end."""

from __future__ import annotations

import asyncio
import random

import pytest
from transport_client import Client, until

from lkexplore.errors import ServerError
from lkexplore.server.transport import Transport, channels
from lkexplore.server.transport.sctp import MAX_CHANNELS, MAX_MESSAGE_BYTES


@pytest.fixture
def inbox():
    """Collect what a transport's data channels report."""

    def listen(transport: Transport) -> asyncio.Queue:
        queue: asyncio.Queue = asyncio.Queue()
        transport.data.on_message = lambda label, message: queue.put_nowait((label, message))
        return queue

    return listen


async def test_messages_of_every_size_go_both_ways_unchanged(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    channel = await client.open_channel("_reliable")
    randomness = random.Random(4)
    for size in (0, 1, 3, 1171, 1172, 1173, 15000, 60000, MAX_MESSAGE_BYTES):
        message = randomness.randbytes(size)
        if size <= 65536:
            channel.send(message)
            assert await asyncio.wait_for(received.get(), 5) == ("_reliable", message)
        assert transport.data.send("_reliable", message)
        assert await asyncio.wait_for(client.messages.get(), 5) == ("_reliable", message)


async def test_a_message_of_the_largest_size_is_received(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    channel = await client.open_channel("_reliable")
    message = random.Random(5).randbytes(MAX_MESSAGE_BYTES)
    channel.send(message)
    assert await asyncio.wait_for(received.get(), 5) == ("_reliable", message)


async def test_text_arrives_as_its_bytes(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    channel = await client.open_channel("_reliable")
    channel.send("grüße")
    channel.send("")
    assert await asyncio.wait_for(received.get(), 1) == ("_reliable", "grüße".encode())
    assert await asyncio.wait_for(received.get(), 1) == ("_reliable", b"")


async def test_two_megabytes_go_both_ways_at_once_in_order(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    channel = await client.open_channel("_reliable")
    messages = [random.Random(seed).randbytes(50000) for seed in range(40)]
    for message in messages:
        channel.send(message)
        assert transport.data.send("_reliable", message)
    for message in messages:
        assert await asyncio.wait_for(received.get(), 10) == ("_reliable", message)
        assert await asyncio.wait_for(client.messages.get(), 10) == ("_reliable", message)
    assert transport.data.buffered("_reliable") == 0
    assert transport.data.dropped == 0


async def test_the_server_opens_channels_that_both_ends_can_use(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    announced: asyncio.Queue = asyncio.Queue()
    transport.data.on_channel = announced.put_nowait
    await client.open_channel("mine")
    await announced.get()
    transport.data.open("_reliable")
    transport.data.open("_lossy", ordered=False, max_retransmits=0)
    transport.data.open("_lossy")
    first = await asyncio.wait_for(client.channels.get(), 2)
    second = await asyncio.wait_for(client.channels.get(), 2)
    assert (first.label, first.ordered, first.maxRetransmits) == ("_reliable", True, None)
    assert (second.label, second.ordered, second.maxRetransmits) == ("_lossy", False, 0)
    described = [await asyncio.wait_for(announced.get(), 2) for _ in range(2)]
    assert [(c.label, c.ordered, c.reliable, c.is_local) for c in described] == [
        ("_reliable", True, True, True),
        ("_lossy", False, False, True),
    ]
    assert [channel.stream_id % 2 for channel in described] == [1, 1]
    for channel in (first, second):
        assert transport.data.send(channel.label, b"down")
        assert await asyncio.wait_for(client.messages.get(), 1) == (channel.label, b"down")
        channel.send(b"up")
        assert await asyncio.wait_for(received.get(), 1) == (channel.label, b"up")


async def test_channels_asked_for_before_the_connection_open_with_it(mux):
    transport = Transport(mux)
    transport.start_data().open("_reliable")
    client = Client(transport)
    await client.connect()
    client.start_data()
    channel = await asyncio.wait_for(client.channels.get(), 5)
    assert channel.label == "_reliable"
    await until(lambda: transport.data.send("_reliable", b"1"))
    client.close()


async def test_data_can_start_after_the_connection(connect, inbox):
    transport, client = await connect()
    client.send_application(b"ignored while there is no data")
    data = transport.start_data()
    assert transport.start_data() is data is transport.data
    received = inbox(transport)
    client.start_data()
    channel = await client.open_channel("_reliable")
    channel.send(b"1")
    assert await asyncio.wait_for(received.get(), 1) == ("_reliable", b"1")


@pytest.mark.parametrize("port", [0, 65536, -1])
async def test_an_impossible_sctp_port_is_refused(mux, port):
    with pytest.raises(ServerError, match="1 to 65535"):
        Transport(mux).start_data(port)


async def test_what_cannot_be_sent_is_counted(connect):
    transport, client = await connect(data=True)
    await client.open_channel("_reliable")
    data = transport.data
    assert not data.send("no such channel", b"x")
    assert not data.send("_reliable", bytes(MAX_MESSAGE_BYTES + 1))
    data.open("not open yet")
    assert not data.send("not open yet", b"x")
    assert data.dropped == 3
    assert data.buffered("no such channel") == 0


async def test_too_much_on_a_lossy_channel_is_dropped_and_counted(connect):
    transport, client = await connect(data=True)
    await client.open_channel("_lossy", lossy=True)
    data = transport.data
    taken = [data.send("_lossy", bytes(10000)) for _ in range(200)]
    assert taken.count(True) == pytest.approx(channels.LOSSY_LIMIT_BYTES / 10000, abs=2)
    assert data.dropped == taken.count(False)
    assert data.buffered("_lossy") <= channels.LOSSY_LIMIT_BYTES + 10000
    await until(lambda: data.buffered("_lossy") == 0)
    assert data.send("_lossy", b"again")
    assert transport.state == "connected"


async def test_a_peer_that_does_not_read_is_closed_and_nobody_waits_for_it(connect, inbox):
    transport, client = await connect("slow", data=True)
    await client.open_channel("_reliable")
    healthy, other = await connect("healthy", data=True)
    await other.open_channel("_reliable")
    reasons = []
    transport.on_closed = reasons.append
    client._loop.remove_reader(client.socket.fileno())
    count = 0
    while transport.data.send("_reliable", bytes(200_000)):
        count += 1
    assert count * 200_000 <= channels.RELIABLE_LIMIT_BYTES < (count + 1) * 200_000
    # Not at once: the caller may be going through all participants.
    assert transport.state == "connected"
    await until(lambda: bool(reasons))
    assert reasons == ["the peer reads too slowly"]
    assert healthy.data.send("_reliable", b"1")
    assert await asyncio.wait_for(other.messages.get(), 1) == ("_reliable", b"1")


async def test_lost_packets_are_repaired_on_a_reliable_channel(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    channel = await client.open_channel("_reliable")
    randomness = random.Random(6)
    client.mangle = lambda datagram: None if randomness.random() < 0.05 else datagram
    client.lose_received = lambda datagram: randomness.random() < 0.05
    messages = [random.Random(seed).randbytes(20000) for seed in range(10)]
    for message in messages:
        channel.send(message)
    for message in messages:
        assert await asyncio.wait_for(received.get(), 20) == ("_reliable", message)


async def test_a_channel_that_the_peer_closes_is_gone_and_its_name_is_free(connect, inbox):
    transport, client = await connect(data=True)
    received = inbox(transport)
    first = await client.open_channel("_reliable")
    first.close()
    await until(lambda: not transport.data.send("_reliable", b"x"))
    second = await client.open_channel("_reliable")
    second.send(b"2")
    assert await asyncio.wait_for(received.get(), 1) == ("_reliable", b"2")
    assert transport.data.send("_reliable", b"down")


async def test_the_newest_of_two_channels_of_one_name_is_used(connect):
    transport, client = await connect(data=True)
    first = await client.open_channel("twice")
    second = await client.open_channel("twice")
    got: asyncio.Queue = asyncio.Queue()
    assert client.sctp is not None
    client.sctp._on_message = lambda channel, message: got.put_nowait(channel.id)
    assert transport.data.send("twice", b"x")
    assert await asyncio.wait_for(got.get(), 1) == second.id != first.id
    first.close()
    await until(lambda: first.readyState == "closed")
    assert transport.data.send("twice", b"x")


async def test_the_number_of_channels_is_limited(connect):
    transport, client = await connect(data=True)
    for number in range(MAX_CHANNELS):
        await client.open_channel(f"channel {number}")
    with pytest.raises(TimeoutError):
        await client.open_channel("one too many", timeout=0.1)
    with pytest.raises(ServerError, match="one too many"):
        transport.data.open("mine")
    assert transport.data._association.channel_count == MAX_CHANNELS
    assert transport.data.rejected == 1
    assert transport.data.send("channel 0", b"still works")
    assert await asyncio.wait_for(client.messages.get(), 1) == ("channel 0", b"still works")


async def test_the_peer_can_end_the_data_and_media_goes_on(connect, rtp):
    transport, client = await connect(data=True)
    await client.open_channel("_reliable")
    reasons = []
    transport.data.on_closed = reasons.append
    assert client.sctp is not None
    client.sctp.end("test")
    await until(lambda: bool(reasons))
    assert reasons == ["the SCTP association is over"]
    assert transport.data.closed
    assert not transport.data.send("_reliable", b"x")
    transport.data.open("late")
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)


async def test_failing_callbacks_are_counted_and_later_messages_still_come(mux, connect):
    transport, client = await connect(data=True)
    mux.expected_failures = 3
    got = []

    def fail(*_: object) -> None:
        got.append(1)
        raise ValueError("handler")

    transport.data.on_channel = transport.data.on_message = fail
    transport.data.on_closed = fail
    channel = await client.open_channel("_reliable")
    channel.send(b"1")
    await until(lambda: len(got) == 2)
    transport.data.close()
    assert mux.failures.count == len(got) == 3


async def test_a_callback_may_close_the_transport(mux, connect):
    transport, client = await connect(data=True)
    channel = await client.open_channel("_reliable")
    got = []

    def close(label: str, message: bytes) -> None:
        got.append(message)
        transport.close("enough")

    transport.data.on_message = close
    for number in range(20):
        channel.send(bytes([number]))
    await until(lambda: transport.state == "closed")
    await asyncio.sleep(0.02)
    assert got == [b"\x00"]
    assert transport.data.closed
