"""A bad network on demand: loss, delay, jitter and a slow link for who is in a room."""

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

TOKEN_LIFE = datetime.timedelta(minutes=1)

_PATH = "/lkexplore/impairment"
_FOREIGN = (
    "impairing the network works on lkexplore's own server only (the embedded one, or "
    "'lkexplore serve'), and {url} is another one"
)


@dataclass(frozen=True, slots=True)
class ImpairedLink:
    """One direction of one participant's link to the server, and what went through it.

    Attributes
    ----------
    identity : str
        Whose link.
    direction : {"up", "down"}
        What they send, or what they get.
    loss : float
        Probability that a packet is lost, 0 to 1.
    delay_ms, jitter_ms : float
        Delay of every packet, and the largest random extra delay, in milliseconds.
    rate_kbps : float or None
        Most kilobits a second.
    packets, dropped, delayed : int
        While it was impaired: packets sent into it, those that were lost or did not fit the
        queue of a slow link, and those that came later.
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
        """What is wrong with it now, as one object; its text says it in words."""
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
    """Make the network between participants and the server bad; without values, well again.

    Each call says all that is wrong with the links it is about. It works on lkexplore's own
    server, the embedded one or ``lkexplore serve``. `lkexplore.Room.impair` is the same.

    Parameters
    ----------
    room : rtc.Room
        A connected room.
    loss : float
        Probability that a packet is lost, 0 to 1, each on its own.
    delay_ms : float
        Delay of every packet, 0 to 5000 milliseconds.
    jitter_ms : float
        Largest extra delay, 0 to 5000 milliseconds: uniform from 0 to this, drawn anew every
        10 ms. Packets never overtake each other.
    rate_kbps : float, optional
        Kilobits a second that each direction carries, IP and UDP headers included, 1 to
        1000000; packets that would wait for it longer than 300 ms are dropped. By default no
        limit.
    identity : str, optional
        Whose link, kept for when they come back; by default everybody's who is here (ours, too)
        or comes later, whatever was said of one of them before.
    direction : {"both", "up", "down"}
        What they send, what they get, or both; the other direction stays as it is.
    timeout : float
        Seconds that the server may take to answer.
    credentials : Credentials, optional
        What the room was joined with. By default the key of this process's embedded server,
        or of the environment, if the room is on that server, else the room's own token.

    Returns
    -------
    ImpairedNetwork
        What is in force now, and the packets counted, for each link that this is about.

    Raises
    ------
    ImpairmentError
        A value is out of its range, or the server is not lkexplore's.
    ParticipantNotFound
        Nobody here has that identity.
    TokenError
        We have no key of the server, and our token does not grant ``roomAdmin``.
    RoomClosed
        We are not in the room any more.
    ConnectError, WaitTimeout
        The server cannot be reached, or does not answer.

    Notes
    -----
    Sound, pictures and the reports on them (SRTP and SRTCP) go over the bad link; joining,
    signalling, data and the making of the connection (ICE, DTLS) do not. Links count packets
    while they are impaired. What is under way when one changes is delivered at once. Which
    packets are lost depends on the server's seed, the room, the identity and their order only,
    and starts over with each change. Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> await impair(rtc_room, loss=0.05, jitter_ms=40)                        # doctest: +SKIP
    >>> await impair(rtc_room, rate_kbps=64, identity="alice", direction="up")  # doctest: +SKIP
    >>> await impair(rtc_room)                                                 # doctest: +SKIP
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
    # The SDK keeps both to itself; a token that the server has renewed is here too.
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
    """Return the status and the JSON object that a server answers, None if it is no such."""
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
