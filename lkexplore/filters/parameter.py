"""Parameters of filters: plain attributes that know their unit and their range."""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol, overload

import numpy as np

from ..errors import FilterError
from ..sound.in_words import shown
from ..sound.validation import as_real

__all__ = ["BoundParameter", "Parameter", "Scale", "flag", "frequency"]

Scale = Literal["linear", "log", "db"]

_BELOW_HALF = 0.4999
"""Share of the sample rate that a frequency below half of it may reach."""


class HasParameters(Protocol):
    """What declares parameters: a filter."""

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz."""

    def set(self, **values: float) -> None:
        """Change several parameters at once."""


class Parameter:
    """Declare an attribute of a filter as a parameter with a unit and a range.

    Assigning to the attribute checks the value and tells the filter.

    Parameters
    ----------
    unit : str
        Unit, such as ``"Hz"`` or ``"dB"``; empty for a bare number.
    low, high : float
        Lowest and highest value allowed, in that unit.
    scale : {"linear", "log", "db"}
        How a slider should move: evenly, by ratios, or in decibels.
    whole : bool
        Whether only whole numbers are allowed.
    step : int
        Distance between the whole numbers that are allowed, counted from `low`.
    below_half_rate : bool
        Whether it is a frequency that must also stay below half the filter's sample rate.

    Raises
    ------
    FilterError
        When a value other than a finite number in the range is assigned.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import Filter
    >>> class Scale(Filter):
    ...     factor = Parameter(low=0, high=2)
    ...     def __init__(self): self.factor = 1.0
    ...     def process(self, block): return block * self.factor
    >>> Scale().parameters["factor"].high
    2.0
    """

    def __init__(
        self,
        unit: str = "",
        *,
        low: float,
        high: float,
        scale: Scale = "linear",
        whole: bool = False,
        step: int = 1,
        below_half_rate: bool = False,
    ) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise FilterError(f"a range from {low!r} to {high!r} cannot be: give low < high")
        if scale not in ("linear", "log", "db"):
            raise FilterError(f"scale {scale!r} is unknown: use 'linear', 'log' or 'db'")
        if scale == "log" and low <= 0:
            raise FilterError(f"a log scale cannot start at {low!r}: give low above 0")
        self.unit = unit
        self.low = float(low)
        self.high = float(high)
        self.scale: Scale = scale
        self.whole = whole
        self.step = step
        self.below_half_rate = below_half_rate
        self.name = "parameter"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Parameter: ...

    @overload
    def __get__(self, instance: HasParameters, owner: type) -> float: ...

    def __get__(self, instance: HasParameters | None, owner: type) -> Parameter | float:
        if instance is None:
            return self
        try:
            value: float = instance.__dict__[self.name]
        except KeyError:
            raise AttributeError(f"{owner.__name__}.{self.name} has not been set yet") from None
        return value

    def __set__(self, instance: HasParameters, value: float) -> None:
        instance.set(**{self.name: value})

    def checked(self, value: Any) -> float:
        """Return a value as a float (an int if only whole numbers are allowed).

        Parameters
        ----------
        value : float
            The value to check.

        Returns
        -------
        float

        Raises
        ------
        FilterError
            If it is no finite number in the range.
        """
        number = as_real(value)
        fits = self.low <= number <= self.high
        if not fits or (self.whole and (number - self.low) % self.step):
            kind = "a whole number" if self.whole else "a number"
            if self.step > 1:
                kind += f" in steps of {self.step}"
            unit = f" {self.unit}" if self.unit else ""
            raise FilterError(
                f"{self.name}={shown(value)} cannot be: "
                f"give {kind} from {self.low:g} to {self.high:g}{unit}"
            )
        return int(number) if self.whole else number


class BoundParameter:
    """A parameter of one filter: what a slider needs.

    Attributes
    ----------
    name, unit : str
        Name of the attribute, and its unit.
    low, high : float
        Lowest and highest value allowed at the filter's present sample rate.
    scale : {"linear", "log", "db"}
        How a slider should move: evenly, by ratios, or in decibels.
    whole : bool
        Whether only whole numbers are allowed.
    step : int
        Distance between the whole numbers that are allowed.
    value : float
        The present value; assigning to it sets the filter's attribute.

    Examples
    --------
    >>> from lkexplore.filters import gain
    >>> louder = gain(0)
    >>> louder.parameters["db"].value = 6
    >>> louder.db
    6.0
    """

    __slots__ = ("_filter", "_parameter")

    def __init__(self, filter: HasParameters, parameter: Parameter) -> None:
        self._filter = filter
        self._parameter = parameter

    @property
    def name(self) -> str:
        """Name of the attribute."""
        return self._parameter.name

    @property
    def unit(self) -> str:
        """Unit, empty for a bare number."""
        return self._parameter.unit

    @property
    def scale(self) -> Scale:
        """How a slider should move."""
        return self._parameter.scale

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are allowed."""
        return self._parameter.whole

    @property
    def step(self) -> int:
        """Distance between the whole numbers that are allowed."""
        return self._parameter.step

    @property
    def low(self) -> float:
        """Lowest value allowed."""
        return self._parameter.low

    @property
    def high(self) -> float:
        """Highest value allowed at the present sample rate."""
        if self._parameter.below_half_rate:
            return min(self._parameter.high, _BELOW_HALF * self._filter.sample_rate)
        return self._parameter.high

    @property
    def value(self) -> float:
        """The present value."""
        value: float = getattr(self._filter, self._parameter.name)
        return value

    @value.setter
    def value(self, value: float) -> None:
        setattr(self._filter, self._parameter.name, value)

    def __repr__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} = {self.value:g}{unit} ({self.low:g} to {self.high:g}, {self.scale})"


def frequency() -> Parameter:
    """Return a parameter for a frequency: 1 Hz to below half the sample rate."""
    return Parameter("Hz", low=1.0, high=384_000.0, scale="log", below_half_rate=True)


def flag(name: str, value: Any) -> bool:
    """Return a value that is True or False, or raise FilterError if it is neither."""
    # Otherwise anything that is not empty would count as true, even "off".
    if not isinstance(value, bool | np.bool_):
        raise FilterError(f"{name}={shown(value)} cannot be: give True or False")
    return bool(value)
