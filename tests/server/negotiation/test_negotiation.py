"""Offers and answers: both ways of negotiating, section by section."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from livekit.protocol import models as m
from livekit.protocol import rtc
from serving import (
    DUAL_ANSWER,
    DUAL_OFFER,
    SINGLE_OFFER,
    Clients,
    Peer,
    audio_track,
    joining_token,
    offer,
    video_track,
)

from lkexplore.server.negotiation import sdp


def sections(description: rtc.SessionDescription) -> dict[str, sdp.MediaSection]:
    return {section.mid: section for section in sdp.parse(description.sdp)}


def answer_to(description: rtc.SessionDescription) -> rtc.SessionDescription:
    """Return what a client of two peer connections answers: it takes everything."""
    session, *parts = re.split(r"(?=m=)", DUAL_ANSWER)
    by_kind = {part[2:7]: part for part in parts}
    out = [session]
    for section in sdp.parse(description.sdp):
        part = re.sub(r"a=mid:.*", f"a=mid:{section.mid}", by_kind[section.kind[:5]])
        direction = "recvonly" if section.direction == "sendonly" else "inactive"
        out.append(part.replace("a=recvonly", f"a={direction}"))
    text = "".join(out).replace("\r\r", "\r")
    return rtc.SessionDescription(type="answer", sdp=text, id=description.id)


async def publisher(clients: Clients, identity: str = "alice") -> tuple[Peer, str, str]:
    """Return a peer with a microphone and a camera, and the ids of its tracks."""
    peer = await clients.join(identity)
    await peer.send(add_track=audio_track())
    await peer.send(add_track=video_track())
    answer = await peer.ask("answer", offer=offer(SINGLE_OFFER))
    return peer, answer.mid_to_track_id["7"], answer.mid_to_track_id["8"]


LISTENING = "".join(re.split(r"(?=m=)", SINGLE_OFFER)[:4])
"""The offer of a client that publishes nothing: two receiving sections and data."""


async def test_every_answered_section_echoes_the_extensions(clients: Clients) -> None:
    alice = await clients.join()
    answered = sections(await alice.ask("answer", offer=offer(SINGLE_OFFER)))
    asked = {section.mid: section for section in sdp.parse(SINGLE_OFFER)}
    for mid, section in answered.items():
        for uri in sdp.FORWARDED_EXTENSIONS:
            assert section.extension_id(uri) == asked[mid].extension_id(uri)


async def test_an_answer_has_the_sections_of_the_offer_in_its_order(clients: Clients) -> None:
    alice = await clients.join()
    answer = await alice.ask("answer", offer=offer(SINGLE_OFFER))
    asked = sdp.parse(SINGLE_OFFER)
    assert [(s.kind, s.mid) for s in sdp.parse(answer.sdp)] == [(s.kind, s.mid) for s in asked]
    assert "a=group:BUNDLE 0 3 6 7 8" in answer.sdp
    transport = clients.participant("alice").publisher_transport
    for section in sdp.parse(answer.sdp):
        assert section.get("setup") == "passive"
        assert section.get("ice-ufrag") == transport.ufrag
        assert section.get("ice-pwd") == transport.pwd
        assert section.fingerprint == ("sha-256", transport.fingerprint)
        assert f"127.0.0.1 {clients.server.mux.port} typ host" in section.get("candidate")
    assert answer.sdp.count("a=sctp-port:5000") == 1


async def test_receiving_sections_are_filled_with_the_others_tracks(clients: Clients) -> None:
    _, voice, camera = await publisher(clients)
    bob = await clients.join("bob")
    answer = await bob.ask("answer", offer=offer(LISTENING))
    assert dict(answer.mid_to_track_id) == {"0": voice, "3": camera}
    answered = sections(answer)
    sid = clients.participant("alice").sid
    ssrcs = {s.track.sid: s.ssrc for s in clients.participant("bob").subscriptions}
    for mid, track in (("0", voice), ("3", camera)):
        assert answered[mid].direction == "sendonly"
        assert answered[mid].get("msid") == f"{sid}|{track} {track}"
        assert answered[mid].ssrcs() == [ssrcs[track]]
    assert [number for number, _ in answered["3"].codecs()] == [96]
    told = await clients.peers[0].wait("track_subscribed")
    assert told.track_sid in (voice, camera)


async def test_more_sections_are_asked_for_when_they_are_short(clients: Clients) -> None:
    bob = await clients.join("bob")
    await bob.ask("answer", offer=offer(LISTENING))
    await publisher(clients, "alice")
    need = await bob.wait("media_sections_requirement")
    assert (need.num_audios, need.num_videos) == (0, 0)
    answer = await bob.ask("answer", offer=offer(LISTENING, 2))
    assert len(answer.mid_to_track_id) == 2
    after = len(bob.heard)
    await publisher(clients, "carol")
    need = await bob.wait("media_sections_requirement", after=after)
    assert (need.num_audios, need.num_videos) == (1, 1)


async def test_a_section_rests_once_before_it_carries_another_track(clients: Clients) -> None:
    alice, voice, _ = await publisher(clients)
    bob = await clients.join("bob")
    answer = await bob.ask("answer", offer=offer(LISTENING))
    assert answer.mid_to_track_id["0"] == voice
    await alice.send(leave=rtc.LeaveRequest())
    await bob.wait("media_sections_requirement")
    _, voice, _ = await publisher(clients, "carol")
    answer = await bob.ask("answer", offer=offer(LISTENING, 2))
    assert sections(answer)["0"].direction == "inactive"
    answer = await bob.ask("answer", offer=offer(LISTENING, 3))
    assert answer.mid_to_track_id["0"] == voice
    assert sections(answer)["0"].direction == "sendonly"


async def test_a_track_that_the_client_cannot_decode_is_refused(clients: Clients) -> None:
    _, _, camera = await publisher(clients)
    bob = await clients.join("bob")
    text = re.sub(r"(?m)^a=rtpmap:96 VP8/90000\r\n", "", LISTENING)
    await bob.send(offer=offer(text))
    told = await bob.wait("subscription_response")
    assert (told.track_sid, told.err) == (camera, m.SubscriptionError.SE_CODEC_UNSUPPORTED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        SINGLE_OFFER.replace("a=fingerprint", "a=thumbprint"),
        SINGLE_OFFER.replace("a=fingerprint:sha-256", "a=fingerprint:md5"),
        SINGLE_OFFER.replace("a=sctp-port:5000", "a=sctp-port:0"),
        SINGLE_OFFER.replace("a=sctp-port:5000", "a=sctp-port:" + "9" * 5000),
        SINGLE_OFFER.replace("m=video", "m=text"),
        "v=0\r\n" + "".join(f"m=audio 9 UDP 0\r\na=mid:{n}\r\n" for n in range(600)),
        "x" * 600_000,
    ],
    ids=range(9),
)
async def test_unusable_offers_are_ignored(clients: Clients, text: str) -> None:
    alice = await clients.join()
    await alice.send(offer=offer(text))
    await alice.settled()
    assert "answer" not in alice.kinds()
    answer = await alice.ask("answer", offer=offer(SINGLE_OFFER, 2))
    assert answer.id == 2


async def test_an_answer_where_none_is_due(clients: Clients) -> None:
    alice = await clients.join()
    await alice.send(answer=rtc.SessionDescription(type="answer", sdp=DUAL_ANSWER))
    await alice.settled()


async def test_the_server_offers_data_first_and_then_tracks(clients: Clients) -> None:
    bob = await clients.join("bob", single=False)
    first = await bob.wait("offer")
    assert [section.kind for section in sdp.parse(first.sdp)] == ["application"]
    assert sections(first)["0"].get("setup") == "actpass"
    _, voice, camera = await publisher(clients)
    await bob.settled()
    assert bob.kinds().count("offer") == 1
    second = await bob.ask("offer", answer=answer_to(first))
    assert second.id == first.id + 1
    found = {s.track_id: s for s in sdp.parse(second.sdp)[1:]}
    assert set(found) == {voice, camera}
    assert {s.direction for s in found.values()} == {"sendonly"}
    after = len(bob.heard)
    await bob.send(answer=answer_to(second))
    await bob.settled()
    assert "offer" not in bob.kinds()[after:]
    subscriptions = clients.participant("bob").subscriptions
    assert all(subscription.running for subscription in subscriptions)


async def test_a_slot_is_used_again_after_a_rest_but_never_for_the_same_track(
    clients: Clients,
) -> None:
    _, voice, camera = await publisher(clients)
    bob = await clients.join("bob", single=False)
    last = await bob.wait("offer")

    async def wish(subscribe: bool) -> Any:
        request = rtc.UpdateSubscription(track_sids=[voice], subscribe=subscribe)
        return await bob.ask("offer", subscription=request)

    async def accept(description: Any) -> None:
        await bob.send(answer=answer_to(description))
        await bob.settled()

    mid = next(s.mid for s in sdp.parse(last.sdp) if s.track_id == voice)
    await accept(last)
    last = await wish(False)
    assert sections(last)[mid].direction == "inactive"
    await accept(last)
    last = await wish(True)
    again = next(s.mid for s in sdp.parse(last.sdp) if s.track_id == voice)
    assert again != mid
    assert sections(last)[mid].direction == "inactive"
    await accept(last)
    after = len(bob.heard)
    _, other, _ = await publisher(clients, "carol")
    last = await bob.wait("offer", after=after)
    assert sections(last)[mid].track_id == other
    assert sections(last)[again].track_id == voice
    assert any(s.track_id == camera for s in sdp.parse(last.sdp))


@pytest.mark.parametrize("text", ["", "nonsense", DUAL_ANSWER.replace("a=fingerprint", "a=none")])
async def test_unusable_answers_are_ignored(clients: Clients, text: str) -> None:
    bob = await clients.join("bob", single=False)
    first = await bob.wait("offer")
    await bob.send(answer=rtc.SessionDescription(type="answer", sdp=text, id=first.id))
    stale = answer_to(first)
    stale.id = first.id + 7
    await bob.send(answer=stale)
    await bob.settled()
    await publisher(clients)
    second = await bob.ask("offer", answer=answer_to(first))
    assert len(sdp.parse(second.sdp)) == 3


async def test_a_resumed_client_gets_new_credentials(clients: Clients) -> None:
    bob = await clients.join("bob", single=False)
    before = sections(await bob.wait("offer"))["0"].get("ice-ufrag")
    sid = bob.heard[0].join.participant.sid
    await bob.close()
    again = await clients.knock(joining_token("bob"), reconnect="1", sid=sid)
    after = sections(await again.wait("offer"))["0"].get("ice-ufrag")
    assert before != after


@pytest.mark.parametrize(
    ("announced", "parameters"),
    [
        (audio_track(), {"usedtx=1", "useinbandfec=1"}),
        (audio_track(disable_dtx=True), {"useinbandfec=1"}),
        (audio_track(stereo=True), {"stereo=1", "sprop-stereo=1", "useinbandfec=1"}),
    ],
)
async def test_the_publisher_is_told_how_to_code_its_sound(
    clients: Clients, announced: rtc.AddTrackRequest, parameters: set[str]
) -> None:
    alice = await clients.join(single=False)
    await alice.send(add_track=announced)
    answer = await alice.ask("answer", offer=offer(DUAL_OFFER))
    fmtp = sections(answer)["1"].get("fmtp").partition(" ")[2]
    found = set(fmtp.split(";"))
    steering = {"usedtx=1", "stereo=1", "sprop-stereo=1", "useinbandfec=1"}
    assert found & steering == parameters


async def test_what_a_client_writes_does_not_reach_the_others_descriptions(
    clients: Clients,
) -> None:
    text = SINGLE_OFFER.replace(
        "a=fmtp:96 x-google-start-bitrate=1000", "a=fmtp:96 x=1\x0ba=ice-ufrag:evil" + "y" * 900
    )
    alice = await clients.join()
    await alice.send(add_track=video_track())
    await alice.send(offer=offer(text))
    await alice.settled()
    bob = await clients.join("bob", single=False)
    first = await bob.wait("offer")
    await asyncio.sleep(0)
    assert "evil" not in first.sdp
