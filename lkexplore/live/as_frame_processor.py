"""LiveKit's own plug: a filter where the SDK and its agents take a noise canceller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frame_processor import FilterProcessor

__all__ = ["as_frame_processor"]


def as_frame_processor(filter: Any) -> FilterProcessor:
    """Make an ``rtc.FrameProcessor`` of a filter, for wherever LiveKit takes one.

    Parameters
    ----------
    filter : Filter or object with ``process``
        Used as it is, not copied, so that its parameters act at once; it is set to the sample
        rate of the frames, and should not be in use elsewhere.

    Returns
    -------
    FilterProcessor
        An ``rtc.FrameProcessor[rtc.AudioFrame]``, for one stream at a time: the argument
        ``noise_cancellation`` of ``rtc.AudioStream``, and of the room input options of
        livekit-agents. ``enabled`` switches it, ``filter`` changes it with a crossfade, and
        ``blocks``, ``bypassed`` and ``error`` tell how it went.

    Raises
    ------
    FilterError
        If it is no filter.

    Notes
    -----
    What comes out is what the filter gives offline, rounded to 16 bits and clipped at full scale.
    A frame on which the filter fails, or of which it makes NaN or another number of samples or
    channels, passes as it is and is counted; the filter is reset, and the first such failure of
    a filter is logged with its traceback. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import lowpass
    >>> processor = as_frame_processor(lowpass(3400))
    >>> stream = rtc.AudioStream(track, noise_cancellation=processor)  # doctest: +SKIP
    """
    from .frame_processor import FilterProcessor

    return FilterProcessor(filter)
