"""A function of pictures on a thread of its own, where it may take its time."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from livekit import rtc

from ..capture.video.picture import Image, Picture, rgb_of
from ..capture.video.receiver import SMALLEST
from ..errors import FilterError, LkExploreError
from ..publishing.outgoing_video import as_frame, as_picture

__all__ = ["Made", "PictureFilter", "PictureWorker"]

PictureFilter: TypeAlias = Callable[[Image], Image]
"""Takes and returns a picture: uint8 of shape (h, w, 3), red, green, blue."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a picture.

    Attributes
    ----------
    frame : rtc.VideoFrame or None
        The picture that the function made, as it can be sent; None if it made none.
    error : str
        The reason why it made none, with the traceback.
    seconds : float
        Seconds that the function took.
    """

    frame: rtc.VideoFrame | None
    error: str
    seconds: float


_Job: TypeAlias = "tuple[Picture, concurrent.futures.Future[Made]]"


class PictureWorker:
    """Calls one function on one thread, a picture at a time.

    The thread begins with the first picture. Python does not wait for it at exit, so a function
    that never returns does not keep the process.

    Parameters
    ----------
    function : callable
        Function from a picture to a picture; it may change the picture that it is given.

    Attributes
    ----------
    error : str
        The reason why it was given up; empty while it was not.

    Raises
    ------
    FilterError
        `function` is not a plain function.
    """

    def __init__(self, function: PictureFilter) -> None:
        if not callable(function) or any(
            map(inspect.iscoroutinefunction, (function, type(function).__call__))
        ):
            raise FilterError(
                f"{function!r} is no filter of pictures: give a plain function from a picture to "
                "a picture, uint8 of shape (h, w, 3)"
            )
        self.function = function
        self.error = ""
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._last: concurrent.futures.Future[Made] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is still at a picture."""
        return self._last is not None and not self._last.done()

    def begin(self, picture: Picture) -> asyncio.Future[Made]:
        """Start on a picture; call this on an event loop, and not while it is busy."""
        if self._last is None:
            thread = threading.Thread(target=self._work, name="lkexplore-pictures", daemon=True)
            thread.start()
        self._last = concurrent.futures.Future()
        # It cannot be cancelled: when the caller stops waiting, the function goes on.
        self._last.set_running_or_notify_cancel()
        self._jobs.put((picture, self._last))
        return asyncio.wrap_future(self._last)

    def end(self) -> None:
        """Have the thread end, once the function has returned if it is at work."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            picture, result = job
            result.set_result(self._made(picture))
            del job, picture, result

    def _made(self, picture: Picture) -> Made:
        began = time.perf_counter()
        try:
            image = rgb_of(picture)
            began = time.perf_counter()
            answer = self.function(image)
            spent = time.perf_counter() - began
        except BaseException:
            # An exception from a user's function, even SystemExit, must not stop the pictures.
            spent = time.perf_counter() - began
            return Made(None, f"it failed:\n{traceback.format_exc()}", spent)
        try:
            checked = _checked(answer)
            return Made(as_frame(checked).convert(rtc.VideoBufferType.I420), "", spent)
        except LkExploreError as error:
            return Made(None, str(error), spent)
        except Exception:
            return Made(None, f"what it returned is no picture:\n{traceback.format_exc()}", spent)


def _checked(answer: Any) -> Image:
    if answer is None:
        raise LkExploreError("it returned None: return the picture, even when changed in place")
    image = as_picture(np.asarray(answer))
    if min(image.shape[:2]) < SMALLEST:
        raise LkExploreError(
            f"it returned a picture of {image.shape[1]}x{image.shape[0]}: give at least "
            f"{SMALLEST}x{SMALLEST}"
        )
    return image
