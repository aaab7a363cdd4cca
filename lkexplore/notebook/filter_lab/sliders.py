"""Sliders for the parameters of a filter, as the page makes them from what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...filters import BoundParameter, Filter

__all__ = ["controls_of", "described"]


def described(parameters: Mapping[str, BoundParameter]) -> list[dict[str, Any]]:
    """Return what the page needs to make a slider of each parameter.

    Parameters
    ----------
    parameters : mapping of str to BoundParameter
        The parameters of a filter, as in :attr:`lkexplore.filters.Filter.parameters`.

    Returns
    -------
    list of dict
        For each parameter, in their order: ``name``, ``unit``, ``low``, ``high``, ``scale``,
        ``whole``, ``step`` and ``value``. A log scale moves by ratios; dB move in even steps.

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


def controls_of(filter: Filter, choices: Sequence[str], chosen: str) -> dict[str, Any]:
    """Return the message that tells the page what to choose from and which sliders to make.

    Parameters
    ----------
    filter : Filter
        The filter to move.
    choices : sequence of str
        Names of the filters in the list.
    chosen : str
        The one of these names that is chosen.
    """
    told = {"is": "controls", "choices": list(choices), "chosen": chosen, "name": repr(filter)}
    return told | {"sliders": described(filter.parameters)}
