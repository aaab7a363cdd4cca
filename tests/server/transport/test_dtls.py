"""DTLS: the handshake, whose certificate counts, losses, and mangled records."""

from __future__ import annotations

import asyncio
import random

import pytest
from OpenSSL import SSL
from transport_client import Client, record, until

from lkexplore.errors import ServerError
from lkexplore.server.transport import PEER_CLOSED, Transport
from lkexplore.server.transport.certificate import Certificate, fingerprint_of
from lkexplore.server.transport.dtls import DtlsSession, split_records
from lkexplore.server.transport.srtp import PROFILES

WRONG = ":".join(["00"] * 32)


def is_handshake_record(datagram: bytes) -> bool:
    return 20 <= datagram[0] <= 22


async def test_the_handshake_chooses_gcm_and_dtls_1_2(connect):
    transport, client = await connect()
    assert transport.state == "connected"
    assert client.ssl.get_selected_srtp_profile() == PROFILES[0].name == b"SRTP_AEAD_AES_128_GCM"
    assert client.ssl.get_protocol_version_name() == "DTLSv1.2"
    assert client.ssl.get_cipher_name() == "ECDHE-ECDSA-AES128-GCM-SHA256"


async def test_on_connected_is_called_once_when_media_can_flow(mux, rtp):
    transport = Transport(mux)
    client = Client(transport)
    states = []

    def connected() -> None:
        states.append(transport.state)
        transport.send_rtp(rtp(7))

    transport.on_connected = connected
    await client.connect()
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(7)
    assert states == ["connected"]
    client.close()


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512", "SHA-256"])
async def test_every_usual_hash_is_accepted(mux, algorithm):
    transport = Transport(mux)
    client = Client(transport)
    value = fingerprint_of(client.certificate.certificate, algorithm.lower())
    transport.set_remote_fingerprints([("md5", "AA"), (algorithm, value.lower())])
    await client.check()
    client.start_handshake()
    await asyncio.wait_for(client.connected.wait(), 2)
    await until(lambda: transport.state == "connected")
    client.close()


async def test_of_several_hashes_the_strongest_counts(mux):
    transport = Transport(mux)
    client = Client(transport)
    reasons = []
    transport.on_closed = reasons.append
    wrong = fingerprint_of(Certificate().certificate, "sha-512")
    transport.set_remote_fingerprints([*client.fingerprints, ("sha-512", wrong)])
    await client.check()
    client.start_handshake()
    await until(lambda: bool(reasons))
    assert "certificate" in reasons[0]
    client.close()


async def test_any_of_several_values_of_one_hash_may_match(mux):
    transport = Transport(mux)
    client = Client(transport)
    transport.set_remote_fingerprints([("sha-256", WRONG), *client.fingerprints])
    await client.check()
    client.start_handshake()
    await until(lambda: transport.state == "connected")
    client.close()


async def test_another_certificate_than_the_one_in_the_sdp_is_refused(mux):
    transport = Transport(mux)
    client = Client(transport)
    reasons, connected = [], []
    transport.on_closed = reasons.append
    transport.on_connected = lambda: connected.append(True)
    transport.set_remote_fingerprints([("sha-256", WRONG)])
    await client.check()
    client.start_handshake()
    await until(lambda: bool(reasons))
    assert reasons == ["the peer's certificate is not the one its SDP named"]
    assert not connected
    assert transport.state == "closed"
    client.close()


async def test_a_peer_without_a_certificate_is_refused(mux):
    transport = Transport(mux)
    client = Client(transport)
    bare = SSL.Context(SSL.DTLS_METHOD)
    bare.set_tlsext_use_srtp(PROFILES[0].name)
    client.ssl = SSL.Connection(bare)
    client.ssl.set_connect_state()
    client.ssl.set_ciphertext_mtu(1200)
    reasons = []
    transport.on_closed = reasons.append
    transport.set_remote_fingerprints([("sha-256", WRONG)])
    await client.check()
    client.start_handshake()
    await until(lambda: bool(reasons))
    assert "handshake failed" in reasons[0]
    client.close()


async def test_a_peer_without_srtp_is_refused(mux):
    transport = Transport(mux)
    client = Client(transport)
    plain = SSL.Context(SSL.DTLS_METHOD)
    plain.use_certificate(client.certificate.certificate)
    plain.use_privatekey(client.certificate._key)
    client.ssl = SSL.Connection(plain)
    client.ssl.set_connect_state()
    client.ssl.set_ciphertext_mtu(1200)
    reasons = []
    transport.on_closed = reasons.append
    transport.set_remote_fingerprints(client.fingerprints)
    await client.check()
    client.start_handshake()
    await until(lambda: bool(reasons))
    assert reasons == ["the peer offers no SRTP profile of ours"]
    client.close()


def test_fingerprints_of_unknown_hashes_only_are_an_error(mux_free_session):
    with pytest.raises(ServerError, match="sha-512, sha-384, sha-256"):
        mux_free_session().set_fingerprints([("md5", "AA"), ("sha-1", "BB")])
    with pytest.raises(ServerError, match="no usable"):
        mux_free_session().set_fingerprints([])


@pytest.fixture
def mux_free_session():
    """A DTLS session whose datagrams and failure are kept in lists."""

    def make(**options):
        session = DtlsSession(
            Certificate().context(),
            sent.append,
            on_connected=lambda srtp: None,
            on_data=lambda data: None,
            on_failed=failed.append,
            **options,
        )
        session.sent, session.failed = sent, failed
        return session

    sent: list[bytes] = []
    failed: list[str] = []
    return make


