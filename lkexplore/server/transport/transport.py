"""One participant's connection: ICE-lite, DTLS, SRTP and data channels over the shared socket."""

from __future__ import annotations

import logging
import secrets
import string
import time
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

import pylibsrtp

from .channels import DataChannels
from .dtls import DtlsSession
from .mux import Address, UdpMux
from .srtp import SrtpSession

logger = logging.getLogger("lkexplore.server.transport")

State = Literal["new", "connecting", "connected", "closed"]

ICE_CHARACTERS = string.ascii_letters + string.digits
"""Characters of the ICE credentials; all of them are allowed in SDP (RFC 8839, section 5.4)."""

UFRAG_CHARACTERS = 8
"""Characters of a user fragment; at least 4 are required (RFC 8839, section 5.4)."""

PASSWORD_CHARACTERS = 24
"""Characters of a password; at least 22 are required (RFC 8839, section 5.4)."""

MAX_OLD_CREDENTIALS = 3
"""User fragments of earlier ICE sessions that stay valid until one with the new ones begins."""

RTCP_TYPES = range(192, 224)
"""Second bytes by which an RTCP packet differs from an RTP packet (RFC 5761, section 4)."""

SHORTEST_SRTP_BYTES = 12
"""Bytes of an RTP header without anything optional (RFC 3550, section 5.1)."""

SHORTEST_SRTCP_BYTES = 8
"""Bytes of an RTCP header with the sender's stream identifier (RFC 3550, section 6.4)."""


class MediaLink(Protocol):
    """A stretch of the way on which media packets may be lost or delayed."""

    def carry(self, packet: bytes, deliver: Callable[[bytes], None]) -> None:
        """Hand a packet to `deliver`, at once, later or never."""


