"""The embedded server's process: one for all, replaced if it dies, ended with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest

import lkexplore as lk
from lkexplore.errors import ServerError
from lkexplore.room import embedded_server as embedded
from lkexplore.room.embedded_server import EmbeddedServer, shared_server, stop_shared_server

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def _end_it():
    yield
    stop_shared_server()


def wait_until_gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_many_threads_share_one():
    found: list[tuple[EmbeddedServer, bool]] = []
    threads = [threading.Thread(target=lambda: found.append(shared_server())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({id(server) for server, _ in found}) == 1
    assert [started for _, started in found].count(True) == 1


def test_it_listens_on_this_computer_only_and_its_secret_is_nowhere():
    server = EmbeddedServer()
    try:
        process = psutil.Process(server._process.pid)
        secret = str(server.credentials.api_secret)
        assert len(secret) >= 32
        assert secret not in " ".join(process.cmdline())
        assert secret not in str(process.environ())
        assert secret not in repr(server) + repr(server.credentials)
        bound = {connection.laddr.ip for connection in process.net_connections("inet")}
        assert bound <= {"127.0.0.1", "::1"}
    finally:
        server.stop()
    assert not server.alive
    assert wait_until_gone(server._process.pid)


def test_one_that_died_is_replaced():
    first, _ = shared_server()
    os.kill(first._process.pid, signal.SIGKILL)
    first._process.wait(5)
    second, started = shared_server()
    assert started
    assert second is not first
    assert second.credentials.url.startswith("ws://127.0.0.1:")


def test_it_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from lkexplore.room.embedded_server import shared_server; import time\n"
            "print(shared_server()[0]._process.pid, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.communicate()
    assert wait_until_gone(pid)


async def test_connecting_without_a_server_starts_it_and_says_so_once(room_name, capsys):
    async with lk.connect(room_name) as room, lk.connect(room_name, identity="b"):
        url = shared_server()[0].credentials.url
        assert not room.closed
    said = capsys.readouterr().out
    assert said == (
        f"No LIVEKIT_URL set: started lkexplore's own room server on this computer ({url}).\n"
    )


def run_with_server(monkeypatch: pytest.MonkeyPatch, tmp_path, code: str) -> None:
    """Put another program in the server's place."""
    fake = tmp_path / "server.py"
    fake.write_text(textwrap.dedent(code))
    real = subprocess.Popen

    def popen(command: list[str], **options: object) -> subprocess.Popen[str]:
        return real([sys.executable, str(fake)], **options)

    monkeypatch.setattr(embedded.subprocess, "Popen", popen)


def test_its_own_reason_for_not_starting_is_told(monkeypatch, tmp_path):
    run_with_server(monkeypatch, tmp_path, """print('{"error": "no port is free"}')""")
    with pytest.raises(ServerError, match="could not start: no port is free"):
        EmbeddedServer()


def test_a_crash_while_starting_is_told_by_its_last_line(monkeypatch, tmp_path):
    run_with_server(monkeypatch, tmp_path, "raise RuntimeError('a library is missing')")
    with pytest.raises(ServerError, match=r"ended while starting: .*a library is missing"):
        EmbeddedServer()


def test_silence_while_starting_is_told(monkeypatch, tmp_path):
    run_with_server(monkeypatch, tmp_path, "import sys; sys.stdin.read()")
    began = time.monotonic()
    with pytest.raises(ServerError, match=r"did not answer within 0\.5 s"):
        EmbeddedServer(timeout=0.5)
    assert time.monotonic() - began < 5
