"""RTP packets: headers and extensions are found, and nothing in them is trusted."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.server.media import rtp

ONE_BYTE, TWO_BYTE = 0xBEDE, 0x1000


def packet(
    payload: bytes = b"payload",
    *,
    sequence: int = 7,
    timestamp: int = 4800,
    ssrc: int = 0xABCD,
    csrcs: int = 0,
    extension: tuple[int, bytes] | None = None,
    payload_type: int = 111,
) -> bytes:
    """Build an RTP packet; `extension` is its profile and its content."""
    first = 0x80 | csrcs | (0x10 if extension else 0)
    out = struct.pack("!BBHII", first, payload_type, sequence, timestamp, ssrc) + bytes(4 * csrcs)
    if extension:
        profile, content = extension
        content += bytes(-len(content) % 4)
        out += struct.pack("!HH", profile, len(content) // 4) + content
    return out + payload


def one_byte(number: int, value: bytes) -> bytes:
    return bytes([number << 4 | len(value) - 1]) + value


def two_byte(number: int, value: bytes) -> bytes:
    return bytes([number, len(value)]) + value


def labels(data: bytes) -> dict[int, bytes]:
    header = rtp.parse_header(data)
    assert header is not None
    return rtp.extensions(data, header)


def test_a_plain_packet() -> None:
    header = rtp.parse_header(packet(sequence=65535, timestamp=2**32 - 1, ssrc=2**32 - 1))
    assert header == rtp.Header(65535, 2**32 - 1, 2**32 - 1, 12, None)


@pytest.mark.parametrize("csrcs", [0, 1, 15])
@pytest.mark.parametrize("profile", [ONE_BYTE, TWO_BYTE])
def test_the_payload_is_found_behind_everything(csrcs: int, profile: int) -> None:
    data = packet(b"sound", csrcs=csrcs, extension=(profile, bytes(8)))
    header = rtp.parse_header(data)
    assert header is not None
    assert data[header.payload_offset :] == b"sound"


def test_one_byte_extensions() -> None:
    content = one_byte(1, b"\x9e") + b"\x00\x00" + one_byte(4, b"mid7") + one_byte(10, b"f")
    assert labels(packet(extension=(ONE_BYTE, content))) == {1: b"\x9e", 4: b"mid7", 10: b"f"}


def test_two_byte_extensions() -> None:
    content = two_byte(1, b"\x9e") + b"\x00" + two_byte(4, b"") + two_byte(200, bytes(range(40)))
    found = labels(packet(extension=(TWO_BYTE, content)))
    assert found == {1: b"\x9e", 4: b"", 200: bytes(range(40))}


def test_one_byte_extensions_stop_at_the_reserved_id() -> None:
    content = one_byte(1, b"a") + b"\xf0b" + one_byte(2, b"c")
    assert labels(packet(extension=(ONE_BYTE, content))) == {1: b"a"}


@pytest.mark.parametrize(
    ("profile", "content"),
    [(ONE_BYTE, b"\x1fabc"), (TWO_BYTE, b"\x01\x09ab"), (TWO_BYTE, b"\x00\x00\x00\x01")],
)
def test_an_extension_that_is_cut_off_is_not_there(profile: int, content: bytes) -> None:
    data = packet(b"after", extension=(profile, content))
    assert labels(data) == {}


@pytest.mark.parametrize("extension", [None, (ONE_BYTE, one_byte(1, b"\x9e") + bytes(10))])
def test_truncated_packets_are_none_or_shorter(extension: tuple[int, bytes] | None) -> None:
    whole = packet(b"", csrcs=2, extension=extension)
    for size in range(len(whole)):
        assert rtp.parse_header(whole[:size]) is None
    assert rtp.parse_header(whole) is not None


@pytest.mark.parametrize("version", [0, 1, 3])
def test_other_versions_are_no_rtp(version: int) -> None:
    assert rtp.parse_header(bytes([version << 6]) + packet()[1:]) is None


@pytest.mark.parametrize("level", [0, 30, 127])
@pytest.mark.parametrize("voice", [0, 0x80])
def test_the_level_is_read_wherever_it_stands(level: int, voice: int) -> None:
    value = bytes([voice | level])
    for extension in (
        (ONE_BYTE, one_byte(1, value)),
        (ONE_BYTE, one_byte(4, b"mid") + one_byte(1, value)),
        (TWO_BYTE, two_byte(9, b"x") + two_byte(1, value)),
    ):
        data = packet(extension=extension)
        header = rtp.parse_header(data)
        assert header is not None
        assert rtp.audio_level(data, header, 1) == level
        assert rtp.audio_level(data, header, 2) is None


def test_no_level_without_an_extension_or_a_value() -> None:
    for data in (packet(), packet(extension=(TWO_BYTE, two_byte(1, b"")))):
        header = rtp.parse_header(data)
        assert header is not None
        assert rtp.audio_level(data, header, 1) is None


@given(st.binary(max_size=120), st.integers(0, 255))
def test_random_bytes_never_raise(data: bytes, extension_id: int) -> None:
    for candidate in (data, b"\x90" + data, b"\x9f\x6f" + data):
        header = rtp.parse_header(candidate)
        if header is None:
            continue
        assert 12 <= header.payload_offset <= len(candidate)
        found = rtp.extensions(candidate, header)
        assert sum(map(len, found.values())) <= len(candidate)
        level = rtp.audio_level(candidate, header, extension_id)
        assert level is None or 0 <= level <= 127


@given(st.integers(0, 0xFFFF), st.integers(1, 0x7FFF))
def test_newer_is_newer_round_the_wrap(start: int, step: int) -> None:
    later = (start + step) & 0xFFFF
    assert rtp.is_newer(later, start)
    assert not rtp.is_newer(start, later)
    assert not rtp.is_newer(start, start)
