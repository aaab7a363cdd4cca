"""Requests to join: both ways of writing them, and everything that is neither."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models as m
from livekit.protocol import rtc
from serving import SINGLE_OFFER, audio_track, join_request, offer

from lkexplore.server.signalling.join_requests import (
    MAX_JOIN_BYTES,
    BadJoinRequest,
    JoinOptions,
    parse_join_request,
    parse_query,
)


def encode(message: rtc.WrappedJoinRequest | bytes) -> str:
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return base64.urlsafe_b64encode(data).decode()


def gzipped(content: bytes) -> str:
    return encode(
        rtc.WrappedJoinRequest(compression=rtc.WrappedJoinRequest.GZIP, join_request=content)
    )


@pytest.mark.parametrize("compress", [True, False])
def test_everything_in_a_join_request(compress: bool) -> None:
    text = join_request(
        compress=compress,
        client_info=m.ClientInfo(
            client_protocol=2, capabilities=[m.ClientInfo.Capability.CAP_PACKET_TRAILER]
        ),
        connection_settings=rtc.ConnectionSettings(auto_subscribe=False),
        metadata="about",
        participant_attributes={"seat": "3"},
        add_track_requests=[audio_track("one"), audio_track("two")],
        publisher_offer=offer(SINGLE_OFFER),
        reconnect=True,
        participant_sid="PA_me",
        sync_state=rtc.SyncState(track_sids_disabled=["TR_x"]),
    )
    options = parse_join_request(text)
    assert options.single
    assert not options.auto_subscribe
    assert options.reconnect
    assert options.participant_sid == "PA_me"
    assert options.client.client_protocol == 2
    assert (options.metadata, options.attributes) == ("about", {"seat": "3"})
    assert [request.cid for request in options.add_track_requests] == ["one", "two"]
    assert options.publisher_offer is not None
    assert options.publisher_offer.sdp == SINGLE_OFFER
    assert options.sync_state is not None
    assert list(options.sync_state.track_sids_disabled) == ["TR_x"]


def test_what_is_not_in_a_join_request() -> None:
    options = parse_join_request(join_request(connection_settings=None))
    assert options.publisher_offer is None
    assert options.sync_state is None
    assert not options.reconnect
    assert not options.auto_subscribe


def test_either_alphabet_and_missing_padding() -> None:
    text = next(
        t
        for n in range(200)
        if {"-", "_"} & set(t := join_request(metadata=chr(200 + n) * (n + 1)))
    )
    for variant in (text, text.rstrip("="), text.replace("-", "+").replace("_", "/")):
        assert parse_join_request(variant).metadata == parse_join_request(text).metadata


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "join_request is required"),
        ("!!!!", "cannot base64 decode wrapped join request"),
        ("A", "cannot base64 decode wrapped join request"),
        ("é", "cannot base64 decode wrapped join request"),
        ("AAA\nAAA", "cannot base64 decode wrapped join request"),
        (encode(b"\xff\xff\xff"), "cannot unmarshal wrapped join request"),
        (
            encode(rtc.WrappedJoinRequest(join_request=b"\xff\xff")),
            "cannot unmarshal join request",
        ),
        (gzipped(b"no gzip"), "cannot read decompressed join request"),
        (gzipped(b""), "cannot read decompressed join request"),
        (gzipped(gzip.compress(b"x" * 100)[:-9]), "cannot read decompressed join request"),
        (gzipped(zlib.compress(b"x" * 100)), "cannot read decompressed join request"),
        (gzipped(gzip.compress(b"\xff\xff")), "cannot unmarshal join request"),
    ],
    ids=range(12),
)
def test_refusals(text: str, answer: str) -> None:
    with pytest.raises(BadJoinRequest) as refused:
        parse_join_request(text)
    assert str(refused.value) == answer


@pytest.mark.parametrize("size", [MAX_JOIN_BYTES + 1, 200 << 20])
def test_a_bomb_is_not_unpacked(size: int) -> None:
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    packed = b"".join(packer.compress(block[: size - at]) for at in range(0, size, len(block)))
    text = gzipped(packed + packer.flush())
    assert len(text) < 300_000
    with pytest.raises(BadJoinRequest, match="join request too large"):
        parse_join_request(text)


@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_are_read_or_refused(data: bytes, wrapped: bool) -> None:
    text = encode(rtc.WrappedJoinRequest(join_request=data, compression=data[0] % 3 if data else 0))
    with contextlib.suppress(BadJoinRequest):
        assert isinstance(parse_join_request(text if wrapped else encode(data)), JoinOptions)


@given(st.text(max_size=100))
def test_random_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadJoinRequest):
        assert isinstance(parse_join_request(text), JoinOptions)


def test_everything_in_a_query() -> None:
    options = parse_query(
        {
            "client_protocol": "2",
            "capabilities": "CAP_PACKET_TRAILER,CAP_NONSENSE,",
            "auto_subscribe": "0",
            "reconnect": "1",
            "sid": "PA_me",
            "publish": "x",
            "attributes": base64.urlsafe_b64encode(json.dumps({"seat": "3"}).encode()).decode(),
        }
    )
    assert not options.single
    assert options.client.client_protocol == 2
    assert list(options.client.capabilities) == [m.ClientInfo.Capability.CAP_PACKET_TRAILER]
    assert not options.auto_subscribe
    assert options.reconnect
    assert (options.participant_sid, options.publish_only) == ("PA_me", "x")
    assert options.attributes == {"seat": "3"}


def test_an_empty_query() -> None:
    options = parse_query({})
    assert options.auto_subscribe
    assert not options.reconnect
    assert options.client == m.ClientInfo()


@pytest.mark.parametrize("protocol", ["", "-1", "99999", "9" * 5000, "٢", "x", "2.0"])
def test_absurd_protocols_are_none(protocol: str) -> None:
    assert parse_query({"client_protocol": protocol}).client.client_protocol == 0


@pytest.mark.parametrize(
    "attributes", ["!!", "bm90IGpzb24=", "W10=", "eyJhIjoxfQ==", "_w==", "W" * 9000]
)
def test_attributes_that_cannot_be_read(attributes: str) -> None:
    with pytest.raises(BadJoinRequest, match="cannot decode attributes"):
        parse_query({"attributes": attributes})
