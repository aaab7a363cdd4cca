"""A shared socket, transports on it, and the clients that connect to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from transport_client import Client

from lkexplore.server.transport import Transport, UdpMux

Connect = Callable[..., Awaitable[tuple[Transport, Client]]]


@pytest_asyncio.fixture
async def mux() -> AsyncIterator[UdpMux]:
    """A started mux; afterwards no transport may be left and no handler may have failed."""
    mux = UdpMux()
    await mux.start()
    yield mux
    expected_failures = getattr(mux, "expected_failures", 0)
    mux.close()
    await asyncio.sleep(0)
    assert mux.failures.count == expected_failures
    assert not mux._by_ufrag
    assert not mux._by_address
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest_asyncio.fixture
async def connect(mux: UdpMux) -> AsyncIterator[Connect]:
    """Make a transport and a client that is connected to it; data channels on request."""
    clients: list[Client] = []

    async def connect(name: str = "peer", *, data: bool = False) -> tuple[Transport, Client]:
        transport = Transport(mux, name)
        client = Client(transport)
        clients.append(client)
        if data:
            transport.start_data()
        await client.connect()
        if data:
            client.start_data()
        return transport, client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def rtp() -> Callable[..., bytes]:
    """Build RTP packets."""

    def build(sequence: int = 0, ssrc: int = 0x1234, size: int = 100, fill: bytes = b"x") -> bytes:
        head = bytes([0x80, 111]) + (sequence & 0xFFFF).to_bytes(2, "big")
        head += (sequence * 960 & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
        return head + fill * size

    return build
