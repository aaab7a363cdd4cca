"""Where await was forgotten, the error says so."""

from __future__ import annotations

import asyncio

import pytest

from lkexplore.errors import LkExploreError, NotAwaited
from lkexplore.sdk.pending import needs_await


@needs_await
async def record(seconds: float) -> float:
    """Wait."""
    await asyncio.sleep(seconds)
    return seconds


def test_what_is_used_too_early_says_what_to_do():
    pending = record(1)
    with pytest.raises(NotAwaited, match=r"record\(\) has not been awaited, so there is no 'plot'"):
        pending.plot()
    assert "put await in front of it" in repr(pending)
    assert issubclass(NotAwaited, LkExploreError)
    assert not hasattr(pending, "duration")
    pending.close()


async def test_it_is_awaited_like_any_other():
    assert await record(0.01) == 0.01
    assert await asyncio.gather(record(0.01), asyncio.create_task(record(0.02))) == [0.01, 0.02]
    assert await asyncio.wait_for(record(0.01), 1) == 0.01
    assert record.__doc__ == "Wait."


async def test_it_is_cancelled_like_any_other():
    task = asyncio.ensure_future(record(60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
