"""A panel that records: who is here and how loud, record and stop, and the recordings."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from livekit import rtc

from ...capture.audio.record_all import RecordingSession
from ...capture.recordings import Key
from ...errors import LkExploreError, TrackNotFound
from ...sdk.media_loop import MediaUse
from ...sdk.participants import Track
from ...sound.convert import INT16_SCALE
from ...sound.recording import Recording
from ..player.player import waveform_svg
from ..shared.background import in_background
from ..shared.presence import NEEDS_KERNEL, Presence
from ..shared.room_tracks import RoomTracks
from ..shared.saving import save_beside
from ..shared.still_picture import WithPicture, close_earlier, image_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ...room.room import Room

__all__ = ["RecorderPanel"]

LOOKS_A_SECOND = 8
"""Updates of the levels per second."""

FLOOR_DB = -60.0
"""Lowest level that is shown, in dBFS."""

PLAYER_BYTES = 250_000
"""Most bytes of the player of a recording."""


class RecorderPanel(WithPicture, ipywidgets.VBox):  # type: ignore[misc]
    """Who is here and how loud; record and stop; and the recordings, to hear, name and save.

    Parameters
    ----------
    room : Room
        The room whose participants are recorded.

    Attributes
    ----------
    recordings : list of Recording
        The finished recordings, the newest last.
    session : RecordingSession or None
        The recording under way; None while there is none.

    Raises
    ------
    TrackNotFound
        If `room` is not a room.

    See Also
    --------
    lkexplore.Room.start_recording : The same without a panel.
    lkexplore.Scope : Shows what is heard, with waveform and spectrogram.

    Notes
    -----
    Everyone who is ticked is recorded from the same moment on, each track by itself; those
    who come later are recorded, too. Taught in ``notebooks/02_recording.ipynb``.

    Saving overwrites nothing: where a file of that name exists, the time is added, as in
    ``alice-0 2026-11-28 01.02.03.flac``, and the panel shows the name it saved under. When the
    kernel is gone, the panel says so and takes no more input; what it has recorded still plays.

    Examples
    --------
    >>> panel = lk.RecorderPanel(room)                    # doctest: +SKIP
    >>> panel                                             # doctest: +SKIP
    >>> panel.recordings[-1].spectrogram()                # doctest: +SKIP
    """

    _running: Future[None] | None = None
    _over = False

    def __init__(self, room: Room) -> None:
        self.recordings: list[Recording] = []
        self.session: RecordingSession | None = None
        if not hasattr(room, "start_recording"):
            raise TrackNotFound(f"{room!r} cannot be recorded: give a room, as of lk.connect")
        self._room = room
        self._everybody = RoomTracks(room, None, _Level)
        self._unticked: set[Key] = set()
        self._record = ipywidgets.Button(
            description="Record", icon="circle", button_style="danger", tooltip="Record all ticked"
        )
        self._record.on_click(lambda _button: self.toggle())
        self._clock = ipywidgets.Label("0:00")
        self._message = ipywidgets.HTML()
        self._message.add_class("lkx-says")
        self._nobody = ipywidgets.Label("Nobody is heard yet.")
        self._people = ipywidgets.VBox([self._nobody])
        self._cards = ipywidgets.VBox()
        self._rows: dict[str, _Row] = {}
        head = ipywidgets.HBox([self._record, self._clock, self._message])
        for part in (head, self._people):
            part.add_class(NEEDS_KERNEL)
        self._shown, self._presence = ipywidgets.HTML(), Presence()
        super().__init__([head, self._presence, self._people, self._cards, self._shown])
        self.add_class("lkx-panel")
        self._shown.value = f"<style>.lkx-still-{self.model_id} {{display: none}}</style>"
        close_earlier(self)
        self._use = MediaUse()
        self._running = in_background(self._run())

    def toggle(self) -> None:
        """Begin to record, or stop."""
        self._record.disabled = True
        in_background(self._toggle())

    def still(self) -> str:
        """Return what a saved notebook shows in the panel's place, as HTML: the recordings."""
        cards = "".join(
            f"<p><b>{escape(_title(one, number))}</b></p>"
            + image_of(waveform_svg(one), "waveform", 64)
            for number, one in enumerate(self.recordings)
        )
        words = cards or f"A panel that records room {escape(self._room.name)}: run the cell."
        return f'<div class="lkx-still lkx-still-{self.model_id}">{words}</div>'

    def close(self) -> None:
        """Stop listening and recording, and take the panel away; the recordings stay."""
        # Also called when the panel could not be made.
        if self._running is None:
            super().close()
            return
        self._over = True
        if self.session is not None:
            self.session.stop()
        self._running.cancel()
        self._use.end()
        # It may not be in the panel now.
        _take_away(self._nobody)
        for part in _within(self):
            _take_away(part)
        super().close()

    def _ipython_display_(self, **options: Any) -> None:
        self._presence.expect()
        super()._ipython_display_(**options)

    async def _toggle(self) -> None:
        try:
            if self.session is None:
                self._say("")
                self.session = await self._room.start_recording()
                if self._over:
                    self.session.stop()
            else:
                ending, self.session = self.session, None
                self._say("…")
                await self._keep(ending.stop())
        except LkExploreError as error:
            self.session = None
            self._say(str(error))
        finally:
            going = self.session is not None
            self._record.description = "Stop" if going else "Record"
            self._record.icon = "stop" if going else "circle"
            self._record.disabled = self._everybody.ended is not None

    async def _keep(self, session: RecordingSession) -> None:
        await session.ended()
        kept = [one for key, one in session.recordings.items() if _plain(key) not in self._unticked]
        first = len(self.recordings)
        self.recordings += kept
        # Encoding the players takes time, which the media loop must not wait for.
        made = [await asyncio.to_thread(_Card, one, first + n) for n, one in enumerate(kept)]
        if self._over:
            for card in made:
                _close(card)
            return
        self._cards.children = [*reversed(made), *self._cards.children]
        await self.renew_still_in_thread()
        self._say("" if kept else "nothing was recorded: nobody who is ticked was heard")

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                showing = tasks.create_task(self._show())
                await self._everybody.follow()
                showing.cancel()
            if self.session is not None:
                await self._toggle()
            self._record.disabled = True
            self._say("the room was left")
        finally:
            self._use.end()

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(1 / LOOKS_A_SECOND)
            there = dict(self._everybody.hearing)
            if set(there) != set(self._rows):
                self._change_rows(there)
            # Levels for a page that is gone would pile up.
            if not self._presence.looks:
                continue
            for sid, level in there.items():
                self._rows[sid].show(level.taken())
            if self.session is not None:
                minutes, seconds = divmod(int(self.session.elapsed), 60)
                self._clock.value = f"{minutes}:{seconds:02d}"

    def _change_rows(self, there: dict[str, _Level]) -> None:
        gone = [row for sid, row in self._rows.items() if sid not in there]
        self._rows = {
            sid: self._rows.get(sid) or _Row(level, self._unticked) for sid, level in there.items()
        }
        self._people.children = [row.box for row in self._rows.values()] or [self._nobody]
        for row in gone:
            _close(row.box)

    def _say(self, text: str) -> None:
        self._message.value = escape(text)


