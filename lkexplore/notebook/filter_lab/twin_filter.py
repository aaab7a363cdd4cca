"""A twin of a filter with the same parameters, which can be copied while the other one runs."""

from __future__ import annotations

from ...errors import FilterError
from ...filters import Filter

__all__ = ["TwinFilter"]


class TwinFilter:
    """Gives copies of a filter without touching the sound that it remembers.

    Parameters
    ----------
    filter : Filter
        The filter, which may run live in another thread from now on.
    """

    def __init__(self, filter: Filter) -> None:
        self._filter, self._spare = filter, filter.copy()

    def fresh(self, sample_rate: int) -> Filter:
        """Return a copy with the present parameters, set to a rate in Hz."""
        wanted = {name: one.value for name, one in self._filter.parameters.items()}
        # Set twice, since one edge of a band may have to wait for the other.
        for _ in range(2):
            for name, one in self._spare.parameters.items():
                if name in wanted and one.value != wanted[name]:
                    try:
                        one.value = wanted[name]
                    except FilterError:
                        continue
        if {name: one.value for name, one in self._spare.parameters.items()} != wanted:
            self._spare = self._filter.copy()
        fresh = self._spare.copy()
        fresh.sample_rate = sample_rate
        return fresh
