"""Letting clients in: each refusal has the status and the text that LiveKit's server gives."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp.web
import pytest
from livekit.protocol import models as m
from livekit.protocol import room as api
from livekit.protocol import rtc
from serving import (
    KEY,
    SECRET,
    SINGLE_OFFER,
    Clients,
    audio_track,
    http_url,
    join_request,
    joining_token,
    offer,
    open_clients,
    token,
    until,
)

from lkexplore.server.config import Limits
from lkexplore.server.tokens import verify

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
NO_ACCESS = "no permissions to access the room"

REFUSALS = [
    (None, {}, 401, NO_ACCESS),
    ("garbage", {}, 401, "invalid authorization token"),
    (token(key="LKnobody"), {}, 401, "invalid API key"),
    (token(exp=0), {}, 401, "invalid token: it has expired"),
    (token(without=("video",)), {}, 401, NO_ACCESS),
    (token(video={"room": "room"}), {}, 401, "permissions denied"),
    (token(video={"roomJoin": True}), {}, 400, "no room name"),
    (token(video={"roomJoin": True}), {"room": "room"}, 400, "no room name"),
    (token(without=("sub",)), {}, 400, "identity cannot be empty"),
    (
        token("x" * 257),
        {},
        400,
        "participant identity length exceeds limits: max length 256",
    ),
    (joining_token(room="é" * 129), {}, 400, "room name length exceeds limits: max length 256"),
    (token(attributes={"a": "x" * 11_000}, name="n" * 300), {}, 400, "exceeds name length limit"),
    (joining_token(canPublish=False), {"publish": "x"}, 401, NO_ACCESS),
    (token(), {"attributes": "eyJhIjoiYiJ9"}, 401, NO_ACCESS),
    (token(), {"attributes": "!!"}, 400, "cannot decode attributes"),
    (token(), {"join_request": "!!"}, 400, "cannot base64 decode wrapped join request"),
    (token(), {"join_request": join_request(metadata="m")}, 401, NO_ACCESS),
    (token(), {"join_request": join_request(participant_attributes={"a": "b"})}, 401, NO_ACCESS),
    (
        joining_token(canUpdateOwnMetadata=True),
        {"join_request": join_request(participant_attributes={"a": "b" * 70_000})},
        400,
        "exceeds attributes size limit",
    ),
]


def bearer(text: str | None) -> dict[str, str]:
    return {} if text is None else {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("given_token", "query", "status", "text"), REFUSALS, ids=range(len(REFUSALS))
)
@pytest.mark.parametrize("path", ["/rtc", "/rtc/validate"])
async def test_refusals(
    clients: Clients,
    path: str,
    given_token: str | None,
    query: dict[str, str],
    status: int,
    text: str,
) -> None:
    headers = bearer(given_token) | (WEBSOCKET if path == "/rtc" else {})
    url = http_url(clients.server, path)
    async with clients.http.get(url, headers=headers, params=query) as response:
        assert (response.status, await response.text()) == (status, text)
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert clients.server.rooms == {}


@pytest.mark.parametrize("path", ["/rtc/validate", "/rtc/v1/validate", "//rtc/validate"])
async def test_a_good_token_is_valid(clients: Clients, path: str) -> None:
    url = http_url(clients.server, path)
    query = {"join_request": join_request()} if "v1" in path else {}
    async with clients.http.get(url, headers=bearer(token()), params=query) as response:
        assert (response.status, await response.text()) == (200, "success")
    async with clients.http.get(url, params={**query, "access_token": token()}) as response:
        assert (response.status, await response.text()) == (200, "success")


async def test_the_new_way_needs_its_request(clients: Clients) -> None:
    url = http_url(clients.server, "/rtc/v1/validate")
    async with clients.http.get(url, headers=bearer(token())) as response:
        assert (response.status, await response.text()) == (400, "join_request is required")


@pytest.mark.parametrize("header", ["Basic abc", "bearer x", "Token x", "Bearer"])
async def test_other_ways_to_authorize(clients: Clients, header: str) -> None:
    url = http_url(clients.server, "/rtc/validate")
    query = {"access_token": token()}
    async with clients.http.get(url, headers={"Authorization": header}, params=query) as response:
        assert response.status == 401
        assert await response.text() == "invalid authorization header. Must start with Bearer "


@pytest.mark.parametrize(
    "path", ["/rtc/validate", "/rtc/v1/validate", "/twirp/livekit.RoomService/ListRooms"]
)
async def test_pages_of_any_origin_may_ask(clients: Clients, path: str) -> None:
    headers = {
        "Origin": "https://lesson.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with clients.http.options(http_url(clients.server, path), headers=headers) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert response.headers["Access-Control-Max-Age"] == "86400"


async def test_requests_that_are_no_websocket(clients: Clients) -> None:
    url = http_url(clients.server, "/rtc")
    for headers in ({}, bearer(token()), {**WEBSOCKET, "Upgrade": "h2c", **bearer(token())}):
        async with clients.http.get(url, headers=headers) as response:
            assert response.status == 404
    broken = {**WEBSOCKET, "Sec-WebSocket-Key": "short", **bearer(token())}
    async with clients.http.get(url, headers=broken) as response:
        assert response.status == 400
    assert clients.server.rooms == {}


async def test_other_paths(clients: Clients) -> None:
    async with clients.http.get(http_url(clients.server, "/")) as response:
        assert (response.status, await response.text()) == (200, "OK")
    async with clients.http.get(http_url(clients.server, "/nothing")) as response:
        assert response.status == 404
    async with clients.http.post(http_url(clients.server, "/rtc")) as response:
        assert response.status == 405


@pytest.mark.parametrize("single", [True, False])
async def test_a_client_hears_that_it_has_joined_before_anything_else(
    clients: Clients, single: bool
) -> None:
    await clients.join("alice", single=single)
    bob = await clients.join("bob", single=single, canPublishSources=["microphone"])
    answer = bob.heard[0].join
    assert bob.kinds()[0] == "join"
    assert answer.room.name == "room"
    assert answer.room.sid.startswith("RM_")
    assert answer.participant.identity == "bob"
    assert answer.participant.sid.startswith("PA_")
    assert list(answer.participant.permission.can_publish_sources) == [m.TrackSource.MICROPHONE]
    assert [other.identity for other in answer.other_participants] == ["alice"]
    assert answer.subscriber_primary is not single
    assert answer.fast_publish
    assert answer.ping_interval > 0
    alice = clients.peers[0]
    update = await alice.wait("update", lambda u: u.participants[0].identity == "bob")
    assert update.participants[0].state == m.ParticipantInfo.State.JOINED
    await alice.wait("room_update", lambda u: u.room.num_participants == 2)


async def test_requests_that_come_with_the_join(clients: Clients) -> None:
    query = join_request(add_track_requests=[audio_track()], publisher_offer=offer(SINGLE_OFFER, 5))
    alice = await clients.knock(token(), single=True, join_request=query)
    published = await alice.wait("track_published")
    answer = await alice.wait("answer")
    assert alice.kinds()[0] == "join"
    assert answer.id == 5
    assert dict(answer.mid_to_track_id) == {"7": published.track.sid}


async def test_metadata_and_attributes_that_come_with_the_join(clients: Clients) -> None:
    query = join_request(metadata="about", participant_attributes={"seat": "3", "none": ""})
    bearer_ = token(
        video={"roomJoin": True, "room": "room", "canUpdateOwnMetadata": True},
        metadata="old",
        attributes={"row": "1"},
    )
    alice = await clients.knock(bearer_, single=True, join_request=query)
    info = (await alice.wait("join")).participant
    assert (info.metadata, dict(info.attributes)) == ("about", {"row": "1", "seat": "3"})


async def test_one_who_only_publishes_is_somebody_else(clients: Clients) -> None:
    await clients.join("alice")
    screen = await clients.knock(joining_token("alice"), publish="screen")
    info = (await screen.wait("join")).participant
    assert info.identity == "alice#screen"
    assert not info.permission.can_subscribe
    assert len(clients.server.rooms["room"].participants) == 2


async def test_a_hidden_participant_is_seen_by_nobody(clients: Clients) -> None:
    alice = await clients.join("alice")
    ghost = await clients.join("ghost", hidden=True)
    bob = await clients.join("bob")
    assert [p.identity for p in ghost.heard[0].join.other_participants] == ["alice"]
    assert [p.identity for p in bob.heard[0].join.other_participants] == ["alice"]
    await alice.wait("update", lambda u: u.participants[0].identity == "bob")
    await ghost.close()
    await alice.settled()
    seen = {p.identity for r in alice.heard if r.HasField("update") for p in r.update.participants}
    assert seen == {"bob"}


@pytest.mark.parametrize("single", [True, False])
async def test_who_comes_again_takes_the_place_of_the_first(clients: Clients, single: bool) -> None:
    first = await clients.join("alice", single=single)
    bob = await clients.join("bob", single=single)
    second = await clients.join("alice", single=single)
    leave = await first.wait("leave")
    assert leave.reason == m.DisconnectReason.DUPLICATE_IDENTITY
    assert leave.action == rtc.LeaveRequest.DISCONNECT
    await first.gone()
    assert [p.identity for p in second.heard[0].join.other_participants] == ["bob"]
    old, new = first.heard[0].join.participant.sid, second.heard[0].join.participant.sid
    assert old != new
    gone = m.ParticipantInfo.State.DISCONNECTED
    await bob.wait(
        "update", lambda u: u.participants[0].sid == old and u.participants[0].state == gone
    )
    await bob.wait("update", lambda u: u.participants[0].sid == new)
    assert clients.participant("alice").sid == new


async def come_back(clients: Clients, identity: str, sid: str, *, single: bool) -> Any:
    if single:
        query = join_request(reconnect=True, participant_sid=sid)
        return await clients.knock(joining_token(identity), single=True, join_request=query)
    return await clients.knock(joining_token(identity), reconnect="1", sid=sid)


@pytest.mark.parametrize("single", [True, False])
async def test_coming_back(clients: Clients, single: bool) -> None:
    alice = await clients.join("alice", single=single)
    await clients.join("bob")
    sid = alice.heard[0].join.participant.sid
    await alice.close()
    await until(lambda: clients.participant("alice").session is None, "the server has noticed")
    again = await come_back(clients, "alice", sid, single=single)
    await again.wait("room_update")
    assert again.kinds()[:3] == ["reconnect", "update", "room_update"]
    assert {p.identity for p in again.heard[1].update.participants} == {"alice", "bob"}
    assert clients.participant("alice").sid == sid
    if not single:
        await again.wait("offer")


async def test_coming_back_while_the_old_connection_still_stands(clients: Clients) -> None:
    alice = await clients.join("alice")
    sid = alice.heard[0].join.participant.sid
    again = await come_back(clients, "alice", sid, single=True)
    await again.wait("reconnect")
    await alice.gone()
    await again.settled()
    assert clients.participant("alice").sid == sid


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("whose", ["nobody's", "bob's", "none", "in an empty room"])
async def test_coming_back_as_somebody_else(clients: Clients, single: bool, whose: str) -> None:
    if whose != "in an empty room":
        await clients.join("alice")
    bob = await clients.join("bob", room="room" if whose == "bob's" else "other")
    sids = {"nobody's": "PA_nobody", "bob's": bob.heard[0].join.participant.sid, "none": ""}
    again = await come_back(clients, "alice", sids.get(whose, "PA_x"), single=single)
    leave = await again.wait("leave")
    assert leave.reason == m.DisconnectReason.STATE_MISMATCH
    assert leave.action == rtc.LeaveRequest.RECONNECT
    await again.gone()
    await bob.settled()
    assert ("room" in clients.server.rooms) == (whose != "in an empty room")


async def test_a_full_room(clients: Clients) -> None:
    headers = bearer(token(video={"roomCreate": True}))
    body = api.CreateRoomRequest(name="room", max_participants=2).SerializeToString()
    async with clients.http.post(
        http_url(clients.server, "/twirp/livekit.RoomService/CreateRoom"),
        data=body,
        headers={**headers, "Content-Type": "application/protobuf"},
    ) as response:
        assert response.status == 200
    await clients.join("alice")
    await clients.join("bob")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await clients.join("carol")
    assert refused.value.status == 403
    url = http_url(clients.server, "/rtc/validate")
    async with clients.http.get(url, headers=bearer(token("carol"))) as response:
        assert await response.text() == "room has exceeded its max participants"
    assert (await clients.join("bob")).kinds()[0] == "join"


async def test_a_room_is_never_overfilled_by_those_who_come_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare = aiohttp.web.WebSocketResponse.prepare

    async def hesitate(*arguments: Any) -> Any:
        await asyncio.sleep(0.05)
        return await prepare(*arguments)

    monkeypatch.setattr(aiohttp.web.WebSocketResponse, "prepare", hesitate)
    async with open_clients(Limits(participants_per_room=3)) as clients:

        async def try_to_join(n: int) -> None:
            try:
                await clients.knock(joining_token(f"p{n}"))
            except aiohttp.WSServerHandshakeError as refused:
                if refused.status != 403:
                    raise

        await asyncio.gather(*(try_to_join(n) for n in range(20)))
        for peer in clients.peers:
            await until(lambda peer=peer: peer.heard, "an answer")
        joined = [peer for peer in clients.peers if peer.kinds()[0] == "join"]
        assert len(joined) == len(clients.server.rooms["room"].participants) == 3
        for peer in clients.peers:
            if peer not in joined:
                assert peer.heard[0].leave.reason == m.DisconnectReason.JOIN_FAILURE


async def test_a_server_with_all_its_rooms() -> None:
    async with open_clients(Limits(rooms=2)) as clients:
        await clients.join("alice", room="one")
        await clients.join("alice", room="two")
        await clients.join("bob", room="two")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await clients.join("alice", room="three")
        assert refused.value.status == 503


async def test_fresh_tokens_hold_what_the_participant_has_become(clients: Clients) -> None:
    alice = await clients.join("alice", canUpdateOwnMetadata=True)
    first = verify(await alice.wait("refresh_token"), {KEY: SECRET})
    assert (first.identity, first.room, first.metadata) == ("alice", "room", "")
    after = len(alice.heard)
    change = rtc.UpdateParticipantMetadata(metadata="new", attributes={"a": "b"}, request_id=3)
    response = await alice.ask("request_response", update_metadata=change)
    assert (response.request_id, response.reason) == (3, rtc.RequestResponse.OK)
    second = verify(await alice.wait("refresh_token", after=after), {KEY: SECRET})
    assert (second.metadata, second.attributes) == ("new", {"a": "b"})
    after = len(alice.heard)
    clients.participant("alice").set_permission(m.ParticipantPermission(can_subscribe=True))
    third = verify(await alice.wait("refresh_token", after=after), {KEY: SECRET})
    assert not third.can_publish
