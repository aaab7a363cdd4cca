"""A still picture beside a widget, which is seen where no kernel runs.

A widget's own output is empty in a notebook that was opened again, and in exported HTML. A second
output beside it holds a picture; the page hides it as soon as the kernel has answered the widget.
"""

from __future__ import annotations

import asyncio
import base64
import html
import io
import logging
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["WithPicture", "close_earlier", "image_of"]

_log = logging.getLogger("lkexplore")

DOTS_PER_INCH = 80
"""Dots per inch of the picture."""

_NO_COMPLAINT = (
    ".jp-OutputArea-child:has(+ .jp-OutputArea-child .lkx-still):not(:has(.lkx, .lkx-panel)) "
    "{display: none}"
)
"""Style that hides JupyterLab's message in the place of a widget that does not exist any more."""

_made: dict[str, tuple[Any, weakref.WeakSet[Any]]] = {}


class WithPicture:
    """Gives a widget a still picture; mixed in before ``anywidget.AnyWidget``.

    A subclass has `picture`. Its script in the page hides elements of the class
    ``lkx-still-<model id>`` once the kernel has answered; something in it is of the class ``lkx``
    or ``lkx-panel``.
    """

    _still: Any = None
    model_id: str

    def picture(self) -> Figure:
        """Return what the widget shows, as a figure."""
        raise NotImplementedError

    def still(self) -> str:
        """Return the picture as HTML."""
        from ... import __name__ as package

        buffer = io.BytesIO()
        self.picture().savefig(buffer, format="png", dpi=DOTS_PER_INCH)
        source = base64.b64encode(buffer.getvalue()).decode()
        name = html.escape(f"{package}.{type(self).__name__}, as it was when it was saved")
        return (
            f'<div class="lkx-still lkx-still-{self.model_id}"><style>{_NO_COMPLAINT}</style>'
            f'<img alt="{name}" title="{name}" src="data:image/png;base64,{source}"></div>'
        )

    def renew_still(self) -> None:
        """Put the present state into the picture that the notebook saves, if there is one."""
        if self._still is not None:
            display: Any = import_module("IPython.display")
            self._still.update(display.HTML(self.still()))

    async def renew_still_in_thread(self) -> None:
        """Do the same without holding up the loop; a picture that cannot be drawn is logged."""
        try:
            await asyncio.to_thread(self.renew_still)
        except Exception:
            # The widget goes on without the picture, whatever the error.
            _log.exception("the picture for the saved notebook could not be drawn")

    def _ipython_display_(self, **_options: Any) -> None:
        shown: Any = import_module("IPython.display")
        bundle: Any = self._repr_mimebundle_()  # type: ignore[attr-defined]
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        # A notebook that is not trusted shows this above the picture.
        data = {**data, "text/plain": f"{type(self).__name__}: run the cell to use it"}
        shown.publish_display_data(data, metadata)
        # When the widget is shown twice, both pictures are the same one.
        known = True if self._still is None else self._still.display_id
        self._still = shown.display(shown.HTML(self.still()), display_id=known)


def image_of(svg: str, words: str, height: int) -> str:
    """Return a drawing as an image, which a notebook that is not trusted shows, too.

    Parameters
    ----------
    svg : str
        An ``<svg>`` element.
    words : str
        Description of the drawing, as plain text.
    height : int
        Height in pixels.

    Returns
    -------
    str
        An ``<img>`` element, as wide as there is room.
    """
    source = base64.b64encode(svg.encode()).decode()
    return (
        f'<img alt="{html.escape(words)}" width="640" height="{height}" '
        f'style="display:block;width:100%;height:{height}px" '
        f'src="data:image/svg+xml;base64,{source}">'
    )


def close_earlier(widget: Any) -> None:
    """Close what the same cell made when it was run before.

    Parameters
    ----------
    widget : ipywidgets.Widget
        The widget, which has just been made; outside of a notebook nothing happens.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    header = getattr(shell, "parent_header", None) or {}
    cell = header.get("metadata", {}).get("cellId")
    if not cell:
        return
    run = header.get("header", {}).get("msg_id")
    before, widgets = _made.get(cell, (run, weakref.WeakSet()))
    if before != run:
        for other in list(widgets):
            other.close()
        widgets = weakref.WeakSet()
    # Open widgets are kept alive by ipywidgets, closed ones by nobody.
    widgets.add(widget)
    _made[cell] = run, widgets
