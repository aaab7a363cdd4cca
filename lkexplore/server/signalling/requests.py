"""What each signalling request does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from livekit.protocol import models as m
from livekit.protocol import rtc

from lkexplore.errors import ServerError

from ..media.subscriptions import MAX_WISHES, Audience
from ..negotiation import sdp
from ..participant import Participant

log = logging.getLogger("lkexplore.server")

_Response = rtc.RequestResponse


def dispatch(participant: Participant, request: rtc.SignalRequest) -> None:
    """Carry out one request; a description that cannot be used is logged and ignored."""
    kind = request.WhichOneof("message")
    handler = _HANDLERS.get(kind or "")
    if handler is None:
        log.debug("a request of kind %s is not served", kind)
        return
    try:
        handler(participant, getattr(request, kind))
    except (sdp.SdpError, ServerError) as error:
        log.info("%s: %s refused: %s", participant.sid, kind, error)


def _ping(participant: Participant, timestamp: int) -> None:
    participant.send(pong=timestamp)


def _ping_request(participant: Participant, ping: rtc.Ping) -> None:
    now = int(time.time() * 1000)
    participant.send(pong_resp=rtc.Pong(last_ping_timestamp=ping.timestamp, timestamp=now))


def _offer(participant: Participant, description: rtc.SessionDescription) -> None:
    participant.negotiator.on_offer(description, participant.limits.media_sections)


def _answer(participant: Participant, description: rtc.SessionDescription) -> None:
    participant.negotiator.on_answer(description)


def _trickle(participant: Participant, trickle: rtc.TrickleRequest) -> None:
    """Ignore a candidate: with ICE-lite the client's address is learnt from its own checks."""


def _leave(participant: Participant, leave: rtc.LeaveRequest) -> None:
    participant.remove(leave.reason or m.DisconnectReason.CLIENT_INITIATED)


def _add_track(participant: Participant, request: rtc.AddTrackRequest) -> None:
    participant.publisher.add_track(request)


def _mute(participant: Participant, request: rtc.MuteTrackRequest) -> None:
    if not participant.publisher.mute(request.sid, request.muted):
        response = _Response(reason=_Response.NOT_FOUND, mute=request)
        participant.send(request_response=response)


def update_subscriptions(participant: Participant, request: rtc.UpdateSubscription | Any) -> None:
    """Subscribe a participant to tracks, or unsubscribe it."""
    sids = [*request.track_sids, *(s for p in request.participant_tracks for s in p.track_sids)]
    tracks = {
        track.sid: (owner, track) for owner, track in participant.room.tracks_for(participant)
    }
    for sid in sids[:MAX_WISHES]:
        participant.subscriptions.wish(sid, request.subscribe)
        if sid in tracks:
            participant.consider(*tracks[sid])
        elif request.subscribe:
            participant.send(
                subscription_response=rtc.SubscriptionResponse(
                    track_sid=sid, err=m.SubscriptionError.SE_TRACK_NOTFOUND
                )
            )


def _track_setting(participant: Participant, request: rtc.UpdateTrackSettings) -> None:
    participant.subscriptions.set_track_settings(request)


def _subscription_permission(participant: Participant, rule: rtc.SubscriptionPermission) -> None:
    participant.set_audience(Audience(rule))


def _update_metadata(participant: Participant, request: rtc.UpdateParticipantMetadata) -> None:
    reason, text = _Response.OK, ""
    if not participant.permission.can_update_metadata:
        reason, text = _Response.NOT_ALLOWED, "does not have permission to update own metadata"
    else:
        text = change_metadata(participant, request)
        reason = _Response.LIMIT_EXCEEDED if text else _Response.OK
    participant.send(
        request_response=_Response(
            request_id=request.request_id, reason=reason, message=text, update_metadata=request
        )
    )


def change_metadata(participant: Participant, change: Any) -> str:
    """Set name, metadata and attributes; return what exceeds a limit, or an empty text.

    An empty name or empty metadata change nothing; an attribute set to "" is removed.
    """
    limits, info = participant.limits, participant.info
    attributes = {**info.attributes, **change.attributes}
    attributes = {key: value for key, value in attributes.items() if value}
    excess = limits.excess(change.name, change.metadata, attributes)
    if excess:
        return excess
    info.name, info.metadata = change.name or info.name, change.metadata or info.metadata
    info.attributes.clear()
    info.attributes.update(attributes)
    participant.token_is_stale.set()
    participant.announce()
    return ""


def _sync_state(participant: Participant, state: rtc.SyncState) -> None:
    """Take over a client's subscriptions after a resume, in case a request was lost."""
    update_subscriptions(participant, state.subscription)
    if state.track_sids_disabled:
        participant.subscriptions.set_track_settings(
            rtc.UpdateTrackSettings(track_sids=state.track_sids_disabled, disabled=True)
        )


def _simulate(participant: Participant, scenario: rtc.SimulateScenario) -> None:
    kind = scenario.WhichOneof("scenario")
    action = rtc.LeaveRequest.Action
    if kind == "leave_request_full_reconnect":
        participant.send(leave=rtc.LeaveRequest(can_reconnect=True, action=action.RECONNECT))
        participant.remove(m.DisconnectReason.UNKNOWN_REASON)
    elif kind == "server_leave":
        participant.leave(m.DisconnectReason.SERVER_SHUTDOWN)
    elif kind in ("node_failure", "migration"):
        participant.remove(m.DisconnectReason.UNKNOWN_REASON)
    elif kind == "speaker_update":
        speaker = m.SpeakerInfo(sid=participant.sid, level=0.9, active=True)
        participant.room.broadcast(speakers_changed=rtc.SpeakersChanged(speakers=[speaker]))


def _publish_data_track(participant: Participant, request: rtc.PublishDataTrackRequest) -> None:
    participant.data.publish_track(request)


def _unpublish_data_track(participant: Participant, request: rtc.UnpublishDataTrackRequest) -> None:
    participant.data.unpublish_track(request)


def _update_data_subscription(
    participant: Participant, request: rtc.UpdateDataSubscription
) -> None:
    participant.data.update_subscriptions(request)


def _update_audio_track(participant: Participant, request: rtc.UpdateLocalAudioTrack) -> None:
    participant.publisher.update_audio(request)


def _update_video_track(participant: Participant, request: rtc.UpdateLocalVideoTrack) -> None:
    participant.publisher.update_video(request)


_HANDLERS: dict[str, Callable[[Participant, Any], None]] = {
    "ping": _ping,
    "ping_req": _ping_request,
    "offer": _offer,
    "answer": _answer,
    "trickle": _trickle,
    "leave": _leave,
    "add_track": _add_track,
    "mute": _mute,
    "subscription": update_subscriptions,
    "track_setting": _track_setting,
    "subscription_permission": _subscription_permission,
    "update_metadata": _update_metadata,
    "sync_state": _sync_state,
    "simulate": _simulate,
    "publish_data_track_request": _publish_data_track,
    "unpublish_data_track_request": _unpublish_data_track,
    "update_data_subscription": _update_data_subscription,
    "update_audio_track": _update_audio_track,
    "update_video_track": _update_video_track,
}
"""What carries out a request, by the name of its field in `SignalRequest`."""
