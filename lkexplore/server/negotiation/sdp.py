"""Session descriptions (RFC 8866, RFC 9429): read what clients send, write what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..media.codecs import MIME_TYPES, Codec

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
"""The header extension that names a packet's media section (RFC 9143)."""

RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
"""The header extension that names a packet's simulcast layer (RFC 8852)."""

LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""The header extension that tells how loud a packet's sound is (RFC 6464, section 4)."""

FORWARDED_EXTENSIONS = (MID_URI, RID_URI, LEVEL_URI)
"""The header extensions that the server accepts from publishers."""

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
"""The attributes that tell who sends in a media section (RFC 8866, section 6.7)."""

MAX_MESSAGE_BYTES = 262_144
"""Bytes of the largest data message that clients are told they may send."""

SCTP_PORT = 5000
"""The server's SCTP port, and that of a client that names none."""

MAX_SDP_BYTES = 512 * 1024
"""Characters of the longest session description that is read."""

MAX_MID_LENGTH = 64
"""Characters of the longest media id that is accepted."""

_FEEDBACK = {"audio": (), "video": ("goog-remb", "ccm fir", "nack", "nack pli")}
"""The feedback that is agreed on for every section of a kind (RFC 4585, RFC 5104, REMB)."""

_SESSION_WIDE = ("ice-ufrag", "ice-pwd", "fingerprint", "setup")
"""Attributes that hold for all sections when they stand before the first (RFC 8839, RFC 8122)."""


class SdpError(ValueError):
    """A session description that cannot be used; its text says why, in one line."""


class IceEndpoint(Protocol):
    """The server's end of a transport, as a description names it."""

    ufrag: str
    pwd: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 fingerprint of the DTLS certificate."""

    @property
    def candidate(self) -> tuple[str, int]:
        """Address and UDP port."""


@dataclass
class MediaSection:
    """One ``m=`` section of a session description.

    Parameters
    ----------
    kind : str
        The kind of media: ``"audio"``, ``"video"`` or ``"application"``.
    payload_types : list of str
        The payload types as they are written, the preferred one first.
    attributes : list of (str, str)
        Name and value of each ``a=`` line, in their order.
    """

    kind: str
    payload_types: list[str]
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        """Return the first attribute called `name`."""
        return next((value for key, value in self.attributes if key == name), default)

    def all(self, name: str) -> list[str]:
        """Return every attribute called `name`."""
        return [value for key, value in self.attributes if key == name]

    @property
    def mid(self) -> str:
        """The section's media id."""
        return self.get("mid")

    @property
    def direction(self) -> str:
        """One of sendrecv, sendonly, recvonly, inactive."""
        return next((key for key, _ in self.attributes if key in DIRECTIONS), "sendrecv")

    @property
    def sends(self) -> bool:
        """Whether the client sends media here."""
        return self.direction in ("sendonly", "sendrecv")

    def codecs(self) -> list[tuple[int, Codec]]:
        """Return the codecs that can be forwarded, in the client's order of preference."""
        names = _numbered(self.all("rtpmap"))
        parameters = _numbered(self.all("fmtp"))
        found = []
        for number in self.payload_types:
            name, _, clock = names.get(number, "").partition("/")
            payload_type = to_number(number, 127)
            if name in MIME_TYPES and payload_type is not None:
                codec = Codec(name, clock, parameters.get(number, ""))
                if codec.fits(self.kind):
                    found.append((payload_type, codec))
        return found

    def payload_type_for(self, codec: Codec) -> int | None:
        """Return the payload type under which the client takes `codec`."""
        same = [(number, c) for number, c in self.codecs() if c.name == codec.name]
        wanted = codec.matched_parameters()
        exact = [number for number, c in same if c.matched_parameters() == wanted]
        return next(iter(exact or [number for number, _ in same]), None)

    def accepts_nack(self, payload_type: int) -> bool:
        """Return whether the client asks for retransmission of this payload type."""
        return any(f"{who} nack" in self.all("rtcp-fb") for who in (payload_type, "*"))

    def extension_id(self, uri: str) -> int | None:
        """Return the id under which the client sends a header extension."""
        for value in self.all("extmap"):
            number, _, rest = value.partition(" ")
            found = to_number(number.partition("/")[0], 255)
            if found and rest.split(" ")[0] == uri:
                return found
        return None

    def ssrcs(self) -> list[int]:
        """Return the primary streams' identifiers (not those of retransmission)."""
        groups = [group.split() for group in self.all("ssrc-group")]
        repair = {ssrc for group in groups if group[:1] == ["FID"] for ssrc in group[2:]}
        found = dict.fromkeys(value.partition(" ")[0] for value in self.all("ssrc"))
        numbers = (to_number(ssrc, (1 << 32) - 1) for ssrc in found if ssrc not in repair)
        return [number for number in numbers if number is not None]

    def send_rids(self) -> list[str]:
        """Return the names of the simulcast layers the client sends."""
        return [value.split()[0] for value in self.all("rid") if " send" in value]

    @property
    def track_id(self) -> str:
        """The client's id of the track it sends here (second half of its msid)."""
        return self.get("msid", "- -").split(" ")[-1]

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Hash name and value of the client's certificate."""
        parts = self.get("fingerprint").split(" ")
        if len(parts) != 2:
            raise SdpError("the description has no usable certificate fingerprint")
        return parts[0].lower(), parts[1].upper()


