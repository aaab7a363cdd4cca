"""One UDP socket for all transports of all participants.

References
----------
RFC 7983: telling STUN, DTLS and SRTP apart by the first byte.
RFC 8445 section 2.5: an ICE-lite agent, which only answers checks.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

from lkexplore.errors import ServerError

from . import stun
from .certificate import Certificate
from .failures import FailureLog

MAX_DATAGRAM_BYTES = 2048
"""Bytes of a datagram that are read; WebRTC sends no more than about 1500 in one."""

MAX_BATCH = 64
"""Datagrams read in one go, so that a flood of them does not keep the loop from other work."""

MAX_ADDRESSES = 16
"""Addresses that may lead to one transport; the oldest gives way to a new one."""

SOCKET_BUFFER_BYTES = 8 << 20
"""Bytes asked of the system for either buffer of the socket, to take in bursts."""

SECONDS_UNTIL_TAKEOVER = 5.0
"""Seconds without a check after which an address may be claimed by another transport."""

# Datagrams by their first byte (RFC 7983, section 7).
STUN_BYTES = range(4)
"""First bytes of a STUN message."""

DTLS_BYTES = range(20, 64)
"""First bytes of a DTLS record."""

SRTP_BYTES = range(128, 192)
"""First bytes of an SRTP or SRTCP packet."""

Address = tuple[Any, ...]
"""A socket address as `recvfrom` gives it: (host, port) or (host, port, flow, scope)."""


class Endpoint(Protocol):
    """What the mux asks of the transport to which a datagram belongs.

    Attributes
    ----------
    addresses : dict
        Addresses that sent it an authenticated check, oldest first. The mux keeps them.
    remote_address : tuple or None
        The address it sends to.
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
        """End the connection."""


