"""A part of a panel of ipywidgets that knows whether somebody looks, and keeps the keys there."""

from __future__ import annotations

import anywidget

from ..page import module
from .heartbeat import Heartbeat

__all__ = ["NEEDS_KERNEL", "Presence"]

NEEDS_KERNEL = "lkx-needs-kernel"
"""Class of the parts of a panel that take no input when the kernel is gone."""


class Presence(anywidget.AnyWidget):
    """In a box of the class ``lkx-panel``; unseen, until the kernel is gone: then it says so.

    JupyterLab's shortcuts stay away from all that is in the box: on a button, X would cut the cell.
    """

    _esm = module("page/element.js", "page/heart.js", "shared/presence.js")

    def __init__(self) -> None:
        super().__init__()
        self._heartbeat = Heartbeat(self)

    @property
    def looks(self) -> bool:
        """Whether somebody looks at the box."""
        return self._heartbeat.looks

    def expect(self) -> None:
        """Assume that somebody looks: messages of the page do not come while a cell runs."""
        self._heartbeat.expect()
