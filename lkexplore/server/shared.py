"""What all rooms of one server have in common."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .config import ServerConfig
from .media.codecs import PayloadTypes

if TYPE_CHECKING:
    from .transport import UdpMux

_FIRST_SSRC = 0x10000
"""The first stream identifier given out, far above the 1 under which the server reports."""


@dataclass
class Shared:
    """The settings, the media socket and the numbers that all rooms of a server share.

    Parameters
    ----------
    config : ServerConfig
        Limits, timeouts and the impairment that new rooms start with.
    mux : UdpMux
        The media socket that all transports share.
    payload_types : PayloadTypes
        The payload types of the server's offers.
    """

    config: ServerConfig
    mux: UdpMux
    payload_types: PayloadTypes = field(default_factory=PayloadTypes)
    _ssrcs: itertools.count[int] = field(
        default_factory=lambda: itertools.count(_FIRST_SSRC), init=False, repr=False
    )

    def new_ssrc(self) -> int:
        """Return a stream identifier that no other stream of the server has."""
        return next(self._ssrcs)
