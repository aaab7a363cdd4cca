"""The server in a process of its own, watched from outside."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

COMMAND = [sys.executable, "-m", "lkexplore.server", "--child"]


@dataclass
class Child:
    """A server process; its log is kept to be looked through."""

    key: str = field(default_factory=lambda: "LK" + secrets.token_hex(6))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    answer: dict[str, str] = field(default_factory=dict)

    def start(self, line: bytes | None = None, **settings: Any) -> None:
        """Start it with settings, or with any first line at all."""
        self._log = tempfile.NamedTemporaryFile(delete=False)  # noqa: SIM115 - closed in stop()
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        given = {"keys": {self.key: self.secret}, **settings}
        self.write(json.dumps(given).encode() + b"\n" if line is None else line)

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read_answer(self) -> dict[str, str]:
        """Return its answer, once it has come."""
        assert self.process.stdout is not None
        self.answer = json.loads(self.process.stdout.readline())
        return self.answer

    @property
    def url(self) -> str:
        return self.answer["url"]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("ws://").partition(":")
        return host, int(port)

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")

    @property
    def inside(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    @property
    def media_port(self) -> int:
        """The UDP port it has bound."""
        [connection] = self.inside.net_connections("udp4")
        return int(connection.laddr.port)

    def rest_of_output(self) -> bytes:
        """Return what it has written after its answer, once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def stop(self) -> int:
        """Close its standard input; return its exit status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self._log.close()
            Path(self._log.name).unlink()


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[Child]:
    """Run a server process; it must end well."""
    child = Child()
    child.start(**settings)
    child.read_answer()
    try:
        yield child
    finally:
        status = child.stop()
    assert status == 0


def ended_within(process: psutil.Process, seconds: float) -> bool:
    """Return whether a process that is not a child of this one ends in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)
                continue
        return True
    return False
