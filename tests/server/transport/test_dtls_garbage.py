"""DTLS records that were changed, cut, lengthened or made up, during and after the handshake."""

from __future__ import annotations

import asyncio
import random

from transport_client import Client, record

from lkexplore.server.transport import Transport

APPLICATION_RECORD = 23


def mangler(seed: int, rate: float):
    """Change, cut, lengthen, double or replace some datagrams; the same for the same seed."""
    randomness = random.Random(seed)

    def mangle(datagram: bytes) -> bytes | None:
        if randomness.random() > rate:
            return datagram
        data = bytearray(datagram)
        kind = randomness.randrange(6)
        if kind == 0:
            for _ in range(randomness.randrange(1, 6)):
                data[randomness.randrange(len(data))] ^= randomness.randrange(1, 256)
        elif kind == 1:
            del data[randomness.randrange(1, len(data)) :]
        elif kind == 2:
            data += randomness.randbytes(randomness.randrange(1, 200))
        elif kind == 3:
            data += bytes(data)
        elif kind == 4:
            data[13:] = randomness.randbytes(len(data) - 13)
        else:
            return None
        return bytes(data)

    return mangle


async def test_mangled_handshakes_do_no_harm_to_others(mux, connect, rtp):
    healthy, other = await connect("healthy")
    for seed in range(60):
        transport = Transport(mux, f"mangled {seed}")
        client = Client(transport)
        client.mangle = mangler(seed, 0.7)
        transport.set_remote_fingerprints(client.fingerprints)
        await client.check()
        client.start_handshake()
        for _ in range(6):
            await asyncio.sleep(0)
        if not client.connected.is_set() and not client.closed.is_set():
            client._retransmit()
        await asyncio.sleep(0.003)
        assert transport.state in ("connecting", "connected", "closed")
        transport.close()
        client.close()
    healthy.send_rtp(rtp(1))
    assert await asyncio.wait_for(other.rtp.get(), 1) == rtp(1)
    assert len(mux._by_ufrag) == 1


async def test_mangled_records_after_the_handshake_are_ignored(mux, connect, rtp):
    transport, client = await connect(data=True)
    await client.open_channel("_reliable")
    sent = []
    keep = client.mangle
    client.mangle = lambda datagram: sent.append(datagram) or datagram
    client.send_application(b"not SCTP")
    client.mangle = keep
    template = sent[0]
    assert template[0] == APPLICATION_RECORD
    randomness = random.Random(3)
    for seed in range(2000):
        mangled = mangler(seed, 1.0)(template)
        if mangled is not None:
            mux.handle(mangled, client.address)
        mux.handle(
            record(randomness.randrange(20, 64), randomness.randbytes(randomness.randrange(1, 80))),
            client.address,
        )
    assert transport.state == "connected"
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)
    await client.open_channel("_lossy", lossy=True)


async def test_a_plain_alert_after_the_handshake_does_not_close(mux, connect, rtp):
    transport, client = await connect()
    for level in (1, 2):
        for description in range(256):
            mux.handle(record(21, bytes([level, description])), client.address)
    assert transport.state == "connected"
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)