class UdpMux:
    """Receives and sends every datagram of the server, and finds the transport it belongs to.

    Parameters
    ----------
    host : str, default "127.0.0.1"
        IP address to bind to.
    advertised : str, optional
        IP address that clients are told, if it is not `host`. Needed when `host` is "0.0.0.0"
        or "::".

    Attributes
    ----------
    host, port : str, int
        The bound address; `port` is 0 until `start`.
    candidate : tuple of (str, int)
        The address for the ICE candidate in SDP.
    fingerprint : str
        SHA-256 of the server's certificate, "AA:BB:...".
    received, sent, send_errors, dropped : int
        Datagrams so far. `dropped` counts those that belong to nobody or are malformed,
        `send_errors` those that the system did not take.

    Raises
    ------
    ServerError
        If an address is not an IP address, or a wildcard has no `advertised`.

    Notes
    -----
    An address leads to a transport only after a STUN check from it that is authenticated with
    that transport's password. Everything else that comes from an unknown address is counted and
    forgotten, so strangers never make the server remember anything.

    Examples
    --------
    >>> async def serve():
    ...     mux = UdpMux()
    ...     await mux.start()
    ...     transport = Transport(mux, "alice")
    """

    def __init__(self, host: str = "127.0.0.1", advertised: str | None = None) -> None:
        self._family = _family(host, advertised)
        self.host, self.port = host, 0
        self.advertised = advertised or host
        self.received = self.sent = self.send_errors = self.dropped = 0
        self.failures = FailureLog()
        self.certificate = Certificate()
        self.fingerprint = self.certificate.fingerprint
        self.context = self.certificate.context()
        self._by_ufrag: dict[str, tuple[Endpoint, bytes]] = {}
        self._by_address: dict[Address, Endpoint] = {}
        self._socket: socket.socket | None = None
        self._sendto: Callable[[bytes, Address], int] = _not_started
        self._fallback: asyncio.DatagramTransport | None = None

    @property
    def candidate(self) -> tuple[str, int]:
        """Address and port of the server's only ICE candidate."""
        return self.advertised, self.port

    async def start(self, port: int = 0) -> None:
        """Bind the socket and begin to receive.

        Parameters
        ----------
        port : int, default 0
            UDP port, 0 to 65535; 0 takes a free one.

        Raises
        ------
        ServerError
            If the address cannot be bound.
        """
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                # A system may allow less; then its default has to do.
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
            sock.bind((self.host, port))
        except (OSError, OverflowError) as error:
            sock.close()
            raise ServerError(
                f"UDP {self.host} port {port} cannot be used ({error}); choose another port,"
                " 0 for a free one"
            ) from error
        self._socket, self.port = sock, sock.getsockname()[1]
        self._sendto = sock.sendto
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(sock.fileno(), self._receive_batch)
        except NotImplementedError:
            # Windows' default loop has no readers.
            self._fallback, _ = await loop.create_datagram_endpoint(
                lambda: _Fallback(self), sock=sock
            )

    def close(self) -> None:
        """Close every transport and the socket. Idempotent."""
        for endpoint, _ in list(self._by_ufrag.values()):
            endpoint.close("the server stopped")
        sock, self._socket = self._socket, None
        if sock is None:
            return
        if self._fallback is not None:
            self._fallback.close()
        else:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    def register(self, ufrag: str, password: str, endpoint: Endpoint) -> None:
        """Let checks for `ufrag`, authenticated with `password`, lead to `endpoint`."""
        self._by_ufrag[ufrag] = endpoint, password.encode("ascii")

    def unregister(self, ufrag: str) -> None:
        """Forget a user fragment; nothing happens if it is unknown."""
        self._by_ufrag.pop(ufrag, None)

    def forget(self, endpoint: Endpoint) -> None:
        """Forget all addresses of a transport."""
        for address in list(endpoint.addresses):
            self._drop_address(address, endpoint)

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram now; what the system does not take is counted and dropped."""
        try:
            self._sendto(data, address)
        except OSError:
            self.send_errors += 1
        else:
            self.sent += 1

    def handle(self, data: bytes, address: Address) -> None:
        """Handle one received datagram; never raises."""
        self.received += 1
        first = data[0] if data else 255
        try:
            if first in STUN_BYTES:
                self._handle_stun(data, address)
                return
            endpoint = self._by_address.get(address)
            if endpoint is None:
                self.dropped += 1
            elif first in SRTP_BYTES:
                endpoint.handle_srtp(data)
            elif first in DTLS_BYTES:
                endpoint.handle_dtls(data)
            else:
                self.dropped += 1
        except Exception:
            self.failures.report("a datagram")

    def _receive_batch(self) -> None:
        sock = self._socket
        for _ in range(MAX_BATCH):
            if sock is None or self._socket is not sock:
                return
            try:
                data, address = sock.recvfrom(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP error of an earlier datagram to a port that is closed now.
                continue
            self.handle(data, address)

    def _handle_stun(self, data: bytes, address: Address) -> None:
        message = stun.parse(data)
        ufrag = message.local_ufrag if message else None
        entry = self._by_ufrag.get(ufrag) if ufrag else None
        if (
            message is None
            or ufrag is None
            or entry is None
            or message.type != stun.BINDING_REQUEST
            or not message.is_authentic(entry[1])
            or not self._claim(address, entry[0])
        ):
            self.dropped += 1
            return
        endpoint, key = entry
        self.send(stun.binding_success(message, address[0], address[1], key), address)
        endpoint.handle_check(address, ufrag, stun.USE_CANDIDATE in message.attributes)

    def _claim(self, address: Address, endpoint: Endpoint) -> bool:
        """Lead `address` to `endpoint`, unless another one is using it."""
        owner = self._by_address.get(address)
        if owner is endpoint:
            return True
        if owner is not None:
            # One participant must not cut another off by forging its address.
            age = time.monotonic() - owner.last_check
            if owner.remote_address == address and age < SECONDS_UNTIL_TAKEOVER:
                return False
            self._drop_address(address, owner)
        if len(endpoint.addresses) >= MAX_ADDRESSES:
            oldest = next(a for a in endpoint.addresses if a != endpoint.remote_address)
            self._drop_address(oldest, endpoint)
        endpoint.addresses[address] = None
        self._by_address[address] = endpoint
        return True

    def _drop_address(self, address: Address, endpoint: Endpoint) -> None:
        endpoint.addresses.pop(address, None)
        if self._by_address.get(address) is endpoint:
            del self._by_address[address]


class _Fallback(asyncio.DatagramProtocol):
    """Hands datagrams to the mux where the loop has no readers."""

    def __init__(self, mux: UdpMux) -> None:
        self._mux = mux

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._mux.handle(data, addr)


def _not_started(data: bytes, address: Address) -> int:
    raise OSError(errno.ENOTCONN, "the socket is not bound yet")


def _family(host: str, advertised: str | None) -> socket.AddressFamily:
    for address in (host, advertised):
        if address is not None and not _is_ip(address):
            raise ServerError(
                f"{address!r} is not an IP address; give one such as 127.0.0.1 or ::1"
            )
    if advertised is None and ipaddress.ip_address(host).is_unspecified:
        raise ServerError(
            f"{host} stands for every address of this machine; say with advertised= which one"
            " clients can reach"
        )
    version = ipaddress.ip_address(host).version
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
