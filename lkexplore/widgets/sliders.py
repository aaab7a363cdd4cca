"""Sliders for the parameters of a filter, made from what the parameters say of themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ipywidgets

from ..errors import FilterError
from ..filters import BoundParameter

__all__ = ["slider"]

_STEPS = 400


def slider(
    name: str,
    parameter: BoundParameter,
    on_change: Callable[[], None],
    on_error: Callable[[str], None],
) -> ipywidgets.Widget:
    """Return a slider that sets a parameter.

    Parameters
    ----------
    name : str
        What to call it; in a chain of filters, the filter's name and the parameter's.
    parameter : BoundParameter
        Gives name, unit, range and scale; a log scale moves by ratios.
    on_change : callable
        Called after the parameter was set.
    on_error : callable
        Called with one line when the filter refuses the value; the slider then goes back.

    Returns
    -------
    ipywidgets.Widget
        A slider whose value is the parameter's.
    """
    made = _widget(name, parameter)

    def moved(change: dict[str, Any]) -> None:
        if change["new"] == parameter.value:
            return
        try:
            parameter.value = change["new"]
        except FilterError as error:
            on_error(str(error))
            made.value = parameter.value
            return
        on_change()

    made.observe(moved, names="value")
    return made


def _widget(name: str, parameter: BoundParameter) -> Any:
    label = f"{name} ({parameter.unit})" if parameter.unit else name
    common: dict[str, Any] = {
        "description": label,
        "continuous_update": False,
        "style": {"description_width": "12em"},
        "layout": {"width": "34em"},
        "value": parameter.value,
    }
    low, high = parameter.low, parameter.high
    if parameter.whole:
        return ipywidgets.IntSlider(min=int(low), max=int(high), step=int(parameter.step), **common)
    if parameter.scale == "log":
        low, high = math.log10(low), math.log10(high)
        return ipywidgets.FloatLogSlider(
            min=low, max=high, step=(high - low) / _STEPS, readout_format=".4g", **common
        )
    return ipywidgets.FloatSlider(min=low, max=high, step=(high - low) / _STEPS, **common)
