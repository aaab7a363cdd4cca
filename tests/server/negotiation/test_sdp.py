"""Session descriptions: real ones are read right, any others are refused in one line."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import DUAL_ANSWER, DUAL_OFFER, SINGLE_OFFER

from lkexplore.server.media.codecs import Codec
from lkexplore.server.negotiation import sdp

FINGERPRINT = ":".join(f"{(17 * n + 3) % 256:02X}" for n in range(32))
MINIMAL = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"


class Endpoint:
    """Our end of a transport, as a description tells it."""

    ufrag, pwd, fingerprint, candidate = "ours", "our-password", FINGERPRINT, ("127.0.0.1", 7882)


def section(*lines: str, kind: str = "audio", formats: str = "111") -> sdp.MediaSection:
    """Return the one section of a description."""
    text = "\r\n".join(["v=0", f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}", "a=mid:0", *lines])
    return sdp.parse(text)[0]


def read_everything(found: sdp.MediaSection) -> None:
    """Ask a section for all it knows; nothing but an SdpError may come of it."""
    for _, codec in found.codecs():
        assert found.payload_type_for(codec) is not None
        assert codec.fits(found.kind)
    numbers = [number for number, _ in found.codecs()]
    assert all(0 <= number < 128 for number in numbers)
    assert all(0 <= ssrc < 1 << 32 for ssrc in found.ssrcs())
    assert found.direction in sdp.DIRECTIONS
    assert all(rid and " " not in rid for rid in found.send_rids())
    assert isinstance(found.accepts_nack(96), bool)
    assert all((found.extension_id(uri) or 1) in range(1, 256) for uri in sdp.FORWARDED_EXTENSIONS)
    assert all("\n" not in line for line in sdp.extension_lines(found))
    assert isinstance(found.track_id, str)
    with contextlib.suppress(sdp.SdpError):
        name, value = found.fingerprint
        assert (name, value) == (name.lower(), value.upper())


def test_the_sdk_s_offer_on_one_connection() -> None:
    audio_in, video_in, data, audio, video = sdp.parse(SINGLE_OFFER)
    assert [s.mid for s in (audio_in, video_in, data, audio, video)] == ["0", "3", "6", "7", "8"]
    assert [s.direction for s in (audio_in, video_in, audio, video)] == ["recvonly"] * 2 + [
        "sendonly"
    ] * 2
    assert [(n, c.name) for n, c in audio_in.codecs()] == [(111, "opus")]
    assert [(n, c.name) for n, c in video_in.codecs()] == [
        (96, "VP8"),
        (103, "H264"),
        (109, "H264"),
        (45, "AV1"),
        (98, "VP9"),
        (100, "VP9"),
    ]
    assert data.kind == "application"
    assert data.get("sctp-port") == "5000"
    assert audio.sends
    assert not audio_in.sends
    assert audio.ssrcs() == [1000001]
    assert audio.track_id == "microphone-cid"
    assert audio.extension_id(sdp.LEVEL_URI) == 1
    assert audio.extension_id(sdp.MID_URI) == 4
    assert audio.extension_id(sdp.RID_URI) is None
    assert video.extension_id(sdp.RID_URI) == 10
    assert video.send_rids() == ["f", "h", "q"]
    assert video.accepts_nack(96)
    assert not audio.accepts_nack(111)
    assert all(s.fingerprint == ("sha-256", FINGERPRINT) for s in (audio_in, data, video))
    assert data.get("ice-ufrag") == "UFra"


def test_the_sdk_s_offer_and_answer_on_two_connections() -> None:
    data, audio, video = sdp.parse(DUAL_OFFER)
    assert [data.kind, audio.kind, video.kind] == ["application", "audio", "video"]
    assert audio.ssrcs() == [1000002]
    assert video.ssrcs() == []
    assert video.send_rids() == ["f", "h", "q"]
    data, audio, video = sdp.parse(DUAL_ANSWER)
    assert [s.direction for s in (audio, video)] == ["recvonly", "recvonly"]
    assert video.payload_type_for(Codec("VP8", "90000")) == 96
    assert video.accepts_nack(96)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1", 109),
        ("level-asymmetry-allowed=1; packetization-mode=1; profile-level-id=42001f", 103),
        ("profile-level-id=640032", 103),
    ],
)
def test_the_payload_type_is_the_one_with_the_same_profile(parameters: str, expected: int) -> None:
    video = sdp.parse(SINGLE_OFFER)[1]
    assert video.payload_type_for(Codec("H264", "90000", parameters)) == expected


def test_a_codec_that_was_not_offered_has_no_payload_type() -> None:
    video = sdp.parse(SINGLE_OFFER)[1]
    assert video.payload_type_for(Codec("H265", "90000")) is None


def test_what_holds_for_the_whole_session_holds_for_each_section() -> None:
    text = (
        f"v=0\r\na=ice-ufrag:all\r\na=fingerprint:SHA-256 {FINGERPRINT.lower()}\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:own\r\n"
    )
    audio, video = sdp.parse(text)
    assert [audio.get("ice-ufrag"), video.get("ice-ufrag")] == ["all", "own"]
    assert audio.fingerprint == video.fingerprint == ("sha-256", FINGERPRINT)


def test_streams_of_retransmission_are_left_out() -> None:
    found = section(
        "a=ssrc-group:FID 11 22",
        "a=ssrc-group:SIM 11 33",
        "a=ssrc:11 cname:a",
        "a=ssrc:22 cname:a",
        "a=ssrc:33 cname:a",
        "a=ssrc:33 msid:a b",
        "a=ssrc:4294967296 cname:a",
        "a=ssrc:x cname:a",
        "a=ssrc:",
    )
    assert found.ssrcs() == [11, 33]


@pytest.mark.parametrize(
    "line",
    [
        "a=rtpmap:111 VP8/90000",
        "a=rtpmap:111 opus/48000",
        "a=rtpmap:111 opus/8000/2",
        "a=rtpmap:111 opus/",
        "a=rtpmap:111 G722/8000",
        "a=rtpmap:111",
        "a=rtpmap:112 opus/48000/2",
        "a=rtpmap:111 opus/٤٨٠٠٠/2",
    ],
)
def test_a_codec_is_taken_only_as_its_standard_has_it(line: str) -> None:
    assert section(line).codecs() == []


@pytest.mark.parametrize(
    "parameters", ["x" * 256, "minptime=10;ü=1", "minptime=10\x00", "a=1\x7fb=2"]
)
def test_parameters_that_could_hurt_other_clients_are_not_taken(parameters: str) -> None:
    lines = "a=rtpmap:111 opus/48000/2", f"a=fmtp:111 {parameters}"
    assert section(*lines).codecs() == []
    assert section(lines[0], "a=fmtp:111 minptime=10").codecs()


@pytest.mark.parametrize("number", ["128", "9" * 5000, "-1", "١١", "0x6f", ""])
def test_absurd_numbers_are_no_numbers(number: str) -> None:
    found = section(
        f"a=rtpmap:{number} opus/48000/2",
        f"a=ssrc:{'9' * 5000} cname:a",
        f"a=extmap:{'9' * 5000} {sdp.MID_URI}",
        f"a=extmap:0 {sdp.MID_URI}",
        f"a=extmap:256 {sdp.MID_URI}",
        formats=f"{number} 111",
    )
    read_everything(found)
    assert found.codecs() == []
    assert found.ssrcs() == []
    assert found.extension_id(sdp.MID_URI) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\r\n",
        "nonsense",
        "m=audio\r\na=mid:0\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF\r\na=mid:0\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:\r\n",
        MINIMAL + MINIMAL,
        MINIMAL.replace("mid:0", "mid:" + "0" * 65),
        MINIMAL.replace("mid:0", "mid:a b"),
        MINIMAL.replace("mid:0", "mid:é"),
        MINIMAL.replace("mid:0", "mid:a\x07b"),
        MINIMAL + "a=x:" + "y" * sdp.MAX_SDP_BYTES,
        "v=0\r\n" + "".join(f"m=audio 9 UDP 0\r\na=mid:{n}\r\n" for n in range(513)),
    ],
    ids=range(14),
)
def test_unusable_descriptions_are_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(sdp.SdpError) as refusal:
        sdp.parse(text)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 120


def test_as_many_sections_as_allowed_are_read() -> None:
    text = "".join(f"m=audio 9 UDP 0\r\na=mid:{n}\r\n" for n in range(512))
    assert len(sdp.parse(text)) == 512


def test_a_section_without_a_fingerprint_says_so() -> None:
    with pytest.raises(sdp.SdpError, match="fingerprint"):
        _ = sdp.parse(MINIMAL)[0].fingerprint


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = sdp.parse(text)
    except sdp.SdpError:
        return
    for one in found:
        read_everything(one)


_SPLICES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "9" * 5000,
            "a=rid: send",
            "m=audio 9 x 0 0",
            "a=mid:0",
            "a=rtpmap:",
            "/",
            " ",
            ":",
            "\u2028",
        ]
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([SINGLE_OFFER, DUAL_OFFER, DUAL_ANSWER]),
    st.randoms(use_true_random=False),
    st.lists(_SPLICES, min_size=1, max_size=6),
)
def test_mutilated_offers_are_read_or_refused(
    text: str, dice: random.Random, splices: list[str]
) -> None:
    lines = text.splitlines()
    for splice in splices:
        at = dice.randrange(len(lines))
        line = lines[at]
        cut = dice.randrange(len(line) + 1)
        lines[at : at + dice.randrange(3)] = [line[:cut] + splice + line[cut + dice.randrange(4) :]]
        lines = lines or ["v=0"]
    try:
        found = sdp.parse("\r\n".join(lines))
    except sdp.SdpError:
        return
    for one in found:
        read_everything(one)


def test_what_is_written_reads_the_same() -> None:
    codec = Codec("opus", "48000/2", "minptime=10;useinbandfec=1")
    lines = sdp.application_section(Endpoint(), "data", "actpass")
    lines += sdp.media_section(
        Endpoint(),
        "audio",
        "a0",
        setup="actpass",
        direction="sendonly",
        payload_type=111,
        codec=codec,
        nack=True,
        extra=[f"a=extmap:3 {sdp.MID_URI}", *sdp.stream_lines("PA_one", "TR_one", 77)],
    )
    lines += sdp.media_section(
        Endpoint(),
        "video",
        "v0",
        setup="actpass",
        direction="inactive",
        payload_type=96,
        codec=Codec("VP8", "90000"),
    )
    text = sdp.describe(["data", "a0", "v0"], 7, lines)
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert "a=group:BUNDLE data a0 v0" in text
    assert "a=ice-lite" in text
    data, audio, video = sdp.parse(text)
    assert data.get("sctp-port") == "5000"
    assert audio.codecs() == [(111, codec)]
    assert audio.direction == "sendonly"
    assert audio.ssrcs() == [77]
    assert audio.get("msid") == "PA_one|TR_one TR_one"
    assert audio.track_id == "TR_one"
    assert audio.extension_id(sdp.MID_URI) == 3
    assert audio.accepts_nack(111)
    assert audio.fingerprint == ("sha-256", FINGERPRINT)
    assert audio.get("candidate") == "1 1 udp 2130706431 127.0.0.1 7882 typ host generation 0"
    assert video.direction == "inactive"
    assert video.accepts_nack(96)
