"""SRTP and SRTCP sessions made from the keys of a DTLS handshake.

References
----------
RFC 3711 (SRTP), RFC 5764 section 4.2 (keys from DTLS), RFC 7714 (AES-GCM).
"""

from __future__ import annotations

from typing import NamedTuple

import pylibsrtp
from pylibsrtp import Policy, Session

EXPORT_LABEL = b"EXTRACTOR-dtls_srtp"
"""The label under which SRTP's keys are exported from a handshake (RFC 5764, section 4.2)."""

REPLAY_WINDOW = 1024
"""Packets behind the newest one that may still come in late; a packet is taken only once."""

MAX_INBOUND_SSRCS = 1024
"""Sources of one peer for which keys are kept; packets of further ones are refused."""


class Profile(NamedTuple):
    """One SRTP protection profile.

    Attributes
    ----------
    name : bytes
        The profile's name in OpenSSL.
    number : int
        The profile's number in libsrtp.
    key_bytes, salt_bytes : int
        Sizes of the master key and the master salt in bytes.
    """

    name: bytes
    number: int
    key_bytes: int
    salt_bytes: int

    @property
    def material_bytes(self) -> int:
        """Bytes to export from the handshake: a key and a salt for either direction."""
        return 2 * (self.key_bytes + self.salt_bytes)


def _available(profile: Profile) -> bool:
    """Whether this build of libsrtp has the profile (AES-GCM depends on how it was built)."""
    try:
        Policy(srtp_profile=profile.number)
    except pylibsrtp.Error:
        return False
    return True


PROFILES = tuple(
    profile
    for profile in (
        Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
        Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    )
    if _available(profile)
)
"""SRTP protection profiles that are offered, preferred first."""


class SrtpSession:
    """Protects what goes to one peer and unprotects what comes from it.

    Parameters
    ----------
    profile : Profile
        The profile that the handshake chose.
    material : bytes
        `profile.material_bytes` exported bytes: client key, server key, client salt, server salt.
    is_client : bool, default False
        Whether this end was the DTLS client.

    Attributes
    ----------
    protect, protect_rtcp : callable
        Functions that take and return a packet (bytes). They raise `pylibsrtp.Error`, or
        ValueError for a packet that is too long. A packet number may be sent again only with
        the very same bytes: repeats are let through for retransmission, and different bytes
        under one number would give away the key stream.

    Notes
    -----
    The peer chooses its synchronisation sources, and libsrtp keeps a state for each. So no more
    than `MAX_INBOUND_SSRCS` are taken; packets of further ones are refused.
    """

    def __init__(self, profile: Profile, material: bytes, *, is_client: bool = False) -> None:
        client, server = _split(profile, material)
        mine, theirs = (client, server) if is_client else (server, client)
        self._outbound = _session(profile, mine, Policy.SSRC_ANY_OUTBOUND)
        self._inbound = _session(profile, theirs, Policy.SSRC_ANY_INBOUND)
        self._inbound_ssrcs: set[bytes] = set()
        self.protect = self._outbound.protect
        self.protect_rtcp = self._outbound.protect_rtcp

    def unprotect(self, packet: bytes) -> bytes | None:
        """Check and decrypt an SRTP packet.

        Parameters
        ----------
        packet : bytes
            The packet, any bytes from the network.

        Returns
        -------
        bytes or None
            The RTP packet; None if it is not authentic, was seen before, or is of one
            synchronisation source too many.
        """
        ssrc = packet[8:12]
        if ssrc not in self._inbound_ssrcs and len(self._inbound_ssrcs) >= MAX_INBOUND_SSRCS:
            return None
        try:
            plain: bytes = self._inbound.unprotect(packet)
        except (pylibsrtp.Error, ValueError):
            return None
        self._inbound_ssrcs.add(ssrc)
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Check and decrypt an SRTCP packet; like `unprotect`."""
        ssrc = packet[4:8]
        if ssrc not in self._inbound_ssrcs and len(self._inbound_ssrcs) >= MAX_INBOUND_SSRCS:
            return None
        try:
            plain: bytes = self._inbound.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            return None
        self._inbound_ssrcs.add(ssrc)
        return plain

    def forget_inbound(self, ssrc: int) -> None:
        """Free the state of a source of the peer that has ended."""
        key = ssrc.to_bytes(4, "big")
        if key in self._inbound_ssrcs:
            self._inbound_ssrcs.discard(key)
            _remove(self._inbound, ssrc)

    def forget_outbound(self, ssrc: int) -> None:
        """Free the state of a source of ours that has ended.

        Its number must never be used again in this session: the packet numbers would start over
        under the same key.
        """
        _remove(self._outbound, ssrc)


def _split(profile: Profile, material: bytes) -> tuple[bytes, bytes]:
    """Key and salt of the client, key and salt of the server (RFC 5764, section 4.2)."""
    key, salt = profile.key_bytes, profile.salt_bytes
    keys, salts = material[: 2 * key], material[2 * key : 2 * (key + salt)]
    return keys[:key] + salts[:salt], keys[key:] + salts[salt:]


def _session(profile: Profile, key_and_salt: bytes, direction: int) -> Session:
    policy = Policy(key=key_and_salt, ssrc_type=direction, srtp_profile=profile.number)
    policy.allow_repeat_tx = True
    policy.window_size = REPLAY_WINDOW
    return Session(policy)


def _remove(session: Session, ssrc: int) -> None:
    try:
        session.remove_stream(ssrc)
    except pylibsrtp.Error:
        # libsrtp has no state for a source that never sent.
        return
