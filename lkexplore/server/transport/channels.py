"""Data channels by label: what the rest of the server sends and receives messages with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters

from lkexplore.errors import ServerError

from .failures import FailureLog
from .sctp import MAX_CHANNELS, MAX_MESSAGE_BYTES, Association

RELIABLE_LIMIT_BYTES = 16 << 20
"""Bytes that may wait for one peer; a peer that reads more slowly is cut off."""

LOSSY_LIMIT_BYTES = 256 << 10
"""Bytes that may wait on a lossy channel; beyond that its messages are dropped."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A data channel as both ends know it.

    Attributes
    ----------
    label : str
        The channel's name.
    stream_id : int
        The number of its SCTP stream, 0 to 65534.
    ordered : bool
        Whether messages arrive in the order in which they were sent.
    reliable : bool
        Whether lost messages are sent again until they arrive.
    is_local : bool
        Whether this end opened it.
    """

    label: str
    stream_id: int
    ordered: bool
    reliable: bool
    is_local: bool


class DataChannels:
    """The data channels of one transport. Made by `Transport.start_data`.

    Attributes
    ----------
    on_channel : callable or None
        Called with a `Channel` once it can be sent on, whichever side opened it.
    on_message : callable or None
        Called with the label (str) and the message (bytes, at most 262144).
    on_closed : callable or None
        Called once with the reason (str) when the association is over.
    dropped : int
        Messages that `send` did not take.
    closed : bool
        Whether the association is over.

    Raises
    ------
    ServerError
        If `remote_port` is not 1 to 65535.

    Notes
    -----
    Messages wait for the peer in memory up to a limit. Beyond 256 KiB a message on a lossy
    channel is dropped; a peer for whom more than 16 MiB wait is too slow and its whole transport
    is closed.

    Examples
    --------
    >>> data = transport.start_data()                        # doctest: +SKIP
    >>> data.on_message = lambda label, message: ...         # doctest: +SKIP
    >>> data.send("_reliable", b"hello")                     # doctest: +SKIP
    True
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        failures: FailureLog,
        *,
        remote_port: int,
        on_broken: Callable[[str], None],
    ) -> None:
        if not 1 <= remote_port <= 65535:
            raise ServerError(f"SCTP port {remote_port} is not possible; allowed are 1 to 65535")
        self.on_channel: Callable[[Channel], None] | None = None
        self.on_message: Callable[[str, bytes], None] | None = None
        self.on_closed: Callable[[str], None] | None = None
        self.dropped = 0
        self.closed = False
        self._failures = failures
        self._remote_port = remote_port
        self._on_broken = on_broken
        self._by_label: dict[str, RTCDataChannel] = {}
        self._association = Association(
            send,
            on_channel=self._remote_channel,
            on_message=self._message,
            on_ended=self._ended,
        )
        self._begun = False

    @property
    def rejected(self) -> int:
        """Packets, chunks and channels of the peer that broke a rule."""
        return self._association.rejected

    def open(self, label: str, ordered: bool = True, max_retransmits: int | None = None) -> None:
        """Open a channel from this end; `on_channel` tells when it can be used.

        Parameters
        ----------
        label : str
            The channel's name. Nothing happens if a channel of this name exists already. When
            the peer opens one of the same name, the newest is used.
        ordered : bool, default True
            Whether messages arrive in the order in which they were sent.
        max_retransmits : int, optional
            How often a lost message is sent again, 0 to 65535; None means until it arrives.

        Raises
        ------
        ServerError
            If there are 16 channels already.
        """
        if self.closed or label in self._by_label:
            return
        if self._association.channel_count >= MAX_CHANNELS:
            raise ServerError(
                f"channel {label!r} is one too many: {MAX_CHANNELS} are allowed; use one of them"
            )
        # The DTLS server takes odd stream numbers (RFC 8832, section 6).
        number = next(n for n in range(1, 1024, 2) if not self._association.has_channel(n))
        parameters = RTCDataChannelParameters(
            label=label, ordered=ordered, maxRetransmits=max_retransmits, id=number
        )
        channel = RTCDataChannel(self._association, parameters)
        channel.on("open", lambda: self._announce(channel, is_local=True))
        self._add(channel)

    def send(self, label: str, message: bytes) -> bool:
        """Send a message, or say that it was not taken.

        Parameters
        ----------
        label : str
            The name of a channel that is open.
        message : bytes
            The content, at most 262144 bytes.

        Returns
        -------
        bool
            False if there is no such open channel, the message is too long, or too much is
            waiting already.
        """
        channel = self._by_label.get(label)
        if channel is None or channel.readyState != "open" or len(message) > MAX_MESSAGE_BYTES:
            self.dropped += 1
            return False
        if not _is_reliable(channel):
            taken = channel.bufferedAmount <= LOSSY_LIMIT_BYTES
        else:
            taken = self._association.waiting_bytes + len(message) <= RELIABLE_LIMIT_BYTES
            if not taken:
                # Later, because the caller may be going through all participants now.
                asyncio.get_running_loop().call_soon(self._on_broken, "the peer reads too slowly")
        if taken:
            channel.send(message)
        else:
            self.dropped += 1
        return taken

    def buffered(self, label: str) -> int:
        """Bytes of messages that wait on a channel; 0 if there is none of that name."""
        channel = self._by_label.get(label)
        return channel.bufferedAmount if channel is not None else 0

    def start(self) -> None:
        """Begin the association. Called by the transport when the handshake is done."""
        if not self._begun and not self.closed:
            self._begun = True
            self._association.begin(self._remote_port)

    def receive(self, packet: bytes) -> None:
        """Handle an SCTP packet. Called by the transport."""
        if self._begun:
            self._association.receive(packet)

    def close(self) -> None:
        """End the association and free everything. Idempotent."""
        self._association.end("closed")

    def _add(self, channel: RTCDataChannel) -> None:
        self._by_label[channel.label] = channel
        channel.on("close", lambda: self._remove(channel))

    def _remove(self, channel: RTCDataChannel) -> None:
        if self._by_label.get(channel.label) is channel:
            del self._by_label[channel.label]

    def _remote_channel(self, channel: RTCDataChannel) -> None:
        self._add(channel)
        self._announce(channel, is_local=False)

    def _announce(self, channel: RTCDataChannel, *, is_local: bool) -> None:
        if self.on_channel is not None:
            description = Channel(
                channel.label, channel.id or 0, channel.ordered, _is_reliable(channel), is_local
            )
            self._call("on_channel", self.on_channel, description)

    def _message(self, channel: RTCDataChannel, message: bytes) -> None:
        if self.on_message is not None:
            self._call("on_message", self.on_message, channel.label, message)

    def _ended(self, reason: str) -> None:
        self.closed = True
        self._by_label.clear()
        callback, self.on_closed = self.on_closed, None
        self.on_channel = self.on_message = None
        if callback is not None:
            self._call("on_closed", callback, reason)

    def _call(self, what: str, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            self._failures.report(what)


def _is_reliable(channel: RTCDataChannel) -> bool:
    return channel.maxRetransmits is None and channel.maxPacketLifeTime is None
