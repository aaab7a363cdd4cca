"""The session in the README works as it is printed, in a real kernel."""

import re
import textwrap
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import lkexplore as lk

README = Path(__file__).resolve().parents[2] / "README.md"


def printed_session():
    [session] = re.findall(
        r"```python\n(import lkexplore as lk\n.*?)```", README.read_text(), re.DOTALL
    )
    return session


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
    cells = [someone_to_record, printed_session(), "import asyncio; await asyncio.sleep(1)"]
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
