"""Which server to join and with what rights: arguments, else the environment, else embedded."""

from __future__ import annotations

import logging
import os
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConnectError, TokenError

__all__ = ["Credentials", "Secret", "claims_of", "hidden", "resolve", "scrub", "tame_sdk_log"]

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
"""Schemes of addresses that are accepted, and those that the SDK connects with."""

_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]*(?:\.[\w-]*)?")
"""Pattern of a JSON web token (RFC 7519): its header, claims and signature in base64url."""

_PARAMETER = re.compile(r"((?:access_token|join_request|api_secret)=)[^&\s\"')]+")
"""Pattern of an address's parameters that hold secrets."""


class Secret(str):
    """A string that shows itself as ``'***'``, so that no traceback or repr spells it out."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def hidden(text: str | None) -> Secret | None:
    """Return a given text as a `Secret`."""
    return None if text is None else Secret(text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server, and what it takes to join its rooms: a ready token, or the key to sign one.

    Attributes
    ----------
    url : str
        ``ws://`` or ``wss://`` address of the server.
    token : str or None
        An access token; it fixes the room and the identity.
    api_key, api_secret : str
        The key and the secret that sign tokens, when there is no `token`.
    """

    url: str
    token: Secret | None = None
    api_key: str = ""
    api_secret: Secret | None = None

    def __post_init__(self) -> None:
        for name in ("token", "api_secret"):
            object.__setattr__(self, name, hidden(getattr(self, name)))

    def token_for(self, room: str, identity: str | None) -> tuple[Secret, str]:
        """Return the access token for a room, and the identity that it stands for.

        Parameters
        ----------
        room : str
            The room's name.
        identity : str or None
            Our identity in it; None for the token's own, or for a random one.

        Raises
        ------
        TokenError
            A ready token is unreadable, or is for another room or identity.
        """
        if self.token is not None:
            return self.token, _check_claims(self.token, room, identity)
        from livekit import api

        who = identity or f"explorer-{secrets.token_hex(3)}"
        grants = api.VideoGrants(room_join=True, room=room)
        token = api.AccessToken(self.api_key, self.api_secret or "").with_identity(who)
        return Secret(token.with_grants(grants).to_jwt()), who


def resolve(
    *,
    url: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
) -> Credentials | None:
    """Find the server's address and rights, or None when nothing names a server.

    Each part comes from the arguments, else from the environment: ``LIVEKIT_URL`` with
    ``LIVEKIT_TOKEN``, or with ``LIVEKIT_API_KEY`` and ``LIVEKIT_API_SECRET``. Arguments go before
    the environment, and a token before a key.

    Parameters
    ----------
    url : str, optional
        Address of the server: ``ws``, ``wss``, ``http`` or ``https``.
    token : str, optional
        A ready access token.
    api_key, api_secret : str, optional
        The key and the secret to sign a token with.

    Raises
    ------
    ConnectError
        Something is given, but a part is missing or the address is not valid; the message names it.
    """
    env = os.environ.get
    address = url or env("LIVEKIT_URL", "").strip()
    if not address:
        given = {"token": token, "api_key": api_key, "api_secret": api_secret}
        if names := [name for name, value in given.items() if value]:
            raise ConnectError(
                f"{' and '.join(names)} given, but no server: pass url= or set LIVEKIT_URL"
            )
        return None
    address = websocket_url(address)
    explicit_key = bool(api_key or api_secret)
    ready = token or ("" if explicit_key else env("LIVEKIT_TOKEN", "").strip())
    if ready:
        return Credentials(address, token=Secret(ready.strip()))
    key = (api_key or env("LIVEKIT_API_KEY", "")).strip()
    secret = Secret((api_secret or env("LIVEKIT_API_SECRET", "")).strip())
    if not key or not secret:
        missing = " and ".join(
            name
            for name, value in (("LIVEKIT_API_KEY", key), ("LIVEKIT_API_SECRET", secret))
            if not value
        )
        raise ConnectError(
            f"the server {address} is set, but {missing} is missing: set it, or LIVEKIT_TOKEN, "
            "or pass token= or api_key= and api_secret="
        )
    return Credentials(address, api_key=key, api_secret=secret)


def websocket_url(url: str) -> str:
    """Return `url` as ``ws://`` or ``wss://`` without credentials, or raise `ConnectError`."""
    parts = urlsplit(url.strip())
    scheme = _SCHEMES.get(parts.scheme.lower())
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if scheme is None or not host:
        raise ConnectError(
            f"{scrub(url)!r} is no server address: it must start with ws://, wss://, http:// or "
            "https:// and name a host, such as ws://127.0.0.1:7880"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unverified (only the server can verify it).

    Raises
    ------
    TokenError
        The text is not a JSON web token.
    """
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        claims = {}
    if not claims:
        raise TokenError("the token is no LiveKit access token: it must be a JSON web token")
    return claims


def _check_claims(token: str, room: str, identity: str | None) -> str:
    claims = claims_of(token)
    allowed = (claims.get("video") or {}).get("room", "")
    if allowed and allowed != room:
        raise TokenError(
            f"the token is for room {allowed!r}, not {room!r}: ask for that room, or use a token "
            "for this one"
        )
    who = str(claims.get("sub", ""))
    if identity and identity != who:
        raise TokenError(
            f"the token is for identity {who!r}, not {identity!r}: another identity needs a token "
            "of its own, or LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
        )
    return who


def scrub(text: str) -> str:
    """Return `text` with access tokens and secrets replaced by ``***``."""
    return _PARAMETER.sub(r"\1***", _JWT.sub("***", text))


_HARMLESS = (
    # Logged whenever a room is left in order.
    "Attempted to drop unknown FFI handle",
    "dropping pass-through signal",
    "Called in wrong state: closed",
    # Logged when a room is left while the SDK still works on its tracks.
    "peer connection is closed, cannot create offer",
    "data channel closed",
    # Logged when pictures come faster than they are wanted: we count what is dropped.
    "native video stream queue overflow",
    # Logged for each attempt to connect; the exception says why none succeeded.
    "signal connection failed",
    "failed to connect",
    "error while connecting to a room",
    "authentication rejected during connect",
    "falling back to v0 path",
    "v0 fallback also failed",
)
"""Beginnings or parts of the SDK's log lines that tell of nothing wrong, or of what is raised."""


class _LogFilter(logging.Filter):
    """Takes tokens out of the SDK's log lines, and noise unless its logger is set to debug.

    Servers echo a refused token in their answer, and the SDK logs that.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = scrub(message)
        if clean != message:
            record.msg, record.args = clean, ()
        noise = any(known in message for known in _HARMLESS)
        return not noise or logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


_log_filter = _LogFilter()


def tame_sdk_log() -> None:
    """Keep tokens and noise out of what the LiveKit SDK logs, and so out of saved notebooks."""
    logging.getLogger("livekit").addFilter(_log_filter)
