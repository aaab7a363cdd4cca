"""Data packets and data tracks: from one participant's channels to the others'."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf.message import DecodeError
from livekit.protocol import models as m
from livekit.protocol import rtc

from .config import Limits
from .ids import DATA_TRACK, new_sid

if TYPE_CHECKING:
    from .transport import Channel, Transport

RELIABLE = "_reliable"
"""Label of the channel whose messages all arrive, in order."""

LOSSY = "_lossy"
"""Label of the channel whose messages are sent once, and may get lost or overtake each other."""

DATA_TRACKS = "_data_track"
"""Label of the channel that carries the packets of data tracks, sent once like lossy messages."""

LABELS = (RELIABLE, LOSSY, DATA_TRACKS)
"""All labels that the LiveKit protocol uses; channels of other names are not served."""

_MAX_PENDING = 256
"""Reliable messages that may wait for a participant's channel to open; further ones are lost."""

_MAX_PENDING_BYTES = 8 << 20
"""Bytes of reliable messages that may wait for a participant's channel to open."""

_MAX_HANDLE = 0xFFFF
"""The highest handle of a data track: its packets carry the handle in 16 bits."""

_NAME_LENGTH = 256
"""Characters that the name of a data track may have, as on LiveKit's server."""

_DATA_TRACK_HEAD_BYTES = 4
"""Bytes of a data track's packet up to the end of its handle: two of flags, then the handle."""

_Response = rtc.RequestResponse


class DataOwner(Protocol):
    """What a data relay asks of its participant."""

    sid: str
    identity: str
    permission: m.ParticipantPermission

    def send(self, **message: Any) -> None:
        """Send one signalling message."""

    def announce(self) -> None:
        """Tell the room that something about the participant has changed."""


