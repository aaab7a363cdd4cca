"""STUN binding requests and their answers: all that an ICE-lite agent needs.

References
----------
RFC 8489 (STUN): section 5 header, 14 attributes, 9.1 short-term credentials.
RFC 8445 (ICE): section 7.3, receiving connectivity checks.
"""

from __future__ import annotations

import hmac
import ipaddress
import struct
import zlib
from typing import NamedTuple

COOKIE = 0x2112A442
"""The number in the header of every STUN message (RFC 8489, section 5)."""

# Message types (RFC 8489, section 5).
BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101

# Attribute types (RFC 8489, section 18.3; USE-CANDIDATE: RFC 8445, section 16.1).
USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
XOR_MAPPED_ADDRESS = 0x0020
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028

HIGHEST_TYPE = 0x3FFF
"""The highest message type: the first two bits of a STUN message are 0 (RFC 8489, section 5)."""

HEADER_BYTES = 20
"""Bytes of a message before its attributes (RFC 8489, section 5)."""

INTEGRITY_BYTES = 24
"""Bytes of a MESSAGE-INTEGRITY attribute: 4 of header, 20 of HMAC-SHA1 (section 14.5)."""

FINGERPRINT_BYTES = 8
"""Bytes of a FINGERPRINT attribute: 4 of header, 4 of CRC-32 (section 14.7)."""

FINGERPRINT_XOR = 0x5354554E
"""The number with which the CRC-32 of a FINGERPRINT is combined: "STUN" in ASCII (section 14.7)."""


class Message(NamedTuple):
    """A well-formed STUN message.

    Attributes
    ----------
    data : bytes
        The whole datagram.
    type : int
        Message type, for example `BINDING_REQUEST`.
    transaction_id : bytes
        The 12 bytes that an answer repeats.
    attributes : dict of int to bytes
        First value of every attribute that MESSAGE-INTEGRITY can protect, without padding.
    integrity_at : int
        Offset of the MESSAGE-INTEGRITY attribute in `data`, -1 when there is none.
    """

    data: bytes
    type: int
    transaction_id: bytes
    attributes: dict[int, bytes]
    integrity_at: int

    @property
    def local_ufrag(self) -> str | None:
        """The part of USERNAME before the colon: the user fragment of the one addressed."""
        username = self.attributes.get(USERNAME)
        if username is None or not username.isascii():
            return None
        return username.partition(b":")[0].decode("ascii")

    def is_authentic(self, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY was made with `key`.

        Parameters
        ----------
        key : bytes
            The ICE password of the receiver, in ASCII.

        Returns
        -------
        bool
            False also when the attribute is missing or has the wrong size.
        """
        if self.integrity_at < 0:
            return False
        length = self.integrity_at + INTEGRITY_BYTES - HEADER_BYTES
        covered = self.data[:2] + struct.pack("!H", length) + self.data[4 : self.integrity_at]
        expected = hmac.digest(key, covered, "sha1")
        return hmac.compare_digest(expected, self.attributes[MESSAGE_INTEGRITY])


def parse(data: bytes) -> Message | None:
    """Parse one datagram; None when it is not a well-formed STUN message.

    FINGERPRINT, when present, must be right and last. Attributes between MESSAGE-INTEGRITY and
    FINGERPRINT are ignored, because nothing protects them. Never raises.

    Parameters
    ----------
    data : bytes
        A datagram of any content and length.

    Returns
    -------
    Message or None

    Examples
    --------
    >>> parse(b"not a STUN message") is None
    True
    """
    if len(data) < HEADER_BYTES:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", data)
    if cookie != COOKIE or kind > HIGHEST_TYPE or length % 4 or length + HEADER_BYTES != len(data):
        return None
    attributes: dict[int, bytes] = {}
    integrity_at = -1
    position = HEADER_BYTES
    while position < len(data):
        name, size = struct.unpack_from("!HH", data, position)
        end = position + 4 + size
        if end > len(data):
            return None
        value = data[position + 4 : end]
        if name == FINGERPRINT:
            if end != len(data) or not _fingerprint_is_right(data, position, value):
                return None
        elif integrity_at < 0:
            attributes.setdefault(name, value)
            if name == MESSAGE_INTEGRITY:
                if size != INTEGRITY_BYTES - 4:
                    return None
                integrity_at = position
        position = end + (-size % 4)
    return Message(data, kind, data[8:HEADER_BYTES], attributes, integrity_at)


def _fingerprint_is_right(data: bytes, position: int, value: bytes) -> bool:
    expected = zlib.crc32(data[:position]) ^ FINGERPRINT_XOR
    return value == struct.pack("!I", expected)


def binding_success(request: Message, host: str, port: int, key: bytes) -> bytes:
    """Build the success answer to a binding request.

    Parameters
    ----------
    request : Message
        The authenticated request.
    host : str
        IPv4 or IPv6 address that the request came from. An IPv4-mapped IPv6 address is
        answered as IPv4, a scope ("%eth0") is left out.
    port : int
        Port that the request came from, 0 to 65535.
    key : bytes
        The password that the request was authenticated with.

    Returns
    -------
    bytes
        The datagram: XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT.

    Raises
    ------
    ValueError
        If `host` is not an IP address.
    """
    body = _xor_mapped_address(host, port, request.transaction_id)
    message = _header(len(body) + INTEGRITY_BYTES, request.transaction_id) + body
    tag = hmac.digest(key, message, "sha1")
    body += struct.pack("!HH", MESSAGE_INTEGRITY, len(tag)) + tag
    message = _header(len(body) + FINGERPRINT_BYTES, request.transaction_id) + body
    return message + struct.pack("!HHI", FINGERPRINT, 4, zlib.crc32(message) ^ FINGERPRINT_XOR)


def _header(length: int, transaction_id: bytes) -> bytes:
    return struct.pack("!HHI", BINDING_SUCCESS, length, COOKIE) + transaction_id


def _xor_mapped_address(host: str, port: int, transaction_id: bytes) -> bytes:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    mask = struct.pack("!I", COOKIE) + transaction_id
    packed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    family = 1 if address.version == 4 else 2
    head = struct.pack(
        "!HHBBH", XOR_MAPPED_ADDRESS, 4 + len(packed), 0, family, port ^ (COOKIE >> 16)
    )
    return head + packed
