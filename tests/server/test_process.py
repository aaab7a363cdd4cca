"""The server as a process: how it starts, what it answers, and that it always ends."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest
from children import COMMAND, Child, ended_within, running

from lkexplore.errors import ServerError
from lkexplore.server import process as server_process
from lkexplore.server.config import ServerConfig, random_keys

pytestmark = pytest.mark.realtime

SECRET = "a-secret-that-is-long-enough-for-hs256"


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with running() as child:
        yield child


def hello(child: Child) -> str:
    url = child.url.replace("ws", "http", 1)
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


def test_it_answers_with_its_address_and_serves(child: Child) -> None:
    assert set(child.answer) == {"url"}
    host, port = child.address
    assert host == "127.0.0.1"
    assert 1024 <= port < 65536
    assert hello(child) == "OK"


def test_it_listens_on_loopback_only(child: Child) -> None:
    connections = child.inside.net_connections("inet")
    assert {c.laddr.ip for c in connections} == {"127.0.0.1"}
    assert sorted(c.type for c in connections) == [socket.SOCK_STREAM, socket.SOCK_DGRAM]


def test_its_secret_is_nowhere_to_be_seen(child: Child) -> None:
    inside = child.inside
    seen = " ".join(inside.cmdline()) + json.dumps(inside.environ()) + child.log
    assert child.secret not in seen
    assert child.key not in seen
    assert inside.cmdline()[-3:] == ["-m", "lkexplore.server", "--child"]


def test_an_interrupt_is_not_for_it(child: Child) -> None:
    os.kill(child.process.pid, signal.SIGINT)
    time.sleep(0.2)
    assert child.process.poll() is None
    assert hello(child) == "OK"


def test_it_says_nothing_while_all_is_well() -> None:
    child = Child()
    child.start()
    child.read_answer()
    hello(child)
    assert child.log == ""
    child.write(b"more of it\n" * 1000)
    assert hello(child) == "OK"
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(5) == 0
    assert child.rest_of_output() == b""
    assert child.log == ""
    child.stop()


def test_it_ends_when_it_is_told_to() -> None:
    child = Child()
    child.start()
    child.read_answer()
    child.process.terminate()
    assert child.process.wait(5) == 0
    assert child.log == ""
    child.stop()


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        child = Child()
        child.start(port=port)
        error = child.read_answer()["error"]
        assert str(port) in error
        assert "choose another port" in error
        assert child.process.wait(5) == 1
        assert child.rest_of_output() == b""
        assert child.log == ""
        child.stop()


LINES = [
    b"",
    b"\n",
    b"nonsense\n",
    b"\xff\xfe\n",
    b"null\n",
    b"[]\n",
    b"5\n",
    b"{}\n",
    b'{"keys": []}\n',
    b'{"keys": "k"}\n',
    b'{"keys": {}}\n',
    b'{"keys": {"k": ""}}\n',
    b'{"keys": {"": "s"}}\n',
    b'{"keys": {"k": "s"}, "port": "http"}\n',
    b'{"keys": {"k": "s"}, "port": [1]}\n',
    b"[" * 60_000 + b"\n",
    b'{"keys": {"k": "' + b"s" * 70_000 + b'"}}\n',
    b'{"keys": {"k": "s"}, "port": ' + b"9" * 5000 + b"}\n",
]
HOSTS = [
    ({"host": "nowhere.example"}, "an IPv4 address is needed"),
    ({"host": ""}, "an IPv4 address is needed"),
    ({"host": "::1"}, "an IPv4 address is needed"),
    ({"host": "192.0.2.77"}, "choose another port"),
    ({"port": 70_000}, "choose another port"),
    ({"port": -1}, "choose another port"),
]


def run_here(
    line: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run the child's code in this process; return its status and what it has said."""
    stdin = SimpleNamespace(buffer=io.BytesIO(line))
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(server_process.sys, "stdin", stdin)
    try:
        status = server_process.run_child()
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr()
    assert said.err == ""
    return status, said.out


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_first_line_that_cannot_be_used(
    line: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = run_here(line, monkeypatch, capsys)
    assert status == 1
    assert out.count("\n") == 1
    answer = json.loads(out)
    assert set(answer) == {"error"}
    assert "needed" in answer["error"]
    assert len(answer["error"]) < 120


@pytest.mark.parametrize(("settings", "part"), HOSTS, ids=range(len(HOSTS)))
def test_addresses_that_cannot_be_had(
    settings: dict[str, object],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = json.dumps({"keys": {"k": SECRET}, **settings}).encode() + b"\n"
    status, out = run_here(line, monkeypatch, capsys)
    assert status == 1
    assert out.count("\n") == 1
    error = json.loads(out)["error"]
    assert part in error
    assert SECRET not in error


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"\xff" * 100,
        json.dumps({"keys": {"k": SECRET}, "host": "x"}).encode() + b"\n",
    ],
)
def test_a_process_that_cannot_start_says_so_and_ends(line: bytes) -> None:
    child = Child()
    child.start(line=line)
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert set(child.read_answer()) == {"error"}
    assert child.process.wait(5) == 1
    assert child.log == ""
    child.stop()


def test_it_is_not_started_by_mistake() -> None:
    done = subprocess.run(COMMAND[:-1], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "usage" in done.stderr
    assert done.stdout == ""


PARENT = """
import json, os, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-m", "lkexplore.server", "--child"],
    stdin=int(sys.argv[1]) if len(sys.argv) > 1 else subprocess.PIPE,
    stdout=subprocess.PIPE,
    start_new_session=True,
)
if child.stdin:
    child.stdin.write(json.dumps({"keys": {"k": "SECRET"}}).encode() + b"\\n")
    child.stdin.flush()
print(child.pid, json.loads(child.stdout.readline())["url"], flush=True)
time.sleep(60)
""".replace("SECRET", SECRET)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent_however_that_dies(death: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline().split()[0]))
    assert server.is_running()
    os.kill(parent.pid, death)
    parent.wait(5)
    parent.stdout.close()
    assert ended_within(server, 4.0)


def test_it_ends_with_its_parent_even_if_its_input_stays_open() -> None:
    reader, writer = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(reader)],
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[reader],
    )
    os.close(reader)
    os.write(writer, json.dumps({"keys": {"k": SECRET}}).encode() + b"\n")
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline().split()[0]))
    parent.kill()
    parent.wait(5)
    parent.stdout.close()
    assert ended_within(server, 5.0)
    os.close(writer)


def test_keys_are_random_and_not_shown() -> None:
    first, second = ServerConfig(), ServerConfig()
    assert first.keys != second.keys
    [(key, secret)] = first.keys.items()
    assert len(secret) >= 43
    assert secret not in repr(first)
    assert key not in repr(first)
    assert random_keys() != random_keys()
    for keys in ({}, {"k": ""}, {"": "s"}):
        with pytest.raises(ServerError, match="neither empty"):
            ServerConfig(keys=keys)
