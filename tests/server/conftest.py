"""A server with clients, a server under attack, and a clock, for tests of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from children import Child, running
from serving import Clients, open_clients
from studio import Clock

from lkexplore.server.media import forwarding


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """A server with its usual limits, and the peers that join it."""
    async with open_clients() as clients:
        yield clients


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which packets are forwarded, which only a test moves on."""
    clock = Clock()
    monkeypatch.setattr(forwarding.time, "monotonic", clock)
    return clock


@pytest.fixture(scope="module")
def besieged() -> Iterator[Child]:
    """A server in a process of its own, for all the attacks of a module."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    with running() as child:
        yield child
