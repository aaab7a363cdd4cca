"""Neighbours in a chain that can be computed in one go."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

import numpy as np
from numpy.typing import NDArray

from ..filter import Filter
from .design import Design, GainDesign, SosDesign
from .linear_filter import LinearFilter

__all__ = ["Cascade", "grouped"]


class Cascade(LinearFilter):
    """Recursive filters and gains one after another, run as one design.

    They keep their parameters: a change of any moves the whole from its old design to the new.

    Parameters
    ----------
    members : sequence of LinearFilter
        The filters in the order in which sound passes; they are only asked for their designs.
    """

    def __init__(self, members: Sequence[LinearFilter]) -> None:
        self.members = tuple(members)
        self._parts: tuple[Design, ...] = ()

    def design(self) -> SosDesign:
        """Return the members' sections, all together."""
        return SosDesign(np.concatenate([_sections(part) for part in self._parts]))

    def _designed(self) -> Design:
        self._rate = self.members[0].sample_rate
        parts = tuple([member._designed() for member in self.members])
        if self._design is None or not all(map(is_, parts, self._parts)):
            self._parts = parts
            self._design = self.design()
        return self._design


def grouped(members: Sequence[Filter]) -> list[Filter]:
    """Return the same filters, neighbours that can be run in one go put into cascades.

    Parameters
    ----------
    members : sequence of Filter
        Filters of a chain, in order.

    Returns
    -------
    list of Filter
    """
    groups: list[list[Filter]] = []
    for member in members:
        if groups and _joins(member) and _joins(groups[-1][-1]):
            groups[-1].append(member)
        else:
            groups.append([member])
    return [
        group[0]
        if len(group) == 1
        else Cascade([member for member in group if isinstance(member, LinearFilter)])
        for group in groups
    ]


def _joins(member: Filter) -> bool:
    # A class that hears more than its design says must do its work itself.
    return (
        isinstance(member, LinearFilter)
        and type(member).process is LinearFilter.process
        and isinstance(member._designed(), SosDesign | GainDesign)
    )


def _sections(part: Design) -> NDArray[np.float64]:
    if isinstance(part, SosDesign):
        return part.sections
    factor = part.factor if isinstance(part, GainDesign) else 1.0
    return np.array([[factor, 0.0, 0.0, 1.0, 0.0, 0.0]])