class _Level:
    """How loud a track is, from one look to the next."""

    def __init__(self, view: Track) -> None:
        self.view = view
        self._peak = 0

    def on_frame(self, frame: rtc.AudioFrame) -> None:
        """Take note of a frame, on the media loop."""
        samples = np.frombuffer(frame.data, np.int16)
        self._peak = max(self._peak, int(samples.max()), -int(samples.min()))

    def missing(self, seconds: float) -> None:
        """Take note that there was no track for some seconds."""

    def taken(self) -> float:
        """Return the peak since the last call, in dBFS."""
        peak, self._peak = self._peak, 0
        return max(FLOOR_DB, 20 * math.log10(max(peak, 1) / INT16_SCALE))


class _Row:
    """One track: whether to record it, and its level."""

    def __init__(self, level: _Level, unticked: set[Key]) -> None:
        view = level.view
        self.key = _plain((view.identity, view.name or view.source))
        self._unticked = unticked
        title = f"{view.identity}: {view.name}" if view.name else view.identity
        self.ticked = ipywidgets.Checkbox(self.key not in unticked, description=title, indent=False)
        self.ticked.observe(self._tick, "value")
        self._bar = ipywidgets.FloatProgress(
            FLOOR_DB, min=FLOOR_DB, max=0.0, layout={"width": "16em"}, tooltip="peak, dBFS"
        )
        self._number = ipywidgets.Label()
        self.box = ipywidgets.HBox([self.ticked, self._bar, self._number])

    def _tick(self, _change: object) -> None:
        # Remembered, since they may leave and come back before the end.
        (self._unticked.discard if self.ticked.value else self._unticked.add)(self.key)

    def show(self, level: float) -> None:
        self._bar.value = round(level, 1)
        self._bar.bar_style = "danger" if level > -0.5 else "info"
        self._number.value = f"{level:.0f} dBFS"


class _Card(ipywidgets.VBox):  # type: ignore[misc]
    """A recording: its player, its name, and saving it."""

    def __init__(self, recording: Recording, number: int) -> None:
        self._recording = recording
        # The name is theirs, the folders are ours.
        who = re.sub(r"[^\w.@+-]+", "-", recording.identity or "").strip("-.") or "recording"
        self._name = ipywidgets.Text(f"{who}-{number}.flac", description="save as")
        save = ipywidgets.Button(description="Save", icon="download")
        save.on_click(lambda _button: self._save())
        self._said = ipywidgets.HTML()
        self._said.add_class("lkx-says")
        title = ipywidgets.HTML(f"<b>{escape(_title(recording, number))}</b>")
        player = ipywidgets.HTML(recording.play(max_bytes=PLAYER_BYTES).html)
        saving = ipywidgets.HBox([self._name, save, self._said])
        saving.add_class(NEEDS_KERNEL)
        super().__init__([title, player, saving])

    def _save(self) -> None:
        try:
            saved = save_beside(self._recording, self._name.value)
        except LkExploreError as error:
            self._said.value = escape(str(error))
        else:
            self._said.value = f"saved as {escape(saved)}"


def _plain(key: Key) -> Key:
    """Return the key of a track without the number that marks a repeated name."""
    return key[0], re.sub(r" \(\d+\)$", "", key[1])


def _within(box: ipywidgets.Box) -> Iterator[ipywidgets.Widget]:
    """Yield all that is in a box, innermost first."""
    for child in box.children:
        if isinstance(child, ipywidgets.Box):
            yield from _within(child)
        yield child


def _close(box: ipywidgets.Box) -> None:
    for part in (*_within(box), box):
        _take_away(part)


def _take_away(part: ipywidgets.Widget) -> None:
    """Close it with what ipywidgets made for it and leaves open."""
    for own in (getattr(part, "layout", None), getattr(part, "style", None), part):
        if isinstance(own, ipywidgets.Widget):
            own.close()


def _title(recording: Recording, number: int) -> str:
    return f"{recording.identity or 'recording'}: .recordings[{number}]"
