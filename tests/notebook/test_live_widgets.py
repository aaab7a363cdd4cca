"""Scope, recorder panel and browser participant without a page: what they hear, send and keep."""

import asyncio
import json
import os
import subprocess
import sys
import time

import anywidget
import ipywidgets
import numpy as np
import pytest
from ipywidgets.widgets import widget

import lkexplore as lk
from lkexplore.errors import MissingBundle, SoundError, TokenError, TrackNotFound
from lkexplore.notebook import page
from lkexplore.room.credentials import claims_of

TONE = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)).astype("f4"), 48000


async def until(condition, timeout=15.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        await asyncio.sleep(0.05)


@pytest.fixture
async def room(server):
    name = f"widgets-{time.monotonic_ns()}"
    async with lk.connect(name, **server.where) as joined:
        yield joined


@pytest.fixture
async def bob(server, room):
    bot = await lk.bots.play(room.name, TONE, "bob", **server.where)
    yield bot
    await bot.close()


@pytest.fixture
def bundle(monkeypatch):
    """Have a client, be it one that no browser would take."""
    monkeypatch.setattr(
        "lkexplore.notebook.browser_participant.browser_participant.client", lambda: b"client"
    )


async def test_a_scope_tells_what_is_heard(room, bob, monkeypatch):
    scope, sent = lk.Scope(room, seconds=2), []
    monkeypatch.setattr(scope, "send", lambda told, buffers=None: sent.append((told, buffers)))
    await asyncio.sleep(0.5)
    assert not sent, "nobody looks"
    scope._heard(scope, {"seen": True}, [])
    await until(lambda: any(told["lanes"] and told["lanes"][0]["columns"] for told, _ in sent))
    await asyncio.sleep(1)
    lanes = [(told["lanes"][0], data) for told, data in sent if data]
    assert {lane["label"] for lane, _ in lanes} == {"bob"}
    last, (envelope, spectrum) = lanes[-1]
    assert len(envelope) == 2 * last["columns"]
    assert len(spectrum) == 128 * last["columns"]
    assert last["rms"] == pytest.approx(-10.5, abs=1)
    heard = scope.capture()["bob"]
    assert lk.measure.tone_hz(heard) == pytest.approx(1000, abs=3)
    await bob.close()
    await until(lambda: not scope._everybody.hearing)
    scope.close()
    await until(lambda: scope._running.done())


async def test_a_scope_follows_who_reloads_the_page(room, bob, server):
    scope = lk.Scope(room, seconds=6)
    await until(lambda: scope.capture())
    [lane] = scope._everybody.hearing.values()
    await asyncio.sleep(1.5)
    await bob.close()
    await asyncio.sleep(0.8)
    back = await lk.bots.play(room.name, TONE, "bob", **server.where)
    await asyncio.sleep(2.0)
    assert list(scope._everybody.hearing.values()) == [lane]
    heard = scope.capture()["bob"]
    blocks = np.abs(heard.samples[0, : heard.samples.shape[1] // 480 * 480]).reshape(-1, 480)
    # There is sound, silence while they were away, and sound again.
    assert 60 < (blocks.max(axis=1) < 0.01).sum() < 250
    assert lk.measure.tone_hz(heard[-0.5:]) == pytest.approx(1000, abs=5)
    await back.close()
    scope.close()


async def test_a_scope_shows_one_track_too(room, bob):
    await room.wait_for_track("bob")
    track = room.participants["bob"].tracks[0]
    for source in (track, track.rtc):
        scope = lk.Scope(source, seconds=1)
        await until(lambda scope=scope: scope.capture())
        scope.close()
    for source in ("bob", 3, None):
        with pytest.raises(TrackNotFound, match="give a room, or an audio track"):
            lk.Scope(source)
    with pytest.raises(SoundError, match="1 to 60 s"):
        lk.Scope(room, seconds=0)


async def test_a_scope_that_nobody_looks_at_sends_nothing(room, bob, monkeypatch):
    monkeypatch.setattr("lkexplore.notebook.shared.heartbeat.UNSEEN_SECONDS", 0.5)
    scope, sent = lk.Scope(room), []
    monkeypatch.setattr(scope, "send", lambda *told: sent.append(told))
    scope._heard(scope, {"seen": True}, [])
    await until(lambda: len(sent) > 3)
    await asyncio.sleep(1)
    before = len(sent)
    await asyncio.sleep(0.5)
    assert len(sent) == before
    scope.close()


async def test_the_panel_records_who_is_ticked(room, bob, server, tmp_path, monkeypatch):
    carol = await lk.bots.play(room.name, TONE, "carol", **server.where)
    panel = lk.RecorderPanel(room)
    await until(lambda: len(panel._rows) == 2)
    for row in panel._rows.values():
        row.ticked.value = row.key[0] == "carol"
    panel.toggle()
    await until(lambda: panel.session is not None and panel._record.description == "Stop")
    await asyncio.sleep(1.5)
    panel.toggle()
    await until(lambda: panel.recordings)
    assert [one.identity for one in panel.recordings] == ["carol"]
    assert panel.recordings[0].duration > 1.2
    assert lk.measure.tone_hz(panel.recordings[0]) == pytest.approx(1000, abs=3)
    await until(lambda: panel._cards.children)
    assert "carol" in panel.still()
    assert "image/svg+xml" in panel.still()
    card = panel._cards.children[0]
    monkeypatch.chdir(tmp_path)
    # What the kernel before has saved stays.
    (tmp_path / "carol-0.flac").write_text("of the kernel before")
    card._save()
    (saved,) = tmp_path.glob("carol-0 *.flac")
    assert card._said.value == f"saved as {saved.name}"
    assert lk.load(saved).duration == panel.recordings[0].duration
    assert (tmp_path / "carol-0.flac").read_text() == "of the kernel before"
    card._name.value = "carol"
    card._save()
    assert ".flac" in card._said.value
    assert len(list(tmp_path.iterdir())) == 2
    panel.close()
    await until(lambda: panel._running.done())
    await carol.close()


async def test_tokens_are_short_lived_and_in_no_state(room, bundle, monkeypatch):
    me, sent = lk.BrowserParticipant(room, identity="me"), []
    monkeypatch.setattr(me, "send", lambda told, buffers=None: sent.append((told, buffers)))
    me._asked(me, {"ask": "token", "number": 7}, [])
    (answer, _), *_ = sent
    assert answer["to"] == 7
    claims = claims_of(answer["token"])
    assert claims["sub"] == "me"
    assert claims["video"]["room"] == room.name
    assert 0 < claims["exp"] - time.time() <= 601
    shown = json.dumps(me.get_state(), default=str) + repr(me) + me.still()
    assert answer["token"] not in shown
    assert "eyJ" not in shown
    me._asked(me, {"ask": "library", "number": 8}, [])
    assert sent[-1] == ({"to": 8, "still": me.model_id}, [b"client"])
    me.close()


async def test_a_token_of_ones_own_must_be_for_that_identity(room, bundle, server):
    with pytest.raises(TokenError, match="for identity 'eve', not 'me'"):
        lk.BrowserParticipant(room, identity="me", token=server.token("eve", room.name))
    me = lk.BrowserParticipant(room, "eve", token=lambda: server.token("eve", room.name))
    assert me.identity == "eve"
    with pytest.raises(lk.errors.WaitTimeout, match="did not join"):
        await me.joined(0.2)
    me.close()


async def test_a_room_of_the_sdk_has_no_key(room, bundle):
    with pytest.raises(TokenError, match=r"not joined by lk\.connect"):
        lk.BrowserParticipant(lk.Room(room.rtc))


async def test_without_its_bundle_it_says_what_to_do(room, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "_CLIENT", tmp_path / "nothing.gz")
    monkeypatch.setattr(page, "_REASON", tmp_path / "why")
    (tmp_path / "why").write_text("npm could not fetch it: the cable is out\n")
    page.client.cache_clear()
    with pytest.raises(MissingBundle, match=r"cable is out.*lkexplore\.notebook\.page\.build"):
        lk.BrowserParticipant(room)
    (tmp_path / "why").unlink()
    with pytest.raises(MissingBundle, match="left no reason"):
        lk.BrowserParticipant(room)
    page.client.cache_clear()


async def test_a_scope_ends_with_its_room(server, monkeypatch):
    async with lk.connect(f"ends-{time.monotonic_ns()}", **server.where) as room:
        scope, sent = lk.Scope(room, seconds=1), []
        monkeypatch.setattr(scope, "send", lambda told, buffers=None: sent.append(told))
        await asyncio.sleep(1)
        assert not scope._running.done()
    await until(lambda: scope._running.done())
    assert "the room was left" in sent[-1]["ended"]
    assert scope._running.exception() is None
    scope._heard(scope, {"seen": True}, [])
    assert "ended" in sent[-1]
    scope.close()
    scope.close()


async def test_a_picture_that_cannot_be_drawn_does_not_end_the_scope(
    room, bob, monkeypatch, caplog
):
    scope = lk.Scope(room, seconds=1)
    monkeypatch.setattr(scope, "_still", object())
    await until(lambda: "could not be drawn" in caplog.text)
    assert not scope._running.done()
    scope.close()


async def test_the_panel_leaves_no_widgets_and_keeps_what_was_recorded(server):
    name = f"panel-{time.monotonic_ns()}"
    before = set(widget._instances)
    async with lk.connect(name, **server.where) as room:
        panel = lk.RecorderPanel(room)
        assert panel._people.children == (panel._nobody,)
        for _ in range(2):
            bot = await lk.bots.play(name, TONE, "../../mallory", **server.where)
            await until(lambda: panel._rows)
            await bot.close()
            await until(lambda: not panel._rows)
        bot = await lk.bots.play(name, TONE, "../../mallory", **server.where)
        await until(lambda: panel._rows)
        panel.toggle()
        await until(lambda: panel.session is not None)
        await asyncio.sleep(1)
        await bot.close()
    # The room is left while it records.
    await until(lambda: panel._running.done() and panel._cards.children)
    assert len(panel.recordings) == 1
    assert panel._record.disabled
    assert panel._cards.children[0]._name.value == "mallory-0.flac"
    panel.close()
    left = [widget._instances[key] for key in set(widget._instances) - before]
    assert not [one for one in left if isinstance(one, ipywidgets.DOMWidget)]


async def test_who_is_not_ticked_stays_so_when_they_come_again(room, server):
    panel = lk.RecorderPanel(room)
    for wanted in (True, False):
        bot = await lk.bots.play(room.name, TONE, "bob", **server.where)
        await until(lambda: panel._rows)
        (row,) = panel._rows.values()
        assert row.ticked.value is wanted
        row.ticked.value = False
        await bot.close()
        await until(lambda: not panel._rows)
    panel.close()


async def test_a_widget_that_cannot_be_made_is_not_left_open(room, bundle, server):
    before = set(widget._instances)
    with pytest.raises(TokenError):
        lk.BrowserParticipant(room, "me", token=server.token("eve", room.name))
    with pytest.raises(TrackNotFound):
        lk.RecorderPanel(None)
    left = [widget._instances[key] for key in set(widget._instances) - before]
    assert not [one for one in left if isinstance(one, ipywidgets.Box | anywidget.AnyWidget)]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("how", ["they leave", "we leave"])
async def test_a_scope_of_one_track_ends_with_it(server, monkeypatch, bare, how):
    monkeypatch.setattr("lkexplore.notebook.shared.room_tracks.QUIET_LOOKS", 4)
    name = f"one-{time.monotonic_ns()}"
    async with lk.connect(name, **server.where) as room:
        bot = await lk.bots.play(name, TONE, "bob", **server.where)
        await room.wait_for_track("bob")
        track = room.participants["bob"].tracks[0]
        scope, sent = lk.Scope(track.rtc if bare else track, seconds=1), []
        monkeypatch.setattr(scope, "send", lambda told, buffers=None: sent.append(told))
        await until(lambda: any(one.samples.size for one in scope.capture().values()))
        assert repr(scope) == f"Scope(it shows {'sound' if bare else 'bob'})"
        # Muted, it is there still.
        await bot.mute()
        await asyncio.sleep(4)
        assert not scope._running.done()
        await (bot if how == "they leave" else room).close()
        await until(lambda: scope._running.done())
        await bot.close()
    assert sent[-1]["ended"].startswith("the track has ended")
    assert "it showed" in repr(scope)
    assert "the track has ended" in repr(scope)
    assert scope.capture()
    scope.close()


async def test_a_scope_of_a_room_that_was_left_says_so(server):
    async with lk.connect(f"left-{time.monotonic_ns()}", **server.where) as room:
        pass
    scope = lk.Scope(room)
    await until(lambda: scope._running.done())
    assert "the room was left" in repr(scope)
    scope.close()


async def test_a_name_is_no_formula_and_no_page(room, server):
    name = "$\\frac$ <img src=x onerror=alert(1)>\U0001f600"
    bot = await lk.bots.play(room.name, TONE, name, **server.where)
    scope, panel = lk.Scope(room, seconds=1), lk.RecorderPanel(room)
    await until(lambda: scope.capture() and scope.capture()[name].duration > 0.5)
    assert "image/png" in scope.still()
    panel.toggle()
    await until(lambda: panel.session is not None)
    await asyncio.sleep(1)
    panel.toggle()
    await until(lambda: panel._cards.children)
    assert "<img src=x" not in panel.still()
    assert "<img" not in "".join(one.value for one in panel._cards.children[0].children[:2])
    scope.close()
    panel.close()
    await bot.close()


async def test_a_panel_that_is_closed_while_it_keeps_leaves_no_cards(server):
    name = f"closing-{time.monotonic_ns()}"
    before = set(widget._instances)
    async with lk.connect(name, **server.where) as room:
        bot = await lk.bots.play(name, TONE, "bob", **server.where)
        panel = lk.RecorderPanel(room)
        await until(lambda: panel._rows)
        panel.toggle()
        await until(lambda: panel.session is not None)
        await asyncio.sleep(1)
        panel.toggle()
        await until(lambda: panel.session is None)
        panel.close()
        await until(lambda: panel.recordings)
        await asyncio.sleep(2)
        await bot.close()
    left = [widget._instances[key] for key in set(widget._instances) - before]
    # Nor what ipywidgets makes for its parts; that of the panel itself belongs to ipywidgets.
    assert len([one for one in left if one is not panel.layout]) == 0


async def test_a_panel_tells_levels_to_those_who_look(room, bob):
    panel = lk.RecorderPanel(room)
    await until(lambda: panel._rows)
    (row,) = panel._rows.values()
    await asyncio.sleep(1)
    assert row._bar.value == -60
    panel._presence._heartbeat._heard(panel._presence, {"seen": True}, [])
    await until(lambda: row._bar.value == pytest.approx(-10.5, abs=1))
    panel.close()


async def test_a_panel_takes_rooms_only(room, bob):
    await room.wait_for_track("bob")
    for source in (room.rtc, room.participants["bob"].tracks[0], None):
        with pytest.raises(TrackNotFound, match="give a room"):
            lk.RecorderPanel(source)


async def test_what_a_token_function_says_is_kept_from_the_page(room, bundle, server, monkeypatch):
    tokens = [server.token("me", room.name)]

    def give() -> str:
        if not tokens:
            raise OSError("the key is sesame")
        return tokens.pop()

    me, sent = lk.BrowserParticipant(room, "me", token=give), []
    monkeypatch.setattr(me, "send", lambda told, buffers=None: sent.append(told))
    me._asked(me, {"ask": "token", "number": 1}, [])
    assert "token= raised OSError" in sent[0]["error"]
    assert "sesame" not in sent[0]["error"]
    me.close()
    before = set(widget._instances)
    with pytest.raises(OSError, match="sesame"):
        lk.BrowserParticipant(room, "me", token=give)
    left = [widget._instances[key] for key in set(widget._instances) - before]
    assert not [one for one in left if isinstance(one, anywidget.AnyWidget)]


def test_the_pages_parts_are_read_wherever_text_is_not_utf_8_by_itself():
    code = "from lkexplore import Recording, Scope; print(len(Recording([0.1], 8000).play().html))"
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**os.environ, **plain}, capture_output=True, text=True, timeout=120
    )
    assert not done.returncode, done.stderr
