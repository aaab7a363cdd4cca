"""Rooms with someone to watch in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest_asyncio

import lkexplore as lk
from lkexplore.room.room import Room
from lkexplore.room.video_bots import VideoBot, play_video

Join = Callable[..., Awaitable[Room]]
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
async def show(server, room_name: str, stack: AsyncExitStack) -> Show:
    """Give a function that sends someone with a camera into the test's room."""

    async def show(pictures: object = "test pattern", identity: str = "alice", **more: object):
        return await stack.enter_async_context(
            await play_video(room_name, pictures, identity, **{**server.where, **more})
        )

    return show
