"""A bad link under a transport: it carries the media both ways, and nothing but the media."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from transport_client import Client, rtcp, until


class Link:
    """Keeps what it is to carry until it is told to let go."""

    def __init__(self) -> None:
        self.held: list[tuple[bytes, Callable[[bytes], None]]] = []

    def carry(self, packet: bytes, deliver: Callable[[bytes], None]) -> None:
        self.held.append((packet, deliver))

    def let_go(self) -> None:
        held, self.held = self.held, []
        for packet, deliver in held:
            deliver(packet)


async def test_what_goes_down_waits_in_the_link(connect, rtp):
    transport, client = await connect()
    transport.downlink = link = Link()
    transport.send_rtp(rtp(1))
    transport.send_rtcp(rtcp())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.rtp.get(), 0.1)
    assert len(link.held) == 2
    link.let_go()
    assert await asyncio.wait_for(client.rtp.get(), 5) == rtp(1)
    assert await asyncio.wait_for(client.rtcp.get(), 5) == rtcp()


async def test_what_comes_up_waits_in_the_link(connect, rtp):
    transport, client = await connect()
    got: list[bytes] = []
    transport.on_rtp = transport.on_rtcp = got.append
    transport.uplink = link = Link()
    client.send_raw(client.srtp.protect(rtp(1)))
    client.send_raw(client.srtp.protect_rtcp(rtcp()))
    await until(lambda: len(link.held) == 2)
    assert got == []
    link.let_go()
    assert got == [rtp(1), rtcp()]


async def test_checks_handshakes_and_data_do_not_go_over_it(mux):
    from lkexplore.server.transport import Transport

    transport = Transport(mux)
    transport.uplink, transport.downlink = Link(), Link()
    client = Client(transport)
    transport.start_data()
    await client.connect()
    client.start_data()
    await client.open_channel("_reliable")
    assert transport.data.send("_reliable", b"x")
    assert await asyncio.wait_for(client.messages.get(), 5) == ("_reliable", b"x")
    assert (transport.uplink.held, transport.downlink.held) == ([], [])
    client.close()


async def test_what_comes_out_after_the_end_is_harmless(connect, rtp):
    transport, client = await connect()
    got: list[bytes] = []
    transport.on_rtp = got.append
    transport.uplink, transport.downlink = up, down = Link(), Link()
    transport.send_rtp(rtp(1))
    client.send_raw(client.srtp.protect(rtp(1)))
    await until(lambda: len(up.held) == len(down.held) == 1)
    transport.close()
    up.let_go()
    down.let_go()
    assert got == []
