"""Administration: every refusal has the code and the status of LiveKit's server."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import room as api
from office import ADMIN, CALLS, CREATE, JSON, LIST, OF_A_PARTICIPANT, OF_A_ROOM, PROTOBUF, Office
from serving import Clients, open_clients, token

from lkexplore.server.config import Limits
from lkexplore.server.signalling.twirp import TwirpError, decode


@pytest.fixture(params=[JSON, PROTOBUF])
def office(clients: Clients, request: pytest.FixtureRequest) -> Office:
    return Office(clients, request.param)


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    "grants", [None, {}, {"roomAdmin": True, "room": "another"}, {"roomJoin": True}]
)
async def test_without_the_right_grant(
    office: Office, method: str, grants: dict[str, Any] | None
) -> None:
    await office.clients.join("alice")
    kind, _, _ = CALLS[method]
    fields = {f.name for f in kind.DESCRIPTOR.fields}
    names = {k: v for k, v in {"room": "room", "identity": "alice"}.items() if k in fields}
    told = await office.refused(method, office.encode(kind(**names)), grants=grants)
    assert told == (401, "unauthenticated", "permissions denied")
    without_video = token(without=("video",))
    told = await office.refused(method, office.encode(kind(**names)), grants=without_video)
    assert told == (401, "unauthenticated", "permissions denied")


@pytest.mark.parametrize("text", ["garbage", token(exp=0), token(secret="x" * 40)])
async def test_a_bad_token_is_refused_like_everywhere(clients: Clients, text: str) -> None:
    for method in (*CALLS, "Nothing"):
        status, content_type, body = await Office(clients).post(method, b"{}", grants=text)
        assert (status, content_type.split(";")[0]) == (401, "text/plain")
        assert body.startswith(b"invalid")


@pytest.mark.parametrize("method", CALLS)
async def test_what_cannot_be_decoded(office: Office, method: str) -> None:
    form = "json" if office.content_type == JSON else "protobuf"
    bodies = {
        JSON: [b"{nope", b"[]", b'{"room": 5, "name": 5, "names": 5}', b"\xff", b"[" * 5000, b""],
        PROTOBUF: [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"],
    }
    for body in bodies[office.content_type]:
        told = await office.refused(method, body, grants=CALLS[method][2])
        assert told == (400, "malformed", f"the {form} request could not be decoded")


@pytest.mark.parametrize("method", OF_A_ROOM)
async def test_a_room_that_is_not_there(office: Office, method: str) -> None:
    kind, _, grants = CALLS[method]
    told = await office.refused(method, office.encode(kind(room="room")), grants=grants)
    assert told == (404, "not_found", "requested room does not exist")


@pytest.mark.parametrize("method", OF_A_PARTICIPANT)
async def test_a_participant_who_is_not_there(office: Office, method: str) -> None:
    await office.clients.join("alice")
    kind, _, grants = CALLS[method]
    body = office.encode(kind(room="room", identity="bob"))
    told = await office.refused(method, body, grants=grants)
    assert told == (404, "not_found", "participant does not exist")


async def test_deleting_a_room_that_is_not_there(office: Office) -> None:
    body = office.encode(api.DeleteRoomRequest(room="room"))
    told = await office.refused("DeleteRoom", body, grants=CREATE)
    assert told == (404, "not_found", "requested room does not exist")


@pytest.mark.parametrize(
    ("method", "fields", "text"),
    [
        ("CreateRoom", {"name": ""}, "no room name"),
        ("CreateRoom", {"name": "é" * 129}, "room name length exceeds limits: max length 256"),
        ("CreateRoom", {"name": "n", "metadata": "m" * 524_289}, "metadata size exceeds limits"),
        ("UpdateRoomMetadata", {"metadata": "m" * 524_289}, "metadata size exceeds limits"),
        ("UpdateParticipant", {"name": "n" * 257}, "exceeds name length limit"),
        ("UpdateParticipant", {"metadata": "m" * 524_289}, "exceeds metadata size limit"),
        ("UpdateParticipant", {"attributes": {"a": "m" * 65_536}}, "exceeds attributes size limit"),
        ("SendData", {"nonce": b"ab"}, "nonce should be 16-bytes or not present, got: 2 bytes"),
    ],
)
async def test_arguments_beyond_their_limits(
    office: Office, method: str, fields: dict[str, Any], text: str
) -> None:
    await office.clients.join("alice")
    kind, _, grants = CALLS[method]
    known = {f.name for f in kind.DESCRIPTOR.fields}
    names = {k: v for k, v in {"room": "room", "identity": "alice"}.items() if k in known}
    told = await office.refused(method, office.encode(kind(**names, **fields)), grants=grants)
    assert told == (400, "invalid_argument", text)


async def test_a_server_with_all_its_rooms() -> None:
    async with open_clients(Limits(rooms=1)) as clients:
        office = Office(clients)
        await office.call("CreateRoom", name="one")
        await office.call("CreateRoom", name="one", metadata="again")
        status, code, _ = await office.refused("CreateRoom", b'{"name": "two"}', grants=CREATE)
        assert (status, code) == (429, "resource_exhausted")


async def test_wrong_routes(clients: Clients) -> None:
    office = Office(clients)
    assert await office.refused("Nothing", b"{}", grants=LIST) == (
        404,
        "bad_route",
        'no handler for path "/twirp/livekit.RoomService/Nothing"',
    )
    assert await office.refused("ListRooms", b"", grants=LIST, verb="GET") == (
        404,
        "bad_route",
        'unsupported method "GET" (only POST is allowed)',
    )
    for content_type in ("text/plain", "", "application/x-www-form-urlencoded"):
        assert await office.refused("ListRooms", b"{}", grants=LIST, content_type=content_type) == (
            404,
            "bad_route",
            f'unexpected Content-Type: "{content_type}"',
        )
    status, _, _ = await office.post("ListRooms", b"{}", grants=LIST, service="livekit.Nothing")
    assert status == 404


async def test_json_is_taken_as_twirp_has_it(clients: Clients) -> None:
    office = Office(clients)
    for body in (b"{}", b'{"names": []}', b'{"unknown": {"a": [1]}}'):
        status, _, _ = await office.post(
            "ListRooms", body, grants=LIST, content_type="application/json; charset=utf-8"
        )
        assert status == 200
    status, _, body = await office.post(
        "CreateRoom", b'{"name":"a","emptyTimeout":15}', grants=CREATE
    )
    assert json.loads(body)["empty_timeout"] == 15
    await clients.join("alice")
    data = json.dumps({"room": "room", "kind": "LOSSY", "data": base64.b64encode(b"x").decode()})
    assert (await office.post("SendData", data.encode(), grants=ADMIN))[0] == 200


async def test_a_body_beyond_the_limit(clients: Clients) -> None:
    body = json.dumps({"names": ["x" * (2 << 20)]}).encode()
    status, _, _ = await Office(clients).post("ListRooms", body, grants=LIST)
    assert status == 413


@given(st.sampled_from(sorted(CALLS)), st.binary(max_size=200), st.booleans())
def test_random_bodies_are_decoded_or_refused(method: str, body: bytes, as_json: bool) -> None:
    kind, _, _ = CALLS[method]
    with contextlib.suppress(TwirpError):
        assert isinstance(decode(kind, body, is_json=as_json), kind)
