"""RTP packets (RFC 3550, RFC 8285): just the fields that forwarding needs."""

from __future__ import annotations

import struct
from typing import NamedTuple

MIN_HEADER = 12
"""Bytes of a header without sources and extensions (RFC 3550, section 5.1)."""

_ONE_BYTE_PROFILE = b"\xbe\xde"
"""First bytes of header extensions in their one-byte form (RFC 8285, section 4.2)."""


class Header(NamedTuple):
    """The fields of a packet's header, and where its parts are.

    Attributes
    ----------
    sequence, timestamp, ssrc : int
        The packet's number (16 bits), its time on the stream's clock, and the stream's
        identifier (32 bits each).
    payload_offset : int
        Bytes before the payload.
    extension : tuple of (int, int, bool) or None
        Where the header extensions start and end, in bytes, and whether they are in their
        two-byte form.
    """

    sequence: int
    timestamp: int
    ssrc: int
    payload_offset: int
    extension: tuple[int, int, bool] | None


def parse_header(packet: bytes) -> Header | None:
    """Return the header of `packet`, or None when it is no RTP packet."""
    size = len(packet)
    if size < MIN_HEADER or packet[0] >> 6 != 2:
        return None
    sequence, timestamp, ssrc = struct.unpack_from("!HII", packet, 2)
    offset = MIN_HEADER + 4 * (packet[0] & 15)
    extension = None
    if packet[0] & 0x10:
        if offset + 4 > size:
            return None
        start = offset + 4
        end = start + 4 * struct.unpack_from("!H", packet, offset + 2)[0]
        extension = (start, end, packet[offset : offset + 2] != _ONE_BYTE_PROFILE)
        offset = end
    if offset > size:
        return None
    return Header(sequence, timestamp, ssrc, offset, extension)


def extensions(packet: bytes, header: Header) -> dict[int, bytes]:
    """Return the header extensions of a packet by their id (one- and two-byte forms)."""
    found: dict[int, bytes] = {}
    if header.extension is None:
        return found
    position, end, two_byte = header.extension
    while position < end:
        first = packet[position]
        if first == 0:
            position += 1
            continue
        if two_byte:
            if position + 1 >= end:
                break
            number, length, position = first, packet[position + 1], position + 2
        else:
            number, length, position = first >> 4, (first & 15) + 1, position + 1
            if number == 15:
                break
        if position + length > end:
            break
        found[number] = packet[position : position + length]
        position += length
    return found


def audio_level(packet: bytes, header: Header, extension_id: int) -> int | None:
    """Return the level of a packet in -dBov, 0 (loudest) to 127 (RFC 6464), or None without one."""
    if header.extension is None:
        return None
    position, end, two_byte = header.extension
    if not two_byte and position < end and packet[position] >> 4 == extension_id:
        return packet[position + 1] & 0x7F if position + 1 < end else None
    value = extensions(packet, header).get(extension_id)
    return value[0] & 0x7F if value else None


def is_newer(sequence: int, than: int) -> bool:
    """Return whether a 16-bit sequence number comes after another, wrapping round."""
    return 0 < (sequence - than) & 0xFFFF < 0x8000