async def test_a_client_hello_before_the_answer_is_kept(mux):
    transport = Transport(mux)
    client = Client(transport)
    await client.check()
    client.start_handshake()
    received = mux.received
    await until(lambda: mux.received > received)
    assert transport.state == "connecting"
    transport.set_remote_fingerprints(client.fingerprints)
    # Well before the client repeats its hello, after a second.
    await asyncio.wait_for(client.connected.wait(), 0.5)
    client.close()


async def test_early_datagrams_are_bounded(mux_free_session):
    session = mux_free_session()
    for number in range(1000):
        session.feed(record(22, bytes([number % 256]) * 100))
        session.feed(record(23, b"x"))
    assert len(session._early) <= 4
    session.close()


def client_hello() -> bytes:
    peer = SSL.Connection(Certificate().context())
    peer.set_connect_state()
    peer.set_ciphertext_mtu(1200)
    with pytest.raises(SSL.WantReadError):
        peer.do_handshake()
    return peer.bio_read(4096)


async def test_the_handshake_has_a_deadline(mux_free_session):
    session = mux_free_session(handshake_seconds=0.05)
    session.set_fingerprints([("sha-256", WRONG)])
    session.feed(client_hello())
    assert session.sent
    await until(lambda: bool(session.failed))
    assert session.failed == ["no DTLS handshake within 0.05 s"]
    session.close()


async def test_an_unanswered_flight_is_repeated_by_the_server(mux_free_session):
    session = mux_free_session()
    session.set_fingerprints([("sha-256", WRONG)])
    session.feed(client_hello())
    first = len(session.sent)
    assert first > 0
    await until(lambda: len(session.sent) == 2 * first)
    assert not session.failed
    session.close()


async def test_no_deadline_runs_before_the_first_handshake_datagram(mux_free_session):
    session = mux_free_session(handshake_seconds=0.02)
    session.feed(record(23, b"not a handshake"))
    await asyncio.sleep(0.06)
    assert not session.failed
    session.close()


async def test_a_lost_flight_of_the_server_is_repeated(mux):
    transport = Transport(mux)
    client = Client(transport)
    lost = []

    def lose(datagram: bytes) -> bool:
        if is_handshake_record(datagram) and not lost:
            lost.append(datagram)
            return True
        return False

    client.lose_received = lose
    await client.connect(timeout=8)
    assert lost
    client.close()


async def test_a_lost_last_flight_is_repeated(mux, rtp):
    transport = Transport(mux)
    client = Client(transport)
    lost = []

    def lose(datagram: bytes) -> bool:
        # The last flight begins with ChangeCipherSpec.
        if datagram[0] == 20 and not lost:
            lost.append(datagram)
            return True
        return False

    client.lose_received = lose
    await client.connect(timeout=8)
    assert lost
    got = asyncio.Queue()
    transport.on_rtp = got.put_nowait
    client.send_rtp(rtp(1))
    assert await asyncio.wait_for(got.get(), 1) == rtp(1)
    client.close()


async def test_no_record_is_split_and_no_datagram_too_large(mux):
    transport = Transport(mux)
    client = Client(transport)
    datagrams = []
    client.lose_received = lambda datagram: datagrams.append(datagram) or False
    await client.connect()
    handshake = [datagram for datagram in datagrams if is_handshake_record(datagram)]
    assert handshake
    for datagram in handshake:
        assert len(datagram) <= 1350
        assert split_records(datagram, 1) == split_records(datagram, 0)
        assert sum(len(part) for part in split_records(datagram, 1)) == len(datagram)
        position = 0
        while position < len(datagram):
            assert is_handshake_record(datagram[position:])
            position += 13 + int.from_bytes(datagram[position + 11 : position + 13], "big")
        assert position == len(datagram)
    client.close()


def test_splitting_keeps_every_byte_and_every_record():
    randomness = random.Random(2)
    for _ in range(200):
        records = [record(22, bytes(randomness.randrange(1, 1600))) for _ in range(8)]
        datagrams = split_records(b"".join(records), 1350)
        assert b"".join(datagrams) == b"".join(records)
        boundaries = {sum(len(r) for r in records[:n]) for n in range(9)}
        position = 0
        for datagram in datagrams:
            position += len(datagram)
            assert position in boundaries
            assert len(datagram) <= 1350 or datagram in records


async def test_renegotiation_is_refused(mux, rtp):
    transport = Transport(mux)
    client = Client(transport)
    willing = SSL.Context(SSL.DTLS_METHOD)
    willing.use_certificate(client.certificate.certificate)
    willing.use_privatekey(client.certificate._key)
    willing.set_tlsext_use_srtp(PROFILES[0].name)
    client.ssl = SSL.Connection(willing)
    client.ssl.set_connect_state()
    client.ssl.set_ciphertext_mtu(1200)
    await client.connect()
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)
    client.ssl.renegotiate()
    with pytest.raises(SSL.WantReadError):
        client.ssl.do_handshake()
    answers = []
    client.lose_received = lambda datagram: answers.append(datagram[0]) or True
    client._flush()
    await asyncio.sleep(0.05)
    # No handshake record comes back, only an alert if anything.
    assert 22 not in answers
    client.close()


async def test_the_goodbye_of_the_peer_closes(connect):
    transport, client = await connect()
    reasons = []
    transport.on_closed = reasons.append
    client.say_goodbye()
    await until(lambda: bool(reasons))
    assert reasons == [PEER_CLOSED]


async def test_our_goodbye_reaches_the_peer(connect):
    transport, client = await connect()
    transport.close("bye")
    await asyncio.wait_for(client.closed.wait(), 1)
