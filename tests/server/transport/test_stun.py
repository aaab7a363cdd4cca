"""STUN on bytes: the vectors of RFC 5769, and anything a stranger may send."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport_client import binding_request

from lkexplore.server.transport import stun

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
SOFTWARE = "8022000b7465737420766563746f7220"
# RFC 5769, sections 2.1, 2.2 and 2.3.
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
RESPONSE_4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae" + SOFTWARE + "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
RESPONSE_6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae" + SOFTWARE + "002000140002a147"
    "0113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)


def parsed(data: bytes) -> stun.Message:
    message = stun.parse(data)
    assert message is not None
    return message


def test_the_request_of_rfc_5769_is_understood_and_authentic():
    message = parsed(REQUEST)
    assert message.type == stun.BINDING_REQUEST
    assert message.transaction_id == TRANSACTION
    assert message.local_ufrag == "evtj"
    assert message.attributes[stun.USERNAME] == b"evtj:h6vY"
    assert message.attributes[0x0024] == bytes.fromhex("6e0001ff")
    assert message.is_authentic(PASSWORD)
    assert not message.is_authentic(b"another password of ours")


@pytest.mark.parametrize("data", [RESPONSE_4, RESPONSE_6])
def test_the_responses_of_rfc_5769_are_understood_and_authentic(data):
    message = parsed(data)
    assert message.type == stun.BINDING_SUCCESS
    assert message.is_authentic(PASSWORD)


@pytest.mark.parametrize(
    ("host", "vector"),
    [
        ("192.0.2.1", RESPONSE_4),
        ("::ffff:192.0.2.1", RESPONSE_4),
        ("2001:db8:1234:5678:11:2233:4455:6677", RESPONSE_6),
        ("2001:db8:1234:5678:11:2233:4455:6677%eth0", RESPONSE_6),
    ],
)
def test_an_answer_has_the_address_of_rfc_5769(host, vector):
    answer = parsed(stun.binding_success(parsed(REQUEST), host, 32853, PASSWORD))
    expected = parsed(vector).attributes[stun.XOR_MAPPED_ADDRESS]
    assert answer.attributes[stun.XOR_MAPPED_ADDRESS] == expected
    assert answer.type == stun.BINDING_SUCCESS
    assert answer.transaction_id == TRANSACTION
    assert answer.is_authentic(PASSWORD)
    assert not answer.is_authentic(PASSWORD[:-1])


def test_a_message_without_integrity_or_fingerprint_is_read_but_not_authentic():
    plain = struct.pack("!HHI", 1, 8, stun.COOKIE) + TRANSACTION + b"\x00\x06\x00\x03a:b\x00"
    message = parsed(plain)
    assert message.local_ufrag == "a"
    assert not message.is_authentic(PASSWORD)


def test_attributes_after_the_integrity_are_ignored():
    nominate = struct.pack("!HH", stun.USE_CANDIDATE, 0)
    without_fingerprint = REQUEST[:-8]
    data = bytearray(without_fingerprint + nominate)
    data[2:4] = struct.pack("!H", len(data) - 20)
    message = parsed(bytes(data))
    assert stun.USE_CANDIDATE not in message.attributes
    assert message.is_authentic(PASSWORD)


def test_a_fingerprint_that_is_not_last_is_refused():
    fingerprint = REQUEST[-8:]
    data = bytearray(REQUEST[:20] + fingerprint + REQUEST[20:-8])
    assert stun.parse(bytes(data)) is None


def test_an_attribute_that_reaches_beyond_the_message_is_refused():
    for size in (5, 8, 65535):
        body = struct.pack("!HH", stun.USERNAME, size) + b"a:bc"
        data = struct.pack("!HHI", 1, len(body), stun.COOKIE) + TRANSACTION + body
        assert stun.parse(data) is None


def test_a_username_that_is_not_ascii_names_nobody():
    body = struct.pack("!HH", stun.USERNAME, 4) + b"\xff\xfe:x"
    data = struct.pack("!HHI", 1, len(body), stun.COOKIE) + TRANSACTION + body
    assert parsed(data).local_ufrag is None


@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_one_changed_byte_is_noticed(position, change):
    data = bytearray(REQUEST)
    data[position] ^= change
    message = stun.parse(bytes(data))
    if message is not None and message.is_authentic(PASSWORD):
        # Only the unprotected name of the FINGERPRINT attribute may differ.
        assert position in (100, 101)
        assert message.attributes == parsed(REQUEST).attributes


@given(st.integers(0, len(REQUEST) - 1), st.binary(max_size=40))
def test_a_cut_or_lengthened_message_is_noticed(length, extra):
    assert stun.parse(REQUEST[:length]) is None
    if extra:
        message = stun.parse(REQUEST + extra)
        assert message is None


@given(st.binary(max_size=200))
def test_garbage_never_raises(data):
    message = stun.parse(data)
    assert message is None or not message.is_authentic(PASSWORD)


@given(st.binary(max_size=120).map(lambda body: body[: len(body) // 4 * 4]), st.integers(0, 65535))
def test_garbage_behind_a_right_header_never_raises(body, kind):
    data = struct.pack("!HHI", kind, len(body), stun.COOKIE) + TRANSACTION + body
    message = stun.parse(data)
    if message is not None:
        assert not message.is_authentic(PASSWORD)
        _ = message.local_ufrag


@given(st.binary(min_size=12, max_size=12), st.ip_addresses(), st.integers(0, 65535))
def test_every_address_comes_back(transaction_id, address, port):
    request = parsed(binding_request("abcd", "secret", transaction_id=transaction_id))
    answer = parsed(stun.binding_success(request, str(address), port, b"secret"))
    value = answer.attributes[stun.XOR_MAPPED_ADDRESS]
    mask = struct.pack("!I", stun.COOKIE) + transaction_id
    mapped = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    expected = getattr(address, "ipv4_mapped", None) or address
    assert mapped == expected.packed
    assert value[1] == (1 if expected.version == 4 else 2)
    assert struct.unpack("!H", value[2:4])[0] ^ 0x2112 == port
    assert answer.is_authentic(b"secret")
