"""Settings, time limits and size limits of the embedded server, in one place."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from lkexplore.errors import ServerError

from .network.impairment import Impairment

DEV_KEY = "devkey"
"""The API key of LiveKit's own server in its development mode."""

DEV_SECRET = "secret"
"""The secret of that key."""

DEV_PORT = 7880
"""The TCP port of LiveKit's own server in its development mode."""

SERVER_VERSION = "1.9.0"
"""The version of LiveKit's server whose behaviour is served, as clients are told it."""

PROTOCOL_VERSION = 16
"""The version of the signalling protocol that is served, as clients are told it."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds, so that no peer can make the server hold ever more.

    The sizes of names, metadata and attributes are the defaults of LiveKit's server.

    Attributes
    ----------
    rooms, participants_per_room : int
        Rooms of the server, and participants of one room.
    connections : int
        TCP connections at a time.
    tracks_per_participant, data_tracks_per_participant : int
        Tracks and data tracks that one participant may publish.
    media_sections : int
        Media sections of one session description.
    layers_per_track : int
        Simulcast layers of one track.
    signal_message_bytes : int
        Bytes of one signalling message.
    signal_queue, signal_queue_bytes : int
        Messages, and bytes of messages, that may wait for one client.
    http_body_bytes, http_head_bytes : int
        Bytes of an HTTP request's body and of its head.
    http_header_seconds : float
        Seconds that the head of an HTTP request may take to arrive.
    name_length, metadata_bytes, attributes_bytes : int
        Bytes of a participant's name, of its metadata, and of all its attributes.
    announcement_bytes : int
        Bytes of a request that announces a track.
    """

    rooms: int = 1000
    participants_per_room: int = 200
    connections: int = 1000
    tracks_per_participant: int = 64
    data_tracks_per_participant: int = 64
    media_sections: int = 512
    layers_per_track: int = 8
    signal_message_bytes: int = 1 << 20
    signal_queue: int = 4096
    signal_queue_bytes: int = 32 << 20
    http_body_bytes: int = 1 << 20
    http_head_bytes: int = 1 << 17
    http_header_seconds: float = 10.0
    name_length: int = 256
    metadata_bytes: int = 512 * 1024
    attributes_bytes: int = 64 * 1024
    announcement_bytes: int = 16_384

    def excess(self, name: str, metadata: str, attributes: Mapping[str, str]) -> str:
        """Return which limit a participant's name or metadata exceed, or an empty text."""
        if len(name.encode()) > self.name_length:
            return "exceeds name length limit"
        if len(metadata.encode()) > self.metadata_bytes:
            return "exceeds metadata size limit"
        size = sum(len(key.encode()) + len(value.encode()) for key, value in attributes.items())
        return "exceeds attributes size limit" if size > self.attributes_bytes else ""


@dataclass(frozen=True)
class Timeouts:
    """Durations in seconds.

    Attributes
    ----------
    join : float
        From joining to a connection for media; a client that needs longer is removed.
    resume : float
        From the loss of the signalling to the client's return; then it is removed.
    silent_peer, ice_consent : float
        From the last sign on the media connection to the client's removal, while its
        signalling is down and while it is up.
    empty_room, departed_room : int
        From being empty to the end of a room that nobody has joined, or that all have left.
    ping_interval, ping_timeout : int
        From one signalling ping to the next, and to the answer, as clients are told.
    token_refresh : float
        From one fresh token for a client to the next.
    refreshed_token_life : float
        From the issue of such a token to its expiry.
    """

    join: float = 30.0
    resume: float = 15.0
    silent_peer: float = 6.0
    ice_consent: float = 20.0
    empty_room: int = 300
    departed_room: int = 20
    ping_interval: int = 5
    ping_timeout: int = 15
    token_refresh: float = 300.0
    refreshed_token_life: float = 600.0


def random_keys() -> dict[str, str]:
    """Return one fresh API key with its secret (256 bits).

    Examples
    --------
    >>> [(key, secret)] = random_keys().items()
    >>> key.startswith("LK"), len(secret) >= 43
    (True, True)
    """
    return {"LK" + secrets.token_hex(6): secrets.token_urlsafe(32)}


@dataclass(frozen=True)
class ServerConfig:
    """Everything a server is started with.

    Parameters
    ----------
    keys : Mapping[str, str]
        API key to secret. Never shown by ``repr``.
    host : str
        IPv4 address to bind, for signalling (TCP) and media (UDP).
    port : int
        TCP port of the signalling; 0 takes a free one.
    udp_port : int
        UDP port of the media; 0 takes a free one.
    node_ip : str, optional
        Address told to clients for media; default: `host`, or this machine's own
        address when `host` is 0.0.0.0.
    impairment : Impairment
        What is wrong with the media links of all participants, in both directions, until a
        room is told otherwise.
    seed : int
        Start value of the random losses and delays: the same seed, room, identity and packets
        give the same losses.
    single_peer_connection : bool
        Whether clients may use one peer connection (``/rtc/v1``) instead of two.
    limits : Limits
        Upper bounds for everything that a client can make the server hold.
    timeouts : Timeouts
        Durations after which something is given up or done again.

    Raises
    ------
    ServerError
        When there is no key, or an empty one or an empty secret.
    """

    keys: Mapping[str, str] = field(default_factory=random_keys, repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    udp_port: int = 0
    node_ip: str | None = None
    impairment: Impairment = field(default_factory=Impairment)
    seed: int = 0
    single_peer_connection: bool = True
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        if not self.keys or not all(key and secret for key, secret in self.keys.items()):
            raise ServerError("at least one API key with its secret is needed, neither empty")
