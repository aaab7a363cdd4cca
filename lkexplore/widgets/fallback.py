"""A still picture beside a widget: what is seen of it where no kernel runs.

A widget's own output is empty in a notebook that was opened again, and in exported HTML. A second
output beside it holds a picture; the page hides it as soon as the kernel has answered the widget.
"""

from __future__ import annotations

import base64
import html
import io
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["WithPicture", "close_earlier"]

DOTS_PER_INCH = 80

# JupyterLab's words in the place of a widget that is not there any more.
_NO_COMPLAINT = (
    ".jp-OutputArea-child:has(+ .jp-OutputArea-child .lkx-still):not(:has(.lkx)) {display: none}"
)

_made: dict[str, tuple[Any, list[Any]]] = {}


class WithPicture:
    """Gives a widget a still picture; mixed in before ``anywidget.AnyWidget``.

    A subclass has `picture`. Its page's part hides elements of the class
    ``lkx-still-<model id>`` once the kernel has answered.
    """

    _still: Any = None
    model_id: str

    def picture(self) -> Figure:
        """Return what the widget shows, as a figure."""
        raise NotImplementedError

    def still(self) -> str:
        """Return the picture as HTML."""
        from .. import __name__ as package

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

    def _ipython_display_(self, **_options: Any) -> None:
        shown: Any = import_module("IPython.display")
        bundle: Any = self._repr_mimebundle_()  # type: ignore[attr-defined]
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shown.publish_display_data(data, metadata)
        self._still = shown.display(shown.HTML(self.still()), display_id=True)


def close_earlier(widget: Any) -> None:
    """Close what the same cell made when it was run before.

    Parameters
    ----------
    widget : ipywidgets.Widget
        Which has just been made; outside of a notebook nothing happens.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    header = getattr(shell, "parent_header", None) or {}
    cell = header.get("metadata", {}).get("cellId")
    if not cell:
        return
    run = header.get("header", {}).get("msg_id")
    before, widgets = _made.get(cell, (run, []))
    if before != run:
        for other in widgets:
            other.close()
        widgets = []
    _made[cell] = run, [*widgets, widget]
