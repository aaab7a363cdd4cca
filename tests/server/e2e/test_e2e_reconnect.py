"""Coming back after the connection was lost, in part or in whole."""

from __future__ import annotations

import asyncio

from e2e_network import TcpProxy
from e2e_people import House, Person
from e2e_picture import Film, assert_film
from e2e_sound import Ear, Tone, silent_blocks
from livekit import rtc

_Scenario = rtc.SimulateScenarioKind
_PATIENCE = 30.0


async def _assert_alive(alice: Person, bob: Person) -> None:
    """Check that data, calls and new tracks get through, both ways."""
    await asyncio.gather(_reaches(alice, bob), _reaches(bob, alice))


async def _reaches(sender: Person, receiver: Person) -> None:
    mark = receiver.mark()
    await sender.me.publish_data(b"after")
    (packet,) = await receiver.wait("data_received", after=mark)
    assert (packet.data, packet.participant.identity) == (b"after", sender.identity)

    async def echo(call: rtc.RpcInvocationData) -> str:
        return call.payload

    receiver.me.register_rpc_method("echo", echo)
    answer = sender.me.perform_rpc(
        destination_identity=receiver.identity, method="echo", payload="hi"
    )
    assert await asyncio.wait_for(answer, _PATIENCE) == "hi"
    tone = Tone(800, name="after")
    publication = await sender.play(tone)
    await (await receiver.hear(sender.identity, "after", after=mark)).hears(tone)
    await sender.me.unpublish_track(publication.sid)
    await receiver.wait("track_unpublished", lambda p, _: p.sid == publication.sid, after=mark)


async def _reconnect(person: Person, scenario: int) -> None:
    mark = person.mark()
    await asyncio.wait_for(person.room.simulate_scenario(scenario), _PATIENCE)
    await person.wait("reconnected", after=mark, timeout=_PATIENCE)


async def test_a_resume_goes_unnoticed(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    tone, film = Tone(440), Film(320, 180)
    await alice.play(tone)
    await alice.show(film, simulcast=False)
    ear = await bob.hear("alice", "tone")
    eye = bob.watch(await bob.track("alice", "film"))
    await ear.sound(0.2)
    await eye.until(320)
    mark, position = bob.mark(), ear.position
    scenario = _Scenario.SIMULATE_SIGNAL_RECONNECT
    await asyncio.gather(_reconnect(alice, scenario), _reconnect(bob, scenario))
    await ear.hears(tone)
    assert silent_blocks(ear.heard[:, position:]) < 20
    assert_film(await eye.next(5), film)
    assert bob.seen("track_unsubscribed", mark) == []
    assert bob.seen("participant_disconnected", mark) == []
    await _assert_alive(alice, bob)


async def test_a_full_reconnect_brings_everything_back(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    tone, film = Tone(440), Film(320, 180)
    await alice.play(tone)
    await alice.show(film, simulcast=False)
    await (await bob.hear("alice", "tone")).sound(0.2)
    await bob.watch(await bob.track("alice", "film")).until(320)
    for person in (alice, bob):
        mark = bob.mark()
        await _reconnect(person, _Scenario.SIMULATE_FULL_RECONNECT)
        await (await bob.hear("alice", "tone", after=mark)).hears(tone)
        eye = bob.watch(await bob.track("alice", "film", after=mark))
        assert_film(await eye.until(320), film)
    await _assert_alive(alice, bob)


async def test_a_cut_line_is_mended(lobby: House) -> None:
    """The signalling connection breaks without a goodbye; the media do not stop."""
    async with TcpProxy(lobby.target.url) as line:
        alice = await lobby.join("alice", url=line.url)
        bob = await lobby.join("bob", url=line.url)
        tone = Tone(440)
        await alice.play(tone)
        ear: Ear = await bob.hear("alice")
        await ear.sound(0.2)
        marks = [(person, person.mark()) for person in (alice, bob)]
        position = ear.position
        line.cut()
        for person, mark in marks:
            await person.wait("reconnected", after=mark, timeout=_PATIENCE)
        await ear.hears(tone)
        assert silent_blocks(ear.heard[:, position:]) < 20
        for person, mark in marks:
            assert person.seen("participant_disconnected", mark) == []
        await _assert_alive(alice, bob)
        await lobby.close()


async def test_the_server_sends_everybody_to_join_anew(lobby: House) -> None:
    alice, bob = await lobby.together("alice", "bob")
    tone = Tone(440)
    await alice.play(tone)
    await (await bob.hear("alice")).sound(0.2)
    mark = bob.mark()
    await _reconnect(alice, _Scenario.SIMULATE_NODE_FAILURE)
    await (await bob.hear("alice", after=mark)).hears(tone)
