"""Fixtures for every layer; what needs a room server starts one on first use only."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["browser_fixtures", "kernels", "room_fixtures", "side_by_side", "signal_fixtures"]

# How fast examples are made says more of the machine than of the test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@dataclass(frozen=True)
class Server:
    """The room server that the end-to-end tests run against."""

    url: str
    api_key: str
    api_secret: str

    @property
    def where(self) -> dict[str, str]:
        """Return keyword arguments for `lkexplore.connect` and `lkexplore.room.bots.play`."""
        return {"url": self.url, "api_key": self.api_key, "api_secret": self.api_secret}

    def token(self, identity: str, room: str, **grants: bool | list[str]) -> str:
        """Return an access token for someone, with other than the usual grants."""
        from livekit import api

        given = api.VideoGrants(**{"room_join": True, "room": room, **grants})
        token = api.AccessToken(self.api_key, self.api_secret)
        return token.with_identity(identity).with_grants(given).to_jwt()


@pytest.fixture(autouse=True)
def _no_server_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own LiveKit server out of the tests."""
    for name in ("LIVEKIT_URL", "LIVEKIT_TOKEN", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Give the server named by LKEXPLORE_TEST_URL, _KEY and _SECRET, else the embedded one."""
    url = os.environ.get("LKEXPLORE_TEST_URL")
    if url:
        yield Server(url, os.environ["LKEXPLORE_TEST_KEY"], os.environ["LKEXPLORE_TEST_SECRET"])
        return
    from lkexplore.room.embedded_server import EmbeddedServer

    embedded = EmbeddedServer()
    found = embedded.credentials
    yield Server(found.url, found.api_key, str(found.api_secret))
    embedded.stop()


@pytest.fixture
def room_name() -> str:
    """Give a room name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:10]}"
