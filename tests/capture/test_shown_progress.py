"""Long recordings and sounds show their progress in a terminal, and end it with one line."""

from __future__ import annotations

import asyncio
import io
import sys
from types import SimpleNamespace

import pytest
from sounds import RATE, sine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    ours = SimpleNamespace(stderr=terminal, modules={**sys.modules, "IPython": None})
    monkeypatch.setattr("lkexplore.sound.progress.sys", ours)
    return terminal


def lines(terminal: Terminal) -> list[str]:
    """Return what stands in the terminal in the end."""
    return [
        line.split("\r\x1b[K")[-1] for line in terminal.getvalue().removesuffix("\n").split("\n")
    ]


async def test_whatever_takes_long_is_seen(join, send, show, terminal, tmp_path):
    await send()
    await show("test pattern", "bob")
    room = await join()
    await room.record("alice", 0.3)
    await room.wait_for_track("bob", "video")
    assert terminal.getvalue() == ""
    for number, wait in enumerate(
        (
            lambda: room.record("alice", 1.5),
            lambda: room.record("alice", 1.5, path=tmp_path / "a.flac"),
            lambda: room.record_all(1.5, settling=0),
            lambda: room.record_video("bob", 2.0),
            lambda: room.record_av("bob", 2.0, path=tmp_path / "b.mp4"),
        )
    ):
        await wait()
        length = 1.5 if number < 3 else 2.0
        assert lines(terminal)[-1] == f"recorded {length} of {length} s"
        assert len(lines(terminal)) == number + 1
    assert "-6 dBFS" in terminal.getvalue()
    await room.publish((sine(440, 1.0), RATE), name="tone")
    assert lines(terminal)[-1] == "played 'tone': 1.0 of 1.0 s"


async def test_what_is_cut_short_says_how_much_there_is_and_what_fails_nothing(
    join, send, terminal
):
    await send()
    room = await join()
    await room.record("alice", 0.3)
    job = asyncio.ensure_future(room.record("alice", 60))
    await asyncio.sleep(2.0)
    job.cancel()
    voice = await job
    assert lines(terminal) == [f"recorded {voice.duration:.1f} of 60.0 s"]
    missing = asyncio.ensure_future(room.record("bob", 60, timeout=1.6))
    with pytest.raises(LookupError):
        await missing
    assert "recording 0.0 of 60.0 s" in terminal.getvalue()
    assert lines(terminal)[-1] == ""
