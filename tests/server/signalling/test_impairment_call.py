"""The call that changes a room's network: what it changes, for whom, and who may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Clients, http_url, open_clients, token, until

from lkexplore.errors import ImpairmentError
from lkexplore.server.config import ServerConfig
from lkexplore.server.network.impairment import Impairment
from lkexplore.server.network.room_links import MAX_EXCEPTIONS, Network
from lkexplore.server.signalling.impairment_call import PATH

ADMIN = {"roomAdmin": True, "room": "room"}


async def post(
    clients: Clients, body: bytes, *, grants: dict[str, Any] | str | None = None
) -> tuple[int, Any]:
    """Return the status and what is said, as JSON if it is some."""
    grants = ADMIN if grants is None else grants
    bearer = grants if isinstance(grants, str) else token(video=grants)
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    async with clients.http.post(
        http_url(clients.server, PATH), data=body, headers=headers
    ) as response:
        said = await response.text()
        is_json = response.content_type == "application/json"
        return response.status, json.loads(said) if is_json else said


async def impair(clients: Clients, **fields: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Change the network of the room; return its links by identity and direction."""
    status, said = await post(clients, json.dumps({"room": "room", **fields}).encode())
    assert status == 200, said
    return {(link["identity"], link["direction"]): link for link in said["links"]}


def losses(clients: Clients, identity: str) -> tuple[float, float]:
    """Return the loss in force up and down."""
    lines = clients.participant(identity).lines
    return lines["up"].impairment.loss, lines["down"].impairment.loss


async def test_everybody_here_and_to_come(clients: Clients) -> None:
    await clients.join("alice", single=True)
    await clients.join("bob", single=False)
    links = await impair(clients, loss=0.1, delay_ms=5, jitter_ms=6, rate_kbps=700)
    await clients.join("carol")
    bad = Impairment(0.1, 5, 6, 700)
    for identity in ("alice", "bob", "carol"):
        here = clients.participant(identity)
        assert here.lines["up"].impairment == here.lines["down"].impairment == bad
        for transport in (here.publisher_transport, here.subscriber_transport):
            assert transport.uplink is here.lines["up"]
            assert transport.downlink is here.lines["down"]
    assert list(links) == [(who, way) for who in ("alice", "bob") for way in ("up", "down")]
    assert links["bob", "up"] == {
        "identity": "bob",
        "direction": "up",
        "loss": 0.1,
        "delay_ms": 5,
        "jitter_ms": 6,
        "rate_kbps": 700,
        "packets": 0,
        "dropped": 0,
        "delayed": 0,
    }


async def test_a_healed_link_costs_nothing(clients: Clients) -> None:
    await clients.join("alice")
    await impair(clients, loss=0.1)
    links = await impair(clients)
    transport = clients.participant("alice").publisher_transport
    assert transport.uplink is None
    assert transport.downlink is None
    assert {(link["loss"], link["rate_kbps"]) for link in links.values()} == {(0.0, None)}


async def test_one_direction_leaves_the_other_as_it_is(clients: Clients) -> None:
    await clients.join("alice")
    await impair(clients, loss=0.1, direction="up")
    await impair(clients, loss=0.2, direction="down")
    assert losses(clients, "alice") == (0.1, 0.2)
    await impair(clients, direction="up")
    await clients.join("bob")
    assert losses(clients, "alice") == losses(clients, "bob") == (0.0, 0.2)
    await impair(clients, direction="both")
    assert losses(clients, "alice") == (0.0, 0.0)


async def test_one_participant_is_remembered_and_others_are_spared(clients: Clients) -> None:
    alice = await clients.join("alice")
    await clients.join("bob")
    links = await impair(clients, loss=0.1, identity="alice")
    assert [who for who, _ in links] == ["alice", "alice"]
    assert losses(clients, "bob") == (0.0, 0.0)
    await alice.close()
    await clients.join("alice")
    assert losses(clients, "alice") == (0.1, 0.1)
    await impair(clients, loss=0.3)
    assert losses(clients, "alice") == losses(clients, "bob") == (0.3, 0.3)
    await impair(clients, identity="bob")
    assert (losses(clients, "alice"), losses(clients, "bob")) == ((0.3, 0.3), (0.0, 0.0))


async def test_another_room_is_not_touched(clients: Clients) -> None:
    await clients.join("alice")
    await clients.join("alice", room="other")
    await impair(clients, loss=0.1)
    assert losses(clients, "alice") == (0.1, 0.1)
    other = clients.participant("alice", "other")
    assert other.lines["up"].impairment.is_none


def test_exceptions_are_bounded() -> None:
    network = Network(Impairment())
    for n in range(2 * MAX_EXCEPTIONS):
        network.impair(Impairment(loss=0.1), ("up", "down"), (), f"someone {n}")
    assert len(network._own) == MAX_EXCEPTIONS
    network.impair(Impairment(), ("up", "down"), (), None)
    assert network._own == {}


