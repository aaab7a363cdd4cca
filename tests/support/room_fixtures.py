"""Fixtures: rooms with someone to hear or to watch in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest_asyncio
from sounds import RATE, sine

import lkexplore as lk
from lkexplore.room.bots import Bot
from lkexplore.room.room import Room
from lkexplore.room.video_bots import VideoBot, play_video
from lkexplore.sound.recording import Recording

Join = Callable[..., Awaitable[Room]]
Send = Callable[..., Awaitable[Bot]]
Show = Callable[..., Awaitable[VideoBot]]


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest_asyncio.fixture
async def join(server, room_name: str, stack: AsyncExitStack) -> Join:
    """Give a function that joins the test's room; it is left at the end."""

    async def join(identity: str | None = None, **more: object) -> Room:
        return await stack.enter_async_context(
            lk.connect(room_name, identity=identity, **{**server.where, **more})
        )

    return join


@pytest_asyncio.fixture
async def send(server, room_name: str, stack: AsyncExitStack) -> Send:
    """Give a function that sends a bot into the test's room."""

    async def send(sound: object = None, identity: str = "alice", **more: object) -> Bot:
        tone = Recording(sine(440, 1.0), RATE, name="tone")
        return await stack.enter_async_context(
            await lk.bots.play(
                room_name, tone if sound is None else sound, identity, **{**server.where, **more}
            )
        )

    return send


@pytest_asyncio.fixture
async def show(server, room_name: str, stack: AsyncExitStack) -> Show:
    """Give a function that sends someone with a camera into the test's room."""

    async def show(pictures: object = "test pattern", identity: str = "alice", **more: object):
        return await stack.enter_async_context(
            await play_video(room_name, pictures, identity, **{**server.where, **more})
        )

    return show
