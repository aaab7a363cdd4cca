"""Sliders for the parameters of a filter, as the page makes them from what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...filters import BoundParameter

__all__ = ["described"]


def described(parameters: Mapping[str, BoundParameter]) -> list[dict[str, Any]]:
    """Return what the page needs to make a slider of each parameter.

    Parameters
    ----------
    parameters : mapping of str to BoundParameter
        A filter's, as in :attr:`lkexplore.filters.Filter.parameters`.

    Returns
    -------
    list of dict
        ``name``, ``unit``, ``low``, ``high``, ``scale``, ``whole``, ``step`` and ``value``, in
        their order. A log scale moves by ratios; dB are even steps as they are.

    Examples
    --------
    >>> import lkexplore as lk
    >>> [one["name"] for one in described(lk.filters.notch(50).parameters)]
    ['hz', 'q']
    """
    return [
        {
            "name": name,
            "unit": one.unit,
            "low": one.low,
            "high": one.high,
            "scale": one.scale,
            "whole": one.whole,
            "step": one.step,
            "value": one.value,
        }
        for name, one in parameters.items()
    ]
