"""A filter that cannot stop the sound: bypassed when it fails, is too slow, or on request."""

from __future__ import annotations

import contextvars
import logging
import math
import time
import traceback
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ..filters import Filter, as_filter
from ..filters.engine.fade import FADE_SECONDS, fade_in
from ..filters.engine.swap import Swap
from .ears import Ears

__all__ = ["Guard"]

Samples = NDArray[np.float32]
"""Samples of shape (channels, n) in [-1, 1]."""

BUDGET = 0.8
"""Share, from 0 to 1, of the sound's own time that a filter may take, over `BUDGET_SECONDS`."""

BUDGET_SECONDS = 1.0
"""Seconds of sound over which the filter's time is added up."""

KEPT_TIMES = 3000
"""Blocks whose times are kept for the statistics."""

_log = logging.getLogger("lkexplore")


class _Spent:
    """The share of the sound's own time that was spent on it, over the last second."""

    def __init__(self) -> None:
        self._each: deque[tuple[float, float]] = deque()
        self._spent = self._lasted = 0.0

    def share(self, spent: float, lasts: float) -> float:
        """Count one block more, and return the share; 0 until it is known."""
        self._each.append((spent, lasts))
        self._spent += spent
        self._lasted += lasts
        if self._lasted < BUDGET_SECONDS:
            return 0.0
        share = self._spent / self._lasted
        oldest = self._each.popleft()
        self._spent -= oldest[0]
        self._lasted -= oldest[1]
        return share


