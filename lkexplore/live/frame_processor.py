"""LiveKit's own plug: a filter where the SDK and its agents take a noise canceller."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..filters import Filter, as_filter
from ..filters.engine.swap import Swap
from ..sound.convert import INT16_STEP, int16_of

__all__ = ["FilterProcessor", "as_frame_processor"]

_log = logging.getLogger("lkexplore")


def as_frame_processor(filter: Any) -> FilterProcessor:
    """Make an ``rtc.FrameProcessor`` of a filter, for wherever LiveKit takes one.

    Parameters
    ----------
    filter : Filter or object with ``process``
        The filter, used without a copy, so that changes of its parameters act at once; it is set
        to the sample rate of the frames, and should not be in use elsewhere.

    Returns
    -------
    FilterProcessor
        An ``rtc.FrameProcessor[rtc.AudioFrame]``, for one stream at a time: the argument
        ``noise_cancellation`` of ``rtc.AudioStream``, and of the room input options of
        livekit-agents. ``enabled`` switches it, ``filter`` changes it with a crossfade, and
        ``blocks``, ``bypassed`` and ``error`` tell how it went.

    Raises
    ------
    FilterError
        `filter` is not a filter.

    See Also
    --------
    lkexplore.Room.live : A filter on a participant's track, heard by everyone in the room.

    Notes
    -----
    What comes out is what the filter gives offline, rounded to 16 bits and clipped at full scale.
    A frame passes unchanged, and is counted, when the filter raises, or returns NaN or another
    number of samples or channels; the filter is then reset, and its first such failure is logged
    with its traceback. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import lowpass
    >>> processor = as_frame_processor(lowpass(3400))
    >>> stream = rtc.AudioStream(track, noise_cancellation=processor)  # doctest: +SKIP
    """
    return FilterProcessor(filter)


class FilterProcessor(rtc.FrameProcessor[rtc.AudioFrame]):
    """A filter on the frames of a stream; made by :func:`lkexplore.as_frame_processor`.

    Parameters
    ----------
    filter : Filter or object with ``process``
        The filter, used without a copy.

    Attributes
    ----------
    blocks, bypassed : int
        Numbers of frames that came, and of those on which the filter failed.
    error : str
        The latest failure, with the traceback if the filter raised; empty if there was none.

    Raises
    ------
    FilterError
        `filter` is not a filter.

    Examples
    --------
    >>> from lkexplore.filters import gain
    >>> processor = FilterProcessor(gain(-6))
    >>> processor.enabled
    True
    """

    def __init__(self, filter: Any) -> None:
        self.blocks = self.bypassed = 0
        self.error = ""
        self._place = Swap(as_filter(filter))
        self._enabled = True
        self._told = False

    @property
    def enabled(self) -> bool:
        """Whether the SDK sends frames through it; set it to False to hear the sound unfiltered."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = bool(value)

    @property
    def filter(self) -> Filter:
        """The filter; put another in its place at any time, the change is crossfaded."""
        return self._place.filter

    @filter.setter
    def filter(self, filter: Any) -> None:
        self._place.put(filter)
        self._told = False

    @property
    def latency(self) -> int:
        """Delay of the filter in samples."""
        return self._place.latency

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        self.blocks += 1
        count, channels = frame.samples_per_channel, frame.num_channels
        raw = np.frombuffer(frame.data, np.int16, count * channels).reshape(count, channels)
        block = np.ascontiguousarray(raw.T, dtype=np.float32) * INT16_STEP
        out = self._filtered(block, frame.sample_rate)
        if out is None:
            self.bypassed += 1
            return frame
        data = bytearray(np.ascontiguousarray(int16_of(out).T).tobytes())
        return rtc.AudioFrame(data, frame.sample_rate, channels, count, userdata=frame.userdata)

    def _filtered(self, block: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32] | None:
        try:
            if self._place.sample_rate != sample_rate:
                self._place.sample_rate = sample_rate
            out = np.asarray(self._place.process(block))
            if out.shape == block.shape and np.isfinite(out).all():
                return out
            made = "NaN or infinity" if out.shape == block.shape else str(out.shape)
            self._note(f"it made {made} of a block of shape {block.shape}")
            self._place.reset()
        except Exception:
            # An exception from a user's filter must not stop the sound.
            self._note(traceback.format_exc())
            self._reset_quietly()
        return None

    def _reset_quietly(self) -> None:
        try:
            self._place.reset()
        except Exception:
            self._note(traceback.format_exc())

    def _note(self, error: str) -> None:
        self.error = error
        if not self._told:
            self._told = True
            _log.error("the filter %r is passed by: %s", self._place.filter, error)

    def _close(self) -> None:
        self._reset_quietly()

    def __repr__(self) -> str:
        went = f"{self.blocks} frames, {self.bypassed} passed by"
        return f"<FilterProcessor through {self._place.filter!r}, {went}>"
