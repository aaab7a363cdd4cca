"""Several filters held together as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...errors import FilterError
from ..filter import Filter
from ..parameter import BoundParameter

__all__ = ["Members"]


class Members(Filter):
    """Base of what is made of several filters; a subclass says how sound goes through them.

    Parameters
    ----------
    members : iterable of Filter
        They stay the same objects, but one given twice is copied for its second place.

    Raises
    ------
    FilterError
        If there is none, or if they were set to different rates.
    """

    filters: tuple[Filter, ...]

    def __init__(self, members: Iterable[Filter]) -> None:
        kept: list[Filter] = []
        for member in members:
            seen = any(member is other for other in kept)
            kept.append(member.copy() if seen else member)
        if not kept:
            raise FilterError(f"a {self._label} needs at least one filter: give some")
        self.filters = tuple(kept)
        rates = sorted({member.sample_rate for member in kept if has_rate(member)})
        if len(rates) > 1:
            raise FilterError(
                f"filters set to {' and '.join(map(str, rates))} Hz cannot go together: "
                "set them to one sample rate"
            )
        if rates:
            self.sample_rate = rates[0]

    _label = "chain"

    def reset(self) -> None:
        """Let every member forget all sound."""
        for member in self.filters:
            member.reset()

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz; setting it sets all members, or none."""
        return self.filters[0].sample_rate

    @sample_rate.setter
    def sample_rate(self, value: int) -> None:
        before = [member.sample_rate for member in self.filters]
        try:
            for member in self.filters:
                member.sample_rate = value
        except FilterError:
            for member, rate in zip(self.filters, before, strict=True):
                if member.sample_rate != rate:
                    member.sample_rate = rate
            raise

    @property
    def parameters(self) -> Mapping[str, BoundParameter]:
        """The parameters of all members, named after member and parameter."""
        found: dict[str, BoundParameter] = {}
        counts: dict[str, int] = {}
        for member in self.filters:
            label = type(member).__name__.lower()
            counts[label] = counts.get(label, 0) + 1
            if counts[label] > 1:
                label = f"{label}_{counts[label]}"
            for name, parameter in member.parameters.items():
                found[f"{label}.{name}"] = parameter
        return found


def has_rate(member: Filter) -> bool:
    """Return whether a filter was told its sample rate, or has a member that was."""
    if isinstance(member, Members):
        return any(has_rate(inner) for inner in member.filters)
    return "_rate" in vars(member)
