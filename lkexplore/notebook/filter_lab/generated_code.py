"""The Python that makes a filter, which a lab shows to go on with in a cell."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np

from ... import filters
from ...errors import FilterError
from ...filters import (
    Chain,
    Coefficients,
    Filter,
    GraphicEq,
    Mix,
    Parallel,
    as_filter,
)

__all__ = ["code_of"]

_HEAD = "import lkexplore as lk\n\nfilter = "
"""Beginning of the generated code."""

_MODULE = "lk.filters"
"""Name by which the generated code calls the module of the filters."""

_LONGEST_LINE = 88
"""Most characters in a line, as in Black's style."""

_ELSEWHERE = {"design": ("family", "method")}
"""Parameters of filters that have other names in the functions which make the filters."""


def code_of(filter: Any) -> str:
    """Return Python that makes a filter with the same parameters.

    Parameters
    ----------
    filter : Filter
        A filter of the package, or a chain, a sum or a mix of such filters.

    Returns
    -------
    str
        Lines that end with ``filter = ...``; when run, they make an equal filter that has heard
        nothing yet. Arguments with their default values are left out.

    Raises
    ------
    FilterError
        If a part of it cannot be written down: a user's object or function, or a filter made
        with a recording.

    Examples
    --------
    >>> import lkexplore as lk
    >>> print(code_of(lk.filters.bandpass(300, 3400) | lk.filters.gain(-6)))
    import lkexplore as lk
    <BLANKLINE>
    filter = lk.filters.bandpass(low=300, high=3400) | lk.filters.gain(db=-6)
    """
    line = _HEAD + _expression(as_filter(filter))
    if isinstance(filter, Chain) and len(line.rsplit("\n", 1)[-1]) > _LONGEST_LINE:
        parts = "\n    | ".join(map(_expression, filter.filters))
        line = f"{_HEAD}(\n    {parts}\n)"
    return line


def _expression(filter: Filter) -> str:
    if isinstance(filter, Chain):
        if len(filter.filters) == 1:
            return f"{_MODULE}.Chain({_expression(filter.filters[0])})"
        return " | ".join(map(_expression, filter.filters))
    if isinstance(filter, Parallel):
        return f"{_MODULE}.parallel({', '.join(map(_expression, filter.filters))})"
    if isinstance(filter, Mix):
        return f"{_MODULE}.mix({_expression(filter.filter)}, wet={_value(filter.wet)})"
    if isinstance(filter, Coefficients):
        return _coefficients(filter)
    if isinstance(filter, GraphicEq):
        gains = ", ".join(_value(parameter.value) for parameter in filter.parameters.values())
        return f"{_MODULE}.graphic_eq([{gains}])"
    return _call(filter)


def _call(filter: Filter) -> str:
    """Write the call of the function that makes such filters, named after their class."""
    kind = type(filter).__name__
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
    maker = getattr(filters, name, None)
    if maker is None or getattr(filters, kind, None) is not type(filter):
        raise _unwritable(filter)
    given = []
    for parameter in inspect.signature(maker).parameters.values():
        names = _ELSEWHERE.get(parameter.name, (parameter.name,))
        value = next((getattr(filter, name) for name in names if hasattr(filter, name)), None)
        if value is None or _same(value, parameter.default):
            continue
        if not isinstance(value, bool | int | float | str | np.number):
            raise _unwritable(filter, f" because of its {parameter.name}")
        given.append(f"{parameter.name}={_value(value)}")
    return f"{_MODULE}.{name}({', '.join(given)})"


def _coefficients(filter: Coefficients) -> str:
    design: Any = filter.design()
    rate = "" if filter._made_for is None else f", sample_rate={filter._made_for}"
    if hasattr(design, "sections"):
        return f"{_MODULE}.from_sos({design.sections.tolist()}{rate})"
    late = f", latency={filter.latency}" if filter.latency else ""
    if hasattr(design, "under"):
        return f"{_MODULE}.from_ba({design.over.tolist()}, {design.under.tolist()}{rate}{late})"
    if hasattr(design, "taps"):
        return f"{_MODULE}.from_ba({design.taps.tolist()}{rate}{late})"
    raise _unwritable(filter)


def _same(value: Any, default: Any) -> bool:
    return (
        default is not inspect.Parameter.empty and type(default) is not tuple and value == default
    )


def _value(value: Any) -> str:
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return repr(value.item() if isinstance(value, np.number) else value)


def _unwritable(filter: Filter, why: str = "") -> FilterError:
    return FilterError(
        f"{filter!r} cannot be written as Python{why or ', for it is an object of your own'}: "
        "keep the lines that made it, and set what its parameters say"
    )
