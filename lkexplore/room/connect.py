"""Joining a room: ``await connect("lesson-1")`` or ``async with connect("lesson-1") as room``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any

from livekit import rtc

from ..capture.audio.last_minute import checked_memory
from ..errors import ConnectError, NotAwaited, TokenError, WaitTimeout
from ..sdk.encryption import E2eeKey, HiddenKey, watch_encryption
from ..sdk.media_loop import MediaUse, finish_within, on_media_loop
from ..sdk.proxy import lead_sdk_past_proxy, proxy_for
from .credentials import Credentials, Secret, hidden, resolve, scrub, tame_sdk_log
from .embedded_server import shared_server
from .room import Room

__all__ = ["Connecting", "connect"]

LONGEST_NAME = 256
"""Bytes that the name of a room may have on LiveKit's servers."""

_REFUSED = re.compile(r"\b40[13]\b|unauthori[sz]ed|forbidden", re.IGNORECASE)
"""Words in the SDK's error that mean that the server refused the token."""

_NOT_LIVEKIT = re.compile(r"\b404\b|unexpected eof|http version|invalid http", re.IGNORECASE)
"""Words in the SDK's error that mean that the address is not a LiveKit server's."""

_NO_MEDIA = re.compile(r"peer connection|pc connection|\bice\b|dtls", re.IGNORECASE)
"""Words in the SDK's error that mean that no connection for media came about."""

_REASON = re.compile(r"(?:IO error|\b40[13][ \w]*?)\s*[:-]\s*(.+)", re.IGNORECASE | re.DOTALL)
"""The part of the SDK's error that says why; what comes before are calls inside the SDK."""


def connect(
    room: str,
    *,
    identity: str | None = None,
    url: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
    memory: float = 60.0,
    e2ee_key: E2eeKey | None = None,
    timeout: float = 10.0,
) -> Connecting:
    """Join a room, as ``room = await connect(...)`` or ``async with connect(...) as room``.

    The server is the one given, else the one in the environment (``LIVEKIT_URL`` with
    ``LIVEKIT_TOKEN``, or with ``LIVEKIT_API_KEY`` and ``LIVEKIT_API_SECRET``), else lkexplore's
    own embedded server on this computer, started on first use and shared by everything in this
    process.

    Parameters
    ----------
    room : str
        The room's name; the server makes the room when the first participant joins.
    identity : str, optional
        Our identity in the room; another participant of the same identity is removed. By default
        the token's identity, or a random ``explorer-…``.
    url : str, optional
        Address of the server: ``ws://``, ``wss://``, ``http://`` or ``https://``.
    token : str, optional
        An access token, for this room and identity.
    api_key, api_secret : str, optional
        The key and the secret to sign a token with, instead of `token`.
    memory : float
        Seconds of each audio track that ``room.last`` can give, 0 to 3600; 0 keeps nothing.
    e2ee_key : str or bytes, or dict of identity to str or bytes, optional
        The key of an end-to-end encrypted room: one that all share, or each participant's own.
        What we publish is encrypted with it, and what others publish is decrypted. Without it, a
        track that is encrypted counts as missing (reason ``"encrypted"``).
    timeout : float
        Seconds after which joining counts as failed.

    Returns
    -------
    Connecting
        Awaitable (once) and async context manager; either gives a `Room`.

    Raises
    ------
    ConnectError
        A part is missing, or the server cannot be reached (when awaited).
    TokenError
        The server refused the token, or the token is for another room or identity.
    WaitTimeout
        The server did not let us in within `timeout`.
    EncryptionError
        `e2ee_key` is no key.
    ServerError
        The embedded server could not be started.

    See Also
    --------
    Room : What can be done in the room.
    lkexplore.bots.play : Another participant, to have someone to record.
    lkexplore.run : Joins from plain synchronous code.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> room = await connect("lesson-1")                         # doctest: +SKIP
    >>> async with connect("lesson-1", identity="eve") as room:  # doctest: +SKIP
    ...     voice = await room.record("alice", 5)
    """
    # Tracebacks may show local variables, and notebooks keep tracebacks.
    token, api_secret = hidden(token), hidden(api_secret)
    key = e2ee_key = None if e2ee_key is None else HiddenKey(e2ee_key)
    if not isinstance(room, str) or not room.strip():
        raise ConnectError(f"room must be a name such as 'lesson-1', not {room!r}")
    if len(room.encode()) > LONGEST_NAME:
        raise ConnectError(
            f"a room's name may have {LONGEST_NAME} bytes, not {len(room.encode())}: shorten it"
        )
    if identity is not None and (not isinstance(identity, str) or not identity.strip()):
        raise ConnectError(f"identity must be a name such as 'alice', not {identity!r}")
    credentials = resolve(url=url, token=token, api_key=api_key, api_secret=api_secret)
    return Connecting(room, identity, credentials, checked_memory(memory), timeout, key)


