"""The session in the README works as it is printed, in a real kernel."""

import re
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import lkexplore as lk

pytestmark = pytest.mark.realtime

README = Path(__file__).resolve().parents[2] / "README.md"


def printed(first_line):
    pattern = rf"```python\n({re.escape(first_line)}\n.*?)```"
    [code] = re.findall(pattern, README.read_text(), re.DOTALL)
    return code


def test_the_printed_session_runs(tmp_path, server, monkeypatch):
    monkeypatch.setenv("LIVEKIT_URL", server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)
    someone_to_record = textwrap.dedent("""
        import lkexplore as lk
        alice = await lk.bots.play("lesson-1", lk.sample("speech"), identity="alice")
    """)
    at_the_end = textwrap.dedent("""
        voice.save("voice.flac")
        last.save("last.flac")
        print(type(lab).__name__, live.stats.blocks > 10, live.stats.bypassed)
        await live.close(); await alice.close(); await room.close()
    """)
    cells = [
        someone_to_record,
        printed("import lkexplore as lk"),
        "import asyncio; await asyncio.sleep(1)",
    ]
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in [*cells, at_the_end]]
    )
    client = NotebookClient(book, timeout=90, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    [output] = [o for o in book.cells[-1].outputs if o.output_type == "stream"]
    assert output.text.strip() == "FilterLab True 0"
    speech = lk.sample("speech")
    for name in ("voice.flac", "last.flac"):
        heard = lk.load(tmp_path / name)
        assert heard.rms_dbfs > -40
    voice, clean = (lk.load(tmp_path / n) for n in ("voice.flac", "clean.flac"))
    assert voice.duration == clean.duration == 5.0
    below = lk.filters.lowpass(150, order=8)
    assert (clean | below).rms_dbfs < (speech | below).rms_dbfs - 6
    assert server.api_secret not in nbformat.writes(book)
    assert not re.search(r"eyJ[\w-]+\.eyJ", nbformat.writes(book))


def test_the_printed_filters_run(tmp_path, server, monkeypatch):
    monkeypatch.setenv("LIVEKIT_URL", server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)
    before = textwrap.dedent("""
        import asyncio
        import numpy
        import scipy.signal
        from livekit import rtc
        import lkexplore as lk
        noisy = lk.sample("speech_noisy")
        alice = await lk.bots.play_video("lesson-2", identity="alice", sound=noisy)
        room = await lk.connect("lesson-2")
        voice = await room.record("alice", seconds=5)
        track = (await room.wait_for_track("alice")).publication.track
    """)
    at_the_end = textwrap.dedent("""
        live.bypass = False
        await asyncio.sleep(1)
        shown = live.stats.blocks > 10, live.error, seen.stats.blocks > 0, seen.error
        print(shown, lk.check(mine).ok, low.cutoff)
        voice.save("voice.flac"); clean.save("clean.flac"); (voice | mine).save("mine.flac")
        await live.close(); await seen.close(); await alice.close(); await room.close()
    """)
    cells = [before, printed("f = lk.filters"), "await asyncio.sleep(1)", at_the_end]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=90, resources={"metadata": {"path": str(tmp_path)}}).execute()
    output = "".join(o.text for o in book.cells[-1].outputs if o.output_type == "stream")
    assert output.strip() == "(True, '', True, '') True 800.0"
    voice, clean, mine = (lk.load(tmp_path / f"{n}.flac") for n in ("voice", "clean", "mine"))
    # The compressor makes all of it louder by 12 dB, what is left of the hum, too.
    hum = lk.filters.bandpass(45, 55)
    assert (clean[1:] | hum).rms_dbfs < (voice[1:] | hum).rms_dbfs - 2
    assert (clean[1:] | hum).rms_dbfs < clean.rms_dbfs - 8
    assert clean.peak_dbfs <= -0.99
    high = lk.filters.highpass(4000, order=8)
    assert (mine | high).rms_dbfs < (voice | high).rms_dbfs - 15
    assert server.api_secret not in nbformat.writes(book)