class Guard:
    """Runs a filter on a live track's blocks, and crossfades to the sound as it is.

    Parameters
    ----------
    filter : Swap
        The filter, and its successors.
    channels : int
        Number of channels of the blocks; a filter that makes two of one is heard in two.
    sample_rate : int
        Sample rate in Hz.

    Attributes
    ----------
    bypass : bool
        Whether it is switched off.
    error : str
        The reason why it is bypassed, with the traceback; empty while it is not.
    ears : Ears
        What keeps the output from being too loud.
    blocks, bypassed : int
        Numbers of blocks that came, and of those that bypassed the filter.
    """

    def __init__(self, filter: Swap, channels: int, sample_rate: int) -> None:
        self.bypass = False
        self.error = ""
        self.blocks = self.bypassed = 0
        self.times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._filter, self._channels, self._rate = filter, channels, sample_rate
        self._out_channels = channels
        steps = round(FADE_SECONDS * sample_rate)
        self._weights = np.concatenate(([0.0], fade_in(steps))).astype(np.float32)
        self._wet = steps
        self._gap: Samples | None = None
        self._put_in = contextvars.copy_context()
        self._apart = np.zeros((channels, 1), np.float32)
        self._held = np.zeros((channels, 0), np.float32)
        self._spent = _Spent()
        self.ears = Ears(sample_rate)

    @property
    def filter(self) -> Filter:
        """The filter that was put in last."""
        return self._filter.filter

    @property
    def latency(self) -> int:
        """Delay of the filter in samples."""
        return self._filter.latency

    @property
    def coming_load(self) -> float:
        """Seconds that the next filter takes for one second of sound; 0 if there is none."""
        return 0.0 if self.error else self._filter.coming_load

    def widen(self) -> None:
        """Go on with two channels, both as the one was up to now."""
        self._channels = self._out_channels = 2
        self._held = _wide(self._held, 2)

    def put(self, filter: Filter) -> None:
        """Put another filter in place, or try the same again."""
        # Messages go where the filter was put in: in a notebook, below that cell.
        self._put_in = contextvars.copy_context()
        if self.error:
            # There is no filter to fade from: the new one fades in from the unfiltered sound.
            self._filter = Swap(as_filter(filter), patient=self._filter.patient)
            self._filter.sample_rate = self._rate
        elif filter is not self._filter.filter:
            self._filter.put(filter)
        self.error = ""
        self._spent = _Spent()

    def prepare(self, seconds: float, load: float) -> None:
        """Let the next filter hear some of the past, between two blocks; see `Swap.prepare`."""
        if self.error:
            return
        try:
            self._filter.prepare(seconds, load)
        except Exception:
            self._give_up(f"it failed:\n{traceback.format_exc()}")

    def process(self, block: Samples) -> Samples:
        """Return the next block, filtered if possible."""
        self.blocks += 1
        self.ears.hear(block)
        dry = self._delayed(block)
        wet = None if self.error else self._filtered(block)
        if wet is None or self.bypass:
            self.bypassed += 1
        if wet is not None and len(wet) > self._out_channels:
            # From now on it stays in two channels; mono sound is in both.
            self._out_channels = len(wet)
        dry = _wide(dry, self._out_channels)
        out = _wide(self.ears.limited(self._mixed(dry, wet)), self._out_channels)
        self._apart = out[:, -1:] - dry[:, -1:]
        return out

    def _filtered(self, block: Samples) -> Samples | None:
        started = time.perf_counter()
        try:
            out = np.asarray(self._filter.process(block))
        except Exception:
            # An exception from a user's filter must not stop the sound; it is told once.
            self._fails(f"it failed:\n{traceback.format_exc()}")
            return None
        self._count(time.perf_counter() - started, block.shape[1] / self._rate)
        if out.shape != block.shape and not (len(block) == 1 and out.shape == (2, block.shape[1])):
            self._fails(
                f"it made {out.shape} of a block of shape {block.shape}: as many samples must come "
                "out as went in, in as many channels, or in two if one went in"
            )
            return None
        if not _is_finite(out):
            self._fails("it put out NaN or infinity")
            return None
        if excess := self.ears.excess_db(out):
            self._fails(
                f"it put out sound that is {excess:.0f} dB louder than what came in, near full "
                f"scale; {self.ears.loudest_gain_db:g} dB may be (live.loudest_gain_db)"
            )
            return None
        return out

    def _count(self, spent: float, lasts: float) -> None:
        self.times.append(spent)
        share = self._spent.share(spent, lasts)
        if share > BUDGET:
            self._fails(f"it takes {share:.2f} of the time that the sound lasts; {BUDGET:g} may be")

    def _fails(self, why: str) -> None:
        """Go on with the next filter, or, if there is none, with the unfiltered sound."""
        try:
            if self._filter.hurry():
                return
        except Exception:
            why = f"it failed:\n{traceback.format_exc()}"
        self._give_up(why)

    def _give_up(self, why: str) -> None:
        self.error = why
        self._put_in.run(
            _log.error,
            "the live filter %r is passed by, the sound goes on without it: %s\n"
            "Put a filter in again (live.filter = ...) to go on with it.",
            self._filter.filter,
            why,
        )

    def _mixed(self, dry: Samples, wet: Samples | None) -> Samples:
        """Move between the two without a step."""
        if wet is None:
            if self._wet > 0:
                # There is nothing left to fade from: let the step itself die away.
                self._gap, self._wet = self._apart, 0
            return self._closing(dry)
        steps = len(self._weights) - 1
        goal = 0 if self.bypass else steps
        if self._wet == goal:
            return self._closing(dry if self.bypass else wet)
        way = np.arange(1, dry.shape[1] + 1) * (1 if goal else -1)
        places = np.clip(self._wet + way, 0, steps)
        self._wet = int(places[-1])
        return self._closing(dry + self._weights[places] * (wet - dry))

    def _closing(self, out: Samples) -> Samples:
        if self._gap is None:
            return out
        out = out.copy()
        dying = self._weights[:0:-1][: out.shape[1]]
        out[:, : len(dying)] += self._gap * dying
        self._gap = None
        return out

    def _delayed(self, block: Samples) -> Samples:
        """Return the unfiltered sound with the same delay as the filter's."""
        late = self._filter.latency
        if not late and not self._held.shape[1]:
            return block
        if self._held.shape[1] != late:
            missing = late - self._held.shape[1]
            silence = np.zeros((self._channels, max(missing, 0)), np.float32)
            self._held = np.concatenate((silence, self._held), axis=1)[:, max(-missing, 0) :]
        whole = np.concatenate((self._held, block), axis=1)
        self._held = whole[:, whole.shape[1] - late :].copy()
        return whole[:, : block.shape[1]]


def _wide(block: Samples, channels: int) -> Samples:
    return block if len(block) == channels else np.broadcast_to(block, (channels, block.shape[1]))


def _is_finite(block: Samples) -> bool:
    # NaN or infinity makes the sum of squares so, which is quicker than a look at each sample.
    flat = block.ravel()
    power = float(flat.dot(flat))
    return math.isfinite(power) or bool(np.isfinite(block).all())
