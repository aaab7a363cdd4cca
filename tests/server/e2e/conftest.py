"""The server under test, and rooms in it.

The embedded server runs as its child process, unless LKEXPLORE_TEST_URL, LKEXPLORE_TEST_KEY
and LKEXPLORE_TEST_SECRET name another one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from e2e_people import House, Target, has_modes
from e2e_process import start_child
from livekit import api

_SINGLE = pytest.param(True, id="single")
_DUAL = pytest.param(
    False,
    id="dual",
    marks=pytest.mark.skipif(not has_modes(), reason="this SDK cannot choose the mode"),
)


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    url = os.environ.get("LKEXPLORE_TEST_URL")
    if url:
        key, secret = os.environ["LKEXPLORE_TEST_KEY"], os.environ["LKEXPLORE_TEST_SECRET"]
        yield Target(url, key, secret, embedded=False)
        return
    with start_child() as child:
        yield Target(child.url, child.key, child.secret, embedded=True)
        assert child.process.poll() is None, "the server ended during the tests"


@pytest.fixture
def embedded(target: Target) -> Target:
    """The embedded server, for what only it has."""
    if not target.embedded:
        pytest.skip("about the embedded server, and another one is under test")
    return target


@pytest.fixture(params=[_SINGLE, _DUAL])
async def house(target: Target, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """Rooms whose people use one peer connection, and then again two."""
    house = House(target, request.param)
    yield house
    await house.close()


@pytest.fixture
async def lobby(target: Target) -> AsyncIterator[House]:
    """Rooms for what does not depend on the peer connections."""
    house = House(target, None)
    yield house
    await house.close()


@pytest.fixture
async def admin(target: Target) -> AsyncIterator[api.LiveKitAPI]:
    """The administration of the server."""
    client = target.api()
    yield client
    await client.aclose()
