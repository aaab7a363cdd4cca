"""The server's hot path under a synthetic load: a packet in, its copies out to all who listen.

`benchmarks/server.py` runs this with the rest; by itself it takes some seconds. Everything from
the encrypted packet that came in to the encrypted ones that go out to a socket is the real code;
only the handshakes are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import time

from livekit.protocol import models as m

from lkexplore.server.media.codecs import Codec
from lkexplore.server.media.downtrack import DownTrack
from lkexplore.server.media.forwarding import PublishedTrack
from lkexplore.server.media.uplink import Uplink
from lkexplore.server.transport import Transport, UdpMux
from lkexplore.server.transport.srtp import PROFILES, SrtpSession

PACKETS_PER_SECOND = 50

Row = tuple[str, str, str]


class Fan:
    """One publisher, real but for its handshake, and transports that receive its track."""

    def __init__(self, mux: UdpMux, subscribers: int, sink: tuple[str, int]) -> None:
        def transport() -> tuple[Transport, SrtpSession]:
            profile = PROFILES[0]
            material = secrets.token_bytes(profile.material_bytes)
            one = Transport(mux, "benchmark")
            one._srtp, one.state, one.remote_address = (
                SrtpSession(profile, material),
                "connected",
                sink,
            )
            return one, SrtpSession(profile, material, is_client=True)

        self.publisher, self.client = transport()
        self.uplink = Uplink(self.publisher, 8)
        self.publisher.on_rtp = self.uplink.on_rtp
        track = PublishedTrack(
            m.TrackInfo(sid="TR_x"),
            self.publisher,
            "PA_x",
            kind="audio",
            mid="0",
            payload_type=111,
            codec=Codec("opus", "48000/2"),
            rids=[],
            level_extension=1,
        )
        self.uplink.add(track, [77])
        for n in range(subscribers):
            track.attach(DownTrack(transport()[0], 111, 1000 + n, "audio"))

    def packets(self, number: int) -> list[bytes]:
        level = b"\xbe\xde\x00\x01\x10\x1e\x00\x00"
        payload = secrets.token_bytes(120)
        heads = (struct.pack("!BBHII", 0x90, 111, n, 960 * n, 77) for n in range(number))
        return [self.client.protect(head + level + payload) for head in heads]


def drain(sink: socket.socket) -> None:
    """Take what has arrived: a full socket would make sending cheaper than it is."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sink.recv(2048)


async def forwarding(number: int) -> list[Row]:
    rows = []
    mux = UdpMux()
    await mux.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.setblocking(False)

        def cost(subscribers: int) -> float:
            """Return the CPU time for one packet that comes in, in us; the best of ten."""
            fan = Fan(mux, subscribers, sink.getsockname())
            packets = fan.packets(number)
            rounds = [0.0] * 10
            for start in range(0, number, 8):
                begin = time.thread_time()
                for packet in packets[start : start + 8]:
                    fan.publisher.handle_srtp(packet)
                rounds[start * 10 // number] += time.thread_time() - begin
                drain(sink)
            return 1e6 * min(rounds) / (number / 10)

        alone, many = cost(0), cost(20)
    each = (many - alone) / 20
    rows.append(("packet in: decrypt, parse, count", f"{alone:.1f} us", ""))
    rows.append(("each forward: renumber, encrypt, send", f"{each:.1f} us", "6.2 us"))
    core = 1e6 / (each + alone / 20) / PACKETS_PER_SECOND
    rows.append(("audio forwards on one core (1 -> 20)", f"{core:.0f}", "3000"))
    mux.close()
    return rows


if __name__ == "__main__":
    for row in asyncio.run(forwarding(20_000)):
        print("  ".join(row))
