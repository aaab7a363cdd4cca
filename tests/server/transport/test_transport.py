"""One transport from the first check to the last: restarts, moves, and what closing frees."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref

import pytest
from transport_client import Client, binding_request, until

from lkexplore.server.transport import Transport, UdpMux


async def test_credentials_are_long_random_and_legal(mux):
    transports = [Transport(mux) for _ in range(50)]
    for transport in transports:
        assert re.fullmatch(r"[A-Za-z0-9]{8}", transport.ufrag)
        assert re.fullmatch(r"[A-Za-z0-9]{24}", transport.pwd)
    assert len({transport.ufrag for transport in transports}) == 50
    assert len({transport.pwd for transport in transports}) == 50


async def test_what_the_sdp_needs_is_there(mux):
    transport = Transport(mux, "alice")
    assert transport.candidate == ("127.0.0.1", mux.port)
    assert mux.port > 0
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", transport.fingerprint)
    assert transport.fingerprint == mux.fingerprint
    assert transport.state == "new"
    assert transport.last_check == 0.0
    assert transport.remote_address is None
    assert transport.data is None


async def test_the_state_follows_the_connection(mux):
    transport = Transport(mux)
    client = Client(transport)
    assert transport.state == "new"
    transport.set_remote_fingerprints(client.fingerprints)
    assert transport.remote_fingerprints == client.fingerprints
    await client.check()
    assert transport.state == "connecting"
    await client.connect()
    await until(lambda: transport.state == "connected")
    transport.close()
    assert transport.state == "closed"
    client.close()


async def test_checks_keep_the_time_of_the_last_one(connect):
    transport, client = await connect()
    before = transport.last_check
    await asyncio.sleep(0.01)
    await client.check(nominate=False)
    assert transport.last_check >= before + 0.01


async def test_an_ice_restart_keeps_the_session_and_retires_the_old_credentials(mux, connect, rtp):
    transport, client = await connect(data=True)
    await client.open_channel("_reliable")
    old = client.ufrag, client.password
    transport.restart_ice()
    assert (transport.ufrag, transport.pwd) != old
    # The old ones serve until the peer has the new ones.
    await client.check()
    assert len(mux._by_ufrag) == 2
    client.ufrag, client.password = transport.ufrag, transport.pwd
    await client.check()
    assert len(mux._by_ufrag) == 1
    client.send_raw(binding_request(*old))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.stun_answers.get(), 0.1)
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)
    assert transport.data.send("_reliable", b"x")
    assert await asyncio.wait_for(client.messages.get(), 1) == ("_reliable", b"x")
    assert transport.state == "connected"


async def test_many_restarts_keep_few_credentials(mux, connect):
    transport, client = await connect()
    for _ in range(20):
        transport.restart_ice()
    assert len(mux._by_ufrag) <= 4
    client.ufrag, client.password = transport.ufrag, transport.pwd
    await client.check()
    assert list(mux._by_ufrag) == [transport.ufrag]


async def test_a_peer_that_moves_is_followed_when_it_nominates(connect, rtp):
    transport, client = await connect(data=True)
    await client.open_channel("_reliable")
    first = client.address
    client.move()
    await client.check(nominate=False)
    assert transport.remote_address == first
    got = asyncio.Queue()
    transport.on_rtp = got.put_nowait
    # What comes from the new address is taken already.
    client.send_rtp(rtp(1))
    assert await asyncio.wait_for(got.get(), 1) == rtp(1)
    await client.check(nominate=True)
    assert transport.remote_address == client.address != first
    transport.send_rtp(rtp(2))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(2)
    assert transport.data.send("_reliable", b"moved")
    assert await asyncio.wait_for(client.messages.get(), 1) == ("_reliable", b"moved")


async def test_a_move_together_with_a_restart(connect, rtp):
    transport, client = await connect()
    transport.restart_ice()
    client.ufrag, client.password = transport.ufrag, transport.pwd
    client.move()
    await client.check()
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)


@pytest.mark.parametrize("stage", ["new", "checked", "early", "handshake", "connected", "data"])
async def test_closing_at_any_stage_frees_everything(mux, stage):
    loop = asyncio.get_running_loop()
    transport = Transport(mux, stage)
    client = Client(transport)
    reasons = []
    transport.on_closed = reasons.append
    if stage != "new":
        await client.check()
    if stage in ("early", "handshake"):
        if stage == "handshake":
            transport.set_remote_fingerprints(client.fingerprints)
            client.lose_received = lambda datagram: datagram[0] >= 20
        client.start_handshake()
        received = mux.received
        await until(lambda: mux.received > received)
    if stage == "data":
        transport.start_data()
    if stage in ("connected", "data"):
        await client.connect()
    if stage == "data":
        client.start_data()
        await client.open_channel("_reliable")
        transport.data.open("mine")
        for _ in range(20):
            transport.data.send("_reliable", bytes(60000))
    transport.close("the reason")
    transport.close("another")
    assert transport.state == "closed"
    assert reasons == ["the reason"]
    assert not mux._by_ufrag
    assert not mux._by_address
    assert not transport.addresses
    client.close()
    # Timers that are left would show up here as scheduled and not cancelled.
    await asyncio.sleep(0.02)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [handle for handle in loop._scheduled if not handle.cancelled()] == []


async def test_a_closed_transport_is_collected(mux):
    transport = Transport(mux)
    client = Client(transport)
    transport.start_data()
    await client.connect()
    client.start_data()
    await client.open_channel("_reliable")
    transport.close()
    client.close()
    watched = weakref.ref(transport), weakref.ref(transport.data), weakref.ref(transport._dtls)
    await asyncio.sleep(0.02)
    del transport, client
    gc.collect()
    assert [reference() for reference in watched] == [None, None, None]


async def test_fifty_transports_come_and_go(mux, rtp):
    for number in range(50):
        transport = Transport(mux, str(number))
        transport.start_data()
        client = Client(transport)
        await client.connect()
        client.start_data()
        await client.open_channel("_reliable")
        if number % 2:
            client.say_goodbye()
            await until(lambda closing=transport: closing.state == "closed")
        else:
            transport.close()
        client.close()
    assert not mux._by_ufrag
    assert not mux._by_address


async def test_transports_do_not_hear_each_other(connect, rtp):
    pairs = [await connect(f"peer {number}") for number in range(5)]
    heard = {}
    for number, (transport, _) in enumerate(pairs):
        transport.on_rtp = lambda packet, number=number: heard.setdefault(number, []).append(packet)
    for number, (_, client) in enumerate(pairs):
        client.send_rtp(rtp(number))
    await until(lambda: len(heard) == 5)
    assert heard == {number: [rtp(number)] for number in range(5)}


async def test_closing_the_mux_closes_the_transports():
    mux = UdpMux()
    await mux.start()
    transport = Transport(mux)
    client = Client(transport)
    reasons = []
    transport.on_closed = reasons.append
    await client.connect()
    mux.close()
    assert reasons == ["the server stopped"]
    client.close()


async def test_failing_callbacks_do_not_keep_anything_open(mux):
    mux.expected_failures = 2
    transport = Transport(mux)
    client = Client(transport)

    def fail(*_: object) -> None:
        raise ValueError("handler")

    transport.on_connected = transport.on_closed = fail
    await client.connect()
    await until(lambda: transport.state == "connected")
    transport.close()
    assert not mux._by_ufrag
    client.close()


async def test_on_connected_may_close(mux):
    transport = Transport(mux)
    transport.start_data()
    client = Client(transport)
    transport.on_connected = lambda: transport.close("changed my mind")
    await client.connect()
    await until(lambda: transport.state == "closed")
    client.close()


async def test_nothing_happens_to_a_closed_transport(mux, connect):
    transport, client = await connect()
    transport.close()
    transport.restart_ice()
    transport.set_remote_fingerprints(client.fingerprints)
    assert transport.start_data().closed
    transport.handle_dtls(b"\x16\xfe\xfd")
    transport.handle_srtp(bytes(100))
    assert not mux._by_ufrag


async def test_other_fingerprints_after_the_handshake_change_nothing(connect, rtp):
    transport, client = await connect()
    transport.set_remote_fingerprints([("sha-256", "00:11")])
    transport.send_rtp(rtp(1))
    assert await asyncio.wait_for(client.rtp.get(), 1) == rtp(1)


async def test_secrets_are_not_logged(mux, caplog):
    caplog.set_level("DEBUG")
    transport = Transport(mux, "alice")
    client = Client(transport)
    await client.connect()
    transport.restart_ice()
    passwords = [client.password, transport.pwd]
    transport.close("bye")
    client.close()
    assert "alice closed: bye" in caplog.text
    for password in passwords:
        assert password not in caplog.text
