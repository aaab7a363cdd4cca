"""Access tokens: who may join which room, and what they may do there.

A token is a JSON Web Token (RFC 7519) signed with HMAC-SHA256, issued by an API key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jwt
from livekit.protocol import models as m

_T = TypeVar("_T")

MAX_TOKEN_BYTES = 16_384
"""Characters of the longest token that is accepted."""

LEEWAY_SECONDS = 60
"""Seconds by which the clocks of the issuer and of the server may differ."""

_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidAlgorithmError, "only HS256 is taken"),
    (jwt.InvalidSignatureError, "its signature is not that of the API key's secret"),
    (jwt.MissingRequiredClaimError, "it needs an expiry (exp)"),
)
"""What a client is told of a token that is refused, by the error of the JWT library."""

_SOURCES = {
    "camera": m.TrackSource.CAMERA,
    "microphone": m.TrackSource.MICROPHONE,
    "screen_share": m.TrackSource.SCREEN_SHARE,
    "screen_share_audio": m.TrackSource.SCREEN_SHARE_AUDIO,
}
"""Track sources by the names that a token gives them."""

_SOURCE_NAMES = {number: name for name, number in _SOURCES.items()}
"""Names of the track sources, as a token gives them."""


class TokenRefused(Exception):
    """The token is missing, malformed, expired or signed by somebody else.

    Its text may be sent to the client: it never holds the token.
    """


@dataclass(frozen=True)
class Grants:
    """What a token says of its bearer, and what it allows the bearer to do.

    Parameters
    ----------
    api_key : str
        The API key that issued the token.
    identity, name, metadata, attributes, kind :
        The bearer's identity, displayed name, metadata, attributes and kind of participant.
    room : str
        The name of the room that the token is for.
    room_join, room_create, room_list, room_admin : bool
        Whether the bearer may join that room, create and delete rooms, list them, and
        administer that room.
    hidden, recorder, agent : bool
        Whether the bearer is not shown to others, and whether it is a recorder or an agent.
    can_publish, can_subscribe, can_publish_data, can_update_own_metadata : bool
        Whether the bearer may publish tracks, receive them, send data, and change its own name,
        metadata and attributes.
    can_publish_sources : tuple of int
        The track sources that it may publish; empty for all.
    has_video_grant : bool
        Whether the token has a claim ``video`` at all.
    payload : Mapping[str, Any]
        All claims of the token.
    """

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
        The JSON Web Token in its compact form.
    keys : Mapping[str, str]
        The secrets of the server's API keys, by key.

    Raises
    ------
    TokenRefused
        Unless it is an HS256 token of one of `keys`, within its ``nbf`` and ``exp``.
    """
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
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        reason = next((text for kind, text in _REASONS if isinstance(error, kind)), "malformed")
        raise TokenRefused(f"invalid token: {reason}") from error
    return _grants(payload, str(issuer))


def reissue(
    grants: Grants,
    keys: Mapping[str, str],
    seconds: float,
    info: m.ParticipantInfo,
    permission: m.ParticipantPermission,
) -> str:
    """Return a fresh token with which a client can come back as the participant it is now.

    Parameters
    ----------
    grants : Grants
        The grants of the token with which it joined.
    keys : Mapping[str, str]
        The secrets of the server's API keys, by key.
    seconds : float
        Duration in seconds for which the token is valid.
    info : ParticipantInfo
        The participant's present name, metadata and attributes.
    permission : ParticipantPermission
        The participant's present permission.
    """
    now = int(time.time())
    video = {
        **(grants.payload.get("video") or {}),
        "canPublish": permission.can_publish,
        "canSubscribe": permission.can_subscribe,
        "canPublishData": permission.can_publish_data,
        "canPublishSources": [
            _SOURCE_NAMES[s] for s in permission.can_publish_sources if s in _SOURCE_NAMES
        ],
        "canUpdateOwnMetadata": permission.can_update_metadata,
        "hidden": permission.hidden,
    }
    payload = {
        **grants.payload,
        "nbf": now,
        "exp": now + int(seconds),
        "video": video,
        "name": info.name,
        "metadata": info.metadata,
        "attributes": dict(info.attributes),
    }
    return jwt.encode(payload, keys[grants.api_key], algorithm="HS256")


def _grants(payload: Mapping[str, Any], api_key: str) -> Grants:
    video = _claim(payload, "video", dict, {})
    attributes = _claim(payload, "attributes", dict, {})
    if not all(isinstance(value, str) for value in attributes.values()):
        raise TokenRefused("invalid token: the attributes must be texts")
    sources = _claim(video, "canPublishSources", list, [])
    if not all(isinstance(source, str) and source in _SOURCES for source in sources):
        raise TokenRefused(f"invalid token: canPublishSources may be {', '.join(_SOURCES)}")
    can_publish = _flag(video, "canPublish", True)
    return Grants(
        api_key=api_key,
        identity=_text(payload, "sub") or _text(payload, "jti"),
        name=_text(payload, "name"),
        metadata=_text(payload, "metadata"),
        attributes=attributes,
        kind=_text(payload, "kind") or "standard",
        room=_text(video, "room"),
        room_join=_flag(video, "roomJoin"),
        room_create=_flag(video, "roomCreate"),
        room_list=_flag(video, "roomList"),
        room_admin=_flag(video, "roomAdmin"),
        hidden=_flag(video, "hidden"),
        recorder=_flag(video, "recorder"),
        agent=_flag(video, "agent"),
        can_publish=can_publish,
        can_subscribe=_flag(video, "canSubscribe", True),
        can_publish_data=_flag(video, "canPublishData", can_publish),
        can_update_own_metadata=_flag(video, "canUpdateOwnMetadata"),
        can_publish_sources=tuple(_SOURCES[source] for source in sources),
        has_video_grant=payload.get("video") is not None,
        payload=dict(payload),
    )


def _claim(claims: Mapping[str, Any], name: str, kind: type[_T], default: _T) -> _T:
    """Return a claim, or `default` when it is missing or null; refuse any other type."""
    value = claims.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise TokenRefused(f"invalid token: {name} is of the wrong type")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    return _claim(claims, name, str, "")


def _flag(claims: Mapping[str, Any], name: str, default: bool = False) -> bool:
    return _claim(claims, name, bool, default)
