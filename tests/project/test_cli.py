"""The command line, as one would use it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import matplotlib.image
import nbformat
import pytest
from jupyter_page import end, free_port, own_settings, wait_until_up

import lkexplore as lk
from lkexplore.cli import main
from lkexplore.cli.demo import Results, _save, _writable
from lkexplore.cli.doctor import _browser_client
from lkexplore.cli.lab import copy_notebooks, find_notebooks, lab_folder
from lkexplore.notebook import page

pytestmark = pytest.mark.realtime


def run(*arguments, env=None, timeout=100, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "lkexplore", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )


def without_server():
    return dict.fromkeys(("LIVEKIT_URL", "LIVEKIT_TOKEN"), "")


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def test_demo_does_the_main_job(tmp_path):
    done = run("demo", "--out", tmp_path / "out", env=without_server())
    assert done.returncode == 0, done.stderr
    voice, clean, heard = (
        lk.load(tmp_path / "out" / f"{name}.wav") for name in ("alice", "filtered", "heard")
    )
    assert voice.duration == clean.duration == 5.0
    assert lk.measure.segmental_snr_db(clean, heard) > 20
    hum = lk.filters.bandpass(45, 55)
    assert (clean | hum).rms_dbfs < (voice | hum).rms_dbfs - 15
    picture = matplotlib.image.imread(tmp_path / "out" / "before_after.png")
    assert picture.shape[0] > 500
    assert picture.std() > 0.1
    assert str((tmp_path / "out").resolve()) in done.stdout
    before = number(r"before the filter (-?[\d.]+) dB", done.stdout)
    after = number(r"after it (-?[\d.]+) dB", done.stdout)
    assert after > before + 3
    assert "eyJ" not in done.stdout + done.stderr


def test_demo_overwrites_nothing(tmp_path, capsys):
    (tmp_path / ".lkexplore").write_text("somebody's")
    assert _writable(str(tmp_path)) == tmp_path
    for level in (0.25, 0.5):
        sound = lk.Recording([level] * 48000, 48000)
        _save(Results(sound, sound, sound), tmp_path)
    assert (tmp_path / ".lkexplore").read_text() == "somebody's"
    assert lk.load(tmp_path / "alice.wav").samples.max() == 0.25
    (again,) = tmp_path.glob("alice 2*.wav")
    assert lk.load(again).samples.max() == 0.5
    assert len(list(tmp_path.glob("before_after*.png"))) == 2
    assert again.name in capsys.readouterr().out


def test_demo_says_at_once_that_a_folder_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run("demo", "--out", tmp_path / "file", env=without_server(), timeout=30)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "--out" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "nan"])
def test_demo_refuses_lengths_that_make_no_sense(seconds, capsys):
    assert main(["demo", "--seconds", seconds]) == 1
    assert "from 1 to 60" in capsys.readouterr().err


def test_an_unreachable_server_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        keys = {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 32}
        done = run("demo", "--out", tmp_path, env={"LIVEKIT_URL": url, **keys})
    assert done.returncode == 1
    assert url in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_prints_how_to_connect_and_ends_on_interrupt():
    process = subprocess.Popen(
        [sys.executable, "-m", "lkexplore", "serve", "--port", "0", "--dev"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        lines = [process.stdout.readline() for _ in range(6)]
        text = "".join(lines)
        exported = dict(re.findall(r"export (LIVEKIT_\w+)=(\S+)", text))
        assert exported["LIVEKIT_API_KEY"] == "devkey"
        assert exported["LIVEKIT_API_SECRET"] == "secret"
        doctor = run("doctor", env=exported)
        assert doctor.returncode == 0, doctor.stdout
        assert "was heard at 440.0 Hz" in doctor.stdout
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        process.stdout.close()


def test_serve_refuses_known_secrets_beyond_this_computer():
    done = run("serve", "--dev", "--host", "0.0.0.0", timeout=30)
    assert done.returncode == 1
    assert "--dev" in done.stderr


def test_serve_says_that_a_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", port, timeout=30)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_doctor_names_a_server_that_does_not_answer():
    keys = {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 32}
    done = run("doctor", env={"LIVEKIT_URL": "ws://127.0.0.1:9", **keys})
    assert done.returncode == 1
    assert "BAD" in done.stdout
    assert "127.0.0.1:9" in done.stdout
    assert "->" in done.stdout


def written(folder, **notebooks):
    folder.mkdir(exist_ok=True)
    for name, text in notebooks.items():
        (folder / f"{name}.ipynb").write_text(text)
    return folder


def texts(folder):
    return {path.stem: path.read_text() for path in folder.glob("*.ipynb")}


def test_notebooks_are_copied_once_and_never_overwritten(tmp_path):
    copied = copy_notebooks(find_notebooks(), tmp_path / "books").copied
    assert "01_quickstart.ipynb" in {path.name for path in copied}
    (tmp_path / "books" / "01_quickstart.ipynb").write_text("my work")
    again = copy_notebooks(find_notebooks(), tmp_path / "books")
    assert again.lines() == []
    assert (tmp_path / "books" / "01_quickstart.ipynb").read_text() == "my work"


def test_an_update_replaces_unchanged_notebooks_and_puts_others_beside(tmp_path):
    source, books = written(tmp_path / "source", a="a1", b="b1", c="c1"), tmp_path / "books"
    copy_notebooks(source, books)
    written(books, b="b1, and my work")
    written(source, a="a2", b="b2", d="d1")

    brought = copy_notebooks(source, books)
    assert [path.name for path in brought.copied] == ["d.ipynb"]
    assert [path.name for path in brought.newer] == ["a.ipynb", "b.ipynb"]
    assert "lab --update" in "".join(brought.lines())
    assert texts(books) == {"a": "a1", "b": "b1, and my work", "c": "c1", "d": "d1"}

    brought = copy_notebooks(source, books, update=True)
    assert [path.name for path in brought.replaced] == ["a.ipynb"]
    assert [path.name for path in brought.beside] == ["b (new).ipynb"]
    now = {"a": "a2", "b": "b1, and my work", "b (new)": "b2", "c": "c1", "d": "d1"}
    assert texts(books) == now
    # What was looked at and thrown away does not come again.
    (books / "b (new).ipynb").unlink()
    assert copy_notebooks(source, books, update=True).lines() == []


def test_an_update_spoils_no_work_in_a_newer_version_either(tmp_path):
    source, books = written(tmp_path / "source", a="a1"), tmp_path / "books"
    copy_notebooks(source, books)
    for version in ("a2", "a3"):
        written(books, a="my work")
        written(source, a=version)
        copy_notebooks(source, books, update=True)
        if version == "a2":
            written(books, **{"a (new)": "more work"})
    assert texts(books) == {"a": "my work", "a (new)": "more work", "a (new 2)": "a3"}


@pytest.mark.parametrize("record", ["", "[1]", "{"])
def test_without_a_record_every_other_notebook_counts_as_changed(tmp_path, record):
    source, books = written(tmp_path / "source", a="a2"), written(tmp_path / "books", a="a1")
    (books / ".lkexplore.json").write_text(record)
    copy_notebooks(source, books, update=True)
    assert texts(books) == {"a": "a1", "a (new)": "a2"}


def test_notebooks_that_cannot_be_copied_are_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(lk.errors.FileError, match="go to a folder that you may write to"):
        copy_notebooks(find_notebooks(), tmp_path / "file")


def test_lab_within_its_own_folder_stays_there(tmp_path):
    folder = lab_folder(tmp_path)
    assert folder == tmp_path / "lkexplore-notebooks"
    copy_notebooks(find_notebooks(), folder)
    assert lab_folder(folder) == folder


@pytest.mark.parametrize(
    ("given", "passed_on", "update"),
    [
        (["--no-browser", "--ip", "0.0.0.0", "--port=1"], None, False),
        (["--allow-root", "--update", "--port", "1"], ["--allow-root", "--port", "1"], True),
        (["--up"], None, False),
        (["--port", "1", "--", "--update", "--", "-h"], ["--port", "1", "--update", "--", "-h"], 0),
    ],
)
def test_lab_passes_on_what_it_does_not_know(monkeypatch, given, passed_on, update):
    called = []
    monkeypatch.setattr(
        "lkexplore.cli.lab.run_lab", lambda options, update: called.append((options, update)) or 0
    )
    assert main(["lab", *given]) == 0
    assert called == [(given if passed_on is None else passed_on, bool(update))]


def test_lab_says_which_options_it_takes(capsys):
    with pytest.raises(SystemExit):
        main(["lab", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("--no-browser", "--ip", "--port", "--allow-root", "after --", "--update"):
        assert words in shown


def test_lab_opens_a_copy_and_leaves_nothing_running(tmp_path):
    tracked = {path.name: path.read_bytes() for path in find_notebooks().glob("*.ipynb")}
    written(tmp_path / "notebooks", tracked="{}")
    token, port = "a-token-of-this-test", free_port()
    options = ["--no-browser", "--ip", "127.0.0.1", "--port", str(port), "--allow-root"]
    command = [sys.executable, "-m", "lkexplore", "lab", *options, "--"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [*command, "--ServerApp.port_retries=0"],
            cwd=tmp_path,
            env={**os.environ, **own_settings(tmp_path / ".jupyter", token)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/api"
    try:
        wait_until_up(f"{address}/contents?token={token}", process, tmp_path / "log")
        with urllib.request.urlopen(f"{address}/contents?token={token}", timeout=30) as answer:
            listed = {one["name"] for one in json.load(answer)["content"]}
        assert listed == set(tracked)
        book = {"type": "notebook", "content": nbformat.v4.new_notebook()}
        save = urllib.request.Request(
            f"{address}/contents/01_quickstart.ipynb?token={token}",
            json.dumps(book).encode(),
            method="PUT",
        )
        urllib.request.urlopen(save, timeout=30).close()
        process.terminate()
        process.wait(30)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)), "somebody still answers"
    finally:
        end(process)
    saved = tmp_path / "lkexplore-notebooks" / "01_quickstart.ipynb"
    assert nbformat.read(saved, 4).cells == []
    assert {p.name: p.read_bytes() for p in find_notebooks().glob("*.ipynb")} == tracked
    assert texts(tmp_path / "notebooks") == {"tracked": "{}"}


def test_doctor_says_why_the_browsers_client_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "_CLIENT", tmp_path / "nothing.gz")
    monkeypatch.setattr(page, "_REASON", tmp_path / "why")
    (tmp_path / "why").write_text("npm could not fetch it: the cable is out\n")
    (found,) = _browser_client()
    assert not found.ok
    assert "the cable is out" in found.seen
    assert "lkexplore.notebook.page.build" in found.mend
    (tmp_path / "nothing.gz").write_bytes(b"client")
    (found,) = _browser_client()
    assert found.ok


def test_wrong_arguments_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sing"])
    assert ended.value.code == 2
    assert "sing" in capsys.readouterr().err
