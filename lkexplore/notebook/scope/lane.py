"""The data that a scope shows of one track: envelope, spectrum and level of every 10 ms."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ...sdk.participants import Track
from ...sound.convert import INT16_SCALE, WEBRTC_RATE
from ...sound.recording import Recording

__all__ = ["BINS", "COLUMNS_A_SECOND", "Lane", "News", "bin_edges_hz", "labels"]

COLUMNS_A_SECOND = 100
"""Columns of the picture per second of sound."""

BINS = 128
"""Bins of frequency in a column."""

LOWEST_HZ = 50.0
"""Lower edge of the lowest bin, in Hz."""

HIGHEST_HZ = 20_000.0
"""Upper edge of the highest bin, in Hz."""

FLOOR_DB = -100.0
"""Lowest level that is told apart, in dBFS."""

_HOP = WEBRTC_RATE // COLUMNS_A_SECOND
"""Samples from one column to the next."""

_WINDOW = 2048
"""Samples in a window of the spectrum, 43 ms."""

_MOST_COLUMNS = 2 * COLUMNS_A_SECOND
"""Most columns that are sent at a time; older ones are left out."""

_UNASKED = 100
"""Most frames that are kept while nobody asks for news."""


class News(NamedTuple):
    """The new data of one track.

    Attributes
    ----------
    envelope : ndarray of int8, shape (columns, 2)
        Least and greatest sample of each column, 127 being full scale.
    spectrum : ndarray of uint8, shape (columns, BINS)
        Levels from the lowest frequency up, -100 dBFS being 0 and 0 dBFS 255.
    rms_dbfs, peak_dbfs : float
        RMS and peak level of all columns in dBFS, not below -100; the RMS level of a sine equals
        its peak level (AES17).
    """

    envelope: NDArray[np.int8]
    spectrum: NDArray[np.uint8]
    rms_dbfs: float
    peak_dbfs: float


def bin_edges_hz() -> NDArray[np.float64]:
    """Return the edges of the bins, shape (BINS + 1,): even steps of pitch."""
    return np.geomspace(LOWEST_HZ, HIGHEST_HZ, BINS + 1)


class Lane:
    """Collects a track's frames, and says what is new when asked.

    Parameters
    ----------
    view : Track
        The track that is shown.
    seconds : float
        Seconds of sound to keep for `last`.
    """

    def __init__(self, view: Track, seconds: float) -> None:
        self.view = view
        self._recent: deque[NDArray[np.int16]] = deque()
        self._held, self._most = 0, round(seconds * WEBRTC_RATE)
        self._new: deque[NDArray[np.int16]] = deque(maxlen=_UNASKED)
        self._rest = np.zeros((0, 2), np.int16)
        self._past = np.zeros((_WINDOW - _HOP, 2), np.int16)
        self._window = (np.hanning(_WINDOW) * (2 / _WINDOW) / INT16_SCALE * 2).astype(np.float32)
        places = bin_edges_hz() * (_WINDOW / WEBRTC_RATE)
        self._starts = np.minimum(places[:-1].astype(int), _WINDOW // 2)

    @property
    def label(self) -> str:
        """Name to show: the identity of the publisher, or the track's name."""
        return self.view.identity or self.view.name or self.view.sid

    def on_frame(self, frame: rtc.AudioFrame) -> None:
        """Take note of a frame, on the media loop."""
        raw = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
        self._add(np.repeat(raw, 2, axis=1) if raw.shape[1] == 1 else raw.copy())

    def missing(self, seconds: float) -> None:
        """Take note that there was no track for some seconds, which are shown as silence."""
        self._add(np.zeros((round(seconds * WEBRTC_RATE), 2), np.int16))

    def _add(self, samples: NDArray[np.int16]) -> None:
        self._new.append(samples)
        self._recent.append(samples)
        self._held += len(samples)
        while self._held - len(self._recent[0]) >= self._most:
            self._held -= len(self._recent.popleft())

    def news(self) -> News | None:
        """Return what has come since the last call, None if it is less than a column."""
        samples = np.concatenate([self._rest, *self._new])
        self._new.clear()
        count = min(len(samples) // _HOP, _MOST_COLUMNS)
        if not count:
            self._rest = samples
            return None
        # There are more columns than that only if nobody has asked for long.
        samples = samples[-(len(samples) % _HOP + count * _HOP) :]
        samples, self._rest = samples[: count * _HOP], samples[count * _HOP :]
        blocks = samples.reshape(count, 2 * _HOP)
        envelope = np.stack((blocks.min(1), blocks.max(1)), 1) >> 8
        joined = np.concatenate((self._past, samples))
        self._past = joined[len(joined) - len(self._past) :]
        floats = samples.astype(np.float32) / np.float32(INT16_SCALE)
        return News(
            envelope.astype(np.int8),
            self._spectrum(joined, count),
            _decibel(float(np.sqrt(2 * np.mean(floats**2, axis=0).max()))),
            _decibel(float(np.abs(floats).max())),
        )

    def _spectrum(self, joined: NDArray[np.int16], count: int) -> NDArray[np.uint8]:
        """Return the louder channel's spectrum, bin by bin: in a sum, channels could cancel."""
        power = self._power(joined[:, 0], count)
        if not np.array_equal(joined[:, 0], joined[:, 1]):
            power = np.maximum(power, self._power(joined[:, 1], count))
        loudest = np.maximum.reduceat(power, self._starts, axis=1)
        db = 10 * np.log10(np.maximum(loudest, 10 ** (FLOOR_DB / 10)))
        steps = (db - FLOOR_DB) * (255 / -FLOOR_DB)
        return np.clip(np.rint(steps), 0, 255).astype(np.uint8)

    def _power(self, joined: NDArray[np.int16], count: int) -> NDArray[np.float32]:
        from scipy.fft import rfft

        windows = np.lib.stride_tricks.sliding_window_view(joined, _WINDOW)[::_HOP][:count]
        power: NDArray[np.float32] = np.abs(rfft(windows * self._window, axis=1)) ** 2
        return power

    def last(self) -> Recording:
        """Return the sound that is kept: in stereo if the channels differ."""
        kept = [np.zeros((0, 2), np.int16), *tuple(self._recent)]
        samples = np.concatenate(kept)[-self._most :].T
        return Recording.from_int16(
            samples[:1] if np.array_equal(*samples) else samples,
            WEBRTC_RATE,
            identity=self.view.identity or None,
            track=self.view.sid,
            name=self.view.name or None,
        )


def labels(lanes: Mapping[str, Lane]) -> dict[str, str]:
    """Return a name to show for each of several lanes, all of them different.

    Parameters
    ----------
    lanes : mapping of str to Lane
        The lanes, by the sids of their tracks.
    """
    whose = Counter(lane.label for lane in lanes.values())
    named = {
        sid: lane.label
        if whose[lane.label] == 1
        else f"{lane.label}: {lane.view.name or lane.view.source}"
        for sid, lane in lanes.items()
    }
    called = Counter(named.values())
    return {sid: name if called[name] == 1 else f"{name} ({sid})" for sid, name in named.items()}


def _decibel(amplitude: float) -> float:
    return max(FLOOR_DB, 20 * float(np.log10(max(amplitude, 1e-9))))
