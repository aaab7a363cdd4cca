"""Access tokens: who may join which room and do what.

A token is a JSON Web Token (RFC 7519) signed with HMAC-SHA256, issued by an API key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from livekit.protocol import models as m

MAX_TOKEN_BYTES = 16_384
LEEWAY_SECONDS = 10

_SOURCES = {
    "camera": m.TrackSource.CAMERA,
    "microphone": m.TrackSource.MICROPHONE,
    "screen_share": m.TrackSource.SCREEN_SHARE,
    "screen_share_audio": m.TrackSource.SCREEN_SHARE_AUDIO,
}


class TokenRefused(Exception):
    """The token is missing, malformed, expired or signed by somebody else.

    Its text may be sent to the client: it never holds the token.
    """


@dataclass(frozen=True)
class Grants:
    """What the bearer of a token may do."""

    api_key: str
    identity: str = ""
    name: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    kind: str = "standard"
    room: str = ""
    room_join: bool = False
    room_create: bool = False
    room_list: bool = False
    room_admin: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_update_own_metadata: bool = False
    can_publish_sources: tuple[int, ...] = ()
    has_video_grant: bool = False
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def administers(self, room: str) -> bool:
        """Return whether the bearer may administer this very room."""
        return self.room_admin and self.room == room

    def permission(self) -> m.ParticipantPermission:
        """Return the participant's permission as the protocol carries it."""
        return m.ParticipantPermission(
            can_subscribe=self.can_subscribe,
            can_publish=self.can_publish,
            can_publish_data=self.can_publish_data,
            can_publish_sources=[m.TrackSource.Name(s) for s in self.can_publish_sources],
            can_update_metadata=self.can_update_own_metadata,
            hidden=self.hidden,
            recorder=self.recorder,
            agent=self.agent,
        )


def verify(token: str, keys: Mapping[str, str]) -> Grants:
    """Return the grants of a token.

    Parameters
    ----------
    token : str
        The compact JWT.
    keys : Mapping[str, str]
        API keys and their secrets.

    Raises
    ------
    TokenRefused
        Unless it is an HS256 token of one of `keys`, within its ``nbf`` and ``exp``.
    """
    if not token:
        raise TokenRefused("no token was sent")
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused("invalid token: too long")
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenRefused("invalid authorization token") from error
    secret = keys.get(issuer) if isinstance(issuer, str) else None
    if secret is None:
        raise TokenRefused("invalid API key")
    try:
        payload = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp"], "verify_aud": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise TokenRefused(f"invalid token: {error}") from error
    return _grants(payload, str(issuer))


def reissue(grants: Grants, keys: Mapping[str, str], seconds: float) -> str:
    """Return a fresh token with the same grants, for a client to reconnect with."""
    now = int(time.time())
    payload = {**grants.payload, "nbf": now, "exp": now + int(seconds)}
    return jwt.encode(payload, keys[grants.api_key], algorithm="HS256")


def _grants(payload: Mapping[str, Any], api_key: str) -> Grants:
    video = payload.get("video")
    given = video if isinstance(video, dict) else {}
    attributes = payload.get("attributes")
    sources = given.get("canPublishSources") or []
    if not isinstance(sources, list) or any(s not in _SOURCES for s in sources):
        raise TokenRefused("invalid token: canPublishSources")
    return Grants(
        api_key=api_key,
        identity=_text(payload, "sub"),
        name=_text(payload, "name"),
        metadata=_text(payload, "metadata"),
        attributes={
            str(k): str(v) for k, v in (attributes if isinstance(attributes, dict) else {}).items()
        },
        kind=_text(payload, "kind") or "standard",
        room=_text(given, "room"),
        room_join=given.get("roomJoin") is True,
        room_create=given.get("roomCreate") is True,
        room_list=given.get("roomList") is True,
        room_admin=given.get("roomAdmin") is True,
        hidden=given.get("hidden") is True,
        recorder=given.get("recorder") is True,
        agent=given.get("agent") is True,
        can_publish=given.get("canPublish") is not False,
        can_subscribe=given.get("canSubscribe") is not False,
        can_publish_data=given.get("canPublishData", given.get("canPublish")) is not False,
        can_update_own_metadata=given.get("canUpdateOwnMetadata") is True,
        can_publish_sources=tuple(_SOURCES[s] for s in sources),
        has_video_grant=isinstance(video, dict),
        payload=dict(payload),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
