"""The server's side of one DTLS session, over memory instead of a socket.

References
----------
RFC 6347 (DTLS 1.2), RFC 8827 section 6.5 (WebRTC), RFC 8122 (fingerprints).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Iterable

from cryptography import x509
from OpenSSL import SSL

from lkexplore.errors import ServerError

from .certificate import (
    FINGERPRINT_HASHES,
    RECORD_BYTES,
    fingerprint_of,
)
from .srtp import EXPORT_LABEL, PROFILES, SrtpSession

PEER_CLOSED = "the peer closed the connection"
"""The reason when the peer said goodbye, as it does when it leaves."""

HANDSHAKE_SECONDS = 10.0
"""Seconds from the first handshake datagram until the handshake has to be done."""

MAX_DATAGRAM_BYTES = 1350
"""Bytes up to which several DTLS records are put into one datagram."""

MAX_EARLY_DATAGRAMS = 4
"""Handshake datagrams that are kept while the peer's fingerprints are unknown."""

MAX_RECEIVED_BYTES = 2048
"""Bytes read from the session at a time; a record never holds more than its datagram."""

MAX_FLIGHT_BYTES = 65536
"""Bytes taken out of the session at a time to be sent: more than any flight of a handshake."""

SHORTEST_TIMER_SECONDS = 0.02
"""Seconds that a retransmission waits at least, so that the loop is not kept busy."""

LENGTH_OFFSET = 11
"""Bytes of a DTLS record before its length field (RFC 6347, section 4.1)."""

RECORD_HEADER_BYTES = 13
"""Bytes of a DTLS record before its content (RFC 6347, section 4.1)."""

HANDSHAKE_RECORD = 22
"""Content type of a handshake record (RFC 5246, section 6.2.1)."""


