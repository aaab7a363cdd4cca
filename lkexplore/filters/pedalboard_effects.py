"""Pedalboard's effects, as filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..sound.in_words import kind_of, shown
from .engine.overlap import Frames
from .engine.stateful import RunningFilter

__all__ = ["Board", "from_pedalboard"]

FRAME = 64
"""Samples of every block that Pedalboard gets: it mistakes two or fewer for another layout, and
some of its effects start anew when a block is longer than before.
"""

_LONGEST_SECONDS = 5.0
"""Seconds of silence, at most, that a board is given to measure how much it keeps back."""

_SETTLED_SECONDS = 0.25
"""Seconds in which a board keeps back no more than before, after which the measurement ends."""


class Board(RunningFilter):
    """Pedalboard's effects; see :func:`from_pedalboard`.

    Attributes
    ----------
    board : pedalboard.Pedalboard or pedalboard.Plugin
        The effects at work; their own attributes may be set, which may click.
    """

    def __init__(self, board: Any) -> None:
        self._maker: Callable[[], Any] | None = None
        self.board = board
        if not hasattr(board, "process") and callable(board):
            self._maker, self.board = board, _made_by(board)
        if not callable(getattr(self.board, "process", None)) or isinstance(self.board, type):
            raise FilterError(
                f"{kind_of(self.board)} is no board: give a pedalboard.Pedalboard, one of "
                "its effects, or a function that makes one"
            )
        self._withheld: tuple[int, int] | None = None

    @property
    def latency(self) -> int:  # type: ignore[override]
        """A frame of 64 less a sample, and what the board keeps back, which is measured."""
        return FRAME - 1 + self.withheld()

    def withheld(self) -> int:
        """Return how many samples the board keeps back at the present sample rate."""
        if self._withheld is None or self._withheld[0] != self.sample_rate:
            self._withheld = (self.sample_rate, self._measured())
        return self._withheld[1]

    def start(self, channels: int) -> _BoardRun:
        """Return the board with nothing in its memory."""
        withheld = self.withheld()
        self.board.reset()
        return _BoardRun(self, channels, withheld)

    def copy(self) -> Board:
        """Return a filter with a board of the same effects that has heard nothing yet."""
        other = Board(self._maker) if self._maker is not None else Board(_cloned(self.board))
        other.sample_rate = self.sample_rate
        return other

    def frame(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the board makes of 64 samples: as many, or fewer while it keeps some."""
        out = self.board.process(frame, self.sample_rate, buffer_size=FRAME, reset=False)
        return np.asarray(out, dtype=np.float32).reshape(frame.shape[0], -1)

    def _measured(self) -> int:
        probe = self.copy() if self._run is not None else self
        probe.board.reset()
        silence = np.zeros((2, FRAME), dtype=np.float32)
        short = most = settled = 0
        for _ in range(round(_LONGEST_SECONDS * self.sample_rate / FRAME) + 1):
            short += FRAME - probe.frame(silence).shape[1]
            settled = settled + FRAME if short <= most else 0
            most = max(most, short)
            if settled > _SETTLED_SECONDS * self.sample_rate:
                break
        return most

    def __getstate__(self) -> dict[str, Any]:
        raise FilterError(
            "Pedalboard's effects can be neither pickled nor deep-copied: use filter.copy()"
        )

    def __repr__(self) -> str:
        return f"Board({self.board!r})"


class _BoardRun:
    def __init__(self, owner: Board, channels: int, withheld: int) -> None:
        self._owner = owner
        self._ready = np.zeros((channels, withheld), dtype=np.float32)
        self._frames = Frames(channels, FRAME, self._frame)

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._frames.process(block)

    def _frame(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        made = self._owner.frame(np.ascontiguousarray(frame, dtype=np.float32))
        ready = np.concatenate((self._ready, made), axis=1)
        missing = FRAME - ready.shape[1]
        if missing > 0:
            ready = np.pad(ready, ((0, 0), (missing, 0)))
        self._ready = ready[:, FRAME:]
        return ready[:, :FRAME].astype(np.float64)


def _cloned(board: Any) -> Any:
    """Return a board or an effect of the same kinds and settings."""
    if hasattr(board, "__iter__"):
        return type(board)([_cloned(effect) for effect in board])
    kind = type(board)
    try:
        other = kind()
        for name in dir(kind):
            setting = getattr(kind, name)
            if isinstance(setting, property) and setting.fset is not None:
                setattr(other, name, getattr(board, name))
    except Exception as error:
        raise FilterError(
            f"{kind.__name__} cannot be made a second time ({error}): give from_pedalboard a "
            "function that makes the board, as in from_pedalboard(lambda: Pedalboard([...]))"
        ) from None
    return other


def _made_by(maker: Callable[[], Any]) -> Any:
    try:
        return maker()
    except Exception as error:
        # Whose function it is, and what goes wrong in it, cannot be known.
        raise FilterError(
            f"{shown(maker)} makes no board ({' '.join(str(error).split())}): give a function "
            "that takes nothing and returns a pedalboard.Pedalboard"
        ) from None


def from_pedalboard(board: Any) -> Board:
    """Make a filter of Pedalboard's effects, VST3 and Audio Unit plug-ins among them.

    Parameters
    ----------
    board : pedalboard.Pedalboard, pedalboard.Plugin or callable
        The effects, or a function that makes them. The function is needed for those that cannot be
        made a second time by their settings alone, such as plug-ins from files: filtering a whole
        recording takes a second board.

    Returns
    -------
    Board
        Late by 63 samples, since the board always gets 64 at once, and by what its effects keep
        back, which is measured. Its effects' settings stay theirs: ``filter.board[0].gain_db``.

    Raises
    ------
    FilterError
        If it is no board, or cannot be made a second time.

    See Also
    --------
    as_filter : Any other object with ``process``.
    lkexplore.check : Try whether a filter does live what it does on a recording.

    References
    ----------
    P. Sobot, "Pedalboard", https://spotify.github.io/pedalboard (the extra ``pedalboard``).
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> from pedalboard import Gain, Pedalboard  # doctest: +SKIP
    >>> louder = lk.sample("speech") | from_pedalboard(Pedalboard([Gain(6)]))  # doctest: +SKIP
    """
    return Board(board)
