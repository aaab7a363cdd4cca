"""WebRTC's own audio processing, as a filter."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FilterError, MissingExtra
from ..sound.convert import INT16_SCALE
from .engine.far_end_input import FarEnd
from .engine.overlap import Frames
from .engine.stateful import RunningFilter
from .parameter import Parameter, flag

__all__ = ["Webrtc", "webrtc"]

_AHEAD = 2
"""Frames of 10 ms by which the far end may be ahead of the sound; more are let through early."""


class _Parts(NamedTuple):
    """Which parts of the processing are on, in the SDK's words."""

    noise_suppression: bool
    high_pass_filter: bool
    auto_gain_control: bool
    echo_cancellation: bool


class Webrtc(RunningFilter):
    """WebRTC's audio processing; see :func:`webrtc`.

    Attributes
    ----------
    noise_suppression, high_pass, agc, echo_cancellation : bool
        Whether each part of the processing is on.
    """

    delay = Parameter("s", low=0.0, high=0.5)

    def __init__(
        self,
        noise_suppression: bool = True,
        high_pass: bool = True,
        agc: bool = False,
        echo_cancellation: bool = False,
        delay: float = 0.0,
    ) -> None:
        self._parts = _Parts(
            flag("noise_suppression", noise_suppression),
            flag("high_pass", high_pass),
            flag("agc", agc),
            flag("echo_cancellation", echo_cancellation),
        )
        self._fed = FarEnd()
        self.set(delay=delay)

    @property
    def noise_suppression(self) -> bool:
        """Whether it suppresses noise."""
        return self._parts.noise_suppression

    @property
    def high_pass(self) -> bool:
        """Whether it takes out what is below speech."""
        return self._parts.high_pass_filter

    @property
    def agc(self) -> bool:
        """Whether it evens out the level."""
        return self._parts.auto_gain_control

    @property
    def echo_cancellation(self) -> bool:
        """Whether it cancels what came by :meth:`far`."""
        return self._parts.echo_cancellation

    @property
    def latency(self) -> int:  # type: ignore[override]
        """One frame less a sample, and what the processing itself takes, which is measured."""
        return self.sample_rate // 100 - 1 + _own_latency(self._parts, self.sample_rate)

    def changed(self) -> None:
        """Check that the processing takes the sample rate."""
        if not 8000 <= self.sample_rate <= 192_000:
            raise FilterError(
                f"WebRTC's processing takes no {self.sample_rate} Hz: "
                "resample the sound to 8000 to 192000 Hz, such as 48000"
            )

    def start(self, channels: int) -> _WebrtcRun:
        """Return processing that has heard nothing yet."""
        if channels > 2:
            raise FilterError(f"WebRTC's processing takes no {channels} channels: give one or two")
        return _WebrtcRun(self, self._parts, channels)

    def far(self, block: ArrayLike) -> None:
        """Give the next block of what is played out there, before the sound that it goes with.

        Parameters
        ----------
        block : array_like, shape (channels, n)
            Samples of the far end at this filter's sample rate; channels are averaged. Any n is
            allowed; with as many as the block of sound has, the output does not depend on blocks.

        Raises
        ------
        FilterError, SoundError
            If it is no block of finite samples, or echo cancellation is off.
        """
        if not self.echo_cancellation:
            raise FilterError("a far end is for echo_cancellation=True, which is off here")
        self._fed.give(block, self.sample_rate)

    def reset(self) -> None:
        """Forget all sound, and the far end that still waits."""
        super().reset()
        self._fed = FarEnd()

    def __repr__(self) -> str:
        on = [name for name in ("noise_suppression", "high_pass", "agc") if getattr(self, name)]
        words = [f"{name}=True" for name in on]
        if self.echo_cancellation:
            words += ["echo_cancellation=True", f"delay={self.delay:g}"]
        return f"Webrtc({', '.join(words)})"


