"""What the shared socket and the transports know of each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Address = tuple[Any, ...]
"""A socket address as `recvfrom` gives it: (host, port) or (host, port, flow, scope)."""


class MediaLink(Protocol):
    """A stretch of the way on which media packets may be lost or delayed."""

    def carry(self, packet: bytes, deliver: Callable[[bytes], None]) -> None:
        """Hand a packet to `deliver`, at once, later or never."""


class Endpoint(Protocol):
    """What the mux hands datagrams to: a `Transport`.

    Attributes
    ----------
    addresses : dict
        Addresses that sent it an authenticated check, oldest first. The mux keeps them.
    remote_address : tuple or None
        The one it sends to.
    last_check : float
        `time.monotonic` of its last authenticated check.
    """

    addresses: dict[Address, None]
    remote_address: Address | None
    last_check: float

    def handle_check(self, address: Address, ufrag: str, nominated: bool) -> None:
        """Note an authenticated check from `address`, made with the credentials `ufrag`."""

    def handle_srtp(self, packet: bytes) -> None:
        """Handle an SRTP or SRTCP packet."""

    def handle_dtls(self, datagram: bytes) -> None:
        """Handle a DTLS datagram."""

    def close(self, reason: str) -> None:
        """End it."""