class DataRelay:
    """A participant's data: what it sends goes to others, what others send goes out here.

    Parameters
    ----------
    participant : DataOwner
        The participant that sends and receives the data.
    incoming, outgoing : Transport
        The transports of what the participant publishes and of what it receives; with a
        single peer connection they are the same one.
    limits : Limits
        Upper bounds for the number and the size of data tracks.
    others : callable
        Returns the relays of all other participants in the room.
    """

    def __init__(
        self,
        participant: DataOwner,
        incoming: Transport,
        outgoing: Transport,
        limits: Limits,
        others: Callable[[], Sequence[DataRelay]],
    ) -> None:
        self._participant, self._limits, self._others = participant, limits, others
        self.sid, self.identity = participant.sid, participant.identity
        self._incoming, self._outgoing = incoming, outgoing
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._open: set[str] = set()
        self.last_sequence = 0
        self.dropped = 0
        self.tracks: dict[int, m.DataTrackInfo] = {}
        self._handles: dict[tuple[str, int], int] = {}

    def start(self, transport: Transport, remote_port: int) -> None:
        """Begin data on a transport; a client with two transports expects the server's channels."""
        data = transport.start_data(remote_port)
        data.on_message = self.on_message
        if transport is self._outgoing:
            data.on_channel = self._on_channel
        if transport is self._outgoing and transport is not self._incoming:
            data.open(RELIABLE)
            data.open(LOSSY, ordered=False, max_retransmits=0)
            data.open(DATA_TRACKS, ordered=False, max_retransmits=0)

    def _on_channel(self, channel: Channel) -> None:
        """Note that a channel is open, and send what had to wait for it."""
        if channel.label in LABELS:
            self._open.add(channel.label)
        if channel.label != RELIABLE:
            return
        waiting, self._pending, self._pending_bytes = self._pending, deque(), 0
        for payload in waiting:
            self.send(RELIABLE, payload)

    def on_message(self, label: str, payload: bytes) -> None:
        """Pass on one message of the participant."""
        if not self._participant.permission.can_publish_data:
            return
        if label == DATA_TRACKS:
            self._relay_data_track(payload)
        elif label in (RELIABLE, LOSSY):
            self._relay_packet(label, payload)

    def _relay_packet(self, label: str, payload: bytes) -> None:
        try:
            packet = m.DataPacket.FromString(payload)
        except DecodeError:
            return
        if label == RELIABLE and packet.sequence:
            self.last_sequence = max(self.last_sequence, packet.sequence)
        to = set(packet.destination_identities)
        sids: set[str] = set()
        if packet.WhichOneof("value") == "user":
            to |= set(packet.user.destination_identities)
            sids = set(packet.user.destination_sids)
            packet.user.participant_identity = self.identity
            packet.user.participant_sid = self.sid
        packet.participant_identity, packet.participant_sid = self.identity, self.sid
        out = packet.SerializeToString()
        for other in self._others():
            if not (to or sids) or other.identity in to or other.sid in sids:
                other.send(label, out)

    def send(self, label: str, payload: bytes) -> bool:
        """Send one message to the participant; return whether it is on its way.

        A lossy message is dropped and counted when too much waits already. A reliable one waits
        for its channel to open.
        """
        data = self._outgoing.data
        if data is not None and label in self._open:
            if data.send(label, payload):
                return True
        elif label == RELIABLE and self._can_wait(payload):
            self._pending.append(payload)
            self._pending_bytes += len(payload)
            return True
        self.dropped += 1
        return False

    def _can_wait(self, payload: bytes) -> bool:
        size = self._pending_bytes + len(payload)
        return len(self._pending) < _MAX_PENDING and size <= _MAX_PENDING_BYTES

    def publish_track(self, request: rtc.PublishDataTrackRequest) -> None:
        """Announce a data track, or answer why it is refused."""
        reason, text = self._refusal(request)
        if reason is not None:
            self._participant.send(
                request_response=_Response(reason=reason, message=text, publish_data_track=request)
            )
            return
        info = m.DataTrackInfo(
            pub_handle=request.pub_handle,
            sid=new_sid(DATA_TRACK, 10),
            name=request.name,
            encryption=request.encryption,
        )
        for optional in ("frame_encoding", "schema"):
            if request.HasField(optional):
                getattr(info, optional).CopyFrom(getattr(request, optional))
        self.tracks[request.pub_handle] = info
        self._participant.send(publish_data_track_response=rtc.PublishDataTrackResponse(info=info))
        self._participant.announce()

    def _refusal(self, request: rtc.PublishDataTrackRequest) -> tuple[_Response.Reason | None, str]:
        if not self._participant.permission.can_publish_data:
            return _Response.NOT_ALLOWED, "does not have permission to publish data"
        if not 0 < request.pub_handle <= _MAX_HANDLE:
            return _Response.INVALID_HANDLE, "handle should be > 0 AND < 65536"
        if not 0 < len(request.name) <= _NAME_LENGTH:
            text = f"name should not be empty and should not exceed {_NAME_LENGTH} characters"
            return _Response.INVALID_NAME, text
        if request.pub_handle in self.tracks:
            return _Response.DUPLICATE_HANDLE, "a data track with same handle already exists"
        if any(info.name == request.name for info in self.tracks.values()):
            return _Response.DUPLICATE_NAME, "a data track with same name already exists"
        limits = self._limits
        if len(self.tracks) >= limits.data_tracks_per_participant:
            text = f"at most {limits.data_tracks_per_participant} data tracks"
            return _Response.LIMIT_EXCEEDED, text
        if request.ByteSize() > limits.announcement_bytes:
            return _Response.LIMIT_EXCEEDED, f"at most {limits.announcement_bytes} bytes"
        return None, ""

    def unpublish_track(self, request: rtc.UnpublishDataTrackRequest) -> None:
        """Withdraw a data track."""
        info = self.tracks.pop(request.pub_handle, None)
        if info is None:
            response = _Response(reason=_Response.NOT_FOUND, unpublish_data_track=request)
            self._participant.send(request_response=response)
            return
        self._participant.send(
            unpublish_data_track_response=rtc.UnpublishDataTrackResponse(info=info)
        )
        self._participant.announce()

    def update_subscriptions(self, request: rtc.UpdateDataSubscription) -> None:
        """Subscribe to data tracks or leave them, and tell under which handles they come."""
        published = {
            info.sid: (other.sid, handle)
            for other in self._others()
            for handle, info in other.tracks.items()
        }
        for update in request.updates:
            key = published.get(update.track_sid)
            if key is None:
                continue
            if update.subscribe:
                self._handles.setdefault(key, self._free_handle())
            else:
                self._handles.pop(key, None)
        self._participant.send(data_track_subscriber_handles=self._handle_table())

    def _free_handle(self) -> int:
        used = set(self._handles.values())
        return next(handle for handle in range(1, _MAX_HANDLE + 1) if handle not in used)

    def _handle_table(self) -> rtc.DataTrackSubscriberHandles:
        table = rtc.DataTrackSubscriberHandles()
        others = {other.sid: other for other in self._others()}
        for (sid, handle), mine in list(self._handles.items()):
            publisher = others.get(sid)
            info = publisher.tracks.get(handle) if publisher else None
            if publisher is None or info is None:
                del self._handles[sid, handle]
                continue
            entry = table.sub_handles[mine]
            entry.publisher_identity, entry.publisher_sid = publisher.identity, publisher.sid
            entry.track_sid = info.sid
        return table

    def _relay_data_track(self, packet: bytes) -> None:
        """Forward a data track's packet to its subscribers, each under a handle of its own."""
        if len(packet) < _DATA_TRACK_HEAD_BYTES:
            return
        handle = struct.unpack_from("!H", packet, 2)[0]
        if handle not in self.tracks:
            return
        flags, payload = packet[:2], packet[_DATA_TRACK_HEAD_BYTES:]
        for other in self._others():
            theirs = other._handles.get((self.sid, handle))
            if theirs is not None:
                other.send(DATA_TRACKS, flags + struct.pack("!H", theirs) + payload)
