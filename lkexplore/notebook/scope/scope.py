"""A live picture of what is heard: waveform, spectrogram and level of every track."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from livekit import rtc

from ...errors import SoundError
from ...sdk.media_loop import MediaUse, media_loop
from ...sdk.participants import Track
from ...sound.reasons import Reason
from ...sound.recording import Recording
from ..page import module, style
from ..shared.background import in_background
from ..shared.heartbeat import looks
from ..shared.kernel_busy import kernel
from ..shared.room_tracks import RoomTracks
from ..shared.still_picture import WithPicture, close_earlier
from .lane import Lane, labels

if TYPE_CHECKING:
    from concurrent.futures import Future

    from matplotlib.figure import Figure

    from ...room.room import Room

__all__ = ["Scope"]

FRAMES_A_SECOND = 30
"""Updates of the picture per second."""

LONGEST = 60.0
"""Most seconds that the picture may hold."""

STILL_SECONDS = 30.0
"""Seconds after which the picture in the saved notebook is drawn anew, when sound has come."""

MOST_DRAWN = 4
"""Most tracks in the picture in the saved notebook."""


class Scope(WithPicture, anywidget.AnyWidget):
    """A live waveform, spectrogram and level meter of each track, 30 pictures a second.

    Parameters
    ----------
    source : Room, rtc.Room, Track or rtc.Track
        The room, everybody in which is shown as they come and go, or one audio track.
    identity : str, optional
        The only participant of the room to show; by default everybody.
    seconds : float
        Seconds of sound in the picture, 1 to 60; the same sound is kept for `capture`.

    Attributes
    ----------
    captures : list of Recording
        Recordings captured by a click, the newest last.
    paused : bool
        Whether the picture stands still; sound is kept meanwhile.

    Raises
    ------
    TrackNotFound
        If `source` is neither a room nor an audio track.
    SoundError
        If `seconds` is out of its range.

    See Also
    --------
    lkexplore.RecorderPanel : Records everyone, with a level meter each.
    lkexplore.Room.last : What was heard of one participant, without a picture.

    Notes
    -----
    When the room is left, or the one track has ended, the picture stays and says so, as the repr
    does. Of stereo sound it shows the level and spectrum of the louder channel; captures keep both.

    It is drawn from the media thread, so a cell that computes does not stop it (for ten minutes;
    after that it is unknown whether there is still a page). Up to 12 tracks are shown. Levels are
    dBFS of the last thirtieth of a second; peaks are held for 1.5 s. Frequencies go from 50 Hz to
    20 kHz, in even steps of pitch (Hann windows of 43 ms).
    Taught in ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> lk.Scope(room)                                     # doctest: +SKIP
    >>> scope = lk.Scope(room, "alice", seconds=5)         # doctest: +SKIP
    >>> scope.capture()["alice"].plot()                    # doctest: +SKIP
    """

    _esm = module("page/element.js", "page/colours.js", "scope/scope.js")
    _css = style("page/common.css", "scope/scope.css")

    _running: Future[None] | None = None
    _still_seen = -1.0

    paused = traitlets.Bool(False).tag(sync=True)
    seconds = traitlets.Float(8.0).tag(sync=True)

    def __init__(
        self,
        source: Room | rtc.Room | Track | rtc.Track,
        identity: str | None = None,
        *,
        seconds: float = 8.0,
    ) -> None:
        if not 1 <= seconds <= LONGEST:
            raise SoundError(f"seconds={seconds!r} cannot be: give 1 to {LONGEST:g} s")
        self._everybody = RoomTracks(source, identity, lambda view: Lane(view, seconds))
        self.captures: list[Recording] = []
        self._seen = 0.0
        self._captured = asyncio.Event()
        super().__init__(seconds=float(seconds))
        self.on_msg(self._heard)
        close_earlier(self)
        kernel.watch()
        self._use = MediaUse()
        self._running = in_background(self._run())

    def capture(self) -> dict[str, Recording]:
        """Return the sound that the picture shows, by the names in the picture.

        A name is the identity, as ``"alice"``, or ``"alice: music"`` if she has several tracks.
        """
        lanes = dict(self._everybody.hearing)
        return {label: lanes[sid].last() for sid, label in labels(lanes).items()}

    def __repr__(self) -> str:
        if self._running is None:
            return "Scope()"
        ended = self._end or ("closed" if self._running.done() else "")
        heard = ", ".join(labels(dict(self._everybody.hearing)).values()) or "nobody"
        return f"Scope({'it showed' if ended else 'it shows'} {heard}{ended and f': {ended}'})"

    @property
    def _end(self) -> str:
        """The reason why it shows nothing more; empty while it goes on."""
        ended = self._everybody.ended
        if ended is Reason.DISCONNECTED:
            return "the room was left"
        return "the track has ended" if ended is not None else ""

    def picture(self) -> Figure:
        """Return what the picture shows now, as a figure that a saved notebook keeps."""
        from matplotlib.figure import Figure

        from ...plot import spectrogram, waveform

        heard = [one for one in self.capture().items() if one[1].samples.size][:MOST_DRAWN]
        figure = Figure(figsize=(9, max(1, 3 * len(heard))), layout="constrained")
        if not heard:
            figure.text(0.5, 0.5, "a live scope: nobody has been heard yet", ha="center")
            return figure
        axes = figure.subplots(2 * len(heard), 1, squeeze=False)[:, 0]
        for (label, sound), above, below in zip(heard, axes[::2], axes[1::2], strict=True):
            # Two lanes would have no room.
            loudest = int(np.argmax(np.abs(sound.samples).max(axis=1)))
            one = sound.replace(samples=sound.samples[loudest : loudest + 1])
            waveform(one, above, title=label)
            spectrogram(one, below, scale="log", title="")
        return figure

    def close(self) -> None:
        """Stop listening and take the picture away."""
        # Also called when the scope could not be made.
        if self._running is not None:
            self._running.cancel()
            self._use.end()
        super().close()

    def _ipython_display_(self, **options: Any) -> None:
        # Messages of the page come only after the cell's end, which may be far.
        self._seen = time.monotonic()
        super()._ipython_display_(**options)

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Take a message of the page."""
        self._seen = time.monotonic()
        lane = self._everybody.hearing.get(str(content.get("capture", "")))
        if lane is not None:
            self.captures.append(lane.last())
            label = labels(dict(self._everybody.hearing)).get(lane.view.sid, lane.label)
            taken = f"{self.captures[-1].duration:.1f} s of {label}"
            self.send({"captured": f"{taken}: .captures[{len(self.captures) - 1}]"})
            media_loop().call_soon_threadsafe(self._captured.set)
        if self._everybody.ended:
            self._send_end()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(work) for work in (self._draw(), self._keep_still())]
                await self._everybody.follow()
                for other in others:
                    other.cancel()
            self._send_end()
            await self.renew_still_in_thread()
        finally:
            self._use.end()

    def _send_end(self) -> None:
        self.send({"ended": f"{self._end}: the picture shows what was heard last"})

    async def _draw(self) -> None:
        """Send what is new, thirty times a second, while somebody looks."""
        due = time.monotonic()
        while True:
            due = max(due + 1 / FRAMES_A_SECOND, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            # Data for a page that is gone would pile up.
            if looks(self._seen):
                self._send_news()

    async def _keep_still(self) -> None:
        """Renew the saved picture now and then, and at once after a capture."""
        pause = self.seconds
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._captured.wait(), pause)
            captured = self._captured.is_set()
            self._captured.clear()
            # Pictures for a page that is gone would pile up.
            if self._everybody.hearing and (captured or self._still_seen != self._seen):
                self._still_seen = self._seen
                await self.renew_still_in_thread()
                pause = STILL_SECONDS

    def _send_news(self) -> None:
        lanes: list[dict[str, Any]] = []
        buffers: list[bytes] = []
        there = dict(self._everybody.hearing)
        names = labels(there)
        for sid, lane in there.items():
            news = lane.news()
            told: dict[str, Any] = {"id": sid, "label": names[sid], "columns": 0}
            if news is not None:
                told |= {
                    "columns": len(news.envelope),
                    "rms": round(news.rms_dbfs, 1),
                    "peak": round(news.peak_dbfs, 1),
                }
                buffers += [news.envelope.tobytes(), news.spectrum.tobytes()]
            lanes.append(told)
        self.send({"lanes": lanes, "still": self.model_id}, buffers)
