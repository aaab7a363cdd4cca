"""Checks on an SCTP packet before it is handled: form, and how much work it can cause.

aiortc parses trustingly: a parameter of length 0 makes it loop for ever, and a selective
acknowledgement can name ranges that take minutes to walk. Such packets stop here.

References
----------
RFC 9260 (SCTP) section 3, RFC 3758 section 3.2 (FORWARD TSN), RFC 6525 section 4 (RE-CONFIG).
"""

from __future__ import annotations

import struct
from collections.abc import Container
from typing import NamedTuple

# Chunk types (RFC 9260, section 3.2; RE-CONFIG: RFC 6525, section 3.1; FORWARD TSN: RFC 3758,
# section 3.2).
DATA = 0
INIT = 1
INIT_ACK = 2
SACK = 3
HEARTBEAT = 4
HEARTBEAT_ACK = 5
ABORT = 6
SHUTDOWN = 7
ERROR = 9
RECONFIG = 130
FORWARD_TSN = 192

# Sizes in bytes (RFC 9260, sections 3.1 to 3.3); those of chunks do not count the chunk's header.
PACKET_HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 4
DATA_HEADER_BYTES = 12
INIT_HEADER_BYTES = 16
SACK_HEADER_BYTES = 12

MAX_CHUNKS = 64
"""Chunks in one packet; a packet of any usual size holds far fewer."""

MAX_STREAM_ID = 1023
"""The highest number of a stream; it bounds what a peer can make aiortc remember."""

MAX_STREAMS = 64
"""Streams that may have a state at a time, and streams that one FORWARD TSN may name."""

SPARE_ACKNOWLEDGED = 64
"""Chunks by which a SACK's ranges may exceed those under way, since it may be an old one."""

ONCE = frozenset({INIT, INIT_ACK, SACK, ABORT, SHUTDOWN, RECONFIG, FORWARD_TSN})
"""Chunks of which a packet may hold one of each type."""

NEEDS_INIT = frozenset({DATA, SACK, SHUTDOWN, RECONFIG, FORWARD_TSN})
"""Chunks that make sense only after the peer's INIT or INIT ACK."""

WITH_PARAMETERS = {
    INIT: INIT_HEADER_BYTES,
    INIT_ACK: INIT_HEADER_BYTES,
    HEARTBEAT: 0,
    HEARTBEAT_ACK: 0,
    ABORT: 0,
    ERROR: 0,
}
"""Chunks that end with parameters, and the bytes before the first parameter."""

RECONFIG_SIZES = {13: 12, 16: 8, 17: 8}
"""The least bytes of a RE-CONFIG parameter's value by its type (RFC 6525, section 4)."""


class Situation(NamedTuple):
    """What the checks need to know about the association.

    Attributes
    ----------
    initialized : bool
        The peer's INIT or INIT ACK has been seen.
    established : bool
        The association is up, so an INIT is not wanted any more.
    outstanding : int
        Number of chunks sent and not yet acknowledged as a whole.
    streams : container of int
        Numbers of the streams that already have a state.
    stream_count : int
        Number of those streams.
    """

    initialized: bool
    established: bool
    outstanding: int
    streams: Container[int]
    stream_count: int


def find_problem(packet: bytes, situation: Situation) -> str | None:
    """Say what is wrong with a packet.

    Parameters
    ----------
    packet : bytes
        The packet, any bytes that came out of the DTLS session.
    situation : Situation
        The state of the association before the packet.

    Returns
    -------
    str or None
        One line; None when the packet may be handled.
    """
    if len(packet) < PACKET_HEADER_BYTES + CHUNK_HEADER_BYTES:
        return "a packet without a chunk"
    seen: list[int] = []
    position = PACKET_HEADER_BYTES
    while position + CHUNK_HEADER_BYTES <= len(packet):
        kind, _, length = struct.unpack_from("!BBH", packet, position)
        if length < CHUNK_HEADER_BYTES or position + length > len(packet):
            return "a chunk of a wrong length"
        if len(seen) >= MAX_CHUNKS or (kind in ONCE and kind in seen):
            return "too many chunks"
        seen.append(kind)
        body = packet[position + CHUNK_HEADER_BYTES : position + length]
        problem = _chunk_problem(kind, body, situation)
        if problem is not None:
            return problem
        position += length + (-length % 4)
    if INIT in seen and len(seen) > 1:
        return "an INIT that is not alone"
    return None


def _chunk_problem(kind: int, body: bytes, situation: Situation) -> str | None:
    if kind in NEEDS_INIT and not situation.initialized:
        return "a chunk before the association"
    if kind in (INIT, INIT_ACK) and situation.established:
        return "an INIT within the association"
    if kind == DATA:
        return _data_problem(body, situation)
    if kind == SACK:
        return _sack_problem(body, situation.outstanding)
    if kind == FORWARD_TSN:
        return _forward_problem(body)
    if kind == RECONFIG:
        return _reconfig_problem(body)
    if kind == SHUTDOWN and len(body) != 4:
        return "a SHUTDOWN of a wrong length"
    if kind in WITH_PARAMETERS:
        skipped = WITH_PARAMETERS[kind]
        if len(body) < skipped or _parameters(body[skipped:]) is None:
            return "a chunk with broken parameters"
    return None


def _data_problem(body: bytes, situation: Situation) -> str | None:
    if len(body) <= DATA_HEADER_BYTES:
        return "a DATA chunk without data"
    (stream,) = struct.unpack_from("!H", body, 4)
    if stream > MAX_STREAM_ID:
        return "a stream beyond those agreed on"
    if stream not in situation.streams and situation.stream_count >= MAX_STREAMS:
        return "too many streams"
    return None


def _sack_problem(body: bytes, outstanding: int) -> str | None:
    if len(body) < SACK_HEADER_BYTES:
        return "a SACK that is too short"
    gaps, duplicates = struct.unpack_from("!HH", body, 8)
    if len(body) != SACK_HEADER_BYTES + 4 * (gaps + duplicates):
        return "a SACK of a wrong length"
    acknowledged = 0
    for position in range(SACK_HEADER_BYTES, SACK_HEADER_BYTES + 4 * gaps, 4):
        first, last = struct.unpack_from("!HH", body, position)
        if last < first:
            return "a SACK with a reversed range"
        acknowledged += last - first + 1
    if acknowledged > outstanding + SPARE_ACKNOWLEDGED:
        return "a SACK of more than was sent"
    return None


def _forward_problem(body: bytes) -> str | None:
    if len(body) < 4 or len(body) % 4:
        return "a FORWARD TSN of a wrong length"
    if len(body) // 4 - 1 > MAX_STREAMS:
        return "too many streams"
    for position in range(4, len(body), 4):
        if struct.unpack_from("!H", body, position)[0] > MAX_STREAM_ID:
            return "a stream beyond those agreed on"
    return None


def _reconfig_problem(body: bytes) -> str | None:
    parameters = _parameters(body)
    if parameters is None:
        return "a chunk with broken parameters"
    for kind, size in parameters:
        if size < RECONFIG_SIZES.get(kind, 0) or size % 2:
            return "a RE-CONFIG parameter of a wrong length"
    return None


def _parameters(body: bytes) -> list[tuple[int, int]] | None:
    """Type and size of the value of every parameter; None when one does not fit."""
    parameters = []
    position = 0
    while position + 4 <= len(body):
        kind, length = struct.unpack_from("!HH", body, position)
        if length < 4 or position + length > len(body):
            return None
        parameters.append((kind, length - 4))
        position += length + (-length % 4)
    return parameters
