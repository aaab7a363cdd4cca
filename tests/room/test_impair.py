"""A bad network on demand: what it does to sound, whom it touches, and who may have it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from sounds import RATE, find, silent_blocks, sine, speechlike, tone_fit

import lkexplore as lk
from lkexplore.cli import main
from lkexplore.errors import (
    ConnectError,
    ImpairmentError,
    ParticipantNotFound,
    RoomClosed,
    TokenError,
)
from lkexplore.room.credentials import Credentials, Secret
from lkexplore.room.impair import ImpairedNetwork, impair
from lkexplore.room.room import Room
from lkexplore.sdk.media_loop import on_media_loop
from lkexplore.sound.recording import Recording


@pytest.fixture(autouse=True)
def _has_the_key(server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment name the server under test, as a user's does."""
    if os.environ.get("LKEXPLORE_TEST_URL"):
        pytest.skip("about lkexplore's own server, and another one is under test")
    monkeypatch.setenv("LIVEKIT_URL", server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)


@on_media_loop
async def concealment(room: Room, identity: str) -> tuple[int, int]:
    """Return how many samples of someone's sound were made up, and how many there were."""
    [publication] = room.rtc.remote_participants[identity].track_publications.values()
    stats = await asyncio.wait_for(publication.track.get_stats(), 5)
    [inbound] = [s.inbound_rtp.inbound for s in stats if s.HasField("inbound_rtp")]
    return inbound.concealed_samples, inbound.total_samples_received


async def test_a_recording_over_a_bad_link_keeps_its_length_and_its_tone(join, send):
    room = await join("bob")
    await send()
    await room.record("alice", 0.5)
    before = await concealment(room, "alice")
    await room.impair(loss=0.05, jitter_ms=40)
    sound = await room.record("alice", 6.0)
    after = await concealment(room, "alice")
    network = await room.impair()
    assert sound.samples.shape == (1, 6 * RATE)
    assert abs(tone_fit(sound.samples[0], RATE)[0] - 440) < 1
    made_up, heard = (now - then for now, then in zip(after, before, strict=True))
    assert 0.01 < made_up / heard < 0.5
    for link in (network.of("alice", "up"), network.of("bob", "down")):
        assert 0.01 < link.dropped / link.packets < 0.12
        assert link.delayed > 0.8 * link.packets
    assert {str(link.impairment) for link in network} == {"nothing"}
    assert network.packets >= 500
    assert network.dropped >= 5


async def test_a_delay_is_as_long_as_asked_for_and_only_theirs(join, send):
    bob, carol = await join("bob"), await join("carol")
    network = await bob.impair(delay_ms=400, identity="carol", direction="down")
    assert [(link.identity, link.direction, link.delay_ms) for link in network] == [
        ("carol", "up", 0.0),
        ("carol", "down", 400.0),
    ]
    words = Recording(speechlike(30.0), RATE)
    await send(words)
    await asyncio.gather(*(room.record("alice", 2.0) for room in (bob, carol)))
    at_bob, at_carol = await asyncio.gather(*(room.record("alice", 4.0) for room in (bob, carol)))
    # Each place in the words, against the clock on which both were heard.
    places = [
        find(heard.samples[0, RATE:-RATE], words.samples[0])[0] / RATE - heard.started_monotonic
        for heard in (at_bob, at_carol)
    ]
    # The jitter buffers of both may differ by some of their own delay.
    assert 0.25 < places[0] - places[1] < 0.55


async def test_what_is_all_lost_is_not_heard_and_what_is_healed_is(join, send):
    room = await join("bob")
    await send(identity="alice")
    await send(Recording(sine(700, 1.0), RATE), identity="carol")
    await asyncio.gather(*(room.record(who, 0.5) for who in ("alice", "carol")))
    await room.impair(loss=1, identity="alice", direction="up")
    await asyncio.sleep(1.0)
    alice, carol = await asyncio.gather(*(room.record(who, 1.0) for who in ("alice", "carol")))
    assert np.abs(alice.samples).max(initial=0.0) < 0.01
    assert abs(tone_fit(carol.samples[0], RATE)[0] - 700) < 1
    assert silent_blocks(carol.samples[0]) == 0
    network = await room.impair(identity="alice")
    assert network.of("alice", "up").dropped == network.of("alice", "up").packets > 50
    await asyncio.sleep(1.5)
    healed = await room.record("alice", 1.0)
    assert abs(tone_fit(healed.samples[0], RATE)[0] - 440) < 1


