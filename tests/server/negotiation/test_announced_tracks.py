"""Announcing and publishing tracks: what the room is told, and every way to be refused."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models as m
from livekit.protocol import rtc
from serving import (
    DUAL_OFFER,
    SINGLE_OFFER,
    Clients,
    Peer,
    audio_track,
    offer,
    open_clients,
    video_track,
)

from lkexplore.server.config import Limits
from lkexplore.server.negotiation import sdp

Reason = rtc.RequestResponse.Reason


async def publish(peer: Peer, text: str = SINGLE_OFFER) -> rtc.SessionDescription:
    """Announce both tracks of the offer and make it; return the answer."""
    await peer.send(add_track=audio_track(name="voice"))
    await peer.send(add_track=video_track(name="picture", width=1280, height=720))
    answer: rtc.SessionDescription = await peer.ask("answer", offer=offer(text))
    return answer


async def test_an_announced_track_has_an_id_at_once(clients: Clients) -> None:
    alice = await clients.join()
    told = await alice.ask(
        "track_published", add_track=audio_track("c1", name="voice", muted=True, stereo=True)
    )
    assert told.cid == "c1"
    assert told.track.sid.startswith("TR_AM")
    assert (told.track.name, told.track.muted, told.track.stereo) == ("voice", True, True)
    assert told.track.source == m.TrackSource.MICROPHONE
    told = await alice.ask("track_published", add_track=video_track("c2", width=640, height=360))
    assert told.track.sid.startswith("TR_VC")
    assert (told.track.width, told.track.height) == (640, 360)
    assert clients.participant("alice").uplink.tracks == {}


@pytest.mark.parametrize(
    ("grants", "request_", "reason"),
    [
        ({"canPublish": False}, audio_track(), Reason.NOT_ALLOWED),
        ({"canPublishSources": ["camera"]}, audio_track(), Reason.NOT_ALLOWED),
        ({"canPublishSources": ["camera"]}, audio_track(source=0), Reason.NOT_ALLOWED),
        (
            {"canPublish": False, "canPublishSources": ["microphone"]},
            audio_track(),
            Reason.NOT_ALLOWED,
        ),
        ({}, rtc.AddTrackRequest(cid="c", type=m.TrackType.DATA), Reason.UNSUPPORTED_TYPE),
        ({}, audio_track(sid="TR_absent"), Reason.NOT_FOUND),
        ({}, audio_track(name="n" * 17_000), Reason.LIMIT_EXCEEDED),
        ({}, audio_track(audio_features=[1] * 20_000), Reason.LIMIT_EXCEEDED),
    ],
)
async def test_refused_announcements(
    clients: Clients, grants: dict[str, Any], request_: rtc.AddTrackRequest, reason: int
) -> None:
    alice = await clients.join(**grants)
    response = await alice.ask("request_response", add_track=request_)
    assert response.reason == reason
    assert response.add_track == request_
    assert "track_published" not in alice.kinds()


async def test_the_sources_that_are_allowed(clients: Clients) -> None:
    alice = await clients.join(canPublishSources=["camera", "screen_share"])
    await alice.ask("track_published", add_track=video_track())
    screen = video_track("c2", source=m.TrackSource.SCREEN_SHARE)
    await alice.ask("track_published", add_track=screen)


async def test_too_many_tracks() -> None:
    async with open_clients(Limits(tracks_per_participant=5)) as clients:
        alice = await clients.join()
        await publish(alice)
        for n in range(3):
            await alice.ask("track_published", add_track=audio_track(f"c{n}"))
        response = await alice.ask("request_response", add_track=audio_track("one more"))
        assert response.reason == Reason.LIMIT_EXCEEDED


async def test_what_the_room_is_told_is_short_and_true(clients: Clients) -> None:
    alice = await clients.join()
    layers = [m.VideoLayer(quality=0, width=n) for n in range(9)]
    codecs = [rtc.SimulcastCodec(codec="VP9", cid=f"c{n}", layers=layers) for n in range(9)]
    told = await alice.ask(
        "track_published",
        add_track=video_track(name="n" * 999, layers=layers, simulcast_codecs=codecs),
    )
    assert len(told.track.name) == 256
    assert len(told.track.layers) == 3
    assert [len(codec.layers) for codec in told.track.codecs] == [3] * 4
    assert {codec.mime_type for codec in told.track.codecs} == {"video/vp9"}
    odd = [rtc.SimulcastCodec(codec="x" * 99 + "/y", cid="c")]
    told = await alice.ask("track_published", add_track=video_track("z", simulcast_codecs=odd))
    assert told.track.codecs[0].mime_type == "video/vp8"


@pytest.mark.parametrize(("single", "text"), [(True, SINGLE_OFFER), (False, DUAL_OFFER)])
async def test_published_tracks(clients: Clients, single: bool, text: str) -> None:
    bob = await clients.join("bob")
    alice = await clients.join("alice", single=single)
    answer = await publish(alice, text)
    assert answer.type == "answer"
    assert answer.id == 1
    mids = ["7", "8"] if single else ["1", "2"]
    assert sorted(answer.mid_to_track_id) == mids
    update = await bob.wait("update", lambda u: len(u.participants[0].tracks) == 2)
    [info] = update.participants
    assert info.is_publisher
    assert {t.name: (t.type, t.mime_type, t.mid) for t in info.tracks} == {
        "voice": (m.TrackType.AUDIO, "audio/opus", mids[0]),
        "picture": (m.TrackType.VIDEO, "video/vp8", mids[1]),
    }
    assert {t.sid for t in info.tracks} == set(answer.mid_to_track_id.values())
    await bob.wait("room_update", lambda u: u.room.num_publishers == 1)
    sections = {section.mid: section for section in sdp.parse(answer.sdp)}
    assert [sections[mid].direction for mid in mids] == ["recvonly", "recvonly"]
    assert sections[mids[1]].all("rid") == ["f recv", "h recv", "q recv"]
    assert sections[mids[1]].get("simulcast") == "recv f;h;q"


async def test_a_section_that_was_not_announced_is_not_received(clients: Clients) -> None:
    alice = await clients.join()
    await alice.send(add_track=video_track())
    answer = await alice.ask("answer", offer=offer(SINGLE_OFFER))
    assert list(answer.mid_to_track_id) == ["8"]
    directions = {section.mid: section.direction for section in sdp.parse(answer.sdp)}
    assert directions["7"] == "inactive"
    await alice.send(add_track=audio_track())
    answer = await alice.ask("answer", offer=offer(SINGLE_OFFER, 2))
    assert sorted(answer.mid_to_track_id) == ["7", "8"]


async def test_a_track_ends_with_its_section(clients: Clients) -> None:
    bob = await clients.join("bob")
    alice = await clients.join("alice")
    first = await publish(alice)
    text = SINGLE_OFFER.replace(
        "a=sendonly\r\na=msid:- microphone", "a=inactive\r\na=msid:- microphone"
    )
    answer = await alice.ask("answer", offer=offer(text, 2))
    assert dict(answer.mid_to_track_id) == {"8": first.mid_to_track_id["8"]}
    await bob.wait("update", lambda u: [t.name for t in u.participants[0].tracks] == ["picture"])
    assert len(clients.participant("alice").uplink.tracks) == 1


async def test_muting(clients: Clients) -> None:
    bob = await clients.join("bob")
    alice = await clients.join("alice")
    pending = await alice.ask("track_published", add_track=audio_track())
    await alice.send(mute=rtc.MuteTrackRequest(sid=pending.track.sid, muted=True))
    answer = await alice.ask("answer", offer=offer(SINGLE_OFFER))
    sid = answer.mid_to_track_id["7"]
    assert sid == pending.track.sid
    await bob.wait(
        "update", lambda u: u.participants[0].tracks and u.participants[0].tracks[0].muted
    )
    after = len(bob.heard)
    await alice.send(mute=rtc.MuteTrackRequest(sid=sid, muted=False))
    await bob.wait("update", lambda u: not u.participants[0].tracks[0].muted, after=after)
    response = await alice.ask(
        "request_response", mute=rtc.MuteTrackRequest(sid="TR_x", muted=True)
    )
    assert response.reason == Reason.NOT_FOUND
    foreign = await bob.ask("request_response", mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    assert foreign.reason == Reason.NOT_FOUND


async def test_changes_of_what_is_said_of_a_track(clients: Clients) -> None:
    bob = await clients.join("bob")
    alice = await clients.join("alice")
    answer = await publish(alice)
    voice, picture = answer.mid_to_track_id["7"], answer.mid_to_track_id["8"]
    feature = m.AudioTrackFeature.TF_NO_DTX
    await alice.send(
        update_audio_track=rtc.UpdateLocalAudioTrack(track_sid=voice, features=[feature] * 50_000)
    )
    await alice.send(
        update_video_track=rtc.UpdateLocalVideoTrack(track_sid=picture, width=320, height=180)
    )
    update = await bob.wait(
        "update", lambda u: any(t.width == 320 for t in u.participants[0].tracks)
    )
    by_name = {t.name: t for t in update.participants[0].tracks}
    assert list(by_name["voice"].audio_features) == [feature]
    assert by_name["voice"].disable_dtx
    assert by_name["picture"].height == 180
    for change in (
        {"update_audio_track": rtc.UpdateLocalAudioTrack(track_sid="TR_x")},
        {"update_video_track": rtc.UpdateLocalVideoTrack(track_sid="TR_x")},
    ):
        assert (await alice.ask("request_response", **change)).reason == Reason.NOT_FOUND


async def test_who_leaves_takes_the_tracks_along(clients: Clients) -> None:
    bob = await clients.join("bob")
    alice = await clients.join("alice")
    answer = await publish(alice)
    subscriptions = clients.participant("bob").subscriptions
    assert all(sid in subscriptions for sid in answer.mid_to_track_id.values())
    await alice.send(leave=rtc.LeaveRequest())
    await alice.gone()
    gone = m.ParticipantInfo.State.DISCONNECTED
    update = await bob.wait("update", lambda u: u.participants[0].state == gone)
    assert update.participants[0].disconnect_reason == m.DisconnectReason.CLIENT_INITIATED
    assert list(subscriptions) == []
    await bob.wait("room_update", lambda u: u.room.num_participants == 1)
