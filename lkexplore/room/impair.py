"""A bad network on demand: loss, delay, jitter and slow links for those in a room."""

from __future__ import annotations

import datetime
import html
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from livekit import rtc

from ..errors import (
    ConnectError,
    ImpairmentError,
    ParticipantNotFound,
    RoomClosed,
    TokenError,
    WaitTimeout,
)
from ..sdk.media_loop import on_media_loop
from .credentials import Credentials, Secret, claims_of, hidden, resolve, websocket_url
from .embedded_server import running_server

if TYPE_CHECKING:
    from ..server.network.impairment import Impairment

__all__ = ["Direction", "ImpairedLink", "ImpairedNetwork", "impair"]

Direction = Literal["both", "up", "down"]
"""What participants send (up), what they receive (down), or both."""

TOKEN_LIFE = datetime.timedelta(minutes=1)
"""Time for which the token of one request is valid."""

_PATH = "/lkexplore/impairment"
"""Path of the request on lkexplore's own server."""

_FOREIGN = (
    "impairing the network works on lkexplore's own server only (the embedded one, or "
    "'lkexplore serve'), and {url} is another one"
)
"""Message of the error when the server does not know the request."""


@dataclass(frozen=True, slots=True)
class ImpairedLink:
    """One direction of one participant's link to the server, and what went through it.

    Attributes
    ----------
    identity : str
        The participant at the end of the link.
    direction : {"up", "down"}
        Whether the link carries what they send (up) or what they receive (down).
    loss : float
        Probability that a packet is lost, 0 to 1.
    delay_ms, jitter_ms : float
        Delay of every packet, and the largest random extra delay, in milliseconds.
    rate_kbps : float or None
        Most kilobits per second that the link carries; None for no limit.
    packets, dropped, delayed : int
        Numbers of packets while the link was impaired: those sent into it, those that were lost
        or did not fit the queue of a slow link, and those that came out late.
    """

    identity: str
    direction: Literal["up", "down"]
    loss: float
    delay_ms: float
    jitter_ms: float
    rate_kbps: float | None
    packets: int
    dropped: int
    delayed: int

    @property
    def impairment(self) -> Impairment:
        """The present values as one object, whose text says them in words."""
        from ..server.network.impairment import Impairment

        return Impairment(self.loss, self.delay_ms, self.jitter_ms, self.rate_kbps)


