"""SRTP and SRTCP: both ways, and everything a peer may get wrong."""

from __future__ import annotations

import asyncio
import random

import pylibsrtp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transport_client import Client, rtcp, until

from lkexplore.server.transport import Transport
from lkexplore.server.transport.srtp import MAX_INBOUND_SSRCS, PROFILES, SrtpSession


@pytest.fixture(params=PROFILES, ids=lambda profile: profile.name.decode())
def sessions(request):
    """A server's and a client's session with the same keys."""
    profile = request.param
    material = random.Random(9).randbytes(profile.material_bytes)
    return SrtpSession(profile, material), SrtpSession(profile, material, is_client=True)


def test_gcm_is_available_and_preferred():
    assert [profile.name for profile in PROFILES] == [
        b"SRTP_AEAD_AES_128_GCM",
        b"SRTP_AES128_CM_SHA1_80",
    ]


def test_packets_go_both_ways_and_are_not_readable_between(sessions, rtp):
    for sender, receiver in (sessions, sessions[::-1]):
        protected = sender.protect(rtp(1))
        assert rtp(1)[12:] not in protected
        assert receiver.unprotect(protected) == rtp(1)
        protected = sender.protect_rtcp(rtcp())
        assert receiver.unprotect_rtcp(protected) == rtcp()


def test_a_packet_is_taken_once_but_may_be_sent_again(sessions, rtp):
    server, client = sessions
    first, again = server.protect(rtp(5)), server.protect(rtp(5))
    assert first == again
    assert client.unprotect(first) == rtp(5)
    assert client.unprotect(again) is None


def test_late_packets_are_taken(sessions, rtp):
    server, client = sessions
    protected = [server.protect(rtp(number)) for number in range(1000)]
    for packet in reversed(protected):
        assert client.unprotect(packet) is not None


def test_one_changed_byte_is_noticed(sessions, rtp):
    server, client = sessions
    randomness = random.Random(10)
    for unprotect, packet in (
        (client.unprotect, server.protect(rtp(1))),
        (client.unprotect_rtcp, server.protect_rtcp(rtcp())),
    ):
        for _ in range(300):
            data = bytearray(packet)
            data[randomness.randrange(len(data))] ^= randomness.randrange(1, 256)
            assert unprotect(bytes(data)) is None
        for length in range(len(packet)):
            assert unprotect(packet[:length]) is None
        assert unprotect(packet) is not None


@given(st.binary(max_size=3000))
@settings(max_examples=300)
def test_garbage_never_raises(data):
    assert GARBAGE_SESSION.unprotect(data) is None
    assert GARBAGE_SESSION.unprotect_rtcp(data) is None


GARBAGE_SESSION = SrtpSession(PROFILES[0], bytes(range(PROFILES[0].material_bytes)))


def test_what_is_too_long_is_refused_on_both_ways(sessions, rtp):
    server, client = sessions
    assert client.unprotect(server.protect(rtp(1, size=1344))) == rtp(1, size=1344)
    with pytest.raises(ValueError, match="too long"):
        server.protect(rtp(1, size=1345))
    assert client.unprotect(bytes(5000)) is None


def test_the_sources_of_a_peer_are_bounded_and_can_be_forgotten(sessions, rtp):
    server, client = sessions
    for ssrc in range(MAX_INBOUND_SSRCS):
        assert server.unprotect(client.protect(rtp(1, ssrc=ssrc))) is not None
    assert server.unprotect(client.protect(rtp(1, ssrc=50000))) is None
    assert server.unprotect_rtcp(client.protect_rtcp(rtcp(50000))) is None
    assert server.unprotect(client.protect(rtp(2, ssrc=5))) is not None
    server.forget_inbound(7)
    server.forget_inbound(7)
    server.forget_inbound(123456)
    assert server.unprotect(client.protect(rtp(1, ssrc=50000))) is not None
    assert len(server._inbound_ssrcs) == MAX_INBOUND_SSRCS


def test_sources_that_are_not_authentic_are_not_counted(sessions, rtp):
    server, _ = sessions
    for ssrc in range(2 * MAX_INBOUND_SSRCS):
        assert server.unprotect(rtp(1, ssrc=ssrc)) is None
    assert not server._inbound_ssrcs


def test_forgetting_an_outbound_source(sessions, rtp):
    server, client = sessions
    assert client.unprotect(server.protect(rtp(1, ssrc=1))) is not None
    server.forget_outbound(1)
    server.forget_outbound(1)
    assert client.unprotect(server.protect(rtp(2, ssrc=2))) is not None


def test_a_wrong_profile_number_is_an_error_of_libsrtp():
    with pytest.raises(pylibsrtp.Error):
        pylibsrtp.Policy(srtp_profile=0)


async def test_media_goes_both_ways_over_the_network(connect, rtp):
    transport, client = await connect()
    packets, reports = asyncio.Queue(), asyncio.Queue()
    transport.on_rtp, transport.on_rtcp = packets.put_nowait, reports.put_nowait
    for number in range(100):
        client.send_rtp(rtp(number))
        transport.send_rtp(rtp(number, ssrc=9))
    client.send_rtcp(rtcp())
    transport.send_rtcp(rtcp(9))
    for number in range(100):
        assert await asyncio.wait_for(packets.get(), 1) == rtp(number)
        assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(number, ssrc=9)
    assert await asyncio.wait_for(reports.get(), 1) == rtcp()
    assert await asyncio.wait_for(client.rtcp.get(), 1) == rtcp(9)
    assert transport.refused == 0


async def test_mutated_media_is_refused_and_counted(connect, rtp):
    transport, client = await connect()
    packets = []
    transport.on_rtp = transport.on_rtcp = packets.append
    randomness = random.Random(11)
    assert client.srtp is not None
    for number in range(500):
        protect = client.srtp.protect if number % 2 else client.srtp.protect_rtcp
        data = bytearray(protect(rtp(number) if number % 2 else rtcp()))
        choice = randomness.randrange(3)
        if choice == 0:
            data[randomness.randrange(2, len(data))] ^= randomness.randrange(1, 256)
        elif choice == 1:
            del data[randomness.randrange(1, len(data)) :]
        else:
            data += randomness.randbytes(randomness.randrange(1, 1800))
        transport.mux.handle(bytes(data), client.address)
    assert packets == []
    assert transport.refused == 500
    client.send_rtp(rtp(501))
    await until(lambda: packets == [rtp(501)])


async def test_media_without_a_connection_and_too_long_media_are_not_sent(mux, connect, rtp):
    unconnected = Transport(mux)
    client = Client(unconnected)
    await client.check()
    sent = mux.sent
    unconnected.send_rtp(rtp(1))
    unconnected.send_rtcp(rtcp())
    assert mux.sent == sent
    client.send_raw(rtp(1))
    await until(lambda: unconnected.refused == 1)
    client.close()
    transport, _ = await connect()
    sent = mux.sent
    transport.send_rtp(rtp(1, size=2000))
    transport.send_rtcp(bytes(2000))
    assert mux.sent == sent
    assert transport.refused == 2
    transport.close()
    sent = mux.sent
    transport.send_rtp(rtp(1))
    transport.send_rtcp(rtcp())
    assert mux.sent == sent
    transport.forget_inbound(1)
    transport.forget_outbound(1)


async def test_media_without_a_callback_is_not_a_failure(mux, connect, rtp):
    transport, client = await connect()
    received = mux.received
    client.send_rtp(rtp(1))
    client.send_rtcp(rtcp())
    await until(lambda: mux.received == received + 2)
    assert transport.refused == mux.failures.count == 0
