"""The person at the notebook in the room: their own microphone and camera, from the page."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ...errors import LkExploreError, RoomClosed, TokenError, WaitTimeout
from ...room.credentials import Credentials, Secret, claims_of
from ...sdk.participants import Participant
from ..page import client, module, style
from ..shared.still_picture import WithPicture, close_earlier

if TYPE_CHECKING:
    from ...room.room import Room

__all__ = ["BrowserParticipant"]

TOKEN_LASTS = timedelta(minutes=10)
"""Time for which a token to join with is valid; later ones come from the server."""

_LOOK_SECONDS = 0.05
"""Seconds between two looks whether the person is in the room."""

_Ready = str | Callable[[], str]
"""A token, or a function that returns one."""


class BrowserParticipant(WithPicture, anywidget.AnyWidget):
    """A panel with which the person at the notebook joins a room, with microphone and camera.

    However often it is shown in a page, it joins once.

    Parameters
    ----------
    room : Room
        The room to join; its server must be one that the browser reaches, too.
    identity : str, optional
        The person's identity there; by default of the form ``"browser-1a2b3c"``.
    microphone, camera : bool
        Whether to publish the microphone, and the camera, on joining.
    listening : bool
        Whether to hear the others.
    processing : bool
        Whether the browser may cancel echoes, suppress noise and adjust the level, as for calls;
        if False, the sound comes unchanged from the microphone.
    token : str or callable, optional
        An access token for that identity, or a function that returns one. By default a token is
        signed with the key that the room was joined with.

    Attributes
    ----------
    state : str
        How far it is: ``"waiting"``, ``"joining"``, ``"joined"``, ``"reconnecting"``, ``"left"``
        or ``"failed"``.
    message : str
        The reason why it failed; empty if it did not.
    identity : str
        The person's identity in the room, also before they join.
    muted, microphone, camera, listening : bool
        Switches for what is sent and heard. Set them at any time: the page follows.

    Raises
    ------
    MissingBundle
        If LiveKit's client for browsers is not part of this installation.
    TokenError
        If there is no key to sign a token with, and no token is given.

    See Also
    --------
    lkexplore.bots.play : A participant without a browser.
    lkexplore.RecorderPanel : A panel that records the room.

    Notes
    -----
    The token goes to the page when it is shown, lasts ten minutes, and is no part of what is
    saved. A page can use microphones only on ``localhost`` or over https. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> me = lk.BrowserParticipant(room, identity="me")      # doctest: +SKIP
    >>> me                                                   # doctest: +SKIP
    >>> await me.joined()                                    # doctest: +SKIP
    >>> voice = await room.record("me", 5)                   # doctest: +SKIP
    """

    _esm = module("page/element.js", "browser_participant/participant.js")
    _css = style("page/common.css", "browser_participant/participant.css")

    state = traitlets.Unicode("waiting").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    identity = traitlets.Unicode("").tag(sync=True)
    muted = traitlets.Bool(False).tag(sync=True)
    microphone = traitlets.Bool(True).tag(sync=True)
    camera = traitlets.Bool(False).tag(sync=True)
    listening = traitlets.Bool(True).tag(sync=True)
    processing = traitlets.Bool(True).tag(sync=True)
    microphones: Any = traitlets.List().tag(sync=True)
    cameras: Any = traitlets.List().tag(sync=True)
    microphone_device = traitlets.Unicode("").tag(sync=True)
    camera_device = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        room: Room,
        identity: str | None = None,
        *,
        microphone: bool = True,
        camera: bool = False,
        listening: bool = True,
        processing: bool = True,
        token: _Ready | None = None,
    ) -> None:
        client()
        self._room = room
        self._given = Secret(token) if isinstance(token, str) else token
        super().__init__(
            identity=identity or f"browser-{secrets.token_hex(3)}",
            microphone=microphone,
            camera=camera,
            listening=listening,
            processing=processing,
        )
        # Errors are raised here, not when a button is pressed.
        try:
            self._token()
        except Exception:
            self.close()
            raise
        self.on_msg(self._asked)
        close_earlier(self)

    @property
    def room(self) -> Room:
        """The room."""
        return self._room

    @property
    def participant(self) -> Participant | None:
        """The person as the others in the room see them, None when not there."""
        return self._room.participants.get(self.identity)

    async def joined(self, timeout: float = 120.0) -> Participant:
        """Wait until the person is in the room, with the microphone if it is wanted.

        Parameters
        ----------
        timeout : float
            Most seconds to wait.

        Returns
        -------
        Participant
            The person, as the others see them.

        Raises
        ------
        WaitTimeout
            If nobody has pressed the button, or it failed.
        RoomClosed
            If the room is left meanwhile.
        """
        # The room is asked, not the page: a waiting cell may hold up the page's messages.
        try:
            async with asyncio.timeout(timeout):
                while not self._is_there():
                    if self._room.closed:
                        raise RoomClosed(f"room {self._room.name!r} was left: connect again")
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            why = f": {self.message}" if self.message else ": press Join in the panel"
            raise WaitTimeout(
                f"{self.identity!r} did not join room {self._room.name!r} within {timeout:g} s{why}"
            ) from None
        return self._room.participants[self.identity]

    def _is_there(self) -> bool:
        found = self.participant
        if found is None:
            return False
        silent = self.muted or not self.microphone
        return silent or any(track.kind == "audio" for track in found.tracks)

    def still(self) -> str:
        """Return what a saved notebook says in the panel's place, as HTML."""
        return (
            f'<div class="lkx-still lkx-still-{self.model_id}">A panel with which '
            f"{escape(self.identity)} joins room {escape(self._room.name)} with the browser's "
            "microphone: run the cell to use it.</div>"
        )

    def join(self) -> None:
        """Press the button from here; the browser may ask the person for the microphone."""
        self.send({"do": "join"})

    def leave(self) -> None:
        """Leave the room; the panel stays, to join again."""
        self.send({"do": "leave"})

    def mute(self, muted: bool = True) -> None:
        """Have the person not heard, or heard again."""
        self.muted = bool(muted)

    def close(self) -> None:
        """Leave the room and take the panel away."""
        self.leave()
        super().close()

    def _asked(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Answer the page; nothing of an answer is part of the widget's state."""
        answer: dict[str, Any] = {"to": content.get("number"), "still": self.model_id}
        buffers: list[bytes] | None = None
        try:
            if content.get("ask") == "library":
                buffers = [client()]
            elif content.get("ask") == "token":
                answer |= {"url": self._credentials().url, "token": str.__str__(self._token())}
        except LkExploreError as error:
            answer["error"] = str(error)
        except Exception as error:
            # The message of a user's own function may hold a secret.
            answer["error"] = f"token= raised {type(error).__name__}: call it in a cell to see why"
        self.send(answer, buffers=buffers)

    def _credentials(self) -> Credentials:
        found = self._room._credentials
        if found is None:
            raise TokenError(
                "this room was not joined by lk.connect, so its server's address is not known here"
            )
        return found

    def _token(self) -> Secret:
        given = self._given() if callable(self._given) else self._given
        if given is not None:
            who = claims_of(given).get("sub")
            if who != self.identity:
                raise TokenError(f"the token is for identity {who!r}, not {self.identity!r}")
            return Secret(given)
        found = self._credentials()
        if not found.api_key:
            raise TokenError(
                "the room was joined with a ready token, which is for one identity only: give "
                "token= for the browser's, or connect with an API key and secret"
            )
        from livekit import api

        grants = api.VideoGrants(room_join=True, room=self._room.name)
        token = api.AccessToken(found.api_key, found.api_secret or "").with_identity(self.identity)
        return Secret(token.with_grants(grants).with_ttl(TOKEN_LASTS).to_jwt())
