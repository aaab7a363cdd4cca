"""Poles and zeros of sums, and of delays that are fed back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import FilterError
from ..analysis import PolesZeros

__all__ = ["MOST_ROOTS", "few_enough", "of_power", "sum_of"]

MOST_ROOTS = 2000
"""Roots of a polynomial that are looked for, at most: finding more takes too long."""


class _Part:
    """A member's poles and zeros, with the poles that only delay kept apart."""

    def __init__(self, found: PolesZeros, wait: int) -> None:
        self.poles = found.poles[found.poles != 0]
        self.zeros = found.zeros
        self.gain = found.gain
        self.at_origin = int(np.count_nonzero(found.poles == 0)) + wait


def few_enough(degree: int) -> None:
    """Raise FilterError if a polynomial has too many roots to find."""
    if degree > MOST_ROOTS:
        raise FilterError(
            f"a sum of degree {degree} has too many zeros to find: at most {MOST_ROOTS}; "
            "look at response() or impulse_response()"
        )


def sum_of(found: Sequence[PolesZeros], waits: Sequence[int]) -> PolesZeros:
    """Return the poles of all and the zeros of their sum.

    Parameters
    ----------
    found : sequence of PolesZeros
        Poles, zeros and gain of each member of the sum.
    waits : sequence of int
        Delay in samples of each member, before it is added.

    Raises
    ------
    FilterError
        If there are more than 2000 zeros.
    """
    parts = [_Part(each, wait) for each, wait in zip(found, waits, strict=True)]
    at_origin = max(part.at_origin for part in parts)
    few_enough(at_origin + sum(part.zeros.size + part.poles.size for part in parts))
    over = np.zeros(1)
    for part in parts:
        others = [other.poles for other in parts if other is not part]
        # Without any root it is a bare number, which could not be padded.
        own = np.atleast_1d(np.real(np.poly(np.concatenate([part.zeros, *others]))))
        padded = np.pad(part.gain * own, (0, at_origin - part.at_origin))
        over = np.asarray(np.polyadd(over, padded), dtype=np.float64)
    poles = np.concatenate([part.poles for part in parts])
    return _of_polynomial(over, np.append(poles, np.zeros(at_origin)))


def of_power(value: float, degree: int) -> NDArray[np.complex128]:
    """Return the roots of ``z**degree = value``."""
    turns = np.exp(2j * np.pi * np.arange(degree) / degree)
    return np.asarray(complex(value) ** (1 / degree) * turns, dtype=np.complex128)


def _of_polynomial(over: NDArray[np.float64], poles: NDArray[np.complex128]) -> PolesZeros:
    largest = np.abs(over).max(initial=0.0)
    over = np.where(np.abs(over) <= 1e-14 * largest, 0.0, over)
    used = np.flatnonzero(over)
    if not used.size:
        none = np.zeros(0, dtype=np.complex128)
        return PolesZeros(poles, none, 0.0)
    zeros = np.roots(over).astype(np.complex128)
    both = int(min(np.count_nonzero(zeros == 0), np.count_nonzero(poles == 0)))
    return PolesZeros(_without(poles, both), _without(zeros, both), float(over[used[0]]))


def _without(roots: NDArray[np.complex128], count: int) -> NDArray[np.complex128]:
    return np.delete(roots, np.flatnonzero(roots == 0)[:count])