async def test_a_slow_link_drops_what_it_cannot_carry(join, send):
    room = await join("bob")
    await send(Recording(speechlike(5.0), RATE))
    await room.record("alice", 0.5)
    await room.impair(rate_kbps=16, identity="alice", direction="up")
    sound = await room.record("alice", 3.0)
    link = (await room.impair()).of("alice", "up")
    assert sound.duration == 3.0
    assert link.dropped > 0.2 * link.packets
    assert link.delayed > 0.9 * (link.packets - link.dropped)


async def test_who_comes_later_has_the_bad_link_too(join, send):
    room = await join("bob")
    assert len(await room.impair(loss=1)) == 2
    await send()
    sound = await room.record("alice", 1.0)
    assert np.abs(sound.samples).max(initial=0.0) < 0.01
    up = (await room.impair()).of("alice", "up")
    assert up.dropped == up.packets > 10


async def test_it_can_be_read(join):
    room = await join("<b>bob</b>")
    network = await room.impair(loss=0.05, delay_ms=80, jitter_ms=30, rate_kbps=500)
    words = "5 % loss, 80 ms delay, 30 ms jitter, 500 kbit/s"
    assert str(network).splitlines()[0] == (
        f"<b>bob</b> up: {words}; 0 packets, 0 dropped, 0 delayed"
    )
    assert network._repr_html_().count(words) == 2
    assert "<b>bob" not in network._repr_html_()
    with pytest.raises(ParticipantNotFound, match=r"'alice'.*'<b>bob</b>'"):
        network.of("alice", "up")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loss": 5}, "loss must be a number from 0 to 1, not 5"),
        ({"loss": -0.1}, "loss must be a number from 0 to 1"),
        ({"delay_ms": float("nan")}, "delay_ms must be a number from 0 to 5000, not nan"),
        ({"jitter_ms": "30"}, "jitter_ms must be a number"),
        ({"rate_kbps": 0}, "rate_kbps must be a number from 1 to 1000000, not 0"),
        ({"direction": "left"}, "direction must be 'both', 'up' or 'down', not 'left'"),
        ({"identity": 7}, "identity must be a name such as 'alice', or None, not 7"),
    ],
)
async def test_values_that_make_no_sense(join, wrong: dict[str, Any], said: str):
    room = await join()
    with pytest.raises(ImpairmentError, match=re.escape(said)):
        await room.impair(**wrong)


async def test_nobody_of_that_name_and_a_room_that_was_left(join):
    room = await join("bob")
    with pytest.raises(ParticipantNotFound, match="'alice' is not in the room"):
        await room.impair(loss=0.1, identity="alice")
    await room.close()
    with pytest.raises(RoomClosed, match="was left"):
        await room.impair(loss=0.1)


async def test_without_a_key_the_token_must_grant_it(join, server, room_name, monkeypatch):
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name)
    plain = {"api_key": None, "api_secret": None, "token": server.token("bob", room_name)}
    room = await join(**plain)
    with pytest.raises(TokenError, match=r"needs the server's key, or a token that grants room"):
        await room.impair(loss=0.1)
    token = server.token("carol", room_name, room_admin=True)
    room = await join(api_key=None, api_secret=None, token=token)
    network = await room.impair(loss=0.1)
    assert {link.loss for link in network} == {0.1}
    assert {link.identity for link in network} == {"bob", "carol"}


