"""What goes wrong on purpose: servers and publishers that are killed, and what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
from clockwork import EVERY, PERIOD, RATE, clicks
from numpy.typing import NDArray
from scipy.signal import correlate
from sounds import silent_blocks

from lkexplore.sdk.media_loop import on_media_loop
from lkexplore.sound.recording import Recording
from lkexplore.sound.timing import Gap

START_TIMEOUT = 60.0


class Served:
    """``lkexplore serve`` in a process of its own, on one port, that can be killed and come back.

    Use it as a context manager; it is not running before `start`.
    """

    def __init__(self) -> None:
        self.key, self.secret = "LK" + secrets.token_hex(6), secrets.token_urlsafe(32)
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    @property
    def where(self) -> dict[str, str]:
        """Return keyword arguments for `lkexplore.connect` and `lkexplore.room.bots.play`."""
        return {"url": self.url, "api_key": self.key, "api_secret": self.secret}

    def start(self) -> None:
        """Start it, and wait until it serves."""
        secret = {"LIVEKIT_API_KEY": self.key, "LIVEKIT_API_SECRET": self.secret}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lkexplore", "serve", "--port", str(self.port)],
            env={**os.environ, **secret},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self._process.stdout.readline()
        assert "Serving rooms" in line, line

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Served:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill()


def free_port() -> int:
    """Return a TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Child:
    """A Python process that reads JSON lines and answers with JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def answer(self, timeout: float = START_TIMEOUT) -> Any:
        """Return what it says next."""
        line = await asyncio.wait_for(self.process.stdout.readline(), timeout)
        assert line, "the child has ended"
        return json.loads(line)

    async def ask(self, command: str) -> Any:
        """Give a command, and return the answer."""
        self.process.stdin.write(command.encode() + b"\n")
        await self.process.stdin.drain()
        return await self.answer()

    async def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@contextlib.asynccontextmanager
async def child(program: str | Path, request: object) -> AsyncIterator[Child]:
    """Run a program (a file, or its text) in a process of its own; it ends with the block."""
    run = [str(program)] if isinstance(program, Path) else ["-c", textwrap.dedent(program)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *run, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        yield Child(process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def voices(
    server: Any, room: str, *identities: str, sound: str = "tone", later: bool = False
) -> AsyncIterator[Child]:
    """Have participants in a process of their own publish a sound as their track ``voice``."""
    tokens = {identity: server.token(identity, room) for identity in identities}
    request = {"url": server.url, "tokens": tokens, "sound": sound, "later": later}
    async with child(Path(__file__).with_name("clockwork.py"), request) as publisher:
        await publisher.answer()
        yield publisher


def click_times(samples: NDArray[np.float32], started: float) -> dict[int, float]:
    """Return, by the number of its half second, how late each click is, in seconds."""
    click = clicks(0)[: RATE // 200]
    score = np.abs(correlate(samples, click, mode="valid", method="fft")) / (click @ click)
    late = {}
    first = int(np.ceil((started + 0.1) / PERIOD))
    last = int((started + len(samples) / RATE - 0.2) / PERIOD)
    for number in range(first, last + 1):
        due = round((number * PERIOD - started) * RATE)
        begin = max(due - EVERY // 4, 0)
        part = score[begin : due + EVERY // 4]
        if len(part) and part.max() > 0.3:
            late[number] = (begin + int(part.argmax()) - due) / RATE
    return late


def only(gaps: tuple[Gap, ...], reason: str) -> Gap:
    """Return the one gap that there must be of a reason."""
    [gap] = [gap for gap in gaps if gap.reason == reason]
    return gap


def only_made_up(recording: Recording) -> bool:
    """Return whether what is silent in a steady sound is no more than what it says is made up.

    WebRTC may miss some 10 ms of a track when another one comes or goes.
    """
    made_up = sum(hidden.seconds for hidden in recording.concealed)
    return silent_blocks(recording.samples[0]) <= 100 * made_up + 1 and made_up < 0.3


def read_any(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read a sound file by libsndfile, in full, and check that ffmpeg reads the same."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    import av

    with av.open(str(path)) as container:
        count = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(count - len(samples)) <= 0, (count, len(samples))
    return samples.T, rate


@on_media_loop
async def media_tasks() -> list[str]:
    """Return what runs on the media loop, but for this question."""
    gc.collect()
    mine = asyncio.current_task()
    return sorted(task.get_coro().__qualname__ for task in asyncio.all_tasks() if task is not mine)


async def same_tasks(before: list[str], timeout: float = 5.0) -> bool:
    """Wait until the media loop runs no more than before; return whether it comes to that."""
    deadline = time.monotonic() + timeout
    while Counter(await media_tasks()) - Counter(before):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def open_files(folder: Path) -> list[str]:
    """Return what this process holds open of a folder."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(entry))
    return [name for name in found if name.startswith(str(folder))]


async def resources() -> dict[str, int]:
    """Return how much of each kind this process has in use now."""
    from lkexplore.capture.audio import stream as feed

    return {
        "tasks": len(await media_tasks()),
        "streams": len(feed._feeds),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "processes": len(psutil.Process().children()),
    }


async def eventually(condition: Any, timeout: float = 10.0) -> bool:
    """Wait until a condition holds; return whether it does."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
