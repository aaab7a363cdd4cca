"""Strangers at the TCP port: few are let wait, not for long, and they learn nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import SECRET, joining_token, serving, until

from lkexplore.server.config import Limits
from lkexplore.server.server import Server

HEAD_BYTES = 20_000
LIMITS = Limits(connections=20, http_header_seconds=0.4, http_head_bytes=HEAD_BYTES)
HELLO = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(LIMITS) as server:
        yield server


class Stranger:
    """A bare TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def rest(self, timeout: float = 5.0) -> bytes:
        """Return everything until the server closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), timeout)
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def stranger(server: Server) -> Stranger:
    return Stranger(*await asyncio.open_connection("127.0.0.1", server.port))


async def ask(server: Server, data: bytes) -> bytes:
    """Return all that is answered to some bytes."""
    one = await stranger(server)
    await one.send(data)
    answer = await one.rest()
    await one.close()
    return answer


def waiting(server: Server) -> int:
    assert server._door is not None
    return len(server._door.waiting)


def inside(server: Server) -> int:
    assert server._runner is not None
    assert server._runner.server is not None
    return len(server._runner.server.connections)


async def test_a_request_is_answered_and_the_connection_closed(server: Server) -> None:
    answer = await ask(server, HELLO)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"OK")
    await until(lambda: waiting(server) + inside(server) == 0, "nobody is left")


async def test_a_request_may_come_in_pieces(server: Server) -> None:
    one = await stranger(server)
    for n in range(len(HELLO)):
        await one.send(HELLO[n : n + 1])
        await asyncio.sleep(0.001)
    assert (await one.rest()).endswith(b"OK")
    await one.close()


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", HELLO[:-1], b"GET / HTTP/1.1\r\nX: "])
async def test_who_does_not_finish_is_sent_away(server: Server, sent: bytes) -> None:
    one = await stranger(server)
    await one.send(sent)
    assert await one.rest(3.0) == b""
    await one.close()
    assert waiting(server) == 0


async def test_who_drips_is_sent_away(server: Server) -> None:
    one = await stranger(server)
    await one.send(b"GET / HTTP/1.1\r\n")
    for _ in range(30):
        await one.send(b"X: y\r\n")
        await asyncio.sleep(0.05)
    assert await one.rest(3.0) == b""
    await one.close()


async def test_a_head_without_an_end_is_cut_off(server: Server) -> None:
    one = await stranger(server)
    line = b"X-%d: " + b"y" * 1000 + b"\r\n"
    await one.send(b"GET / HTTP/1.1\r\n")
    for n in range(10_000):
        if one.reader.at_eof() or one.reader.exception():
            break
        await one.send(line % n)
        await asyncio.sleep(0)
    assert n < 9_000
    assert await one.rest(3.0) == b""
    await one.close()


async def test_a_head_beyond_the_limit_is_cut_off_even_at_once(server: Server) -> None:
    assert await ask(server, b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES + b"\r\n\r\n") == b""
    just = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (HEAD_BYTES - 100) + b"\r\n\r\n"
    assert (await ask(server, just)).endswith(b"OK")


async def test_a_slow_body_is_not_waited_for(server: Server) -> None:
    one = await stranger(server)
    await one.send(
        b"POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    )
    answer = await one.rest(6.0)
    assert answer.startswith(b"HTTP/1.1 401")
    await one.close()
    await until(lambda: inside(server) == 0, "the connection is gone")


MALFORMED = [
    b"\r\n\r\n",
    b"NONSENSE\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\n\r\n",
    b"GET " + b"/" * 15_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /rtc?" + b"&".join(b"a%d=1" % n for n in range(1500)) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(1500)) + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /rtc HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /rtc?access_token=%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x00\xff",
]


@pytest.mark.parametrize("data", MALFORMED, ids=range(len(MALFORMED)))
async def test_malformed_requests_are_answered_or_dropped(
    server: Server, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await ask(server, data)
    assert answer == b"" or answer.startswith(b"HTTP/1.")
    assert b"Traceback" not in answer
    assert SECRET.encode() not in answer
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert "Traceback" not in caplog.text
    assert (await ask(server, HELLO)).endswith(b"OK")


async def test_random_bytes_are_answered_or_dropped(server: Server) -> None:
    loop = asyncio.get_running_loop()

    async def attempt(data: bytes) -> None:
        answer = await ask(server, data + b"\r\n\r\n")
        assert answer == b"" or answer.startswith(b"HTTP/1.")

    samples: list[bytes] = []

    @settings(
        max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.binary(max_size=300))
    def collect(data: bytes) -> None:
        samples.append(data)

    await loop.run_in_executor(None, collect)
    for start in range(0, len(samples), 10):
        await asyncio.gather(*(attempt(data) for data in samples[start : start + 10]))
    assert (await ask(server, HELLO)).endswith(b"OK")


async def test_too_many_connections_are_closed_at_once(server: Server) -> None:
    crowd = [await stranger(server) for _ in range(LIMITS.connections)]
    await until(lambda: waiting(server) == LIMITS.connections, "all of them wait")
    for _ in range(5):
        assert await ask(server, HELLO) == b""
    assert waiting(server) == LIMITS.connections
    assert await crowd[0].rest(3.0) == b""
    await until(lambda: waiting(server) == 0, "all of them have been sent away")
    assert (await ask(server, HELLO)).endswith(b"OK")
    for one in crowd:
        await one.close()


async def test_connections_that_come_and_go_leave_nothing(server: Server) -> None:
    before = psutil.Process().num_fds()
    for _ in range(30):
        batch = [await stranger(server) for _ in range(15)]
        for one in batch:
            await one.send(b"GET / HT")
            one.writer.transport.abort()
    await until(lambda: waiting(server) == 0, "nobody waits")
    await until(lambda: psutil.Process().num_fds() <= before + 2, "the sockets are closed")


async def test_a_websocket_counts_as_a_connection(server: Server) -> None:
    one = await stranger(server)
    head = (
        f"GET /rtc HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {joining_token()}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await one.send(head.encode())
    assert (await one.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 101")
    await asyncio.sleep(2 * LIMITS.http_header_seconds)
    assert inside(server) == 1
    await one.close()
    await until(lambda: inside(server) == 0, "the connection is gone")


async def test_stopping_sends_everybody_away() -> None:
    async with serving(Limits()) as server:
        one = await stranger(server)
        await one.send(b"GET ")
        await until(lambda: waiting(server) == 1, "it waits")
    assert await one.rest(2.0) == b""
    await one.close()
