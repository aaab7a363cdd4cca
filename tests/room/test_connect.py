"""Joining: what is needed, what goes wrong and how it is said, and that nothing is given away."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
from livekit import rtc

import lkexplore as lk
from lkexplore.errors import (
    ConnectError,
    LkExploreError,
    ParticipantNotFound,
    RoomClosed,
    TokenError,
    WaitTimeout,
)
from lkexplore.room.credentials import Credentials
from lkexplore.sdk.media_loop import on_media_loop

PACKAGE = str(Path(lk.__file__).parent)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_server_on_this_computer_is_reached_past_a_proxy(server, name):
    """As on the networks of universities: nothing answers at the proxy's address here."""
    code = (
        "import json, os, sys, lkexplore as lk\n"
        "async def main():\n"
        "    async with lk.connect('proxied', **json.loads(sys.argv[1])) as room:\n"
        "        print(room.name)\n"
        "lk.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(server.where)],
        env={**os.environ, name: "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "proxied", done.stderr


async def test_a_proxy_in_the_way_is_named(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    with pytest.raises(
        ConnectError, match=r"through the proxy http://127\.0\.0\.1:9, which"
    ) as caught:
        await lk.connect("x", url="wss://live.example.org", api_key="k", api_secret="s" * 32)
    assert "secret" not in str(caught.value)
    assert "NO_PROXY" in str(caught.value)


@pytest.mark.parametrize("identity", [17, "", " ", b"alice"])
def test_an_identity_that_is_no_name_is_refused(identity):
    with pytest.raises(ConnectError, match="identity must be a name such as 'alice', not"):
        lk.connect("x", identity=identity)


def test_a_room_name_that_is_too_long_is_refused():
    with pytest.raises(ConnectError, match="a room's name may have 256 bytes, not 300"):
        lk.connect("x" * 300)


async def test_a_misspelt_identity_is_asked_about_at_once(join, send, caplog):
    await send(identity="alice")
    room = await join("me")
    await room.wait_for_track("alice")
    with pytest.raises(ParticipantNotFound, match="here: 'alice'; did you mean 'alice'"):
        await room.record("alcie", 1, timeout=1.5)
    told = [record.message for record in caplog.records if "did you mean" in record.message]
    assert told == ["waiting for 'alcie', who is not in the room; did you mean 'alice'?"]


async def test_a_room_tells_who_is_here(join, send, room_name):
    room = await join("eve")
    assert repr(room) == f"<Room {room_name!r} as 'eve'; here: nobody>"
    await send(identity="alice")
    track = await room.wait_for_track("alice")
    assert (room.name, room.identity, room.closed) == (room_name, "eve", False)
    assert isinstance(room.rtc, rtc.Room)
    assert list(room.participants) == ["alice"]
    assert room.participants["alice"].tracks == (track,)
    assert room.tracks == (track,)
    assert (track.kind, track.name, track.identity) == ("audio", "tone", "alice")
    assert track.source == "unknown"
    assert isinstance(track.rtc, rtc.RemoteAudioTrack)
    assert room.me.local
    assert room.me.identity == "eve"
    assert repr(room) == f"<Room {room_name!r} as 'eve'; here: 'alice' (audio 'tone')>"


async def test_html_shows_everyone_and_escapes_what_they_chose(join, send):
    room = await join("<i>eve</i>")
    await send(identity="<script>alert(1)</script>", name="<b>bold</b>")
    await room.wait_for_track("<script>alert(1)</script>")
    shown = room._repr_html_()
    assert "&lt;i&gt;eve&lt;/i&gt; (you)" in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown
    assert "<script" not in shown
    assert "<b>bold" not in shown


async def test_closing_is_seen_and_can_be_repeated(join):
    room, other = await join("eve"), await join("adam")
    await room.close()
    await room.close()
    assert room.closed
    assert repr(room).endswith("(left)>")
    assert "left" in room._repr_html_()
    for _ in range(50):
        if not other.participants:
            break
        await asyncio.sleep(0.1)
    assert not other.participants
    with pytest.raises(RoomClosed, match="was left: connect again"):
        await room.wait_for_track("adam", timeout=1)


async def test_no_identity_gives_a_random_one(join):
    one, two = await join(), await join()
    assert re.fullmatch(r"explorer-[0-9a-f]{6}", one.identity)
    assert one.identity != two.identity


async def test_a_connection_is_a_coroutine_too(server, room_name):
    task = asyncio.create_task(lk.connect(room_name, identity="eve", **server.where))
    room = await task
    assert room.identity == "eve"
    await room.close()


async def test_http_addresses_work(server, room_name):
    where = {**server.where, "url": server.url.replace("ws", "http", 1)}
    async with lk.connect(room_name, **where) as room:
        assert not room.closed


async def test_a_ready_token_brings_its_identity(server, room_name):
    token = server.token("eve", room_name)
    async with lk.connect(room_name, url=server.url, token=token) as room:
        assert room.identity == "eve"


async def test_the_environment_names_the_server(server, room_name, monkeypatch):
    monkeypatch.setenv("LIVEKIT_URL", server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)
    async with lk.connect(room_name, identity="eve") as room:
        assert not room.closed
    monkeypatch.delenv("LIVEKIT_API_KEY")
    with pytest.raises(ConnectError, match="LIVEKIT_API_KEY is missing"):
        lk.connect(room_name)
    monkeypatch.setenv("LIVEKIT_TOKEN", server.token("adam", room_name))
    async with lk.connect(room_name) as room:
        assert room.identity == "adam"


async def test_tokens_for_something_else_are_noticed(server, room_name):
    token = server.token("eve", room_name)
    with pytest.raises(TokenError, match=f"for room {room_name!r}, not 'other'"):
        await lk.connect("other", url=server.url, token=token)
    with pytest.raises(TokenError, match="for identity 'eve', not 'adam'"):
        await lk.connect(room_name, identity="adam", url=server.url, token=token)
    with pytest.raises(TokenError, match="no LiveKit access token"):
        await lk.connect(room_name, url=server.url, token="nonsense")


async def test_a_wrong_secret_is_refused(server, room_name):
    where = {**server.where, "api_secret": "not-the-secret-that-the-server-knows"}
    with pytest.raises(TokenError, match=f"refused to let us into room {room_name!r}") as caught:
        await lk.connect(room_name, **where)
    assert "\n" not in str(caught.value)


async def test_a_wrong_key_is_refused(server, room_name):
    with pytest.raises(TokenError, match="refused"):
        await lk.connect(room_name, **{**server.where, "api_key": "nobody"})


async def test_a_token_without_the_right_to_join_is_refused(server, room_name):
    token = server.token("eve", room_name, room_join=False)
    with pytest.raises(TokenError, match="refused"):
        await lk.connect(room_name, url=server.url, token=token)


async def test_secrets_show_nowhere(server, room_name, caplog, capfd):
    """Not in errors, tracebacks with locals, logs or reprs: notebooks are saved and shared."""
    secret = "a-secret-that-must-never-be-shown-anywhere"
    token = Credentials(server.url, api_key=server.api_key, api_secret=secret)
    ready, _ = token.token_for(room_name, "eve")
    shown = [repr(token), repr(lk.connect(room_name, **{**server.where, "api_secret": secret}))]
    with caplog.at_level(logging.DEBUG, "livekit"):
        for given in ({"token": str(ready)}, {"api_key": "key", "api_secret": secret}):
            with pytest.raises(TokenError) as caught:
                await lk.connect(room_name, url=server.url, **given)
            error = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            inside = [frame for frame in error.stack if frame.filename.startswith(PACKAGE)]
            shown += [str(caught.value), *(str(frame.locals) for frame in inside)]
            assert caught.value.__context__ is None
            assert inside
        with pytest.raises(ConnectError) as caught:
            lk.connect(room_name, url=server.url, api_secret=secret)
        error = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown += [str(f.locals) for f in error.stack if f.filename.startswith(PACKAGE)]
        await asyncio.sleep(0.2)
    shown += [caplog.text, *capfd.readouterr()]
    everything = "\n".join(shown)
    assert secret not in everything
    assert str(ready).rpartition(".")[2] not in everything
    assert "eyJ" not in everything


async def test_a_closed_port_is_said(room_name):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectError, match=rf"cannot reach .* {url} .*refused.*is it running"):
        await lk.connect(room_name, url=url, api_key="key", api_secret="secret" * 6)


async def test_something_that_is_no_livekit_server_is_said(room_name):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{other.sockets[0].getsockname()[1]}"
    with pytest.raises(ConnectError, match="is no LiveKit server"):
        await lk.connect(room_name, url=url, api_key="key", api_secret="secret" * 6)
    other.close()


async def test_a_server_that_never_answers_times_out(room_name):
    async def be_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    silent = await asyncio.start_server(be_silent, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    with pytest.raises(WaitTimeout, match=r"did not let .* within 0.5 s"):
        await lk.connect(room_name, url=url, api_key="k", api_secret="s" * 40, timeout=0.5)
    silent.close()


@pytest.mark.parametrize("room", ["", "  ", None, 7])
def test_a_room_needs_a_name(room):
    with pytest.raises(ConnectError, match="room must be a name"):
        lk.connect(room)


async def test_joining_and_leaving_leaves_nothing_behind(server, room_name):
    async def tasks_on_media_loop() -> int:
        return len(asyncio.all_tasks())

    async def visit() -> None:
        async with lk.connect(room_name, identity="eve", **server.where):
            pass

    count = on_media_loop(tasks_on_media_loop)
    await visit()
    gc.collect()
    threads, tasks = threading.active_count(), await count()
    subscribers = len(rtc._ffi_client.FfiClient.instance.queue._subscribers)
    for _ in range(8):
        await visit()
    gc.collect()
    assert threading.active_count() <= threads
    assert await count() <= tasks
    assert len(rtc._ffi_client.FfiClient.instance.queue._subscribers) <= subscribers


async def test_an_abandoned_join_leaves_no_ghost(join, server, room_name):
    watcher = await join("watcher")
    for delay in (0.0, 0.02, 0.05):
        task = asyncio.create_task(lk.connect(room_name, identity="ghost", **server.where))
        await asyncio.sleep(delay)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(outcome, lk.Room):
            await outcome.close()
    for _ in range(50):
        await asyncio.sleep(0.1)
        if "ghost" not in watcher.participants:
            break
    await asyncio.sleep(0.5)
    assert "ghost" not in watcher.participants


def test_a_room_that_is_not_joined_yet_says_to_await_it():
    joining = lk.connect("x")
    with pytest.raises(LkExploreError, match=r"put await in front of connect, as in room = await"):
        joining.record("alice", 1)
    joining.close()
