"""A real Jupyter kernel that has joined the test's room, and what keeps it busy."""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

BUSY = {
    "asleep": "time.sleep(10)",
    "computing": "while time.monotonic() - began < 10: sum(i * i for i in range(1000))",
}

Run = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def kernel(server, room_name) -> AsyncIterator[Run]:
    """Give a function that runs a cell in a kernel that has joined the test's room."""
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel()
    client: AsyncKernelClient = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)

    async def run(code: str, interrupt_after: float | None = None, wait_for: str = "") -> str:
        """Run a cell and return all it printed, showed and raised."""
        seen: list[str] = []
        message = client.execute(code)
        interrupted = interrupt_after is None
        deadline = time.monotonic() + 40
        started = None if wait_for else time.monotonic()
        while time.monotonic() < deadline:
            if started is None and wait_for in "".join(seen):
                started = time.monotonic()
            if not interrupted and started and time.monotonic() - started > interrupt_after:
                await manager.interrupt_kernel()
                interrupted = True
            try:
                reply = await client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if reply["parent_header"].get("msg_id") != message:
                continue
            content = reply["content"]
            seen.append(content.get("text", ""))
            seen.append(content.get("data", {}).get("text/plain", ""))
            seen.append("\n".join(content.get("traceback", [])))
            if content.get("execution_state") == "idle":
                return re.sub(r"\x1b\[[0-9;]*m", "", "".join(seen))
        raise TimeoutError(f"the cell did not end: {''.join(seen)}")

    where = json.dumps(server.where)
    joined = await run(
        "import warnings; warnings.simplefilter('ignore')\n"
        "import asyncio, numpy as np, lkexplore as lk\n"
        f"where = {where}\n"
        f"room = await lk.connect({room_name!r}, identity='eve', **where)\n"
        "tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)\n"
        f"bot = await lk.bots.play({room_name!r}, (tone, 48000), **where)\n"
        "room"
    )
    assert "as 'eve'" in joined
    yield run
    client.stop_channels()
    await manager.shutdown_kernel(now=True)
