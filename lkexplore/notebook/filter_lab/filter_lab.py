"""A bench for filters: choose one, move its sliders, see and hear what it does to a sound."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import anywidget

from ...errors import FilterError, LkExploreError, SoundError, TrackNotFound
from ...filters import Filter, as_filter
from ...sound.as_recording import Sound, as_recording
from ...sound.recording import Recording
from ..page import module, style
from ..shared.background import LatestOnly
from ..shared.heartbeat import Heartbeat
from ..shared.saving import save_beside
from ..shared.still_picture import WithPicture, close_earlier
from . import computing as lab_work
from .figure import lab_picture
from .filter_choices import CHOICES, OWN
from .generated_code import code_of
from .in_room import LabRoom, as_room, not_yet
from .sliders import controls_of
from .spectrogram_brush import Selection, selection_of
from .twin_filter import TwinFilter

if TYPE_CHECKING:
    from livekit import rtc
    from matplotlib.figure import Figure

    from ...live import Live
    from ...room.room import Room

__all__ = ["FilterLab"]


class FilterLab(WithPicture, anywidget.AnyWidget):
    """Sliders for a filter, with its response and a sound before and after it.

    Parameters
    ----------
    sound : Recording, (samples, sample_rate), Room or rtc.Room
        The sound to try the filter on. From a room, the last seconds of a participant are taken;
        if the room keeps none, they are recorded first, and shown when they are there.
    filter : Filter, optional
        The filter to begin with, used without a copy; by default a bandpass.
    identity : str, optional
        In a room: the participant who is heard; by default the one who is heard first.
    seconds : float
        In a room: length of the sound in seconds.

    Attributes
    ----------
    filter : Filter
        The filter as the sliders have it now: use it in the next cell, or live. Another can be
        put in its place.
    before, after : Recording
        The sound before and after the filter.
    selection : Selection or None
        The box that is drawn on the spectrogram of the sound before.
    live : Live or None
        The live filter that the button "run live" has started, in a room.

    Raises
    ------
    SoundError
        If the sound cannot be used.
    FilterError
        If `filter` is not a filter, or does not fit the sound.

    See Also
    --------
    lkexplore.check : Looks for faults in a filter.
    lkexplore.Room.live : The filter on a live track, without sliders.

    Notes
    -----
    Drag a box on the first spectrogram (or press Enter on it and use the arrow keys) to select
    times and frequencies. Of a sound longer than a minute, a part is played. Parameters that are
    set in Python show in the page after `refresh`. Saving overwrites nothing: where a file of that
    name exists, the time is added, as in ``filtered 2026-11-28 01.02.03.flac``. When the kernel is
    gone, the lab says so and takes no more input. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> lab = lk.FilterLab(voice)                    # doctest: +SKIP
    >>> clean = voice | lab.filter                   # doctest: +SKIP
    >>> print(lab.code)                              # doctest: +SKIP
    """

    _esm = module(
        "page/element.js",
        "page/colours.js",
        "page/sound.js",
        "page/drawing.js",
        "page/heart.js",
        "filter_lab/marquee.js",
        "filter_lab/lab.js",
    )
    _css = style("page/common.css", "filter_lab/lab.css")

    def __init__(
        self,
        sound: Sound | Room | rtc.Room,
        filter: Filter | None = None,
        *,
        identity: str | None = None,
        seconds: float = 5.0,
    ) -> None:
        room = as_room(sound)
        self.before = as_recording(sound) if room is None else not_yet()  # type: ignore[arg-type]
        self._whole = self.before
        self._own = None if filter is None else as_filter(filter)
        self._chosen = "bandpass" if self._own is None else OWN
        self._filter = CHOICES["bandpass"]() if self._own is None else self._own
        self._filter.sample_rate = self.before.sample_rate
        self._after: tuple[Any, Recording] | None = None
        self.selection: Selection | None = None
        self._work, self._failure = LatestOnly(), ""
        self._ended = self._looking = False
        self._room: LabRoom | None = None
        self._coming: Future[Any] | None = None
        self._spare = TwinFilter(self._filter)
        super().__init__()
        self._room = None if room is None else LabRoom(room, self._tell, self._fail)
        if self._room is not None:
            self._coming = self._room.begin(self._fetch(identity, seconds))
        self.on_msg(self._asked)
        self._heartbeat = Heartbeat(self)
        close_earlier(self)

    @property
    def filter(self) -> Filter:
        """The filter as the sliders have it now."""
        return self._filter

    @filter.setter
    def filter(self, filter: Filter) -> None:
        self._take(as_filter(filter), OWN)

    @property
    def after(self) -> Recording:
        """What the filter makes of the sound."""
        state = self._state()
        if self._after is None or self._after[0] != state:
            self._after = state, self.before | self._fresh()
        return self._after[1]

    @property
    def live(self) -> Live | None:
        """What runs live by the button."""
        return None if self._room is None else self._room.live

    @property
    def code(self) -> str:
        """Python that makes this filter; see the button "show code"."""
        return code_of(self._filter)

    def cut(self) -> Recording:
        """Return the sound from the beginning of the selection to its end.

        Returns
        -------
        Recording
            All of it if nothing is selected.
        """
        return self.before if self.selection is None else self.selection.cut(self.before)

    def select(self, start: float, end: float, low: float, high: float) -> Selection:
        """Draw the box from here.

        Parameters
        ----------
        start, end : float
            Times in seconds.
        low, high : float
            Frequencies in Hz.

        Raises
        ------
        SoundError
            If nothing of the sound is within.
        """
        self.selection = selection_of((start, end, low, high), self.before)
        self._post({"is": "selection", "box": list(self.selection)}, [])
        return self.selection

    async def ready(self, timeout: float = 30.0) -> FilterLab:
        """Wait until a room's sound is there.

        Parameters
        ----------
        timeout : float
            Most seconds to wait.

        Raises
        ------
        TrackNotFound
            The sound has not come in time.
        """
        if self._coming is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    # The work goes on even if nobody waits any more.
                    await asyncio.shield(asyncio.wrap_future(self._coming))
            if not self._whole.identity:
                why = self._failure or f"no sound came from the room within {timeout:g} s"
                raise TrackNotFound(why)
        return self

    def refresh(self) -> None:
        """Show what was set in Python, such as ``lab.filter.high = 3000``."""
        self._send_controls()
        self._show(0)

    def close(self) -> None:
        """Stop everything that the lab does, and take it away."""
        # Also called when the lab could not be made.
        if "_work" not in vars(self):
            return
        self._ended = True
        self._work.stop()
        if self._coming is not None:
            self._coming.cancel()
        if self._room is not None:
            self._room.begin(self._room.end())
        super().close()

    def picture(self) -> Figure:
        """Return the lab as a figure."""
        return lab_picture(self.before, self.after, self._fresh())

    # The filter

    def _take(self, filter: Filter, name: str) -> None:
        filter.sample_rate = self.before.sample_rate
        spare = TwinFilter(filter)
        if name == OWN:
            self._own = filter
        self._filter, self._spare, self._chosen = filter, spare, name
        live = self.live
        if live is not None:
            live.filter = filter
        self._send_controls()
        self._show(0)

    def _fresh(self) -> Filter:
        """Return a copy with the present values, without touching a filter that runs live."""
        return self._spare.fresh(self.before.sample_rate)

    def _state(self) -> Any:
        values = tuple(one.value for one in self._filter.parameters.values())
        return id(self.before), id(self._filter), values

    def _set(self, content: dict[str, Any]) -> None:
        parameters = self._filter.parameters
        try:
            for name, value in dict(content.get("values", {})).items():
                if name in parameters:
                    parameters[name].value = value
        except FilterError as error:
            self._fail(str(error))
            self._send_controls()
        else:
            values = {name: one.value for name, one in parameters.items()}
            self._post({"is": "values", "values": values, "from": content.get("from")}, [])
        self._show(int(content.get("number", 0)))

    def _choose(self, content: dict[str, Any]) -> None:
        name = content.get("name")
        if name == OWN and self._own is not None:
            self._take(self._own, OWN)
        elif name in CHOICES:
            self._take(CHOICES[name](), name)

    # The page

    def _asked(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Do what the page asks for."""
        acts = {
            "look": self._look,
            "set": self._set,
            "choose": self._choose,
            "brush": self._brush,
            "hear": lambda _: lab_work.send_sound(
                self._post, "selection", self._chosen_box().sound(self.before)
            ),
            "band": self._band,
            "cut": lambda _: self._use(self._chosen_box().cut(self.before)),
            "whole": lambda _: self._use(self._whole),
            "code": lambda _: self._post({"is": "code", "text": self.code}, []),
            "save": self._save,
            "people": self._tell_people,
            "live": self._live,
            "publish": self._publish,
        }
        act = acts.get(str(content.get("do")))
        if act is None:
            return
        try:
            act(content)
        except LkExploreError as error:
            self._fail(str(error))

    def _post(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        if not self._ended:
            self.send(message, buffers)

    def _tell(self, text: str) -> None:
        self._post({"is": "told", "text": text}, [])
        self._tell_people({})

    def _fail(self, text: str) -> None:
        # A page that is shown later must know it, too.
        self._failure = "" if self._looking else text
        self._post({"is": "error", "text": text}, [])

    def _look(self, _content: dict[str, Any]) -> None:
        self._looking = True
        self._send_controls()
        if self._failure:
            self._fail(self._failure)
        self._tell_people({})
        lab_work.send_before(self._post, self.before)
        if self.selection is not None:
            self._post({"is": "selection", "box": list(self.selection)}, [])
        self._show(0)

    def _send_controls(self) -> None:
        names = [OWN, *CHOICES] if self._own is not None else list(CHOICES)
        told = controls_of(self._filter, names, self._chosen)
        half, cut = self.before.sample_rate / 2, self.before is not self._whole
        self._post({**told, "half": half, "cut": cut, "id": self.model_id}, [])

    def _show(self, number: int) -> None:
        """Have the filter shown, unless nobody looks."""
        if not self._looking:
            return
        state = self._state()

        def done(after: Recording) -> None:
            self._after = state, after

        task = lab_work.Task(self.before, self._fresh(), number, self._post, done, self.renew_still)
        self._work.submit(lambda stale: lab_work.run(task, stale))

    # The selection

    def _brush(self, content: dict[str, Any]) -> None:
        box = content.get("box")
        self.selection = None if box is None else selection_of(box, self.before)

    def _chosen_box(self) -> Selection:
        if self.selection is None:
            raise SoundError("nothing is selected: drag a box on the spectrogram before")
        return self.selection

    def _band(self, content: dict[str, Any]) -> None:
        inverse = bool(content.get("inverse"))
        self._take(self._chosen_box().band(inverse), "bandstop" if inverse else "bandpass")

    def _use(self, before: Recording) -> None:
        self.before, self.selection = before, None
        self._filter.sample_rate = before.sample_rate
        self._post({"is": "selection", "box": None}, [])
        if self._looking:
            self._look({})

    # Out of the lab

    def _save(self, content: dict[str, Any]) -> None:
        saved = save_beside(self.after, str(content.get("path") or "filtered.flac"))
        self._tell(f"saved as {saved}")

    def _tell_people(self, _content: dict[str, Any]) -> None:
        if self._room is not None:
            self._post({"is": "people", **self._room.state()}, [])

    def _live(self, content: dict[str, Any]) -> None:
        room, who = self._in_room(), str(content.get("identity") or "")
        room.begin(room.run_live(who, self._filter) if who else room.end_live())

    def _publish(self, content: dict[str, Any]) -> None:
        room = self._in_room()
        room.begin(room.end_playback() if content.get("stop") else room.publish(self.after))

    def _in_room(self) -> LabRoom:
        if self._room is None:
            raise TrackNotFound("this lab has no room: make it by lk.FilterLab(room)")
        return self._room

    async def _fetch(self, identity: str | None, seconds: float) -> None:
        self._whole = found = await self._in_room().sound(identity, seconds)
        # Its picture takes longer than the media loop may be held up.
        await asyncio.to_thread(self._use, found)
        self._tell(f"{found.duration:.1f} s of {found.identity}")
