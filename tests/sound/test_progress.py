"""Progress bars: after a second, where someone can see them, and never left behind."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import threading
import time
from types import SimpleNamespace

import IPython
import pytest

from lkexplore.sound.progress import count_progress, hide_progress, show_progress

pytestmark = pytest.mark.realtime


class Clock:
    """Something that takes ten seconds."""

    length = 10.0
    level = -18.2

    def __init__(self) -> None:
        self.began = time.monotonic()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    # Not sys.stderr itself: pytest sets that again before each test.
    ours = SimpleNamespace(stderr=terminal, modules=sys.modules)
    monkeypatch.setattr("lkexplore.sound.progress.sys", ours)
    return terminal


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the HTML that a notebook shows, the first of them empty."""
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda html: shown.append(html.data))

    def display(html: IPython.display.HTML, display_id: bool) -> SimpleNamespace:
        shown.append(html.data)
        return handle

    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=1))
    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def on_screen(terminal: Terminal) -> str:
    """Return what stands in the terminal in the end."""
    return "\n".join(
        line.split("\r\x1b[K")[-1] for line in terminal.getvalue().removesuffix("\n").split("\n")
    )


async def test_a_terminal_shows_a_bar_and_then_one_line(terminal):
    with show_progress(Clock()):
        await asyncio.sleep(0.9)
        assert terminal.getvalue() == ""
        await asyncio.sleep(0.7)
        bar, words = on_screen(terminal).split("]")
        assert 3 <= bar.count("=") <= 6
        assert words.startswith(" recording 1.")
        assert words.endswith(" of 10.0 s, -18 dBFS")
    assert on_screen(terminal).startswith("recorded 1.")
    assert terminal.getvalue().endswith("of 10.0 s\n")


async def test_no_bar_is_left_behind_by_what_is_interrupted(terminal, notebook):
    async def work() -> None:
        with show_progress(Clock()):
            await asyncio.sleep(30)

    job = asyncio.create_task(work())
    await asyncio.sleep(1.5)
    assert "<progress value=" in notebook[-1]
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert notebook[-1] == ""
    IPython.get_ipython = lambda: None
    job = asyncio.create_task(work())
    await asyncio.sleep(1.5)
    assert on_screen(terminal)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert on_screen(terminal) == ""
    assert "\n" not in terminal.getvalue()
    before = asyncio.all_tasks()
    await asyncio.sleep(0.3)
    assert asyncio.all_tasks() == before == {asyncio.current_task()}


async def test_a_notebook_shows_a_bar_and_then_one_line(notebook):
    with show_progress(Clock(), "playing <x>", "played <x>"):
        await asyncio.sleep(1.5)
    assert notebook[0] == ""
    assert '<progress value="0.1' in notebook[1]
    assert "playing &lt;x&gt; 1." in notebook[1]
    assert notebook[-1].startswith("<div>played &lt;x&gt; 1.")


async def test_there_is_one_bar_in_a_terminal_and_none_beside_another(terminal):
    with show_progress(Clock(), "first"):
        await asyncio.sleep(1.4)
        with show_progress(Clock(), "second"), hide_progress():
            await asyncio.sleep(1.5)
    assert "first" in terminal.getvalue()
    assert "second" not in terminal.getvalue()
    with hide_progress(), show_progress(Clock(), "hidden"):
        await asyncio.sleep(1.4)
    with show_progress(Clock(), "third"):
        await asyncio.sleep(1.4)
    assert "hidden" not in terminal.getvalue()
    assert "third" in terminal.getvalue()


async def test_a_terminal_that_is_gone_costs_nothing(terminal, monkeypatch):
    def fail(_text: str) -> None:
        raise OSError("gone")

    monkeypatch.setattr(terminal, "write", fail)
    with show_progress(Clock()):
        await asyncio.sleep(1.5)


async def test_nothing_is_shown_where_nobody_looks(capsys):
    with show_progress(Clock()):
        await asyncio.sleep(1.5)
    assert capsys.readouterr() == ("", "")


def test_another_thread_shows_nothing(terminal):
    async def work() -> None:
        with show_progress(Clock()):
            await asyncio.sleep(1.5)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()
    assert terminal.getvalue() == ""


def test_a_loop_counts(terminal):
    with count_progress(30.0, "reading x.wav:", "read x.wav:") as done:
        for step in range(30):
            time.sleep(0.05)
            done(step + 1.0)
        assert on_screen(terminal).startswith("[===")
        assert re.search(r"] reading x\.wav: [23]\d\.0 of 30\.0 s$", on_screen(terminal))
    assert on_screen(terminal) == "read x.wav: 30.0 of 30.0 s"
    with count_progress(30.0, "reading", "short") as done:
        done(30.0)
    assert "short" not in terminal.getvalue()