class DtlsSession:
    """One handshake and what is sent under it.

    Parameters
    ----------
    context : OpenSSL.SSL.Context
        The DTLS settings, from `Certificate.context`.
    send : callable
        Takes a datagram for the peer.
    on_connected : callable
        Takes the `SrtpSession` when the handshake is done and the peer's certificate is the one
        its SDP named.
    on_data : callable
        Takes the content of each application record.
    on_failed : callable
        Takes the reason why the session is over, in one line. The owner then calls `close`.
    handshake_seconds : float
        Time from the first handshake datagram to the end of the handshake.

    Notes
    -----
    Nothing here raises for what comes from the network. Handshake datagrams that come before the
    peer's fingerprints are known wait, at most `MAX_EARLY_DATAGRAMS` of them; the peer repeats
    what is dropped.
    """

    def __init__(
        self,
        context: SSL.Context,
        send: Callable[[bytes], None],
        *,
        on_connected: Callable[[SrtpSession], None],
        on_data: Callable[[bytes], None],
        on_failed: Callable[[str], None],
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._ssl = SSL.Connection(context)
        self._ssl.set_accept_state()
        self._ssl.set_ciphertext_mtu(RECORD_BYTES)
        self._send = send
        self._on_connected = on_connected
        self._on_data = on_data
        self._on_failed = on_failed
        self._handshake_seconds = handshake_seconds
        self._fingerprints: list[tuple[str, str]] = []
        self._early: list[bytes] = []
        self._retransmission: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.connected = False
        self.closed = False

    def set_fingerprints(self, fingerprints: Iterable[tuple[str, str]]) -> None:
        """Say which certificates the peer may show, and handle what came before.

        Parameters
        ----------
        fingerprints : iterable of (str, str)
            Hash and value as in SDP, for example ("sha-256", "AA:BB:..."). Of several hashes the
            strongest counts (RFC 8122, section 5); unknown ones are left out.

        Raises
        ------
        ServerError
            If no fingerprint has a known hash.
        """
        given = [(name.lower(), value.upper()) for name, value in fingerprints]
        strongest = next((h for h in FINGERPRINT_HASHES if any(h == n for n, _ in given)), None)
        if strongest is None:
            raise ServerError(
                f"no usable certificate fingerprint among {len(given)} in the SDP;"
                f" allowed hashes are {', '.join(FINGERPRINT_HASHES)}"
            )
        if self.connected or self.closed:
            return
        self._fingerprints = [(name, value) for name, value in given if name == strongest]
        early, self._early = self._early, []
        for datagram in early:
            self.feed(datagram)

    def feed(self, datagram: bytes) -> None:
        """Handle one datagram from the peer, whatever is in it."""
        if self.closed:
            return
        if not self.connected and not self._may_handshake(datagram):
            return
        self._ssl.bio_write(datagram)
        if self.connected or self._handshake():
            self._receive()

    def send(self, data: bytes) -> None:
        """Send one application record of at most 16384 bytes; nothing while not connected."""
        if self.connected and not self.closed:
            # The peer may have closed its side; what it does not read is not missed.
            with contextlib.suppress(SSL.Error):
                self._ssl.send(data)
            self._flush()

    def close(self) -> None:
        """Say goodbye to the peer, stop the timers and free the session. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._cancel_timers()
        self._early.clear()
        # OpenSSL refuses to say goodbye in the middle of a handshake.
        with contextlib.suppress(SSL.Error):
            self._ssl.shutdown()
        self._flush()
        self._send = self._on_data = self._on_failed = _ignore
        self._on_connected = _ignore

    def _may_handshake(self, datagram: bytes) -> bool:
        """Start the clock; keep the datagram for later while the fingerprints are unknown."""
        if self._deadline is None:
            if not datagram or datagram[0] != HANDSHAKE_RECORD:
                return False
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self._handshake_seconds, self._too_late)
        if self._fingerprints:
            return True
        if len(self._early) < MAX_EARLY_DATAGRAMS and datagram[0] == HANDSHAKE_RECORD:
            self._early.append(datagram)
        return False

    def _handshake(self) -> bool:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._arm_retransmission()
            return False
        except SSL.Error as error:
            self._flush()
            self._on_failed(f"the DTLS handshake failed: {_reason(error)}")
            return False
        return self._accept_peer()

    def _accept_peer(self) -> bool:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        chosen = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in PROFILES if p.name == chosen), None)
        if certificate is None or not self._is_expected(certificate):
            self._on_failed("the peer's certificate is not the one its SDP named")
            return False
        if profile is None:
            self._on_failed("the peer offers no SRTP profile of ours")
            return False
        self._flush()
        self._cancel_timers()
        self.connected = True
        material = self._ssl.export_keying_material(EXPORT_LABEL, profile.material_bytes)
        self._on_connected(SrtpSession(profile, material))
        return not self.closed

    def _is_expected(self, certificate: x509.Certificate) -> bool:
        matches = [
            hmac.compare_digest(fingerprint_of(certificate, name).encode(), value.encode())
            for name, value in self._fingerprints
        ]
        return any(matches)

    def _receive(self) -> None:
        while not self.closed:
            try:
                data = self._ssl.recv(MAX_RECEIVED_BYTES)
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self._on_failed(PEER_CLOSED)
                return
            except SSL.Error as error:
                self._on_failed(f"the DTLS session failed: {_reason(error)}")
                return
            self._on_data(data)
        self._flush()

    def _flush(self) -> None:
        try:
            flight = self._ssl.bio_read(MAX_FLIGHT_BYTES)
        except SSL.Error:
            # Nothing to send.
            return
        for datagram in split_records(flight, MAX_DATAGRAM_BYTES):
            self._send(datagram)

    def _arm_retransmission(self) -> None:
        if self._retransmission is not None:
            self._retransmission.cancel()
            self._retransmission = None
        seconds = self._ssl.DTLSv1_get_timeout()
        if seconds is not None:
            self._retransmission = asyncio.get_running_loop().call_later(
                max(seconds, SHORTEST_TIMER_SECONDS), self._retransmit
            )

    def _retransmit(self) -> None:
        self._retransmission = None
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._on_failed(f"the DTLS handshake failed: {_reason(error)}")
            return
        self._flush()
        self._arm_retransmission()

    def _too_late(self) -> None:
        self._on_failed(f"no DTLS handshake within {self._handshake_seconds:g} s")

    def _cancel_timers(self) -> None:
        for timer in (self._retransmission, self._deadline):
            if timer is not None:
                timer.cancel()
        self._retransmission = self._deadline = None


def split_records(flight: bytes, limit: int) -> list[bytes]:
    """Cut a flight of DTLS records into datagrams without splitting a record.

    Parameters
    ----------
    flight : bytes
        Whole records, one after another.
    limit : int
        Largest datagram in bytes; only a single record that is larger goes beyond it.

    Returns
    -------
    list of bytes
        The datagrams, in the order of their records.

    Examples
    --------
    >>> record = bytes(11) + (100).to_bytes(2, "big") + bytes(100)
    >>> [len(datagram) for datagram in split_records(record * 3, 250)]
    [226, 113]
    """
    datagrams = []
    start = position = 0
    while position < len(flight):
        content = position + RECORD_HEADER_BYTES
        end = content + int.from_bytes(flight[position + LENGTH_OFFSET : content], "big")
        if end - start > limit and position > start:
            datagrams.append(flight[start:position])
            start = position
        position = end
    if start < len(flight):
        datagrams.append(flight[start:])
    return datagrams


def _reason(error: SSL.Error) -> str:
    """Join the reasons in an OpenSSL error, which holds a list of (library, function, reason)."""
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(str(entry[-1]) for entry in entries) or type(error).__name__


def _ignore(_: object) -> None:
    return
