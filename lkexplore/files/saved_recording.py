"""What a recording to disk leaves: a file, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from ..errors import FileError, SoundError
from ..sound.reasons import Reason
from ..sound.recording import Recording
from ..sound.timing import Concealment, Gap, Timing, clip
from .reading import assemble, read_part
from .sidecar import Facts

__all__ = ["SavedRecording"]

_SHOWN_SECONDS = 120.0
"""Seconds of the longest recording that is read only to be shown."""


@dataclass(frozen=True, slots=True, repr=False)
class SavedRecording:
    """A recording that is in a file and not in memory.

    Parameters
    ----------
    path : Path
        The sound file; its sidecar beside it says the same as this.
    sample_rate, channels : int
        Rate in Hz, and how many channels.
    duration : float
        Length in seconds, gaps included.
    started_at, started_monotonic, identity, track, name, gaps, concealed, timing
        Start, origin, gaps and timing, as in :class:`lkexplore.Recording`; gaps and concealment
        beyond the end are cut off.
    ended : Reason or str
        Reason why it ended, see :class:`lkexplore.Reason`.
    error : str, optional
        Message of the error, such as of a full disk; None if there was none.

    Notes
    -----
    Shown by Jupyter with a player if it is no longer than two minutes. Taught in
    ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import lkexplore as lk
    >>> hum = lk.sample("hum")
    >>> with TemporaryDirectory() as folder:
    ...     hum.save(f"{folder}/hum.flac")
    ...     saved = SavedRecording(Path(folder, "hum.flac"), hum.sample_rate, 1, hum.duration)
    ...     saved.load(0.5, 1.5).duration
    1.0
    """

    path: Path
    sample_rate: int
    channels: int
    duration: float
    started_at: datetime | None = None
    started_monotonic: float | None = None
    identity: str | None = None
    track: str | None = None
    name: str | None = None
    gaps: tuple[Gap, ...] = ()
    concealed: tuple[Concealment, ...] = ()
    timing: Timing | None = None
    ended: Reason | str = Reason.COMPLETE
    error: str | None = None

    def __post_init__(self) -> None:
        # As a recording does, because the disk may have taken less than was heard.
        object.__setattr__(self, "gaps", clip(self.gaps, 0.0, self.duration))
        object.__setattr__(self, "concealed", clip(self.concealed, 0.0, self.duration))

    @property
    def facts(self) -> Facts:
        """What its sidecar says."""
        meta = {field: getattr(self, field) for field in Facts.__slots__}
        return Facts(**meta)

    def load(self, start: float | None = None, end: float | None = None) -> Recording:
        """Read it, or only a part of it.

        Parameters
        ----------
        start, end : float, optional
            The part, as in ``recording[start:end]``, in seconds; negative counts from the end.

        Returns
        -------
        Recording
            With its start times moved, and its gaps and concealment cut to fit.

        Raises
        ------
        FileError
            If the file is gone, or cannot be read.
        SoundError
            If the part is no stretch of time.
        """
        samples, rate, begin = read_part(self.path, start, end)
        if rate != self.sample_rate:
            raise FileError(
                f"{self.path} now has {rate} Hz instead of {self.sample_rate} Hz, so it is not "
                "what was recorded: read it with lkexplore.load"
            )
        try:
            return assemble(samples, begin, self.facts)
        except SoundError as error:
            raise FileError(f"{self.path} holds what cannot be used: {error}") from None

    def _repr_html_(self) -> str:
        from ..notebook.player.player import Player

        player = ""
        note = "load(start, end) reads a part of it"
        if self.duration <= _SHOWN_SECONDS:
            try:
                player = Player(self.load()).html
            except FileError as error:
                note = str(error)
        caption = escape(f"{self!r}" if player else f"{self!r}; {note}")
        return (
            f'<div class="lkexplore-saved">{player}'
            f'<div style="font-size:0.85em;opacity:0.8">{caption}</div></div>'
        )

    def __repr__(self) -> str:
        words = {1: "mono", 2: "stereo"}
        parts = [
            str(self.path),
            f"{self.duration:.3f} s",
            words.get(self.channels, f"{self.channels} channels"),
            f"{self.sample_rate} Hz",
        ]
        if self.identity is not None:
            parts.append(f"from {self.identity!r}")
        if self.gaps:
            noun = "gap" if len(self.gaps) == 1 else "gaps"
            total = sum(gap.duration for gap in self.gaps)
            parts.append(f"{len(self.gaps)} {noun} ({total:.3f} s)")
        if self.concealed:
            parts.append(f"{sum(part.seconds for part in self.concealed):.3f} s concealed")
        parts.append(f"ended: {self.ended}")
        if self.error:
            parts.append(f"error: {self.error}")
        return f"SavedRecording({', '.join(parts)})"
