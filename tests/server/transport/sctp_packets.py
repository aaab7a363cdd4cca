"""Raw SCTP packets for the tests, with a right checksum around whatever is in them."""

from __future__ import annotations

import struct

from google_crc32c import value as crc32c
from transport_client import Client

from lkexplore.server.transport import Transport
from lkexplore.server.transport.sctp import Association

FIRST, LAST, UNORDERED = 2, 1, 4
BINARY = 53


def chunk(kind: int, body: bytes = b"", flags: int = 0, length: int | None = None) -> bytes:
    head = struct.pack("!BBH", kind, flags, len(body) + 4 if length is None else length)
    return head + body + bytes(-len(body) % 4)


def data_chunk(
    tsn: int,
    data: bytes = b"x",
    *,
    stream: int = 0,
    sequence: int = 0,
    flags: int = FIRST | LAST,
    protocol: int = BINARY,
) -> bytes:
    head = struct.pack("!LHHL", tsn & 0xFFFFFFFF, stream, sequence & 0xFFFF, protocol)
    return chunk(0, head + data, flags)


def open_message(label: bytes = b"x", protocol: bytes = b"") -> bytes:
    head = struct.pack("!BBHLHH", 3, 0, 0, 0, len(label), len(protocol))
    return head + label + protocol


def packet(tag: int, *chunks: bytes) -> bytes:
    head = struct.pack("!HHL", 5000, 5000, tag)
    body = b"".join(chunks)
    return head + struct.pack("<L", crc32c(head + bytes(4) + body)) + body


class Attacker:
    """Writes raw SCTP packets into a connected client's DTLS session."""

    def __init__(self, transport: Transport, client: Client) -> None:
        assert transport.data is not None
        assert client.sctp is not None
        self.client = client
        self.server: Association = transport.data._association
        self.tag: int = client.sctp._remote_verification_tag
        self.tsn: int = client.sctp._local_tsn

    def send(self, *chunks: bytes, tag: int | None = None) -> None:
        self.client.send_application(packet(self.tag if tag is None else tag, *chunks))

    def next_tsn(self) -> int:
        tsn = self.tsn
        self.tsn = (self.tsn + 1) & 0xFFFFFFFF
        return tsn
