"""Settings, time limits and size limits of the embedded server, in one place."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from lkexplore.errors import ServerError

from .network.impairment import Impairment

DEV_KEY, DEV_SECRET, DEV_PORT = "devkey", "secret", 7880
"""What LiveKit's own server uses in its development mode."""

SERVER_VERSION = "1.9.0"
PROTOCOL_VERSION = 16
"""The LiveKit server version and signalling protocol whose behaviour is served."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds, so that no peer can grow the server.

    The sizes of names, metadata and attributes are the defaults of LiveKit's server.
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
        """Return which limit a participant's own words exceed, or an empty text."""
        if len(name.encode()) > self.name_length:
            return "exceeds name length limit"
        if len(metadata.encode()) > self.metadata_bytes:
            return "exceeds metadata size limit"
        size = sum(len(key.encode()) + len(value.encode()) for key, value in attributes.items())
        return "exceeds attributes size limit" if size > self.attributes_bytes else ""


@dataclass(frozen=True)
class Timeouts:
    """Durations in seconds."""

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
        The same seed, room, identity and packets give the same losses.

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
