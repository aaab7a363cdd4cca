"""aiortc's SCTP association over a DTLS session of ours, with its memory and work bounded.

Everything that is private to aiortc and used by this package is named in this module, in
`NAMES`. A version of aiortc that lacks one is refused with an error that says so.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from aiortc import RTCDataChannel, RTCSctpTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities

from lkexplore.errors import ServerError

from .sctp_check import MAX_STREAM_ID, Situation, find_problem

if TYPE_CHECKING:
    from aiortc import RTCDtlsTransport

logger = logging.getLogger("lkexplore.server.transport")

LOCAL_PORT = 5000
"""The SCTP port of this end, which the server's session descriptions name."""

MAX_MESSAGE_BYTES = 262144
"""Bytes of the largest message, which the server's session descriptions name."""

MAX_CHANNELS = 16
"""Data channels of one association, either side's; LiveKit's clients use three."""

MAX_OPEN_BYTES = 1024
"""Bytes of the largest request to open a channel, which holds its label."""

MAX_CHUNKS_AHEAD = 2048
"""How far the number of a chunk may be ahead of those that came in order."""

MAX_CHUNKS_HELD = 4096
"""Chunks that may wait for the rest of their message; a peer that sends more is cut off."""

TSN_MASK = 0xFFFFFFFF
"""Chunks have numbers of 32 bits, which start over at 0 (RFC 9260, section 1.6)."""

# Payload protocol identifiers of data channels (RFC 8831, section 8).
CONTROL_PROTOCOL = 50
"""Identifier of the messages that open a channel."""

EMPTY_PROTOCOLS = frozenset({56, 57})
"""Identifiers of empty messages, text and binary, which carry one byte to be ignored."""

MESSAGE_PROTOCOLS = frozenset({51, 53}) | EMPTY_PROTOCOLS
"""Identifiers of all messages, text and binary."""

CHANNEL_OPEN = 3
"""First byte of a request to open a channel (RFC 8832, section 8.2.1)."""

NAMES = (
    "_data_channel_queue",
    "_data_channel_receive",
    "_data_channels",
    "_forward_tsn_chunk",
    "_handle_data",
    "_inbound_streams",
    "_inbound_streams_max",
    "_last_received_tsn",
    "_mark_received",
    "_outbound_queue",
    "_receive",
    "_sack_duplicates",
    "_sack_misordered",
    "_sent_queue",
    "_set_state",
)
"""Private names of `RTCSctpTransport` that this module uses or replaces."""


class _Carrier:
    """The face of a DTLS transport that `RTCSctpTransport` looks at."""

    def __init__(self, send: Callable[[bytes], None], role: str) -> None:
        self.state = "connected"
        self.send = send
        self._role = role
        self.transport = self
        self.role = "controlled" if role == "server" else "controlling"

    def _register_data_receiver(self, receiver: object) -> None:
        return

    def _unregister_data_receiver(self, receiver: object) -> None:
        return

    async def _send_data(self, data: bytes) -> None:
        self.send(data)


