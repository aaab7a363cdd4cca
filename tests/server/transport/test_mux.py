"""The shared socket: who a datagram belongs to, and that strangers leave no trace."""

from __future__ import annotations

import asyncio
import os
import random
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transport_client import Client, binding_request, until

from lkexplore.errors import ServerError
from lkexplore.server.transport import Transport, UdpMux, stun
from lkexplore.server.transport import mux as mux_module
from lkexplore.server.transport.mux import MAX_ADDRESSES


class NoReaders(asyncio.SelectorEventLoop):
    """A loop without `add_reader`, as Windows has."""

    def add_reader(self, fd, callback, *args):
        raise NotImplementedError


def sizes(mux: UdpMux) -> tuple[int, int]:
    return len(mux._by_ufrag), len(mux._by_address)


async def test_a_check_is_answered_with_the_address_it_came_from(mux):
    transport = Transport(mux)
    client = Client(transport)
    answer = await client.check()
    value = answer.attributes[stun.XOR_MAPPED_ADDRESS]
    assert int.from_bytes(value[2:4], "big") ^ 0x2112 == client.address[1]
    assert transport.remote_address == client.address
    assert transport.state == "connecting"
    assert transport.last_check > 0
    client.close()


@pytest.mark.parametrize("wrong", ["password", "ufrag", "type", "unsigned"])
async def test_a_check_that_is_not_right_gets_no_answer_and_no_entry(mux, wrong):
    transport = Transport(mux)
    client = Client(transport)
    ufrag, password = transport.ufrag, transport.pwd
    request = binding_request(
        "nobody00" if wrong == "ufrag" else ufrag,
        "no such password" if wrong == "password" else password,
    )
    if wrong == "type":
        request = binding_request(ufrag, password, kind=0x0011)
        assert stun.parse(request).is_authentic(password.encode())
    if wrong == "unsigned":
        username = f"{ufrag}:p".encode()
        body = b"\x00\x06" + len(username).to_bytes(2, "big") + username + bytes(-len(username) % 4)
        request = request[:2] + len(body).to_bytes(2, "big") + request[4:20] + body
        assert stun.parse(request) is not None
    client.send_raw(request)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.stun_answers.get(), 0.1)
    assert sizes(mux) == (1, 0)
    assert mux.received == mux.dropped == 1
    assert transport.state == "new"
    client.close()


async def test_random_datagrams_from_strangers_leave_no_trace(mux, connect, rtp):
    transport, client = await connect()
    before = sizes(mux)
    dropped = mux.dropped

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300), st.integers(1, 65535))
    def throw(data, port):
        mux.handle(data, ("127.0.0.9", port))

    throw()
    assert sizes(mux) == before
    assert mux.dropped >= dropped + 300
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)


async def test_random_datagrams_from_a_known_address_hurt_nobody_else(mux, connect, rtp):
    attacked, attacker = await connect("attacked")
    healthy, other = await connect("healthy")
    before = sizes(mux)

    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 255), st.binary(max_size=300))
    def throw(first, data):
        mux.handle(bytes([first]) + data, attacker.address)

    throw()
    assert sizes(mux) == before
    assert mux.failures.count == 0
    for transport, client in ((healthy, other), (attacked, attacker)):
        transport.send_rtp(rtp(1))
        assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)


async def test_a_flood_over_the_real_socket_is_counted_and_survived(mux, connect, rtp):
    transport, client = await connect()
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    randomness = random.Random(1)
    received = mux.received
    for _ in range(2000):
        stranger.sendto(randomness.randbytes(randomness.randrange(400)), mux.candidate)
    stranger.close()
    await until(lambda: mux.received >= received + 2000)
    client.send_rtp(rtp(2))
    got = asyncio.Queue()
    transport.on_rtp = got.put_nowait
    client.send_rtp(rtp(3))
    assert await asyncio.wait_for(got.get(), 2) in (rtp(2), rtp(3))
    assert sizes(mux) == (1, 1)


async def test_a_failing_handler_is_counted_and_does_not_stop_the_socket(mux, connect, rtp, caplog):
    transport, client = await connect()
    mux.expected_failures = 1
    got = asyncio.Queue()

    def fail_once(packet: bytes) -> None:
        transport.on_rtp = got.put_nowait
        raise ValueError("handler")

    transport.on_rtp = fail_once
    client.send_rtp(rtp(1))
    client.send_rtp(rtp(2))
    assert await asyncio.wait_for(got.get(), 1) == rtp(2)
    assert mux.failures.count == 1
    assert "a datagram" in caplog.text
    assert transport.pwd not in caplog.text


