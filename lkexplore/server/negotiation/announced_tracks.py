"""Announcing tracks: from a client's request to a track in the room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from livekit.protocol import models as m
from livekit.protocol import rtc

from ..config import Limits
from ..ids import AUDIO_TRACK, VIDEO_TRACK, new_sid
from ..media.codecs import MIME_TYPES, Codec
from ..media.forwarding import PublishedTrack
from . import sdp

if TYPE_CHECKING:
    from ..media.uplink import Uplink

_AUDIO = m.TrackType.AUDIO
"""The protocol's number for sound."""

_VIDEO = m.TrackType.VIDEO
"""The protocol's number for pictures."""

_MIME_BY_NAME = {name.lower(): mime for name, mime in MIME_TYPES.items()}
"""MIME type by the lower-case name under which a client asks for a codec."""

_MAX_NAME = 256
"""Characters of a track's name that are kept."""

_MAX_LAYERS = 3
"""Simulcast layers that a request may describe; the protocol has low, medium and high."""

_MAX_CODECS = 4
"""Codecs of one track that a request may name; further ones are left out."""

_Response = rtc.RequestResponse


class AnnouncingParticipant(Protocol):
    """What a publisher's tracks ask of the participant that announces them."""

    sid: str
    uplink: Uplink

    def send(self, **message: Any) -> None:
        """Send one signalling message."""

    def announce(self) -> None:
        """Tell the room that something about the participant has changed."""

    def may_publish(self, source: int) -> bool:
        """Return whether tracks of this source may be published."""


class Publisher:
    """The tracks a participant has announced and publishes.

    A track is pending from the client's AddTrack until an offer with it arrives.

    Parameters
    ----------
    participant : AnnouncingParticipant
        The participant that announces the tracks.
    limits : Limits
        Upper bounds for the number and the size of the tracks.
    """

    def __init__(self, participant: AnnouncingParticipant, limits: Limits) -> None:
        self._participant, self._limits = participant, limits
        self._pending: dict[str, m.TrackInfo] = {}
        # By media section: the id of the track published there. A client may go on offering it
        # after it was forbidden; then no other track takes its place.
        self._claimed: dict[str, str] = {}

    def add_track(self, request: rtc.AddTrackRequest) -> None:
        """Announce a track, or answer why it is refused."""
        reason = self._refusal(request)
        if reason is not None:
            response = _Response(reason=reason, add_track=request)
            self._participant.send(request_response=response)
            return
        info = self._info(request)
        for cid in {request.cid, *(c.cid for c in request.simulcast_codecs if c.cid)}:
            self._pending[cid] = info
        self._participant.send(
            track_published=rtc.TrackPublishedResponse(cid=request.cid, track=info)
        )

    def _refusal(self, request: rtc.AddTrackRequest) -> _Response.Reason | None:
        if not self._participant.may_publish(request.source):
            return _Response.NOT_ALLOWED
        if request.type not in (_AUDIO, _VIDEO):
            return _Response.UNSUPPORTED_TYPE
        if request.sid:
            return _Response.NOT_FOUND
        limits = self._limits
        number = len(self._pending) + len(self._participant.uplink.tracks)
        if (
            number >= limits.tracks_per_participant
            or request.ByteSize() > limits.announcement_bytes
        ):
            return _Response.LIMIT_EXCEEDED
        return None

    @staticmethod
    def _info(request: rtc.AddTrackRequest) -> m.TrackInfo:
        audio = request.type == _AUDIO
        stereo = request.stereo or m.AudioTrackFeature.TF_STEREO in request.audio_features
        info = m.TrackInfo(
            sid=new_sid(AUDIO_TRACK if audio else VIDEO_TRACK, 10),
            type=request.type,
            name=request.name[:_MAX_NAME],
            muted=request.muted,
            width=request.width,
            height=request.height,
            simulcast=len(request.layers) > 1,
            disable_dtx=request.disable_dtx,
            source=request.source,
            layers=request.layers[:_MAX_LAYERS],
            stereo=stereo,
            disable_red=request.disable_red,
            encryption=request.encryption,
            stream=request.stream,
            audio_features=request.audio_features,
            packet_trailer_features=request.packet_trailer_features,
        )
        default = "audio/opus" if audio else "video/vp8"
        for wanted in request.simulcast_codecs[:_MAX_CODECS]:
            name = wanted.codec.lower().rpartition("/")[2]
            info.codecs.add(
                mime_type=_MIME_BY_NAME.get(name, default),
                cid=wanted.cid,
                layers=(wanted.layers or request.layers)[:_MAX_LAYERS],
            )
        if info.codecs or audio:
            info.mime_type = info.codecs[0].mime_type if info.codecs else default
        return info

    def take(
        self, section: sdp.MediaSection, payload_type: int, codec: Codec
    ) -> PublishedTrack | None:
        """Turn the announced track of a media section into a published one."""
        info = self._claim(section)
        if info is None:
            return None
        info.mid, info.mime_type = section.mid, codec.mime_type
        if not info.codecs:
            info.codecs.add(cid=section.track_id, layers=info.layers)
        info.codecs[0].mime_type, info.codecs[0].mid = codec.mime_type, section.mid
        participant = self._participant
        return PublishedTrack(
            info,
            participant.uplink.transport,
            participant.sid,
            kind=section.kind,
            mid=section.mid,
            payload_type=payload_type,
            codec=codec,
            rids=section.send_rids()[: self._limits.layers_per_track],
            level_extension=section.extension_id(sdp.LEVEL_URI),
        )

    def _claim(self, section: sdp.MediaSection) -> m.TrackInfo | None:
        kind = _AUDIO if section.kind == "audio" else _VIDEO
        info = self._pending.get(section.track_id)
        if info is not None and info.type != kind:
            info = None
        if info is None and self._claimed.get(section.mid) != section.track_id:
            info = next((i for i in self._pending.values() if i.type == kind), None)
        if info is not None:
            self._pending = {cid: i for cid, i in self._pending.items() if i is not info}
            self._claimed[section.mid] = section.track_id
        return info

    def infos(self, track_sid: str) -> Iterator[m.TrackInfo]:
        """Yield the descriptions of a track, pending or published."""
        track = self._participant.uplink.tracks.get(track_sid)
        if track is not None:
            yield track.info
        else:
            yield from (i for i in self._pending.values() if i.sid == track_sid)

    def mute(self, track_sid: str, muted: bool) -> bool:
        """Mute or unmute a track; return whether there is such a track."""
        infos = list(self.infos(track_sid))
        for info in infos:
            info.muted = muted
        track = self._participant.uplink.tracks.get(track_sid)
        if track is not None:
            self._participant.announce()
            if not muted:
                track.request_key_frame()
        return bool(infos)

    def update_audio(self, request: rtc.UpdateLocalAudioTrack) -> None:
        """Change the announced features of an audio track."""
        infos = list(self.infos(request.track_sid))
        for info in infos:
            del info.audio_features[:]
            info.audio_features.extend(dict.fromkeys(request.features))
            info.disable_dtx = m.AudioTrackFeature.TF_NO_DTX in request.features
        if infos:
            self._participant.announce()
        else:
            self._participant.send(
                request_response=_Response(reason=_Response.NOT_FOUND, update_audio_track=request)
            )

    def update_video(self, request: rtc.UpdateLocalVideoTrack) -> None:
        """Change the size of a video track."""
        infos = list(self.infos(request.track_sid))
        for info in infos:
            info.width, info.height = request.width, request.height
        if infos:
            self._participant.announce()
        else:
            self._participant.send(
                request_response=_Response(reason=_Response.NOT_FOUND, update_video_track=request)
            )