class Association(RTCSctpTransport):
    """One SCTP association, driven by calls instead of tasks.

    Parameters
    ----------
    send : callable
        Takes a packet for the peer; must not raise.
    on_channel : callable
        Takes an `RTCDataChannel` that the peer has opened.
    on_message : callable
        Takes the channel and the message (bytes; text arrives as its UTF-8 bytes).
    on_ended : callable
        Takes one line when the association is over.
    role : {"server", "client"}, default "server"
        The DTLS role of this end.

    Attributes
    ----------
    rejected : int
        Packets, channels and chunks of the peer that were not accepted.

    Raises
    ------
    ServerError
        If the installed aiortc lacks a name that is needed.

    Notes
    -----
    What one peer can make this end hold: `MAX_CHUNKS_HELD` chunks that wait for the rest of
    their message, `MAX_CHANNELS` channels, messages of `MAX_MESSAGE_BYTES`. A peer that goes
    beyond the first or the last ends its association.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        on_channel: Callable[[RTCDataChannel], None],
        on_message: Callable[[RTCDataChannel, bytes], None],
        on_ended: Callable[[str], None],
        role: str = "server",
    ) -> None:
        super().__init__(cast("RTCDtlsTransport", _Carrier(send, role)), LOCAL_PORT)
        missing = missing_names(self)
        if missing:
            raise ServerError(
                f"aiortc {importlib.metadata.version('aiortc')} lacks {', '.join(missing)};"
                " install one that lkexplore knows: pip install 'aiortc>=1.11,<1.17'"
            )
        self._inbound_streams_max = MAX_STREAM_ID + 1
        self._on_message = on_message
        self._on_ended = on_ended
        self._violation: str | None = None
        self._ended = False
        self.rejected = 0
        self.on("datachannel", on_channel)

    def begin(self, remote_port: int) -> None:
        """Start the association with the peer's SCTP port (1 to 65535)."""
        capabilities = RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE_BYTES)
        _run(self.start(capabilities, remote_port))

    def receive(self, packet: bytes) -> None:
        """Handle one packet of the peer, whatever is in it."""
        if self._ended:
            return
        situation = Situation(
            self._last_received_tsn is not None,
            self.state == "connected",
            len(self._sent_queue),
            self._inbound_streams,
            len(self._inbound_streams),
        )
        if find_problem(packet, situation) is not None:
            self.rejected += 1
            return
        try:
            _run(self._handle_data(packet))
        except ServerError:
            raise
        except Exception:
            # Whatever the peer can still do to aiortc; our own callbacks never raise.
            self.rejected += 1
            logger.debug("an SCTP packet was not understood", exc_info=True)
        self._settle()

    def end(self, reason: str) -> None:
        """Abort the association and stop its timers. Idempotent."""
        if self._ended:
            return
        self._ended = True
        self._stop()
        self._on_ended(reason)

    @property
    def channel_count(self) -> int:
        """Number of data channels, either side's."""
        return len(self._data_channels)

    def has_channel(self, stream_id: int) -> bool:
        """Whether a stream number is taken by a data channel."""
        return stream_id in self._data_channels

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages that wait to be cut into chunks."""
        return sum(channel.bufferedAmount for channel in self._data_channels.values())

    def _settle(self) -> None:
        """After a packet: end the association of a peer that asks for too much memory."""
        if self._ended:
            # The rest of the packet may have started a timer after a callback ended this.
            self._stop()
            return
        held = sum(len(stream.reassembly) for stream in self._inbound_streams.values())
        if held > MAX_CHUNKS_HELD:
            self._violation = "the peer sends messages without an end"
        if self._violation is not None:
            self.end(self._violation)

    def _stop(self) -> None:
        """Cancel all timers, and drop what would start them again."""
        _run(self.stop())
        self._clear()

    def _clear(self) -> None:
        self._outbound_queue.clear()
        self._sent_queue.clear()
        self._data_channel_queue.clear()
        self._inbound_streams.clear()
        self._sack_misordered.clear()
        self._forward_tsn_chunk = None

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state == self.State.CLOSED and not self._ended:
            self._ended = True
            self._clear()
            self._on_ended("the SCTP association is over")

    def _mark_received(self, tsn: int) -> bool:
        """Note a chunk's number; True if the chunk must not be used.

        Replaces aiortc's, which sorts all numbers that came early for every chunk and keeps any
        amount of them. A number too far ahead is not acknowledged, so the peer sends it again.
        """
        last = cast("int", self._last_received_tsn)
        ahead = (tsn - last) & TSN_MASK
        early = self._sack_misordered
        if ahead == 0 or ahead > TSN_MASK // 2 or tsn in early:
            self._sack_duplicates.append(tsn)
            return True
        if ahead > MAX_CHUNKS_AHEAD or len(early) > MAX_CHUNKS_AHEAD:
            self.rejected += 1
            return True
        early.add(tsn)
        while (following := (last + 1) & TSN_MASK) in early:
            early.discard(following)
            last = following
        self._last_received_tsn = last
        return False

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        """Take a whole message; replaces aiortc's, which has no limits."""
        if len(data) > MAX_MESSAGE_BYTES:
            self._violation = f"the peer sent a message of more than {MAX_MESSAGE_BYTES} bytes"
        elif pp_id == CONTROL_PROTOCOL:
            if self._may_control(stream_id, data):
                await self._data_channel_receive(stream_id, pp_id, data)
            else:
                self.rejected += 1
        elif pp_id in MESSAGE_PROTOCOLS and stream_id in self._data_channels:
            message = b"" if pp_id in EMPTY_PROTOCOLS else data
            self._on_message(self._data_channels[stream_id], message)

    def _may_control(self, stream_id: int, data: bytes) -> bool:
        known = stream_id in self._data_channels
        if data[:1] != bytes([CHANNEL_OPEN]):
            return known
        return not known and len(data) <= MAX_OPEN_BYTES and self.channel_count < MAX_CHANNELS


def missing_names(association: Association) -> list[str]:
    """Give the names in `NAMES` that aiortc lacks; of those replaced here, the original counts."""
    return [
        name
        for name in NAMES
        if not hasattr(RTCSctpTransport if name in vars(Association) else association, name)
    ]


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine of aiortc to its end, now.

    Nothing that these coroutines await ever waits, since `_Carrier` sends at once. So no task and
    no queue are needed, and nothing is left over when the association ends.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise ServerError("this aiortc waits inside its SCTP; install 'aiortc>=1.11,<1.17'")
