"""Who is in a room and what they publish, as plain values to read and print."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from livekit import rtc

__all__ = ["Kind", "Participant", "Source", "Track", "kind_of", "participant_view", "track_view"]

Kind: TypeAlias = Literal["audio", "video"]

_SOURCES: Final = {
    rtc.TrackSource.SOURCE_CAMERA: "camera",
    rtc.TrackSource.SOURCE_MICROPHONE: "microphone",
    rtc.TrackSource.SOURCE_SCREENSHARE: "screen",
    rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO: "screen audio",
}
"""Our words for the SDK's sources of a track."""


@dataclass(frozen=True, slots=True)
class Track:
    """A published track, as it was when looked at.

    Attributes
    ----------
    sid : str
        The server's id of the track.
    name : str
        The name its publisher gave it.
    kind : {"audio", "video"}
        The kind of media that it carries.
    source : str
        The origin of the media: ``"microphone"``, ``"camera"``, ``"screen"``, ``"screen audio"`` or
        ``"unknown"``.
    muted : bool
        Whether its publisher has muted it.
    codec : str
        Name of the codec, such as ``"opus"`` or ``"vp8"``; may be empty.
    identity : str
        Identity of the publisher; empty for a bare SDK track.
    publication : rtc.TrackPublication or None
        The SDK's own object; None for a bare SDK track.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> [track.name for track in room.tracks]        # doctest: +SKIP
    ['voice']
    """

    sid: str
    name: str
    kind: Kind
    source: str
    muted: bool
    codec: str
    identity: str
    publication: rtc.TrackPublication | None = field(default=None, repr=False, compare=False)

    @property
    def rtc(self) -> rtc.Track | None:
        """The SDK's own track; None while we are not subscribed to it."""
        return None if self.publication is None else self.publication.track


@dataclass(frozen=True, slots=True)
class Participant:
    """Someone in a room, as they were when looked at.

    Attributes
    ----------
    identity : str
        Their identity, which is unique within the room.
    name : str
        A name to show; may be empty.
    tracks : tuple of Track
        The tracks that they publish, oldest first.
    local : bool
        Whether this is ourselves.
    rtc : rtc.Participant
        The SDK's own object.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> room.participants["alice"].tracks[0].name    # doctest: +SKIP
    'voice'
    """

    identity: str
    name: str
    tracks: tuple[Track, ...]
    local: bool
    rtc: rtc.Participant = field(repr=False, compare=False)


Source: TypeAlias = str | Participant | Track | rtc.TrackPublication | rtc.Track
"""What can be recorded: an identity, a participant, a track, or the SDK's own objects."""


def kind_of(thing: rtc.TrackPublication | rtc.Track) -> Kind:
    """Return whether an SDK track or publication is ``"audio"`` or ``"video"``."""
    return "video" if thing.kind == rtc.TrackKind.KIND_VIDEO else "audio"


def track_view(publication: rtc.TrackPublication, identity: str) -> Track:
    """Return our view of an SDK publication of participant `identity`."""
    return Track(
        sid=publication.sid,
        name=publication.name,
        kind=kind_of(publication),
        source=_SOURCES.get(publication.source, "unknown"),
        muted=publication.muted,
        codec=publication.mime_type.rpartition("/")[2].lower(),
        identity=identity,
        publication=publication,
    )


def participant_view(participant: rtc.Participant) -> Participant:
    """Return our view of an SDK participant."""
    identity = participant.identity
    publications = list(participant.track_publications.values())
    return Participant(
        identity=identity,
        name=participant.name,
        tracks=tuple(track_view(publication, identity) for publication in publications),
        local=isinstance(participant, rtc.LocalParticipant),
        rtc=participant,
    )