@pytest.mark.parametrize(
    ("grants", "status"),
    [
        ({"roomJoin": True, "room": "room"}, 403),
        ({"roomAdmin": True, "room": "other"}, 403),
        ({"roomAdmin": True}, 403),
        ({"roomCreate": True, "roomList": True}, 403),
        ({}, 403),
        ("", 401),
        ("garbage", 401),
        (token(video=ADMIN, secret="x" * 40), 401),
        (token(video=ADMIN, exp=1), 401),
        (token(without=("video",)), 403),
    ],
)
async def test_only_who_administers_the_room_may(
    clients: Clients, grants: dict[str, Any] | str, status: int
) -> None:
    await clients.join("alice")
    told = await post(clients, b'{"room": "room", "loss": 1}', grants=grants)
    assert told[0] == status
    assert losses(clients, "alice") == (0.0, 0.0)
    if not isinstance(grants, str):
        # Nobody learns which rooms there are.
        assert told == await post(clients, b'{"room": "nowhere", "loss": 1}', grants=grants)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"loss": 1.5}, 400, "loss must be a number from 0 to 1, not 1.5"),
        ({"loss": None}, 400, "loss must be a number from 0 to 1, not None"),
        ({"rate_kbps": 0}, 400, "rate_kbps must be a number from 1 to 1000000, not 0"),
        ({"delay_ms": "80"}, 400, "delay_ms must be a number from 0 to 5000, not '80'"),
        ({"direction": "sideways"}, 400, "direction must be 'both', 'up' or 'down'"),
        ({"direction": 1}, 400, "direction must be a text"),
        ({"identity": ["alice"]}, 400, "identity must be a text"),
        ({"identity": "bob"}, 404, "there is no such participant in the room"),
        ({"lost": 1}, 400, "the request must be a JSON object of "),
    ],
)
async def test_values_that_make_no_sense(
    clients: Clients, fields: dict[str, Any], status: int, said: str
) -> None:
    await clients.join("alice")
    told = await post(clients, json.dumps({"room": "room", "jitter_ms": 9, **fields}).encode())
    assert told[0] == status
    assert told[1]["error"].startswith(said)
    assert clients.participant("alice").lines["up"].impairment.is_none


async def test_a_room_that_is_not_there(clients: Clients) -> None:
    assert await post(clients, b'{"room": "room"}') == (404, {"error": "there is no such room"})


@pytest.mark.parametrize(
    "body", [b"", b"{nope", b"[]", b"\xff", b"[" * 9000, b"NaN", b'{"room": NaN}', b"1" * 9000]
)
async def test_garbage_is_refused(clients: Clients, body: bytes) -> None:
    status, said = await post(clients, body)
    assert status == 400
    assert isinstance(said["error"], str)


async def test_a_body_without_end_is_refused(clients: Clients) -> None:
    status, _ = await post(clients, b'{"room": "' + b"x" * (2 << 20) + b'"}')
    assert status == 413


_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
_VALUES = ("loss", "delay_ms", "jitter_ms", "rate_kbps")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(_VALUES), _ANY))
def test_whatever_json_says_is_in_range_or_refused(fields: dict[str, Any]) -> None:
    try:
        bad = Impairment(**json.loads(json.dumps(fields)))
    except ImpairmentError:
        return
    assert 0 <= bad.loss <= 1
    assert 0 <= bad.delay_ms <= 5000
    assert 0 <= bad.jitter_ms <= 5000
    assert bad.rate_kbps is None or 1 <= bad.rate_kbps <= 1_000_000
    assert {type(getattr(bad, name)) for name in _VALUES} <= {float, type(None)}


async def test_a_server_may_be_bad_from_the_start() -> None:
    bad = Impairment(loss=0.2)
    async with open_clients() as clients:
        object.__setattr__(clients.server.config, "impairment", bad)
        await clients.join("alice")
        assert losses(clients, "alice") == (0.2, 0.2)
        await impair(clients)
        assert losses(clients, "alice") == (0.0, 0.0)
        await clients.join("bob", room="other")
        assert clients.participant("bob", "other").lines["up"].impairment == bad
    assert ServerConfig().impairment.is_none


async def test_who_leaves_takes_what_was_under_way_along(clients: Clients) -> None:
    alice = await clients.join("alice")
    await impair(clients, delay_ms=5000)
    here = clients.participant("alice")
    here.lines["down"].carry(b"x" * 20, lambda _: None)
    assert len(here.lines["down"]._waiting) == 1
    await alice.send(leave={})
    await until(lambda: here.closed, "alice has left")
    assert not here.lines["down"]._waiting
    assert here.lines["down"]._timer is None
    assert here.publisher_transport.uplink is None
