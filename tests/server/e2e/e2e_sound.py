"""Tones to publish, ears to hear them with, and what can be measured on what was heard."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

Sound = NDArray[np.float64]

RATE = 48_000
BLOCK = RATE // 100
AUDIBLE = 10 ** (-50 / 20)
"""Peak of a block of 10 ms from which on it counts as sound."""


class Tone:
    """Sine tones without end, one to a channel.

    Parameters
    ----------
    hz : float
        Frequencies, one for each channel.
    level : float
        Amplitude, 0 to 1.
    """

    def __init__(
        self, *hz: float, level: float = 0.3, name: str = "tone", rate: int = RATE
    ) -> None:
        self.hz, self.level, self.name, self.rate = hz, level, name, rate
        self.position = 0

    @property
    def channels(self) -> int:
        return len(self.hz)

    @property
    def rms_db(self) -> float:
        """Level in dB, of each channel."""
        return float(20 * np.log10(self.level / np.sqrt(2)))

    def block(self, samples: int) -> rtc.AudioFrame:
        """Return the next samples."""
        t = (self.position + np.arange(samples)) / self.rate
        self.position += samples
        waves = [np.sin(2 * np.pi * hz * t) for hz in self.hz]
        data = np.round(np.stack(waves, axis=1) * self.level * 32767).astype("<i2").tobytes()
        return rtc.AudioFrame(data, self.rate, self.channels, samples)

    async def feed(self, source: rtc.AudioSource) -> None:
        """Play until cancelled, at the pace of the source's queue."""
        try:
            while True:
                await source.capture_frame(self.block(self.rate // 50))
        finally:
            # Freed with sound in it, a source of the SDK may never end its thread.
            source.clear_queue()


class Ear:
    """Everything that is heard of one track, as float samples of shape (channels, n).

    Its `position` is how many samples there are.
    """

    def __init__(self, track: rtc.Track, channels: int = 1) -> None:
        self.channels = channels
        self._stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=channels)
        self._blocks: list[Sound] = []
        self.position = 0
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._stream:
            data = np.frombuffer(event.frame.data, dtype="<i2").astype(np.float64) / 32768
            self._blocks.append(data.reshape(-1, self.channels).T)
            self.position += self._blocks[-1].shape[1]
            self._news.set()

    @property
    def heard(self) -> Sound:
        """All samples so far."""
        return (
            np.concatenate(self._blocks, axis=1) if self._blocks else np.zeros((self.channels, 0))
        )

    async def next(self, seconds: float, timeout: float = 15.0) -> Sound:
        """Return what is heard from now on, for so long."""
        begin, end = self.position, self.position + int(seconds * RATE)
        try:
            async with asyncio.timeout(timeout + seconds):
                while self.position < end:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            got = (self.position - begin) / RATE
            raise AssertionError(f"{got:.2f} s came in {timeout + seconds} s") from None
        return self.heard[:, begin:end]

    async def sound(self, seconds: float = 0.6, timeout: float = 15.0) -> Sound:
        """Wait until something is heard, let it settle, and return what follows."""
        await self._level(loud=True, timeout=timeout)
        await self.next(0.2)
        return await self.next(seconds)

    async def hears(self, tone: Tone, seconds: float = 0.2, tries: int = 12) -> Sound:
        """Wait for sound, and return the first stretch that is the tone as it was played.

        At the start, and when the machine is too busy, the jitter buffer spoils a stretch.
        """
        await self._level(loud=True, timeout=15.0)
        for attempt in range(tries):
            sound = await self.next(seconds)
            try:
                assert_tone(sound, tone)
            except AssertionError:
                if attempt == tries - 1:
                    raise
            else:
                break
        return sound

    async def silence(self, seconds: float = 0.3, timeout: float = 15.0) -> Sound:
        """Wait until nothing is heard any more, and return what follows."""
        await self._level(loud=False, timeout=timeout)
        await self.next(0.1)
        return await self.next(seconds)

    async def gone(self, seconds: float = 0.3, timeout: float = 15.0) -> None:
        """Wait until nothing audible comes for so long: silence, or no samples at all."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    begin = self.position
                    await asyncio.sleep(seconds)
                    if np.abs(self.heard[:, begin:]).max(initial=0.0) < AUDIBLE:
                        return
        except TimeoutError:
            raise AssertionError(f"still heard after {timeout} s") from None

    async def _level(self, *, loud: bool, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                while (np.abs(await self.next(0.05)).max() > AUDIBLE) != loud:
                    pass
        except TimeoutError:
            raise AssertionError(f"never {'heard' if loud else 'silent'} in {timeout} s") from None

    async def close(self) -> None:
        """Stop hearing."""
        self._task.cancel()
        await self._stream.aclose()


def tone_hz(sound: Sound) -> float:
    """Return the strongest frequency of one channel, to a fraction of a hertz."""
    windowed = sound * np.hanning(sound.size)
    spectrum = np.abs(np.fft.rfft(windowed, 8 * sound.size))
    return float(spectrum.argmax()) * RATE / (8 * sound.size)


def rms_db(sound: Sound) -> float:
    """Return the level of one channel in dB; a full-scale square wave has 0."""
    return float(20 * np.log10(np.sqrt(np.mean(sound**2)) + 1e-9))


def tone_db(sound: Sound, hz: float) -> float:
    """Return the level of a sine of this frequency in one channel, in dB."""
    window = np.hanning(sound.size)
    t = np.arange(sound.size) / RATE
    amplitude = 2 * abs(np.sum(sound * window * np.exp(-2j * np.pi * hz * t))) / window.sum()
    return float(20 * np.log10(amplitude / np.sqrt(2) + 1e-9))


def snr_db(sound: Sound, hz: float) -> float:
    """Return how far one channel is from a pure sine of this frequency, in dB."""
    t = np.arange(sound.size) / RATE
    basis = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)])
    weights = np.linalg.lstsq(basis.T, sound, rcond=None)[0]
    wanted = weights @ basis
    noise = np.mean((sound - wanted) ** 2) + 1e-12
    return float(10 * np.log10(np.mean(wanted**2) / noise))


def silent_blocks(sound: Sound) -> int:
    """Return how many blocks of 10 ms hold no sound in any channel."""
    whole = sound.shape[1] // BLOCK * BLOCK
    peaks = np.abs(sound[:, :whole]).reshape(sound.shape[0], -1, BLOCK).max(axis=(0, 2))
    return int(np.sum(peaks < AUDIBLE))


def assert_tone(sound: Sound, tone: Tone) -> None:
    """Check that each channel is the tone: its frequency, its level, no hole."""
    assert silent_blocks(sound) == 0
    for channel, hz in zip(sound, tone.hz, strict=True):
        assert abs(tone_hz(channel) - hz) < 1.5, f"{tone_hz(channel):.2f} Hz"
        assert abs(rms_db(channel) - tone.rms_db) < 1.5, f"{rms_db(channel):.1f} dB"
        level = tone_db(channel, hz)
        assert abs(level - tone.rms_db) < 1.5, f"{level:.1f} dB at {hz} Hz"


def assert_silent(sound: Sound) -> None:
    """Check that nothing is heard."""
    assert np.abs(sound).max() < AUDIBLE
