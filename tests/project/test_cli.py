"""The command line, as one would use it."""

import os
import re
import signal
import socket
import subprocess
import sys

import matplotlib.image
import pytest

import lkexplore as lk
from lkexplore.cli import main
from lkexplore.cli.lab import copy_notebooks, find_notebooks

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


def test_notebooks_are_copied_once_and_never_overwritten(tmp_path):
    copied = copy_notebooks(find_notebooks(), tmp_path / "books")
    assert "01_quickstart.ipynb" in {path.name for path in copied}
    (tmp_path / "books" / "01_quickstart.ipynb").write_text("my work")
    assert copy_notebooks(find_notebooks(), tmp_path / "books") == []
    assert (tmp_path / "books" / "01_quickstart.ipynb").read_text() == "my work"


def test_wrong_arguments_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sing"])
    assert ended.value.code == 2
    assert "sing" in capsys.readouterr().err