class Connecting(Coroutine[Any, Any, Room]):
    """A room about to be joined: await it, or enter it with ``async with``."""

    def __init__(
        self,
        room: str,
        identity: str | None,
        credentials: Credentials | None,
        memory: float,
        timeout: float,
        key: HiddenKey | None = None,
    ) -> None:
        self._key = key
        self._name, self._identity, self._memory = room, identity, memory
        self._credentials, self._timeout = credentials, timeout
        self._joining: Coroutine[Any, Any, Room] | None = None
        self._room: Room | None = None

    def _coroutine(self) -> Coroutine[Any, Any, Room]:
        if self._joining is None:
            self._joining = self._join()
        return self._joining

    async def _join(self) -> Room:
        credentials = self._credentials or await _embedded()
        token, identity = credentials.token_for(self._name, self._identity)
        room = await _join(credentials.url, self._name, identity, token, self._timeout, self._key)
        return Room(room, memory=self._memory, _use=MediaUse(), _credentials=credentials)

    def __await__(self) -> Generator[Any, Any, Room]:
        return self._coroutine().__await__()

    def send(self, value: Any) -> Any:
        """Step the coroutine (event loops do)."""
        return self._coroutine().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception inside the coroutine (event loops do)."""
        return self._coroutine().throw(*error)

    def close(self) -> None:
        """Drop the coroutine unfinished (event loops do)."""
        if self._joining is not None:
            self._joining.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotAwaited(
            f"the room has not been joined yet, so there is no {name!r}: put await in front of "
            "connect, as in room = await lk.connect(...)"
        )

    async def __aenter__(self) -> Room:
        self._room = await self
        return self._room

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._room is not None:
            await self._room.close()

    def __repr__(self) -> str:
        return f"<lkexplore.Connecting to {self._name!r}: await it to get the Room>"


async def _embedded() -> Credentials:
    server, started = await asyncio.to_thread(shared_server)
    if started:
        print(
            "No LIVEKIT_URL set: started lkexplore's own room server on this computer "
            f"({server.credentials.url})."
        )
    return server.credentials


@on_media_loop
async def _join(
    url: str,
    name: str,
    identity: str,
    token: Secret,
    timeout: float,
    key: HiddenKey | None = None,
) -> rtc.Room:
    tame_sdk_log()
    lead_sdk_past_proxy(url)
    room = rtc.Room()
    watch_encryption(room)

    async def leave(_problem: str | None) -> None:
        await room.disconnect()

    try:
        problem = await finish_within(_sdk_connect(room, url, token, key), timeout, leave)
    except TimeoutError:
        proxy = proxy_for(url)
        through = f" through the proxy that {proxy.variable} names" if proxy else ""
        raise WaitTimeout(
            f"{url} did not let {identity!r} into room {name!r} within {timeout:g} s{through}: "
            "check the address and the network, or wait longer with timeout="
        ) from None
    if problem is not None:
        raise _explain(problem, url, name)
    if key is not None:
        key.tell(room)
    return room


async def _sdk_connect(
    room: rtc.Room, url: str, token: Secret, key: HiddenKey | None
) -> str | None:
    """Connect, or return the SDK's message: its exception would bring frames that hold tokens."""
    try:
        options = rtc.RoomOptions(encryption=None if key is None else key.options())
        await room.connect(url, token, options)
    except rtc.ConnectError as error:
        return scrub(error.message)
    return None


def _explain(problem: str, url: str, room: str) -> ConnectError:
    """Turn the SDK's chain of causes into one line."""
    proxy = proxy_for(url)
    in_the_way = "proxy" in problem.lower() or not _REFUSED.search(problem)
    if proxy is not None and in_the_way:
        return ConnectError(
            f"cannot reach a LiveKit server at {url} through the proxy {proxy.address}, which "
            f"{proxy.variable} names ({_reason(problem)}): to reach the server directly, add its "
            "host to NO_PROXY"
        )
    reason = _reason(problem)
    if _REFUSED.search(problem):
        return TokenError(
            f"{url} refused to let us into room {room!r}: {reason}; check the API key and secret, "
            "or the token's room, grants and expiry"
        )
    if _NOT_LIVEKIT.search(problem):
        return ConnectError(
            f"something answers at {url}, but it is no LiveKit server: check the address and port"
        )
    if _NO_MEDIA.search(problem):
        return ConnectError(
            f"{url} answers, but no media connection to it could be made ({reason}): its UDP port "
            "must be reachable, and some network interface besides loopback must be up"
        )
    return ConnectError(f"cannot reach a LiveKit server at {url} ({reason}): is it running?")


def _reason(problem: str) -> str:
    found = _REASON.search(problem)
    return " ".join((found.group(1) if found else problem).split())[:200].rstrip(" .")