class Transport:
    """A peer's ICE, DTLS, SRTP and data channels. This end is always the DTLS server.

    Parameters
    ----------
    mux : UdpMux
        The shared socket, started.
    name : str
        The participant's identity and the role of the connection, for the log.

    Attributes
    ----------
    ufrag, pwd : str
        Local ICE credentials for SDP.
    fingerprint : str
        SHA-256 of the local certificate for SDP.
    candidate : tuple of (str, int)
        Host and port of the local candidate for SDP.
    state : {"new", "connecting", "connected", "closed"}
        Connecting from the first authenticated check, connected when media can flow.
    last_check : float
        `time.monotonic` of the last authenticated check, 0.0 before the first.
    remote_address : tuple or None
        The address it sends to: that of the first check, then of the latest nomination.
    remote_fingerprints : list of (str, str)
        Hash and value of each fingerprint given to `set_remote_fingerprints`.
    data : DataChannels or None
        The data channels; None until `start_data`.
    refused : int
        Packets that were not authentic, malformed, or could not be protected.
    on_connected : callable or None
        Called once without arguments.
    on_closed : callable or None
        Called once with the reason (str), whichever side ended it.
    on_rtp, on_rtcp : callable or None
        Called with each decrypted packet (bytes). The content is the peer's: check it.
    uplink, downlink : MediaLink or None
        When set, SRTP and SRTCP packets from and to the peer go through it. STUN, DTLS and data
        channels do not.

    Notes
    -----
    Everything happens on the loop that the mux was started on. Nothing that the peer sends makes
    an exception leave this class; those of callbacks are counted in `mux.failures` and logged.

    Examples
    --------
    >>> transport = Transport(mux, "alice")                              # doctest: +SKIP
    >>> transport.set_remote_fingerprints([("sha-256", "AB:CD:...")])    # doctest: +SKIP
    >>> transport.on_rtp = lambda packet: other.send_rtp(packet)         # doctest: +SKIP
    """

    def __init__(self, mux: UdpMux, name: str = "") -> None:
        self.mux = mux
        self.name = name
        self.ufrag, self.pwd = _credentials()
        self.fingerprint = mux.fingerprint
        self.state: State = "new"
        self.last_check = 0.0
        self.remote_address: Address | None = None
        self.addresses: dict[Address, None] = {}
        self.remote_fingerprints: list[tuple[str, str]] = []
        self.data: DataChannels | None = None
        self.refused = 0
        self.on_connected: Callable[[], None] | None = None
        self.on_closed: Callable[[str], None] | None = None
        self.on_rtp: Callable[[bytes], None] | None = None
        self.on_rtcp: Callable[[bytes], None] | None = None
        self.uplink: MediaLink | None = None
        self.downlink: MediaLink | None = None
        self._old_ufrags: list[str] = []
        self._srtp: SrtpSession | None = None
        self._dtls = DtlsSession(
            mux.context,
            self._send,
            on_connected=self._handshake_done,
            on_data=self._application_data,
            on_failed=self.close,
        )
        mux.register(self.ufrag, self.pwd, self)

    @property
    def candidate(self) -> tuple[str, int]:
        """Host and port of the local candidate."""
        return self.mux.candidate

    def set_remote_fingerprints(self, fingerprints: Iterable[tuple[str, str]]) -> None:
        """Say which certificate the peer's SDP names; the handshake waits for this.

        Once connected, later calls change nothing: the session that was checked goes on.

        Parameters
        ----------
        fingerprints : iterable of (str, str)
            Hash ("sha-256", "sha-384" or "sha-512") and value ("AA:BB:...").

        Raises
        ------
        ServerError
            If no fingerprint has one of these hashes.
        """
        given = list(fingerprints)
        self._dtls.set_fingerprints(given)
        self.remote_fingerprints = given

    def restart_ice(self) -> None:
        """Make new credentials; the DTLS session, SRTP and data channels go on.

        The old credentials stay valid until the first check with the new ones.
        """
        if self.state == "closed":
            return
        self._old_ufrags.append(self.ufrag)
        if len(self._old_ufrags) > MAX_OLD_CREDENTIALS:
            self.mux.unregister(self._old_ufrags.pop(0))
        self.ufrag, self.pwd = _credentials()
        self.mux.register(self.ufrag, self.pwd, self)

    def start_data(self, remote_port: int = 5000) -> DataChannels:
        """Begin SCTP as soon as the handshake is done, or now if it is.

        Parameters
        ----------
        remote_port : int, default 5000
            The peer's SCTP port from its SDP, 1 to 65535.

        Returns
        -------
        DataChannels
            The data channels, which are also in `data`. A second call gives the same ones.

        Raises
        ------
        ServerError
            If `remote_port` is out of range.
        """
        if self.data is None:
            self.data = DataChannels(
                self._dtls.send, self.mux.failures, remote_port=remote_port, on_broken=self.close
            )
            if self.state == "connected":
                self.data.start()
            elif self.state == "closed":
                self.data.close()
        return self.data

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send an RTP packet (at most 1356 bytes); dropped while not connected."""
        srtp = self._srtp
        if srtp is None:
            return
        try:
            datagram = srtp.protect(packet)
        except (pylibsrtp.Error, ValueError, TypeError):
            self.refused += 1
            return
        if self.downlink is None:
            self._send(datagram)
        else:
            self.downlink.carry(datagram, self._send)

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send an RTCP packet (at most 1352 bytes); dropped while not connected."""
        srtp = self._srtp
        if srtp is None:
            return
        try:
            datagram = srtp.protect_rtcp(packet)
        except (pylibsrtp.Error, ValueError, TypeError):
            self.refused += 1
            return
        if self.downlink is None:
            self._send(datagram)
        else:
            self.downlink.carry(datagram, self._send)

    def forget_outbound(self, ssrc: int) -> None:
        """Free the SRTP state of a source that is no longer sent; never reuse its number here."""
        if self._srtp is not None:
            self._srtp.forget_outbound(ssrc)

    def forget_inbound(self, ssrc: int) -> None:
        """Free the SRTP state of a source that the peer no longer sends."""
        if self._srtp is not None:
            self._srtp.forget_inbound(ssrc)

    def close(self, reason: str = "closed") -> None:
        """Say goodbye to the peer and free everything: entries, timers, tasks. Idempotent.

        Parameters
        ----------
        reason : str
            The reason in one line, for `on_closed` and the log.
        """
        if self.state == "closed":
            return
        self.state = "closed"
        logger.debug("transport %s closed: %s", self.name, reason)
        if self.data is not None:
            self.data.close()
        self._dtls.close()
        self._srtp = None
        for ufrag in (*self._old_ufrags, self.ufrag):
            self.mux.unregister(ufrag)
        self.mux.forget(self)
        callback, self.on_closed = self.on_closed, None
        self.on_connected = self.on_rtp = self.on_rtcp = None
        if callback is not None:
            self._call("on_closed", callback, reason)

    def handle_check(self, address: Address, ufrag: str, nominated: bool) -> None:
        """Note an authenticated check. Called by the mux."""
        self.last_check = time.monotonic()
        if self._old_ufrags and ufrag == self.ufrag:
            for old in self._old_ufrags:
                self.mux.unregister(old)
            self._old_ufrags.clear()
        if self.remote_address is None:
            self.state = "connecting"
            self.remote_address = address
        elif nominated:
            self.remote_address = address

    def handle_dtls(self, datagram: bytes) -> None:
        """Handle a DTLS datagram. Called by the mux."""
        self._dtls.feed(datagram)

    def handle_srtp(self, packet: bytes) -> None:
        """Handle an SRTP or SRTCP packet. Called by the mux."""
        if self.uplink is None:
            self._receive_srtp(packet)
        else:
            self.uplink.carry(packet, self._receive_srtp)

    def _receive_srtp(self, packet: bytes) -> None:
        srtp = self._srtp
        if srtp is None or len(packet) < SHORTEST_SRTCP_BYTES:
            self.refused += 1
            return
        if packet[1] in RTCP_TYPES:
            plain, callback = srtp.unprotect_rtcp(packet), self.on_rtcp
        elif len(packet) >= SHORTEST_SRTP_BYTES:
            plain, callback = srtp.unprotect(packet), self.on_rtp
        else:
            plain, callback = None, None
        if plain is None:
            self.refused += 1
        elif callback is not None:
            callback(plain)

    def _send(self, datagram: bytes) -> None:
        """Every datagram to the peer goes through here."""
        address = self.remote_address
        if address is not None:
            self.mux.send(datagram, address)

    def _handshake_done(self, srtp: SrtpSession) -> None:
        self._srtp = srtp
        self.state = "connected"
        if self.data is not None:
            self.data.start()
        callback, self.on_connected = self.on_connected, None
        if callback is not None:
            self._call("on_connected", callback)

    def _application_data(self, data: bytes) -> None:
        if self.data is not None:
            self.data.receive(data)

    def _call(self, what: str, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            self.mux.failures.report(what)


def _credentials() -> tuple[str, str]:
    """Make a user fragment and a password of 142 random bits (RFC 8445, section 5.3)."""
    return _random_text(UFRAG_CHARACTERS), _random_text(PASSWORD_CHARACTERS)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ICE_CHARACTERS) for _ in range(length))