class _WebrtcRun:
    def __init__(self, owner: Webrtc, parts: _Parts, channels: int) -> None:
        self._owner = owner
        self._module = _Module(parts, owner.sample_rate)
        self._echo = parts.echo_cancellation
        self._length = owner.sample_rate // 100
        self._frames = Frames(channels, self._length, self._frame)

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        out = self._frames.process(block)
        # What is played too far ahead of its sound would be heard too late.
        while self._echo and len(self._owner._fed) >= (_AHEAD + 1) * self._length:
            self._feed()
        return out

    def _frame(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._echo and len(self._owner._fed) >= self._length:
            self._feed()
        return self._module.near(frame, round(1000 * self._owner.delay))

    def _feed(self) -> None:
        self._module.far(self._owner._fed.take(self._length)[np.newaxis])


class _Module:
    """The SDK's processing, for frames of 10 ms in float64."""

    def __init__(self, parts: _Parts, sample_rate: int) -> None:
        try:
            from livekit import rtc
        except ImportError as error:
            raise MissingExtra(
                f"WebRTC's processing is in the LiveKit SDK, which does not load ({error}): "
                "pip install livekit"
            ) from None
        self._rtc = rtc
        self._parts = parts
        self._sample_rate = sample_rate
        self._inner = rtc.AudioProcessingModule(**parts._asdict())
        if parts.echo_cancellation:
            # From the first far end on everything is 4 ms later, so one is given before any sound.
            silence = np.zeros((1, sample_rate // 100))
            self.near(silence, 0)
            self.far(silence)

    def near(self, frame: NDArray[np.float64], delay_ms: int) -> NDArray[np.float64]:
        """Return the processed frame, (channels, n)."""
        made = self._made(frame)
        try:
            if self._parts.echo_cancellation:
                self._inner.set_stream_delay_ms(delay_ms)
            self._inner.process_stream(made)
        except RuntimeError as error:
            raise FilterError(f"WebRTC's processing refused a frame: {error}") from None
        out = np.frombuffer(made.data, np.int16).reshape(-1, frame.shape[0]).T
        return np.asarray(out / INT16_SCALE)

    def far(self, frame: NDArray[np.float64]) -> None:
        """Take note of a frame that is played."""
        try:
            self._inner.process_reverse_stream(self._made(frame))
        except RuntimeError as error:
            raise FilterError(f"WebRTC's processing refused a frame: {error}") from None

    def _made(self, frame: NDArray[np.float64]) -> Any:
        whole = np.clip(np.rint(frame * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype(
            np.int16
        )
        data = bytearray(np.ascontiguousarray(whole.T).tobytes())
        return self._rtc.AudioFrame(data, self._sample_rate, *frame.shape)


@lru_cache(maxsize=64)
def _own_latency(parts: _Parts, sample_rate: int) -> int:
    """Measure by how many samples the processing delays a second of swept tones."""
    module, length = _Module(parts, sample_rate), sample_rate // 100
    t = np.arange(100 * length) / sample_rate
    sweep = 0.25 * np.sin(2 * np.pi * (300 + 1200 * t) * t) * (np.sin(6 * np.pi * t) > 0)
    out = []
    for begin in range(0, sweep.size, length):
        out.append(module.near(sweep[np.newaxis, begin : begin + length], 0)[0])
    longest = 3 * length
    ahead = np.fft.rfft(sweep, 2 * sweep.size).conj()
    alike = np.fft.irfft(np.fft.rfft(np.concatenate(out), 2 * sweep.size) * ahead)
    return int(np.argmax(alike[:longest]))


def webrtc(
    noise_suppression: bool = True,
    high_pass: bool = True,
    agc: bool = False,
    echo_cancellation: bool = False,
    delay: float = 0.0,
) -> Webrtc:
    """Process sound as browsers do for calls: WebRTC's audio processing module.

    Parameters
    ----------
    noise_suppression : bool
        Whether to turn steady noise down.
    high_pass : bool
        Whether to take out rumble below the voice.
    agc : bool
        Whether to use automatic gain control, which brings the level to that of speech close by.
    echo_cancellation : bool
        Whether to cancel the sound that is given by ``filter.far(block)``: what the loudspeaker
        plays, each block before the block of microphone sound that goes with it.
    delay : float
        Time from a far block to its echo, 0 to 0.5 s, as far as it is known; a hint.

    Returns
    -------
    Webrtc
        With the parameter ``delay``. It works on frames of 10 ms in int16, so the output is late
        by a frame less one sample and by the processing's own delay (measured once for each
        setting), and clipped at full scale. Above 32 kHz it works at 32 kHz inside, where most of
        it loses what is above 13 kHz. One or two channels; 8000 to 192000 Hz.

    Raises
    ------
    FilterError
        If a value is out of its range, or the sound does not fit.
    MissingExtra
        If the LiveKit SDK, which the processing is part of, does not load.

    See Also
    --------
    denoise : Noise reduction whose strength can be set.
    nlms : Cancel an echo with weights that can be looked at.
    compressor : Even out the level with values of your own.

    References
    ----------
    ``livekit.rtc.AudioProcessingModule``; W3C, "Media Capture and Streams", section 4.3.5, says
    what the parts are for. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> webrtc(agc=True)
    Webrtc(noise_suppression=True, high_pass=True, agc=True)
    """
    return Webrtc(noise_suppression, high_pass, agc, echo_cancellation, delay)
