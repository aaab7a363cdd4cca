"""Subscribing: wishes, permissions, settings, feedback, and how little of it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models as m
from livekit.protocol import rtc
from serving import (
    SINGLE_OFFER,
    Clients,
    Peer,
    audio_track,
    join_request,
    joining_token,
    offer,
    video_track,
)

from lkexplore.server.media import rtcp
from lkexplore.server.media.downtrack import ANY_LAYER
from lkexplore.server.media.subscriptions import MAX_WISHES


async def publisher(clients: Clients, identity: str = "alice") -> tuple[Peer, str, str]:
    """Return a peer with a microphone and a camera of three sizes, and their ids."""
    peer = await clients.join(identity)
    await peer.send(add_track=audio_track())
    layers = [m.VideoLayer(quality=n, width=w) for n, w in enumerate((320, 640, 1280))]
    await peer.send(add_track=video_track(width=1280, height=720, layers=layers))
    answer = await peer.ask("answer", offer=offer(SINGLE_OFFER))
    return peer, answer.mid_to_track_id["7"], answer.mid_to_track_id["8"]


async def subscriber(clients: Clients, identity: str = "bob", **grants: Any) -> tuple[Peer, Any]:
    peer = await clients.join(identity, **grants)
    return peer, clients.participant(identity).subscriptions


async def test_tracks_come_by_themselves(clients: Clients) -> None:
    _, early = await subscriber(clients, "early")
    _, voice, camera = await publisher(clients)
    _, late = await subscriber(clients, "late")
    for found in (early, late):
        assert {s.track.sid for s in found} == {voice, camera}


async def test_tracks_do_not_come_by_themselves_when_not_wanted(clients: Clients) -> None:
    _, voice, camera = await publisher(clients)
    query = join_request(connection_settings=rtc.ConnectionSettings(auto_subscribe=False))
    bob = await clients.knock(joining_token("bob"), single=True, join_request=query)
    await bob.settled()
    found = clients.participant("bob").subscriptions
    assert list(found) == []
    await bob.send(subscription=rtc.UpdateSubscription(track_sids=[voice], subscribe=True))
    await bob.settled()
    assert [s.track.sid for s in found] == [voice]
    await bob.send(
        subscription=rtc.UpdateSubscription(
            participant_tracks=[m.ParticipantTracks(track_sids=[camera, voice])], subscribe=False
        )
    )
    await bob.settled()
    assert list(found) == []


async def test_a_track_that_is_not_there(clients: Clients) -> None:
    bob, _ = await subscriber(clients)
    answer = await bob.ask(
        "subscription_response",
        subscription=rtc.UpdateSubscription(track_sids=["TR_absent"], subscribe=True),
    )
    assert (answer.track_sid, answer.err) == ("TR_absent", m.SubscriptionError.SE_TRACK_NOTFOUND)


async def test_nobody_subscribes_without_the_grant(clients: Clients) -> None:
    _, voice, camera = await publisher(clients)
    bob, found = await subscriber(clients, canSubscribe=False)
    refused = await bob.wait("subscription_permission_update")
    assert not refused.allowed
    await bob.send(subscription=rtc.UpdateSubscription(track_sids=[voice, camera], subscribe=True))
    await bob.settled()
    assert list(found) == []
    permission = m.ParticipantPermission(can_subscribe=True)
    clients.participant("bob").set_permission(permission)
    assert {s.track.sid for s in found} == {voice, camera}
    clients.participant("bob").set_permission(m.ParticipantPermission())
    assert list(found) == []


async def test_a_publisher_chooses_its_audience(clients: Clients) -> None:
    alice, voice, camera = await publisher(clients)
    bob, bobs = await subscriber(clients, "bob")
    _, carols = await subscriber(clients, "carol")
    sid = clients.participant("carol").sid
    rules = [
        rtc.TrackPermission(participant_identity="bob", track_sids=[voice]),
        rtc.TrackPermission(participant_sid=sid, all_tracks=True),
    ]
    await alice.send(subscription_permission=rtc.SubscriptionPermission(track_permissions=rules))
    told = await bob.wait("subscription_permission_update")
    assert (told.track_sid, told.allowed) == (camera, False)
    assert {s.track.sid for s in bobs} == {voice}
    assert {s.track.sid for s in carols} == {voice, camera}
    await bob.send(subscription=rtc.UpdateSubscription(track_sids=[camera], subscribe=True))
    await bob.settled()
    assert {s.track.sid for s in bobs} == {voice}
    everyone = rtc.SubscriptionPermission(all_participants=True)
    await alice.send(subscription_permission=everyone)
    await alice.settled()
    assert {s.track.sid for s in bobs} == {voice, camera}


@pytest.mark.parametrize(
    ("setting", "rank"),
    [
        ({"quality": m.VideoQuality.LOW}, 0),
        ({"quality": m.VideoQuality.MEDIUM}, 1),
        ({"quality": m.VideoQuality.HIGH}, ANY_LAYER),
        ({"width": 160}, 0),
        ({"width": 320}, 0),
        ({"width": 350}, 0),
        ({"width": 640}, 1),
        ({"width": 1000}, 2),
        ({"width": 4000}, ANY_LAYER),
    ],
)
async def test_the_size_that_is_asked_for(
    clients: Clients, setting: dict[str, int], rank: int
) -> None:
    _, _, camera = await publisher(clients)
    bob, found = await subscriber(clients)
    await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=[camera], **setting))
    await bob.settled()
    [subscription] = [s for s in found if s.track.sid == camera]
    assert subscription.max_rank == rank


async def test_settings_hold_for_tracks_that_come_later(clients: Clients) -> None:
    _, _, camera = await publisher(clients)
    bob, found = await subscriber(clients)
    setting = rtc.UpdateTrackSettings(
        track_sids=[camera], disabled=True, quality=m.VideoQuality.LOW
    )
    await bob.send(track_setting=setting)
    for subscribe in (False, True):
        wish = rtc.UpdateSubscription(track_sids=[camera], subscribe=subscribe)
        await bob.send(subscription=wish)
    await bob.settled()
    [subscription] = [s for s in found if s.track.sid == camera]
    assert subscription.disabled
    assert subscription.max_rank == 0
    assert not subscription.start(clients.participant("bob").subscriber_transport)


async def test_wishes_and_settings_are_bounded(clients: Clients) -> None:
    bob, found = await subscriber(clients)
    for batch in range(12):
        sids = [f"TR_{batch}_{n}" for n in range(500)]
        await bob.send(subscription=rtc.UpdateSubscription(track_sids=sids))
        await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=sids, disabled=True))
    await bob.settled()
    assert len(found._wishes) == len(found._settings) == MAX_WISHES
    assert "TR_11_499" in found._wishes
    assert "TR_0_0" not in found._settings
    assert all(not setting.track_sids for setting in found._settings.values())
    absurd = "TR_" + "x" * 100
    await bob.send(subscription=rtc.UpdateSubscription(track_sids=[absurd]))
    await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=[absurd]))
    await bob.settled()
    assert absurd not in found._wishes
    assert absurd not in found._settings


async def test_one_message_is_dealt_with_up_to_a_number(clients: Clients) -> None:
    bob, found = await subscriber(clients)
    sids = [f"T{n}" for n in range(100_000)]
    await bob.send(subscription=rtc.UpdateSubscription(track_sids=sids))
    await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=sids))
    await bob.settled()
    assert list(found._wishes) == list(found._settings) == sids[:MAX_WISHES]


async def test_each_subscription_has_a_stream_of_its_own(clients: Clients) -> None:
    _, voice, camera = await publisher(clients)
    bob, bobs = await subscriber(clients, "bob")
    _, carols = await subscriber(clients, "carol")
    first = [s.ssrc for s in (*bobs, *carols)]
    for subscribe in (False, True):
        wish = rtc.UpdateSubscription(track_sids=[voice, camera], subscribe=subscribe)
        await bob.send(subscription=wish)
    await bob.settled()
    again = [s.ssrc for s in bobs]
    assert len({*first, *again}) == 6


class Wire:
    """The sending side of a transport, which keeps what it is given."""

    def __init__(self) -> None:
        self.rtcp: list[rtcp.RtcpPacket] = []

    def send_rtp(self, packet: bytes) -> None:
        return

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp += rtcp.parse(packet)


async def test_feedback_finds_its_track(clients: Clients) -> None:
    _, _, camera = await publisher(clients)
    _, found = await subscriber(clients)
    [subscription] = [s for s in found if s.track.sid == camera]
    track, wire = subscription.track, Wire()
    track.publisher = wire
    layer = track.layer(77, "f")
    subscription.payload_type = 96
    assert subscription.start(Wire())
    subscription.down.layer = layer
    before = len(wire.rtcp)
    layer.last_pli = 0.0
    for data in (rtcp.build_pli(subscription.ssrc), rtcp.build_pli(1)):
        for packet in rtcp.parse(data):
            found.on_rtcp(packet)
    assert [rtcp.feedback_ssrc(p) for p in wire.rtcp[before:]] == [77]
    block = rtcp.ReportBlock(subscription.ssrc, 64, 5, 6)
    for data in (
        rtcp.build_receiver_report([rtcp.ReportBlock(9, 255, 0, 0), block]),
        rtcp.build_nack(9, [1]),
        b"\x81\xcd\x00\x01\x00\x00\x00\x00",
    ):
        for packet in rtcp.parse(data):
            found.on_rtcp(packet)
    assert found.worst_loss() == 0.25
    subscription.stop()
    assert found.worst_loss() == 0.0
