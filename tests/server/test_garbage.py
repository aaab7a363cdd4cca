"""Garbage against a running server, while others talk: they hear nothing of it.

Everything here happens while two people of the real SDK are in a room of their own, one
playing a tone and the other listening. Afterwards the tone must have been whole, and the
server must be as it was: its memory, its connections, its rooms, and its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket

import aiohttp
from children import Child
from serving import join_request, token
from watching import undisturbed

from transport_client import binding_request  # isort: skip - found by way of `serving`


async def throw(child: Child, data: bytes, *, wait: float = 0.5) -> bytes:
    """Send bytes to the TCP port; return what comes back in a while."""
    reader, writer = await asyncio.open_connection(*child.address)
    answer = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(data)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(65_536), wait)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


async def drip(child: Child) -> float:
    """Send a header without an end, slowly; return how long this is suffered, in seconds."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(*child.address)
    begin = loop.time()
    writer.write(b"GET /rtc HTTP/1.1\r\n")
    with contextlib.suppress(ConnectionError):
        while loop.time() - begin < 20 and not reader.at_eof():
            writer.write(b"X: y\r\n")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.2)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return loop.time() - begin


async def endless(child: Child) -> int:
    """Send headers for as long as they are taken; return how many bytes that were."""
    reader, writer = await asyncio.open_connection(*child.address)
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET / HTTP/1.1\r\n")
        while sent < 50_000_000 and not reader.at_eof() and not reader.exception():
            writer.write(b"X-Header: " + b"y" * 8_000 + b"\r\n")
            sent += 8_012
            await writer.drain()
            await asyncio.sleep(0.001)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return sent


async def wrong_tokens(child: Child, number: int) -> set[int]:
    """Come with bad tokens, many a second; return the statuses of the answers."""
    texts = [token(), token(key=child.key), "x", "a.b.c", "x" * 20_000, token(key=child.key, exp=0)]
    statuses = set()
    url = child.url.replace("ws", "http", 1)
    async with aiohttp.ClientSession() as http:
        for n in range(number):
            headers = {"Authorization": f"Bearer {texts[n % len(texts)]}"}
            path = ("/rtc", "/rtc/validate", "/twirp/livekit.RoomService/ListRooms")[n % 3]
            async with http.request(
                "POST" if "twirp" in path else "GET", url + path, headers=headers
            ) as r:
                statuses.add(r.status)
            await asyncio.sleep(0.002)
    return statuses


async def strangers(child: Child) -> None:
    dice = random.Random(1)
    for _ in range(60):
        await throw(child, dice.randbytes(dice.randrange(1, 3000)) + b"\r\n\r\n", wait=0.05)
    big = join_request(compress=False, metadata="m" * 90_000)
    bomb = join_request(metadata="m" * (20 << 20))
    for request in (big, bomb, "A" * 100_000, "A" * 400_000):
        head = f"GET /rtc/v1?join_request={request} HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await throw(child, head.encode())
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


async def test_strangers_at_the_tcp_port(besieged: Child) -> None:
    async with undisturbed(besieged):
        drips = [asyncio.create_task(drip(besieged)) for _ in range(5)]
        idle = [await asyncio.open_connection(*besieged.address) for _ in range(200)]
        sent = await endless(besieged)
        assert sent < 20_000_000
        await strangers(besieged)
        assert await wrong_tokens(besieged, 300) == {401}
        suffered = await asyncio.gather(*drips)
        assert max(suffered) < 14
        for _, writer in idle:
            writer.close()


async def test_more_connections_than_are_allowed(besieged: Child) -> None:
    async with undisturbed(besieged):
        crowd = []
        for _ in range(1100):
            crowd.append(await asyncio.open_connection(*besieged.address))
            if len(crowd) % 50 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        closed = sum(reader.at_eof() or reader.exception() is not None for reader, _ in crowd)
        assert 90 <= closed <= 200
        assert await throw(besieged, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in crowd:
            writer.close()
        await asyncio.sleep(0.5)
        assert (await throw(besieged, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"OK")


async def test_strangers_at_the_media_port(besieged: Child) -> None:
    dice = random.Random(2)
    address = ("127.0.0.1", besieged.media_port)
    hello = bytes.fromhex(
        "16fefd000000000000000000300100002400000000000000 24fefd".replace(" ", "")
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        async with undisturbed(besieged):
            for n in range(20_000):
                kind = n % 5
                if kind == 0:
                    data = dice.randbytes(dice.randrange(1, 1500))
                elif kind == 1:
                    data = binding_request(f"{dice.randrange(99):08d}", "password-of-nobody")
                elif kind == 2:
                    data = bytes([0, 1, 0, 0]) + bytes.fromhex("2112a442") + dice.randbytes(12)
                elif kind == 3:
                    data = hello + dice.randbytes(100)
                else:
                    data = bytes([0x80 | dice.randrange(64), dice.randrange(256)]) + dice.randbytes(
                        200
                    )
                with contextlib.suppress(BlockingIOError):
                    out.sendto(data, address)
                if n % 50 == 0:
                    await asyncio.sleep(0.005)


def test_the_log_is_short(besieged: Child) -> None:
    assert besieged.process.poll() is None
    assert besieged.log.count("\n") <= 20
