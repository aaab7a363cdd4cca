"""What can be done to a room's network: keys for its encryption, and a bad link on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..sdk.encryption import E2eeKey, HiddenKey
from ..sdk.joined_room import JoinedRoom
from ..sdk.media_loop import on_media_loop
from ..sdk.pending import needs_await

if TYPE_CHECKING:
    from .credentials import Credentials
    from .impair import Direction, ImpairedNetwork

__all__ = ["RoomNetwork"]


class RoomNetwork(JoinedRoom):
    """The part of a `Room` that is about its network."""

    _credentials: Credentials | None

    @needs_await
    async def impair(
        self,
        *,
        loss: float = 0.0,
        delay_ms: float = 0.0,
        jitter_ms: float = 0.0,
        rate_kbps: float | None = None,
        identity: str | None = None,
        direction: Direction = "both",
        timeout: float = 10.0,
    ) -> ImpairedNetwork:
        """Make the network between participants and the server worse, or good again.

        Each call sets everything for the links that it is about: without values they are good
        again. It works on lkexplore's own server, the embedded one or ``lkexplore serve``.

        Parameters
        ----------
        loss : float
            Probability from 0 to 1 that a packet is lost, independent of the other packets.
        delay_ms : float
            Delay of every packet, 0 to 5000 milliseconds.
        jitter_ms : float
            Largest extra delay, 0 to 5000 milliseconds: uniform from 0 to this, drawn anew every
            10 ms. Packets never overtake each other.
        rate_kbps : float, optional
            Kilobits per second that each direction carries, IP and UDP headers included, 1 to
            1000000; packets that would wait longer than 300 ms are dropped. By default there is
            no limit.
        identity : str, optional
            The participant whose link is changed, also when they leave and come back. By default
            the links of everybody who is here (ours, too) or comes later are changed, and what
            was set for one participant before no longer holds.
        direction : {"both", "up", "down"}
            The direction that is changed: what participants send (up), what they receive (down),
            or both. The other direction stays as it is.
        timeout : float
            Seconds that the server may take to answer.

        Returns
        -------
        ImpairedNetwork
            The values now in force and the counted packets, for each link that was changed.

        Raises
        ------
        ImpairmentError
            A value is out of its range, or the server is not lkexplore's.
        ParticipantNotFound
            Nobody here has that identity.
        TokenError
            We have no key of the server, and our token does not grant ``roomAdmin``.
        RoomClosed
            We are not in the room any more.
        ConnectError, WaitTimeout
            The server cannot be reached, or does not answer.

        See Also
        --------
        record : What was concealed, or did not arrive, is marked in the recording.

        Notes
        -----
        Sound, pictures and the reports on them (SRTP and SRTCP) go over the bad link; joining,
        signalling, data and the making of the connection (ICE, DTLS) do not. Links count packets
        while they are impaired. When a link changes, the packets that wait in it are delivered
        at once. Which packets are lost depends only on the server's seed, the room, the identity
        and the order of the packets, and starts over with each change. Taught in
        ``notebooks/02_recording.ipynb``.

        Examples
        --------
        >>> await room.impair(loss=0.05, jitter_ms=40)                          # doctest: +SKIP
        >>> await room.impair(rate_kbps=64, identity="alice", direction="up")   # doctest: +SKIP
        >>> await room.impair()                                                 # doctest: +SKIP
        """
        from .impair import impair

        return await impair(
            self.rtc,
            loss=loss,
            delay_ms=delay_ms,
            jitter_ms=jitter_ms,
            rate_kbps=rate_kbps,
            identity=identity,
            direction=direction,
            timeout=timeout,
            credentials=self._credentials,
        )

    @on_media_loop
    async def set_e2ee_key(self, key: E2eeKey) -> None:
        """Change the key of an end-to-end encrypted room, as when it is rotated.

        Parameters
        ----------
        key : str or bytes, or dict of identity to str or bytes
            The new key that all share, or each participant's own.

        Raises
        ------
        EncryptionError
            `key` is no key, or the room was joined without ``e2ee_key=``.

        See Also
        --------
        lkexplore.connect : Joins an encrypted room.

        Examples
        --------
        >>> await room.set_e2ee_key("the second key")        # doctest: +SKIP
        """
        HiddenKey(key).tell(self.rtc)
