"""The embedded room server of this process: started once, shared by all rooms, ended with it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import ServerError
from .credentials import Credentials, Secret, scrub

__all__ = ["running_server", "shared_server", "stop_shared_server"]

START_TIMEOUT = 20.0
"""Seconds until a child that has said nothing counts as failed (a cold import takes a few)."""

STOP_TIMEOUT = 2.0
"""Seconds that the child may take to end, each time after it was asked, terminated or killed."""


class EmbeddedServer:
    """One ``lkexplore.server`` child process on loopback, with a key of its own.

    The child ends when this process does: its standard input closes.

    Parameters
    ----------
    timeout : float
        Seconds that the child may take to answer.

    Raises
    ------
    ServerError
        The child could not be started, or did not answer; the message gives its last line.
    """

    def __init__(self, timeout: float = START_TIMEOUT) -> None:
        self._pid = os.getpid()
        self._last_lines: deque[str] = deque(maxlen=20)
        key, secret = f"lkexplore-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lkexplore.server", "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise ServerError(f"the embedded server could not be started: {error}") from None
        try:
            answer = self._hand_shake({key: secret}, timeout)
        except BaseException:
            self.stop()
            raise
        self.credentials = Credentials(answer, api_key=key, api_secret=Secret(secret))

    def _hand_shake(self, keys: dict[str, str], timeout: float) -> str:
        process = self._process
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ServerError("the embedded server was started without pipes")
        self._log_reader = threading.Thread(
            target=self._keep_last_lines, args=(process.stderr,), name="lkexplore-log", daemon=True
        )
        self._log_reader.start()
        request = {"keys": keys, "host": "127.0.0.1", "port": 0}
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        line = _first_line(process.stdout, timeout)
        if line is None:
            raise ServerError(f"the embedded server did not answer within {timeout:g} s")
        try:
            answer = json.loads(line)
            if "error" in answer:
                raise ServerError(f"the embedded server could not start: {answer['error']}")
            return str(answer["url"])
        except (ValueError, TypeError, KeyError):
            raise ServerError(
                f"the embedded server ended while starting: {self._why(process)}"
            ) from None

    def _keep_last_lines(self, stream: IO[str]) -> None:
        # Read to its end, so that a talkative child never blocks on a full pipe.
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                if line.strip():
                    self._last_lines.append(line.strip())

    def _why(self, process: subprocess.Popen[str]) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
            self._log_reader.join(1.0)
        last = self._last_lines[-1] if self._last_lines else f"exit code {process.poll()}"
        return scrub(last)

    @property
    def alive(self) -> bool:
        """Whether the child runs and belongs to this process (not to one it was forked from)."""
        return self._pid == os.getpid() and self._process.poll() is None

    def stop(self) -> None:
        """End the child and wait for it, at most a few seconds."""
        if self._pid != os.getpid():
            return
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        ways: tuple[Callable[[], object], ...] = (process.poll, process.terminate, process.kill)
        for end in ways:
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT)
                break

    def __repr__(self) -> str:
        state = self.credentials.url if self.alive else "ended"
        return f"<lkexplore.EmbeddedServer {state}>"


def _first_line(stream: IO[str], timeout: float) -> str | None:
    """Read one line, but wait only for a limited time (pipes have no timeout of their own)."""
    lines: list[str] = []

    def read() -> None:
        with contextlib.suppress(ValueError, OSError):
            lines.append(stream.readline())

    reader = threading.Thread(target=read, name="lkexplore-start", daemon=True)
    reader.start()
    reader.join(timeout)
    return lines[0] if lines else None


def _environment() -> dict[str, str]:
    """Return the child's environment: this package importable, from a source tree too."""
    env = dict(os.environ)
    here = str(Path(__file__).resolve().parent.parent)
    if here not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (here, env.get("PYTHONPATH", ""))))
    return env


class _Shared:
    """The one server of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: EmbeddedServer | None = None
        self._pid = os.getpid()
        self._exit_registered = False

    def get(self) -> tuple[EmbeddedServer, bool]:
        if self._pid != os.getpid():
            self._lock, self._server, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._server is not None and self._server.alive:
                return self._server, False
            if not self._exit_registered:
                atexit.register(self.stop)
                self._exit_registered = True
            self._server = EmbeddedServer()
            return self._server, True

    def running(self) -> EmbeddedServer | None:
        server = self._server
        return server if server is not None and server.alive else None

    def stop(self) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            if self._server is not None:
                self._server.stop()


_shared = _Shared()


def shared_server() -> tuple[EmbeddedServer, bool]:
    """Return this process's embedded server, and whether this call started it.

    Safe to call from several threads: one of them starts it, the others wait. A server that
    has died is replaced. Blocks while it starts (about a second).

    Raises
    ------
    ServerError
        It could not be started.
    """
    return _shared.get()


def running_server() -> EmbeddedServer | None:
    """Return this process's embedded server if it runs; none is started."""
    return _shared.running()


def stop_shared_server() -> None:
    """End this process's embedded server, if there is one; the next use starts another."""
    _shared.stop()
