"""Gain: louder or quieter."""

from __future__ import annotations

from .linear.design import GainDesign
from .linear.linear_filter import LinearFilter
from .parameter import Parameter

__all__ = ["Gain", "gain"]


class Gain(LinearFilter):
    """Multiplication by a level in dB; see :func:`gain`."""

    db = Parameter("dB", low=-120.0, high=60.0, scale="db")

    def __init__(self, db: float) -> None:
        self.set(db=db)

    def design(self) -> GainDesign:
        """Return the design for the present parameter."""
        return GainDesign(10.0 ** (self.db / 20))


def gain(db: float) -> Gain:
    """Make sound louder or quieter.

    Parameters
    ----------
    db : float
        Gain, -120 to 60 dB; 6.02 dB is twice the amplitude. Nothing is clipped here: samples beyond
        full scale are clipped only when they are made integers.

    Returns
    -------
    Gain
        With the parameter ``db``; no latency.

    Raises
    ------
    FilterError
        If the value is out of its range.

    See Also
    --------
    compressor : Turn down loud sound alone.
    limiter : Keep below a level.
    lkexplore.measure.peak_dbfs : The level of the highest sample.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> import numpy as np
    >>> gain(-20).process(np.ones((1, 2), "f4")).round(6).tolist()
    [[0.10000000149011612, 0.10000000149011612]]
    """
    return Gain(db)
