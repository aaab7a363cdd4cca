"""A small WebRTC peer for the tests: ICE checks, DTLS client, SRTP, data channels, one socket."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
import struct
import zlib
from collections.abc import Callable

from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters
from OpenSSL import SSL

from lkexplore.server.transport import Transport, stun
from lkexplore.server.transport.certificate import Certificate, fingerprint_of
from lkexplore.server.transport.dtls import split_records
from lkexplore.server.transport.sctp import Association
from lkexplore.server.transport.srtp import EXPORT_LABEL, PROFILES, SrtpSession


def binding_request(
    ufrag: str,
    password: str,
    *,
    nominate: bool = True,
    transaction_id: bytes | None = None,
    kind: int = stun.BINDING_REQUEST,
) -> bytes:
    """A connectivity check as a full ICE agent sends it."""
    username = f"{ufrag}:peer".encode()
    padded = username + bytes(-len(username) % 4)
    body = struct.pack("!HH", stun.USERNAME, len(username)) + padded
    body += struct.pack("!HHI", 0x0024, 4, 1845494271) + struct.pack("!HHQ", 0x802A, 8, 7)
    if nominate:
        body += struct.pack("!HH", stun.USE_CANDIDATE, 0)
    transaction_id = transaction_id or os.urandom(12)

    def header(length: int) -> bytes:
        return struct.pack("!HHI", kind, length, stun.COOKIE) + transaction_id

    covered = header(len(body) + 24) + body
    tag = hmac.digest(password.encode(), covered, "sha1")
    body += struct.pack("!HH", stun.MESSAGE_INTEGRITY, 20) + tag
    whole = header(len(body) + 8) + body
    return whole + struct.pack("!HHI", stun.FINGERPRINT, 4, zlib.crc32(whole) ^ 0x5354554E)


async def until(condition: Callable[[], bool], timeout: float = 5.0) -> None:
    """Wait for something that no event tells of."""
    for _ in range(round(timeout / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not true within {timeout:g} s")


def record(kind: int, body: bytes) -> bytes:
    """A DTLS 1.2 record of epoch 0, in plain text."""
    return bytes([kind, 0xFE, 0xFD]) + bytes(8) + len(body).to_bytes(2, "big") + body


def rtcp(ssrc: int = 0x1234) -> bytes:
    """A receiver report without blocks."""
    return bytes([0x80, 201, 0, 1]) + ssrc.to_bytes(4, "big")


class Client:
    """The other end of a `Transport`, over real UDP on loopback."""

    def __init__(self, transport: Transport, *, host: str = "127.0.0.1") -> None:
        self.transport = transport
        self.ufrag, self.password = transport.ufrag, transport.pwd
        self.certificate = Certificate()
        self.server_fingerprint = transport.fingerprint
        self.ssl = SSL.Connection(self.certificate.context())
        self.ssl.set_connect_state()
        self.ssl.set_ciphertext_mtu(1200)
        self.stun_answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.rtp: asyncio.Queue[bytes] = asyncio.Queue()
        self.rtcp: asyncio.Queue[bytes] = asyncio.Queue()
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.channels: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.srtp: SrtpSession | None = None
        self.sctp: Association | None = None
        self.mangle: Callable[[bytes], bytes | None] = lambda datagram: datagram
        self.lose_received: Callable[[bytes], bool] = lambda datagram: False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._host = host
        self._open_socket()

    def _open_socket(self) -> None:
        self.socket = socket.socket(self._family, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        self.socket.setblocking(False)
        self.socket.bind((self._host, 0))
        self._loop.add_reader(self.socket.fileno(), self._readable)

    @property
    def address(self) -> tuple[str, int]:
        return self.socket.getsockname()

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        return [("sha-256", self.certificate.fingerprint)]

    def send_raw(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, self.transport.candidate)

    def move(self) -> None:
        """Go on from another port, as a client does that changes networks."""
        self._loop.remove_reader(self.socket.fileno())
        self.socket.close()
        self._open_socket()

    async def check(self, *, nominate: bool = True, timeout: float = 2.0) -> stun.Message:
        """One connectivity check; gives the authenticated answer."""
        request = binding_request(self.ufrag, self.password, nominate=nominate)
        self.send_raw(request)
        answer = stun.parse(await asyncio.wait_for(self.stun_answers.get(), timeout))
        assert answer is not None
        assert answer.type == stun.BINDING_SUCCESS
        assert answer.transaction_id == request[8:20]
        assert answer.is_authentic(self.password.encode())
        return answer

    async def connect(self, *, timeout: float = 5.0) -> Client:
        self.transport.set_remote_fingerprints(self.fingerprints)
        await self.check()
        self.start_handshake()
        await asyncio.wait_for(self.connected.wait(), timeout)
        return self

    def start_handshake(self) -> None:
        self._handshake()

    def start_data(self) -> Association:
        self.sctp = Association(
            self.send_application,
            on_channel=self.channels.put_nowait,
            on_message=lambda channel, data: self.messages.put_nowait((channel.label, data)),
            on_ended=lambda reason: None,
            role="client",
        )
        self.sctp.begin(5000)
        return self.sctp

    async def open_channel(
        self, label: str, *, lossy: bool = False, timeout: float = 5.0
    ) -> RTCDataChannel:
        assert self.sctp is not None
        number = next(n for n in range(0, 1024, 2) if not self.sctp.has_channel(n))
        parameters = RTCDataChannelParameters(
            label=label, ordered=not lossy, maxRetransmits=0 if lossy else None, id=number
        )
        channel = RTCDataChannel(self.sctp, parameters)
        opened = asyncio.Event()
        channel.on("open", opened.set)
        await asyncio.wait_for(opened.wait(), timeout)
        return channel

    def send_rtp(self, packet: bytes) -> None:
        assert self.srtp is not None
        self._send(self.srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        assert self.srtp is not None
        self._send(self.srtp.protect_rtcp(packet))

    def send_application(self, data: bytes) -> None:
        if not self.closed.is_set():
            self.ssl.send(data)
            self._flush()

    def close(self) -> None:
        """Free the socket and the timers without a goodbye, as a client that was killed."""
        if self.socket.fileno() < 0:
            return
        if self.sctp is not None:
            self.sctp.end("test is over")
        self.closed.set()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.socket.fileno())
        self.socket.close()

    def say_goodbye(self) -> None:
        self.ssl.shutdown()
        self._flush()

    def _send(self, datagram: bytes) -> None:
        mangled = self.mangle(datagram)
        if mangled is not None:
            self.send_raw(mangled)

    def _readable(self) -> None:
        for _ in range(64):
            try:
                data = self.socket.recv(4096)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if self.lose_received(data):
                continue
            if data[0] < 4:
                self.stun_answers.put_nowait(data)
            elif data[0] > 127:
                self._srtp_received(data)
            else:
                self._dtls_received(data)

    def _srtp_received(self, data: bytes) -> None:
        assert self.srtp is not None
        if 192 <= data[1] <= 223:
            plain, queue = self.srtp.unprotect_rtcp(data), self.rtcp
        else:
            plain, queue = self.srtp.unprotect(data), self.rtp
        assert plain is not None
        queue.put_nowait(plain)

    def _dtls_received(self, data: bytes) -> None:
        self.ssl.bio_write(data)
        if not self.connected.is_set():
            self._handshake()
        if not self.connected.is_set():
            return
        while not self.closed.is_set():
            try:
                plain = self.ssl.recv(4096)
            except SSL.WantReadError:
                break
            except SSL.Error:
                self.closed.set()
                return
            if self.sctp is not None:
                self.sctp.receive(plain)
        self._flush()

    def _handshake(self) -> None:
        try:
            self.ssl.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._arm()
            return
        except SSL.Error:
            self._flush()
            self.closed.set()
            return
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
        certificate = self.ssl.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        assert fingerprint_of(certificate, "sha-256") == self.server_fingerprint
        chosen = self.ssl.get_selected_srtp_profile()
        profile = next(p for p in PROFILES if p.name == chosen)
        material = self.ssl.export_keying_material(EXPORT_LABEL, profile.material_bytes)
        self.srtp = SrtpSession(profile, material, is_client=True)
        self.connected.set()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = self.ssl.DTLSv1_get_timeout()
        if seconds is not None:
            self._timer = self._loop.call_later(max(seconds, 0.02), self._retransmit)

    def _retransmit(self) -> None:
        try:
            self.ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self.closed.set()
            return
        self._flush()
        self._arm()

    def _flush(self) -> None:
        try:
            flight = self.ssl.bio_read(65536)
        except SSL.Error:
            return
        for datagram in split_records(flight, 1350):
            self._send(datagram)
