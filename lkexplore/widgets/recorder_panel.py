"""A panel that records: who is here and how loud, record and stop, and what came of it."""

from __future__ import annotations

import asyncio
import math
from html import escape
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
from livekit import rtc

from ..capture.session import RecordingSession
from ..errors import LkExploreError
from ..loop import MediaUse
from ..player import waveform_svg
from ..recording import Recording
from ..tracks import Track
from .background import in_background
from .everybody import Everybody
from .fallback import WithPicture, close_earlier

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..room import Room

__all__ = ["RecorderPanel"]

LOOKS_A_SECOND = 8
FLOOR_DB = -60.0
PLAYER_BYTES = 250_000


class RecorderPanel(WithPicture, ipywidgets.VBox):  # type: ignore[misc]
    """Who is here and how loud; record and stop; and the recordings, to hear, name and save.

    Parameters
    ----------
    room : Room
        Whom to record.

    Attributes
    ----------
    recordings : list of Recording
        What was recorded, the newest last.
    session : RecordingSession or None
        What is being recorded now.

    Notes
    -----
    Everyone who is ticked is recorded from the same moment on, each track by itself; who comes
    later is recorded with everyone. Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> panel = lk.RecorderPanel(room)                    # doctest: +SKIP
    >>> panel                                             # doctest: +SKIP
    >>> panel.recordings[-1].spectrogram()                # doctest: +SKIP
    """

    _running: Future[None] | None = None

    def __init__(self, room: Room) -> None:
        self.recordings: list[Recording] = []
        self.session: RecordingSession | None = None
        self._room = room
        self._record = ipywidgets.Button(
            description="Record", icon="circle", button_style="danger", tooltip="Record all ticked"
        )
        self._record.on_click(lambda _button: self.toggle())
        self._clock = ipywidgets.Label("0:00")
        self._message = ipywidgets.HTML()
        self._people = ipywidgets.VBox()
        self._cards = ipywidgets.VBox()
        self._rows: dict[str, _Row] = {}
        head = ipywidgets.HBox([self._record, self._clock, self._message])
        self._shown = ipywidgets.HTML()
        super().__init__([head, self._people, self._cards, self._shown])
        self._shown.value = f"<style>.lkx-still-{self.model_id} {{display: none}}</style>"
        close_earlier(self)
        self._everybody = Everybody(room, None, _Level)
        self._use = MediaUse()
        self._running = in_background(self._run())

    def toggle(self) -> None:
        """Begin to record, or stop."""
        self._record.disabled = True
        in_background(self._toggle())

    def still(self) -> str:
        """Return what a saved notebook shows in the panel's place, as HTML: the recordings."""
        cards = "".join(
            f"<b>{escape(_title(one, number))}</b>{waveform_svg(one)}"
            for number, one in enumerate(self.recordings)
        )
        words = cards or f"A panel that records room {escape(self._room.name)}: run the cell."
        return f'<div class="lkx-still lkx-still-{self.model_id}">{words}</div>'

    def close(self) -> None:
        """Stop listening and recording, and take the panel away; the recordings stay."""
        if self.session is not None:
            self.session.stop()
        # What could not be made is closed, too.
        if self._running is not None:
            self._running.cancel()
            self._use.end()
        super().close()

    async def _toggle(self) -> None:
        try:
            if self.session is None:
                self._say("")
                self.session = await self._room.start_recording()
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
            self._record.disabled = False

    async def _keep(self, session: RecordingSession) -> None:
        await session.ended()
        rows = [row for row in self._rows.values() if not row.ticked.value]
        left_out = {row.identity for row in rows}
        kept = [one for key, one in session.recordings.items() if key[0] not in left_out]
        first = len(self.recordings)
        self.recordings += kept
        # Players are encoded: the sound of others does not wait for that.
        made = [await asyncio.to_thread(_Card, one, first + n) for n, one in enumerate(kept)]
        self._cards.children = [*reversed(made), *self._cards.children]
        await asyncio.to_thread(self.renew_still)
        self._say("" if kept else "nothing was recorded: nobody who is ticked was heard")

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._everybody.follow())
            tasks.create_task(self._show())

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(1 / LOOKS_A_SECOND)
            there = dict(self._everybody.hearing)
            if set(there) != set(self._rows):
                self._rows = {
                    sid: self._rows.get(sid) or _Row(level) for sid, level in there.items()
                }
                nobody = ipywidgets.Label("Nobody is heard yet.")
                self._people.children = [row.box for row in self._rows.values()] or [nobody]
            for sid, level in there.items():
                self._rows[sid].show(level.taken())
            if self.session is not None:
                minutes, seconds = divmod(int(self.session.elapsed), 60)
                self._clock.value = f"{minutes}:{seconds:02d}"

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

    def taken(self) -> float:
        """Return the peak since the last call, in dBFS."""
        peak, self._peak = self._peak, 0
        return max(FLOOR_DB, 20 * math.log10(max(peak, 1) / 32768))


class _Row:
    """One track: whether to record it, and its level."""

    def __init__(self, level: _Level) -> None:
        view = level.view
        self.identity = view.identity
        title = f"{view.identity}: {view.name}" if view.name else view.identity
        self.ticked = ipywidgets.Checkbox(True, description=title, indent=False)
        self._bar = ipywidgets.FloatProgress(
            FLOOR_DB, min=FLOOR_DB, max=0.0, layout={"width": "16em"}, tooltip="peak, dBFS"
        )
        self._number = ipywidgets.Label()
        self.box = ipywidgets.HBox([self.ticked, self._bar, self._number])

    def show(self, level: float) -> None:
        self._bar.value = round(level, 1)
        self._bar.bar_style = "danger" if level > -0.5 else "info"
        self._number.value = f"{level:.0f} dBFS"


class _Card(ipywidgets.VBox):  # type: ignore[misc]
    """A recording: its player, its name, and saving it."""

    def __init__(self, recording: Recording, number: int) -> None:
        self._recording = recording
        who = recording.identity or "recording"
        self._name = ipywidgets.Text(f"{who}-{number}.flac", description="save as")
        save = ipywidgets.Button(description="Save", icon="download")
        save.on_click(lambda _button: self._save())
        self._said = ipywidgets.HTML()
        title = ipywidgets.HTML(f"<b>{escape(_title(recording, number))}</b>")
        player = ipywidgets.HTML(recording.play(max_bytes=PLAYER_BYTES).html)
        super().__init__([title, player, ipywidgets.HBox([self._name, save, self._said])])

    def _save(self) -> None:
        try:
            self._recording.save(self._name.value)
        except LkExploreError as error:
            self._said.value = escape(str(error))
        else:
            self._said.value = f"saved as {escape(self._name.value)}"


def _title(recording: Recording, number: int) -> str:
    return f"{recording.identity or 'recording'}: .recordings[{number}]"
