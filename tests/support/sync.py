"""Where a film flashes and beeps."""

from __future__ import annotations

import itertools

import av
import numpy as np

RATE = 48_000


def flashes(path) -> list[float]:
    with av.open(str(path)) as container:
        seen = [(f.time, f.to_ndarray(format="gray").mean()) for f in container.decode(video=0)]
    lit = [(moment, level > 120) for moment, level in seen]
    return [b[0] for a, b in itertools.pairwise(lit) if b[1] and not a[1]]


def sound_of(path) -> np.ndarray:
    with av.open(str(path)) as container:
        pieces = [(f.time, f.to_ndarray()[0]) for f in container.decode(audio=0)]
    total = np.zeros(round(pieces[-1][0] * RATE) + len(pieces[-1][1]))
    for moment, piece in pieces:
        place = round(moment * RATE)
        total[max(place, 0) : place + len(piece)] = piece[max(-place, 0) :]
    return total


def beeps(path) -> list[float]:
    loud = np.abs(sound_of(path)) > 0.05
    places = np.flatnonzero(loud)
    starts = [p for n, p in enumerate(places) if n == 0 or p - places[n - 1] > RATE // 4]
    return [start / RATE for start in starts if start > RATE // 100]


def apart(some: list[float], others: list[float]) -> list[float]:
    return [min((other - one for other in others), key=abs) for one in some]
