"""A server with clients, for tests of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from serving import Clients, open_clients


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """A server with its usual limits, and the peers that join it."""
    async with open_clients() as clients:
        yield clients
