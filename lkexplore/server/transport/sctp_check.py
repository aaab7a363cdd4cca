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

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN = range(8)
ERROR, COOKIE_ECHO = 9, 10
RECONFIG, FORWARD_TSN = 130, 192

PACKET_HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 4
DATA_HEADER_BYTES = 12
INIT_HEADER_BYTES = 16
SACK_HEADER_BYTES = 12
MAX_CHUNKS = 64
MAX_STREAM_ID = 1023
MAX_STREAMS = 64
SPARE_ACKNOWLEDGED = 64

ONCE = frozenset({INIT, INIT_ACK, SACK, ABORT, SHUTDOWN, RECONFIG, FORWARD_TSN})
NEEDS_INIT = frozenset({DATA, SACK, SHUTDOWN, RECONFIG, FORWARD_TSN})
WITH_PARAMETERS = {INIT: 16, INIT_ACK: 16, HEARTBEAT: 0, HEARTBEAT_ACK: 0, ABORT: 0, ERROR: 0}
RECONFIG_SIZES = {13: 12, 16: 8, 17: 8}


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
        Streams that already have a state. It must know its length.
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
        Any bytes that came out of the DTLS session.
    situation : Situation

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
