"""``lkexplore doctor``: what is installed, which server answers, what is wrong, what to do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..errors import LkExploreError

__all__ = ["Finding", "examine", "run_doctor"]

_PACKAGES = (
    "livekit",
    "livekit-api",
    "livekit-protocol",
    "numpy",
    "scipy",
    "matplotlib",
    "librosa",
    "soundfile",
    "soxr",
    "jupyterlab",
    "ipywidgets",
    "nest-asyncio",
    "aiohttp",
    "aiortc",
    "pylibsrtp",
    "pyOpenSSL",
)
"""Packages whose versions are told."""

_PROXY_VARIABLES = ("http_proxy", "https_proxy")
"""Environment variables, in small letters, that name proxies for a server's signalling."""

_FORMATS = ("WAV", "FLAC", "OGG", "MP3")
"""Formats of sound files that must be readable."""


class Finding(NamedTuple):
    """One thing looked at: whether it is right, what was seen, and how to mend it."""

    ok: bool
    seen: str
    mend: str = ""


def run_doctor() -> int:
    """Print one line for each finding; return 0 when all is well, else 1."""
    problems = 0
    for finding in examine():
        print(f"{'  ok ' if finding.ok else ' BAD '} {finding.seen}", flush=True)
        if not finding.ok:
            problems += 1
            print(f"      -> {finding.mend}", flush=True)
    print("all is well" if not problems else f"{problems} problem(s) found")
    return 1 if problems else 0


def examine() -> Iterator[Finding]:
    """Yield the findings, the quick ones first."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _sound_files,
        _browser_client,
        _network,
        _proxies,
        _server,
    )
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    seen = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(sys.version_info >= (3, 11), seen, "lkexplore needs Python 3.11 or later")
    virtual = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    yield Finding(
        True, f"environment {sys.prefix}" + ("" if virtual else " (not a virtual environment)")
    )


def _packages() -> Iterator[Finding]:
    versions = {}
    for name in ("lkexplore", *_PACKAGES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(
                False, f"{name} is not installed", "run: python -m pip install --upgrade lkexplore"
            )
    yield Finding(True, ", ".join(f"{name} {version}" for name, version in versions.items()))
    try:
        from livekit import rtc

        yield Finding(bool(rtc.Room), "LiveKit's native library loads")
    except (ImportError, OSError) as error:
        yield Finding(
            False,
            f"LiveKit's native library does not load: {error}",
            "run: python -m pip install --force-reinstall livekit",
        )


def _sound_files() -> Iterator[Finding]:
    try:
        import soundfile

        formats = soundfile.available_formats()
    except (ImportError, OSError) as error:
        yield Finding(
            False,
            f"soundfile does not load: {error}",
            "run: python -m pip install --force-reinstall soundfile",
        )
        return
    missing = [name for name in _FORMATS if name not in formats]
    yield Finding(
        not missing,
        "sound files: " + ", ".join(name for name in _FORMATS if name in formats),
        f"{', '.join(missing)} missing: upgrade soundfile, whose wheels bring libsndfile 1.2",
    )


def _browser_client() -> Iterator[Finding]:
    """Look for LiveKit's client for browsers, which `BrowserParticipant` alone needs."""
    from ..notebook.page import MEND, why_missing

    why = why_missing()
    seen = f"BrowserParticipant cannot be used, LiveKit's client for browsers is missing: {why}"
    yield Finding(not why, seen if why else "LiveKit's client for browsers is there", MEND)


def _network() -> Iterator[Finding]:
    """Look for an interface besides loopback that is up, which WebRTC needs for its addresses."""
    names = [name for _, name in socket.if_nameindex() if not name.startswith("lo")]
    up = [name for name in names if _is_up(name)]
    yield Finding(
        bool(up),
        f"network interfaces up: {', '.join(up) or 'only loopback'}",
        "switch on any network (wired, wireless, a VPN or a virtual one): with loopback alone "
        "WebRTC finds no address, even for a server on this computer",
    )


def _proxies() -> Iterator[Finding]:
    """Name the proxy through which the server is reached, if there is one."""
    from ..sdk.proxy import proxy_for

    url = os.environ.get("LIVEKIT_URL", "").strip()
    proxy = proxy_for(url) if url else None
    if proxy is not None:
        seen = f"the server is reached through the proxy {proxy.address}, which {proxy.variable}"
        yield Finding(True, f"{seen} names; NO_PROXY names what is to be reached directly")
    elif named := sorted(name for name in os.environ if name.lower() in _PROXY_VARIABLES):
        yield Finding(True, f"{', '.join(named)} set; the server is reached directly")


def _is_up(name: str) -> bool:
    """Return whether an interface is up, as far as the system tells (Linux does)."""
    try:
        with open(f"/sys/class/net/{name}/flags") as flags:
            return bool(int(flags.read(), 16) & 1)
    except OSError:
        return True


def _server() -> Iterator[Finding]:
    from ..room.credentials import scrub

    url = os.environ.get("LIVEKIT_URL")
    which = f"the server {scrub(url)}" if url else "the embedded server (LIVEKIT_URL is not set)"
    from ..sdk.synchronous import run

    try:
        heard, seconds = run(_sing_and_listen())
    except LkExploreError as error:
        mend = (
            "check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and that it is reachable"
            if url
            else "see the message; 'lkexplore serve' shows whether the server starts by itself"
        )
        yield Finding(False, f"{which}: {error}", mend)
        return
    yield Finding(True, f"{which} answers; a room was joined in {1000 * seconds:.0f} ms")
    good = abs(heard - 440) < 2
    yield Finding(
        good,
        f"a 440 Hz tone through a room was heard at {heard:.1f} Hz",
        "sound does not get through: look for a firewall between this computer and the server",
    )


async def _sing_and_listen() -> tuple[float, float]:
    """Play a tone into a room and listen; return its frequency and how long joining took."""
    import secrets

    import numpy as np

    from .. import measure
    from ..room import bots
    from ..room.connect import connect
    from ..sound.recording import Recording

    name = f"lkexplore-doctor-{secrets.token_hex(4)}"
    time_axis = np.arange(48_000) / 48_000
    tone = Recording(0.3 * np.sin(2 * np.pi * 440 * time_axis).astype(np.float32), 48_000)
    start = time.monotonic()
    async with connect(name, identity="doctor") as room:
        joined = time.monotonic() - start
        async with await bots.play(name, tone, identity="tone"):
            heard = await room.record("tone", 1.0)
    return measure.tone_hz(heard), joined
