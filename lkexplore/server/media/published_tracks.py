"""Announcing tracks: from a client's request to a track in the room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from livekit.protocol import models as m
from livekit.protocol import rtc

from ..ids import AUDIO_TRACK, VIDEO_TRACK, new_sid
from ..negotiation import sdp
from .codecs import MIME_TYPES, Codec
from .forwarding import PublishedTrack

if TYPE_CHECKING:
    from ..participant import Participant

_AUDIO, _VIDEO = m.TrackType.AUDIO, m.TrackType.VIDEO
_MIME_BY_NAME = {name.lower(): mime for name, mime in MIME_TYPES.items()}
_Response = rtc.RequestResponse


class Publisher:
    """The tracks a participant has announced and publishes.

    A track is pending from the client's AddTrack until an offer with it arrives.
    """

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._pending: dict[str, m.TrackInfo] = {}
        # By media section: what was published there, which may go on after it was forbidden.
        self._claimed: dict[str, str] = {}

    def add_track(self, request: rtc.AddTrackRequest) -> None:
        """Announce a track, or answer why not."""
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
        limits = self._participant.room.config.limits
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
            name=request.name[:256],
            muted=request.muted,
            width=request.width,
            height=request.height,
            simulcast=len(request.layers) > 1,
            disable_dtx=request.disable_dtx,
            source=request.source,
            layers=request.layers[:3],
            stereo=stereo,
            disable_red=request.disable_red,
            encryption=request.encryption,
            stream=request.stream,
            audio_features=request.audio_features,
            packet_trailer_features=request.packet_trailer_features,
        )
        default = "audio/opus" if audio else "video/vp8"
        for wanted in request.simulcast_codecs[:4]:
            name = wanted.codec.lower().rpartition("/")[2]
            info.codecs.add(
                mime_type=_MIME_BY_NAME.get(name, default),
                cid=wanted.cid,
                layers=(wanted.layers or request.layers)[:3],
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
            participant.publisher_transport,
            participant.sid,
            kind=section.kind,
            mid=section.mid,
            payload_type=payload_type,
            codec=codec,
            rids=section.send_rids()[: participant.room.config.limits.layers_per_track],
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
        """Yield what is known of a track, pending or published."""
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
        """Change what is said of an audio track."""
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
