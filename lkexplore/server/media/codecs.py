"""Codecs that can be forwarded: their names, parameters and key frames."""

from __future__ import annotations

from dataclasses import dataclass

MIME_TYPES = {
    "opus": "audio/opus",
    "VP8": "video/vp8",
    "VP9": "video/vp9",
    "H264": "video/h264",
    "AV1": "video/av1",
    "H265": "video/h265",
}
"""MIME types of the codecs that can be forwarded, as LiveKit spells them, by name in SDP."""

PUBLISH_MIME_TYPES = tuple(MIME_TYPES.values())
"""MIME types that clients are told they may publish."""

_CLOCKS = {"audio": "48000/2", "video": "90000"}
"""Clock rate (Hz) and channels, as SDP writes them, of the codecs of either kind."""

_LONGEST_PARAMETERS = 255
"""Characters of the longest codec parameters that are passed on to other clients."""

_MATCHED_PARAMETERS = ("profile-id", "packetization-mode", "profile-level-id", "profile")
"""Parameters by which payload types of one codec differ (RFC 9628, RFC 6184, RFC 7798, AV1)."""


@dataclass(frozen=True)
class Codec:
    """One codec of a media section: SDP name, clock rate (and channels), parameters."""

    name: str
    clock: str
    parameters: str = ""

    @property
    def mime_type(self) -> str:
        """The MIME type as LiveKit spells it."""
        return MIME_TYPES[self.name]

    @property
    def clock_rate(self) -> int:
        """Ticks of the RTP timestamp per second."""
        return int(self.clock.split("/")[0])

    def fits(self, kind: str) -> bool:
        """Return whether the codec may be forwarded in a section of `kind`, to any client.

        Its parameters go into other clients' session descriptions, so they must be well-formed.
        """
        text = self.parameters
        return (
            self.mime_type.startswith(kind + "/")
            and self.clock == _CLOCKS[kind]
            and len(text) <= _LONGEST_PARAMETERS
            and text.isascii()
            and text.isprintable()
        )

    def matched_parameters(self) -> dict[str, str]:
        """Return the parameters by which two payload types of a codec differ."""
        pairs = (part.partition("=") for part in self.parameters.replace(" ", "").split(";"))
        return {name: value for name, _, value in pairs if name in _MATCHED_PARAMETERS}


class PayloadTypes:
    """Payload types for the offers this server makes: one codec, one number, everywhere.

    A number shared by all subscribers lets one packet be written once for all of them.
    """

    _POOL = (*range(96, 111), *range(112, 128), *range(35, 64))
    """Payload types given out: the dynamic ones, then unassigned ones (RFC 3551, section 6)."""

    _OPUS = 111
    """The payload type of Opus, the same one that browsers use."""

    def __init__(self) -> None:
        self._numbers: dict[Codec, int] = {}

    def number(self, codec: Codec) -> int:
        """Return the payload type of `codec`; when all are used, the oldest is reused."""
        if codec.name == "opus":
            return self._OPUS
        if codec not in self._numbers:
            if len(self._numbers) >= len(self._POOL):
                self._numbers.pop(next(iter(self._numbers)))
            taken = set(self._numbers.values())
            self._numbers[codec] = next(n for n in self._POOL if n not in taken)
        return self._numbers[codec]


def is_key_frame(codec_name: str, packet: bytes, offset: int) -> bool:
    """Return whether the RTP payload at `offset` starts a frame that needs no other.

    Sources: RFC 7741 (VP8), RFC 9628 (VP9), RFC 6184 (H.264), RFC 7798 (H.265), and the
    AV1 RTP specification, section 4.4 (the N bit of the aggregation header).
    """
    try:
        return _KEY_FRAME[codec_name](packet, offset)
    except (IndexError, KeyError):
        return False


def without_picture_numbers(packet: bytes, offset: int) -> bytes:
    """Return the VP8 payload at `offset` with the shortest descriptor (RFC 7741, section 4.2).

    The picture numbers of one simulcast layer have nothing to do with those of another. A
    subscriber that is moved from layer to layer would take new pictures for old ones; without
    picture numbers it relies on those of the packets, which are continuous.
    """
    try:
        start = _vp8_start(packet, offset)
    except IndexError:
        return packet[offset:]
    return bytes((packet[offset] & 0x7F,)) + packet[start:]


def _vp8_start(p: bytes, o: int) -> int:
    first = p[o]
    o += 1
    if first & 0x80:
        extension = p[o]
        o += 1
        if extension & 0x80:
            o += 2 if p[o] & 0x80 else 1
        o += bool(extension & 0x40) + bool(extension & 0x30)
    return o


def _vp8(p: bytes, o: int) -> bool:
    first = p[o]
    if not first & 0x10 or first & 7:
        return False
    return not p[_vp8_start(p, o)] & 1


def _vp9(p: bytes, o: int) -> bool:
    first = p[o]
    if first & 0x40 or not first & 0x08:
        return False
    if not first & 0x20:
        return True
    o += 1
    if first & 0x80:
        o += 2 if p[o] & 0x80 else 1
    # A higher spatial layer needs the lowest one.
    return not p[o] >> 1 & 7


def _h264(p: bytes, o: int) -> bool:
    kind = p[o] & 31
    if kind == 24:
        return _holds_h264_key(p, o + 1)
    if kind == 28:
        return bool(p[o + 1] & 0x80) and p[o + 1] & 31 in (5, 7)
    return kind in (5, 7)


def _holds_h264_key(p: bytes, o: int) -> bool:
    """Look through the units that one packet has put together."""
    while o + 2 < len(p):
        if p[o + 2] & 31 in (5, 7):
            return True
        o += 2 + (p[o] << 8 | p[o + 1])
    return False


def _h265(p: bytes, o: int) -> bool:
    kind = (p[o] >> 1) & 63
    if kind == 48:
        kind = (p[o + 4] >> 1) & 63
    elif kind == 49:
        if not p[o + 2] & 0x80:
            return False
        kind = p[o + 2] & 63
    return 16 <= kind <= 21 or kind in (32, 33, 34)


def _av1(p: bytes, o: int) -> bool:
    return bool(p[o] & 0x08)


_KEY_FRAME = {"VP8": _vp8, "VP9": _vp9, "H264": _h264, "H265": _h265, "AV1": _av1}
"""What recognises a key frame, by the codec's name."""