@dataclass(frozen=True, slots=True)
class ImpairedNetwork:
    """The links of a room's participants as `impair` left them; in a notebook, a table.

    Attributes
    ----------
    links : tuple of ImpairedLink
        Two for each participant that the call was about, up before down.
    """

    links: tuple[ImpairedLink, ...]

    def __iter__(self) -> Iterator[ImpairedLink]:
        return iter(self.links)

    def __len__(self) -> int:
        return len(self.links)

    def of(self, identity: str, direction: Literal["up", "down"]) -> ImpairedLink:
        """Return one link.

        Raises
        ------
        ParticipantNotFound
            The call was not about them.
        """
        for link in self.links:
            if (link.identity, link.direction) == (identity, direction):
                return link
        known = ", ".join(sorted({repr(link.identity) for link in self.links})) or "nobody"
        raise ParticipantNotFound(f"no link {direction!r} of {identity!r} here: it has {known}")

    @property
    def packets(self) -> int:
        """Packets sent into all of them while they were impaired."""
        return sum(link.packets for link in self.links)

    @property
    def dropped(self) -> int:
        """Packets that never came out."""
        return sum(link.dropped for link in self.links)

    @property
    def delayed(self) -> int:
        """Packets that came out later."""
        return sum(link.delayed for link in self.links)

    def __str__(self) -> str:
        return "\n".join(
            f"{link.identity} {link.direction}: {link.impairment}; {link.packets} packets, "
            f"{link.dropped} dropped, {link.delayed} delayed"
            for link in self.links
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(link.identity)}</td><td>{link.direction}</td>"
            f"<td>{link.impairment}</td><td>{link.packets}</td><td>{link.dropped}</td>"
            f"<td>{link.delayed}</td></tr>"
            for link in self.links
        )
        head = "".join(
            f"<th>{name}</th>"
            for name in ("who", "direction", "in force", "packets", "dropped", "delayed")
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


async def impair(
    room: rtc.Room,
    *,
    loss: float = 0.0,
    delay_ms: float = 0.0,
    jitter_ms: float = 0.0,
    rate_kbps: float | None = None,
    identity: str | None = None,
    direction: Direction = "both",
    timeout: float = 10.0,
    credentials: Credentials | None = None,
) -> ImpairedNetwork:
    """Make the network of a room of the LiveKit SDK worse; see `Room.impair`.

    Parameters
    ----------
    room : rtc.Room
        A connected room.
    loss, delay_ms, jitter_ms, rate_kbps, identity, direction, timeout
        As in `Room.impair`.
    credentials : Credentials, optional
        The server and the rights that the room was joined with. By default the key of this
        process's embedded server, or the key in the environment, if the room is on that server,
        else the room's own token.

    Returns
    -------
    ImpairedNetwork
        As from `Room.impair`, with the same errors.

    See Also
    --------
    lkexplore.Room.impair : The same for a room that `connect` has joined.
    """
    from ..server.network.impairment import Impairment

    if direction not in get_args(Direction):
        raise ImpairmentError(f"direction must be 'both', 'up' or 'down', not {direction!r}")
    if identity is not None and not isinstance(identity, str):
        raise ImpairmentError(f"identity must be a name such as 'alice', or None, not {identity!r}")
    wanted = Impairment(loss, delay_ms, jitter_ms, rate_kbps)
    if not room.isconnected():
        raise RoomClosed("the room was left: its network cannot be changed any more")
    url, token = _authority(room, credentials)
    request = {"room": room.name, "direction": direction, **asdict(wanted)}
    if identity is not None:
        request["identity"] = identity
    status, answer = await _post(url, token, request, timeout)
    return _read(status, answer, url, identity)


def _authority(room: rtc.Room, given: Credentials | None) -> tuple[str, Secret]:
    """Return the server's address, and a token that administers the room there."""
    # The SDK keeps both in private attributes, the token as the server has renewed it.
    url = (
        given.url if given is not None else websocket_url(getattr(room, "_server_url", None) or "")
    )
    own = hidden(getattr(room, "_token", None)) or (given.token if given is not None else None)
    signer = given if given is not None and given.api_secret else _key_for(url)
    if signer is not None:
        return url, _admin_token(signer, room.name)
    grants = (claims_of(own).get("video") or {}) if own is not None else {}
    if own is None or not (grants.get("roomAdmin") and grants.get("room") == room.name):
        raise TokenError(
            "impairing the network needs the server's key, or a token that grants roomAdmin of "
            f"room {room.name!r}: join with api_key= and api_secret=, or with such a token"
        )
    return url, own


def _key_for(url: str) -> Credentials | None:
    """Return the key of the server at `url`, if this process or its environment has it."""
    server = running_server()
    if server is not None and server.credentials.url == url:
        return server.credentials
    try:
        found = resolve()
    except ConnectError:
        return None
    return found if found is not None and found.url == url and found.api_secret else None


def _admin_token(signer: Credentials, room: str) -> Secret:
    from livekit import api

    grants = api.VideoGrants(room_admin=True, room=room)
    token = api.AccessToken(signer.api_key, signer.api_secret or "").with_ttl(TOKEN_LIFE)
    return Secret(token.with_grants(grants).to_jwt())


@on_media_loop
async def _post(
    url: str, token: Secret, request: dict[str, Any], timeout: float
) -> tuple[int, dict[str, Any] | None]:
    """Return the status and the JSON object that a server answers, None if it is no object."""
    import aiohttp

    # A websocket address differs from that of a request in its scheme only: ws, wss.
    address = "http" + url.removeprefix("ws") + _PATH
    # To aiohttp 0 means no limit.
    limit = aiohttp.ClientTimeout(total=max(timeout, 0.001))
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(
                address, json=request, headers={"Authorization": f"Bearer {token}"}
            ) as response,
        ):
            return response.status, _json_object(await response.read())
    except TimeoutError:
        raise WaitTimeout(
            f"{url} did not answer within {timeout:g} s: wait longer with timeout="
        ) from None
    except aiohttp.ClientError as error:
        raise ConnectError(f"cannot reach {url} ({error}): is the server running?") from None


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _read(
    status: int, answer: dict[str, Any] | None, url: str, identity: str | None
) -> ImpairedNetwork:
    if status in (401, 403):
        raise TokenError(
            f"{url} refused to impair the network: check that the key and secret, or the token, "
            "are this server's and grant roomAdmin of this room"
        )
    told = answer.get("error") if answer is not None else None
    if status == 404 and isinstance(told, str):
        if identity is not None:
            raise ParticipantNotFound(f"{identity!r} is not in the room: wait until they are here")
        raise RoomClosed("the server has no such room any more")
    if status == 400 and isinstance(told, str):
        raise ImpairmentError(told)
    try:
        if status != 200 or answer is None:
            raise KeyError
        return ImpairedNetwork(tuple(ImpairedLink(**link) for link in answer["links"]))
    except (KeyError, TypeError):
        raise ImpairmentError(_FOREIGN.format(url=url)) from None