async def test_a_failing_handler_cannot_flood_the_log(mux, connect, rtp, caplog):
    transport, client = await connect()

    def fail(packet: bytes) -> None:
        raise ValueError("handler")

    transport.on_rtp = fail
    for number in range(50):
        client.send_rtp(rtp(number))
    mux.expected_failures = 50
    await until(lambda: mux.failures.count == 50)
    assert len(caplog.records) <= 2


async def test_addresses_of_one_transport_are_bounded_and_the_one_in_use_stays(mux):
    transport = Transport(mux)
    client = Client(transport)
    await client.check()
    for port in range(1, 100):
        request = binding_request(transport.ufrag, transport.pwd, nominate=False)
        mux.handle(request, ("127.0.0.1", port))
    assert len(transport.addresses) == MAX_ADDRESSES
    assert sizes(mux) == (1, MAX_ADDRESSES)
    assert transport.remote_address == client.address
    assert mux._by_address[client.address] is transport
    client.close()


async def test_an_address_in_use_cannot_be_taken_over(mux, connect, rtp):
    transport, client = await connect("victim")
    thief = Transport(mux, "thief")
    mux.handle(binding_request(thief.ufrag, thief.pwd), client.address)
    assert mux._by_address[client.address] is transport
    assert thief.state == "new"
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)


async def test_an_address_whose_owner_went_silent_can_be_used_again(mux, connect):
    transport, client = await connect("gone")
    transport.last_check -= mux_module.SECONDS_UNTIL_TAKEOVER + 1
    successor = Transport(mux, "successor")
    mux.handle(binding_request(successor.ufrag, successor.pwd), client.address)
    assert mux._by_address[client.address] is successor
    assert client.address not in transport.addresses


async def test_a_port_that_is_taken_or_impossible_says_so(mux):
    for port in (mux.port, 70000):
        with pytest.raises(ServerError, match="another port"):
            await UdpMux().start(port)


@pytest.mark.parametrize("host", ["localhost", "", "1.2.3", "fe80::zz"])
def test_a_host_that_is_no_ip_address_says_so(host):
    with pytest.raises(ServerError, match="not an IP address"):
        UdpMux(host)


def test_a_wildcard_needs_an_advertised_address():
    with pytest.raises(ServerError, match="advertised"):
        UdpMux("0.0.0.0")


async def test_the_advertised_address_is_the_candidate_and_works():
    mux = UdpMux("0.0.0.0", advertised="127.0.0.1")
    await mux.start()
    transport = Transport(mux)
    assert transport.candidate == ("127.0.0.1", mux.port)
    client = Client(transport)
    await client.connect()
    client.close()
    mux.close()


@pytest.mark.skipif(
    not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"), reason="no IPv6"
)
async def test_ipv6_works(rtp):
    mux = UdpMux("::1")
    try:
        await mux.start()
    except ServerError:
        pytest.skip("this machine has no IPv6 loopback")
    transport = Transport(mux)
    client = Client(transport, host="::1")
    await client.connect()
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)
    client.close()
    mux.close()


async def test_sending_before_the_start_and_after_the_end_is_counted(mux):
    mux2 = UdpMux()
    mux2.send(b"x", mux.candidate)
    await mux2.start()
    mux2.send(b"x", mux.candidate)
    mux2.close()
    mux2.close()
    mux2.send(b"x", mux.candidate)
    assert (mux2.sent, mux2.send_errors) == (1, 2)


async def test_datagrams_to_a_closed_port_do_not_stop_the_socket(mux, connect, rtp):
    gone, gone_client = await connect("gone")
    healthy, client = await connect("healthy")
    gone_client.close()
    for number in range(20):
        gone.send_rtp(rtp(number))
        healthy.send_rtp(rtp(number))
        await asyncio.sleep(0)
    for number in range(20):
        assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(number)


def test_a_loop_without_readers_serves_too(rtp):
    async def serve() -> bytes:
        mux = UdpMux()
        await mux.start()
        transport = Transport(mux)
        loop = asyncio.get_running_loop()
        received: asyncio.Queue[bytes] = asyncio.Queue()

        class Peer(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                received.put_nowait(data)

        peer, _ = await loop.create_datagram_endpoint(Peer, remote_addr=mux.candidate)
        peer.sendto(binding_request(transport.ufrag, transport.pwd))
        answer = await asyncio.wait_for(received.get(), 2)
        peer.close()
        mux.close()
        await asyncio.sleep(0.01)
        assert mux.received == mux.sent == 1
        return answer

    with asyncio.Runner(loop_factory=NoReaders) as runner:
        answer = stun.parse(runner.run(serve()))
    assert answer is not None
    assert answer.type == stun.BINDING_SUCCESS