def parse(text: str, *, max_sections: int = 512) -> list[MediaSection]:
    """Return the media sections of a session description.

    Raises
    ------
    SdpError
        When there is no section, a section without a media id, or too much of anything.
    """
    if len(text) > MAX_SDP_BYTES:
        raise SdpError(f"the description has {len(text)} characters, over {MAX_SDP_BYTES}")
    session: list[tuple[str, str]] = []
    sections: list[MediaSection] = []
    for line in text.splitlines():
        if line.startswith("m="):
            parts = line[2:].split()
            if len(parts) < 4 or len(sections) >= max_sections:
                raise SdpError("malformed or too many media sections")
            sections.append(MediaSection(parts[0], parts[3:]))
        elif line.startswith("a="):
            key, _, value = line[2:].partition(":")
            (sections[-1].attributes if sections else session).append((key, value))
    for section in sections:
        have = {key for key, _ in section.attributes}
        section.attributes += [
            (key, value) for key, value in session if key in _SESSION_WIDE and key not in have
        ]
    mids = [section.mid for section in sections]
    if not sections or not all(mids) or len(set(mids)) != len(mids):
        raise SdpError("a description needs media sections with distinct media ids")
    if any(not _is_token(mid) for mid in mids):
        raise SdpError("a media id must be a short token")
    return sections


def describe(mids: Sequence[str], version: int, lines: Iterable[str]) -> str:
    """Return a whole description around the lines of its sections."""
    head = [
        "v=0",
        f"o=- 4611731400430051336 {version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE " + " ".join(mids),
        "a=msid-semantic: WMS *",
    ]
    return "\r\n".join([*head, *lines]) + "\r\n"


def application_section(endpoint: IceEndpoint, mid: str, setup: str) -> list[str]:
    """Return the section of the data channels."""
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        *_transport_lines(endpoint, setup),
        f"a=mid:{mid}",
        f"a=sctp-port:{SCTP_PORT}",
        f"a=max-message-size:{MAX_MESSAGE_BYTES}",
    ]


def media_section(
    endpoint: IceEndpoint,
    kind: str,
    mid: str,
    *,
    setup: str,
    direction: str,
    payload_type: int,
    codec: Codec,
    nack: bool = False,
    extra: Iterable[str] = (),
) -> list[str]:
    """Return an audio or video section with one codec."""
    feedback = [*_FEEDBACK.get(kind, ()), *(["nack"] if nack and kind == "audio" else [])]
    return [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}",
        *_transport_lines(endpoint, setup),
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=rtpmap:{payload_type} {codec.name}/{codec.clock}",
        *(f"a=rtcp-fb:{payload_type} {name}" for name in feedback),
        *([f"a=fmtp:{payload_type} {codec.parameters}"] if codec.parameters else []),
        *extra,
    ]


def extension_lines(section: MediaSection) -> list[str]:
    """Return the extmap lines to echo, which every answered section must carry."""
    found = ((section.extension_id(uri), uri) for uri in FORWARDED_EXTENSIONS)
    return [f"a=extmap:{number} {uri}" for number, uri in found if number is not None]


def stream_lines(participant_sid: str, track_sid: str, ssrc: int) -> list[str]:
    """Return the lines that tell a subscriber which track of which participant it receives."""
    msid = f"{participant_sid}|{track_sid} {track_sid}"
    return [
        f"a=msid:{msid}",
        f"a=ssrc:{ssrc} cname:{participant_sid}",
        f"a=ssrc:{ssrc} msid:{msid}",
    ]


def _transport_lines(endpoint: IceEndpoint, setup: str) -> list[str]:
    host, port = endpoint.candidate
    return [
        "c=IN IP4 127.0.0.1",
        f"a=candidate:1 1 udp 2130706431 {host} {port} typ host generation 0",
        "a=end-of-candidates",
        f"a=ice-ufrag:{endpoint.ufrag}",
        f"a=ice-pwd:{endpoint.pwd}",
        f"a=fingerprint:sha-256 {endpoint.fingerprint}",
        f"a=setup:{setup}",
    ]


def _numbered(values: Iterable[str]) -> dict[str, str]:
    pairs = (value.partition(" ") for value in values)
    return {number: rest for number, _, rest in pairs}


def to_number(text: str, highest: int) -> int | None:
    """Return the number from 0 to `highest` that `text` says in plain digits, or None."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        return None
    return int(text) if int(text) <= highest else None


def _is_token(text: str) -> bool:
    return len(text) <= MAX_MID_LENGTH and text.isascii() and text.isprintable() and " " not in text
