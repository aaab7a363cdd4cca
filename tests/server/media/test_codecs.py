"""Key frames are told by the first bytes of a payload, as each codec's RTP format has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.server.media.codecs import Codec, PayloadTypes, is_key_frame

HEADER = bytes(12)
KEY, NOT_KEY = True, False

VP8 = {
    "10 00": KEY,
    "10 01": NOT_KEY,
    "00 00": NOT_KEY,  # S=0: not the start of a partition
    "11 00": NOT_KEY,  # PID=1: not the first partition
    "90 80 11 00": KEY,  # I, PictureID of 7 bits
    "90 80 11 01": NOT_KEY,
    "90 80 91 22 00": KEY,  # PictureID of 15 bits
    "90 80 91 22 01": NOT_KEY,
    "90 40 07 00": KEY,  # L
    "90 20 20 00": KEY,  # T
    "90 10 01 00": KEY,  # K
    "90 30 21 01": NOT_KEY,  # T and K share one byte
    "90 f0 91 22 07 21 00": KEY,
    "90 f0 91 22 07 21 01": NOT_KEY,
    "90 00 00": KEY,
}
VP9 = {
    "08": KEY,  # B=1, P=0
    "48": NOT_KEY,  # P=1
    "00": NOT_KEY,  # B=0: not the start
    "88 12": KEY,  # I
    "88 92 34": KEY,  # I, 15 bits
    "28 00 01": KEY,  # L, spatial layer 0
    "28 02 01": NOT_KEY,  # L, spatial layer 1, which needs layer 0
    "a8 12 00 01": KEY,
    "a8 92 34 04 01": NOT_KEY,  # spatial layer 2
    "8c 92 34": KEY,  # the whole frame in one packet
    "cc 92 34": NOT_KEY,
}
H264 = {
    "65 88": KEY,  # IDR slice
    "67 42": KEY,  # sequence parameter set
    "41 9a": NOT_KEY,
    "68 ce": NOT_KEY,
    "78 00 02 67 42 00 02 68 ce 00 02 65 88": KEY,  # STAP-A: SPS, PPS, IDR
    "78 00 02 09 10 00 02 67 42": KEY,  # STAP-A with a delimiter first
    "78 00 02 41 9a 00 02 41 9a": NOT_KEY,
    "78 00 05 41 9a": NOT_KEY,  # STAP-A, cut off
    "7c 85 88": KEY,  # FU-A, start of an IDR slice
    "7c 05 88": NOT_KEY,  # FU-A, its middle
    "7c 81 9a": NOT_KEY,
}
H265 = {
    "26 01 af": KEY,  # IDR_W_RADL (19)
    "28 01 af": KEY,  # IDR_N_LP (20)
    "2a 01 af": KEY,  # CRA (21)
    "40 01 0c": KEY,  # VPS (32)
    "02 01 d0": NOT_KEY,  # TRAIL_R (1)
    "60 01 00 03 40 01 0c": KEY,  # AP beginning with a VPS
    "60 01 00 03 02 01 d0": NOT_KEY,
    "62 01 93": KEY,  # FU, start of type 19
    "62 01 13": NOT_KEY,  # FU, its middle
    "62 01 81": NOT_KEY,
}
AV1 = {
    "18 0a": KEY,  # N=1
    "10 32": NOT_KEY,
    "90 32": NOT_KEY,  # Z=1: a fragment goes on
}
VECTORS = [
    (name, text, expected)
    for name, vectors in {"VP8": VP8, "VP9": VP9, "H264": H264, "H265": H265, "AV1": AV1}.items()
    for text, expected in vectors.items()
]


@pytest.mark.parametrize(("name", "text", "expected"), VECTORS)
def test_key_frames(name: str, text: str, expected: bool) -> None:
    assert is_key_frame(name, HEADER + bytes.fromhex(text), len(HEADER)) is expected


@pytest.mark.parametrize(("name", "text", "expected"), VECTORS)
def test_payloads_that_are_cut_off_never_raise(name: str, text: str, expected: bool) -> None:
    payload = bytes.fromhex(text)
    for size in range(len(payload)):
        assert is_key_frame(name, HEADER + payload[:size], len(HEADER)) in (True, False)
    assert is_key_frame(name, HEADER, len(HEADER)) is False


@given(st.sampled_from(["VP8", "VP9", "H264", "H265", "AV1", "opus", "nonsense"]), st.binary())
def test_random_payloads_never_raise(name: str, payload: bytes) -> None:
    assert is_key_frame(name, HEADER + payload, len(HEADER)) in (True, False)


def test_payload_types_are_the_same_for_the_same_codec() -> None:
    types = PayloadTypes()
    vp8, h264 = Codec("VP8", "90000"), Codec("H264", "90000", "packetization-mode=1")
    assert types.number(Codec("opus", "48000/2", "stereo=1")) == 111
    assert types.number(vp8) == types.number(vp8)
    assert types.number(vp8) != types.number(h264)


def test_payload_types_never_run_out_and_never_collide() -> None:
    types = PayloadTypes()
    for count in range(300):
        codec = Codec("H264", "90000", f"profile-level-id={count:06x}")
        number = types.number(codec)
        assert number in {*range(96, 128), *range(35, 64)} - {111}
        assert types.number(codec) == number
        newest = [
            Codec("H264", "90000", f"profile-level-id={n:06x}")
            for n in range(count, max(-1, count - 20), -1)
        ]
        assert len({types.number(c) for c in newest}) == len(newest)


def test_mime_types() -> None:
    assert Codec("H264", "90000").mime_type == "video/h264"
    assert Codec("opus", "48000/2").clock_rate == 48000