async def test_a_wrong_key_is_refused_and_not_told(join, server):
    room = await join("bob")
    secret = Secret("a-secret-that-is-wrong-and-long-enough")
    for key in (server.api_key, "unknown"):
        wrong = Credentials(server.url, api_key=key, api_secret=secret)
        with pytest.raises(TokenError, match="refused to impair the network: check") as caught:
            await impair(room.rtc, loss=0.1, credentials=wrong)
        told = "".join(
            traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        )
        assert str.__str__(secret) not in told
        assert "eyJ" not in told


async def test_a_room_of_the_sdk_will_do(join, server):
    room = await join("bob")
    given = Credentials(server.url, api_key=server.api_key, api_secret=server.api_secret)
    for network in (await impair(room.rtc, loss=0.3), await impair(room.rtc, credentials=given)):
        assert isinstance(network, ImpairedNetwork)
        assert len(network) == 2


@contextlib.asynccontextmanager
async def other_server(answer: web.Response) -> AsyncIterator[Credentials]:
    """Run a server that is not ours, and answers everything with one thing."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield Credentials(f"ws://127.0.0.1:{port}", api_key="key", api_secret="s" * 32)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "text": "404 page not found\n"},
        {"status": 404, "text": '{"code": "bad_route"}', "content_type": "application/json"},
        {"status": 200, "text": "<html>welcome</html>"},
        {"status": 200, "text": '{"links": [{"identity": 1}]}'},
        {"status": 200, "text": '{"links": 5}'},
        {"status": 405, "text": ""},
        {"status": 502, "body": b"\xff\xfe"},
    ],
)
async def test_another_server_cannot_and_that_is_said(join, answer: dict[str, Any]):
    room = await join("bob")
    async with other_server(web.Response(**answer)) as there:
        with pytest.raises(ImpairmentError, match="on lkexplore's own server only") as caught:
            await impair(room.rtc, loss=0.1, credentials=there)
    assert there.url in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConnectError, match="cannot reach"):
        await impair(room.rtc, loss=0.1, credentials=there)


@pytest.fixture
def bad_server() -> Iterator[dict[str, str]]:
    """Give the environment of a server that was started bad."""
    bad = ("--loss", "0.2", "--delay-ms", "30", "--jitter-ms", "10", "--rate-kbps", "900")
    process = subprocess.Popen(
        [sys.executable, "-m", "lkexplore", "serve", "--port", "0", *bad, "--seed", "7"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        while "LIVEKIT_API_SECRET" not in "".join(lines):
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended"
        text = "".join(lines)
        assert "bad on purpose: 20 % loss, 30 ms delay, 10 ms jitter, 900 kbit/s\n" in text
        yield dict(re.findall(r"export (LIVEKIT_\w+)=(\S+)", text))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        process.stdout.close()


async def test_a_server_that_was_started_bad_is_bad_until_it_is_healed(
    bad_server, room_name, monkeypatch
):
    for name, value in bad_server.items():
        monkeypatch.setenv(name, value)
    tone = Recording(sine(440, 1.0), RATE)
    async with lk.connect(room_name) as room, await lk.bots.play(room_name, tone, "alice"):
        assert (await room.record("alice", 3.0)).duration == 3.0
        network = await room.impair()
        up = network.of("alice", "up")
        assert 0.05 < up.dropped / up.packets < 0.4
        assert up.delayed == up.packets - up.dropped
        again = await room.impair()
        assert again.packets == network.packets


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--loss", "5"), "loss must be a number from 0 to 1, not 5"),
        (("--delay-ms", "-1"), "delay_ms must be a number from 0 to 5000, not -1"),
        (("--rate-kbps", "0"), "rate_kbps must be a number from 1 to 1000000, not 0"),
        (("--jitter-ms", "nan"), "jitter_ms must be a number from 0 to 5000, not nan"),
    ],
)
def test_serve_refuses_values_that_make_no_sense(option, said, capsys):
    assert main(["serve", "--port", "0", *option]) == 1
    assert said in capsys.readouterr().err


async def test_the_key_given_to_connect_will_do(join, monkeypatch: pytest.MonkeyPatch):
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name)
    room = await join("bob")
    assert {link.loss for link in await room.impair(loss=0.1)} == {0.1}
