"""What is private to aiortc and used here: when a version changes it, this fails first."""

from __future__ import annotations

import inspect
import re

import aiortc
import pytest
from aiortc import RTCSctpTransport

from lkexplore.errors import ServerError
from lkexplore.server.transport import sctp
from lkexplore.server.transport.sctp import NAMES, Association, missing_names

OWN_NAMES = {"_carrier", "_clear", "_ended", "_may_control", "_on_ended", "_on_message", "_role"}
OWN_NAMES |= {"_send_data", "_settle", "_stop", "_violation"}
OWN_NAMES |= {"_register_data_receiver", "_unregister_data_receiver"}


def ignore(*_: object) -> None:
    return


def association(**options) -> Association:
    return Association(ignore, on_channel=ignore, on_message=ignore, on_ended=ignore, **options)


async def test_the_installed_aiortc_has_every_name():
    made = association()
    assert missing_names(made) == [], f"aiortc {aiortc.__version__} has changed: see sctp.py"
    assert made.is_server
    assert not association(role="client").is_server
    made.end("test")


def test_every_private_name_in_use_is_in_the_list():
    used = set(re.findall(r"(?:self|super\(\))\.(_[a-z][a-z_]*)", inspect.getsource(sctp)))
    replaced = {name for name in vars(Association) if hasattr(RTCSctpTransport, name)}
    replaced = {name for name in replaced if re.fullmatch("_[a-z][a-z_]*", name)}
    assert (used | replaced) - OWN_NAMES == set(NAMES)


@pytest.mark.parametrize("name", ["_handle_data", "_data_channel_receive", "_receive"])
def test_what_is_awaited_is_a_coroutine_function(name):
    assert inspect.iscoroutinefunction(getattr(RTCSctpTransport, name))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_handle_data", ["self", "data"]),
        ("_receive", ["self", "stream_id", "pp_id", "data"]),
        ("_data_channel_receive", ["self", "stream_id", "pp_id", "data"]),
        ("_mark_received", ["self", "tsn"]),
        ("_set_state", ["self", "state"]),
    ],
)
def test_what_is_called_or_replaced_takes_these_parameters(name, parameters):
    assert list(inspect.signature(getattr(RTCSctpTransport, name)).parameters) == parameters


def test_aiortc_calls_what_is_replaced():
    source = inspect.getsource(RTCSctpTransport)
    for call in ("self._mark_received(", "await self._receive(", "self._set_state("):
        assert call in source


async def test_a_replaced_name_that_aiortc_no_longer_has_is_missed(monkeypatch):
    made = association()
    monkeypatch.delattr(RTCSctpTransport, "_receive")
    assert missing_names(made) == ["_receive"]
    made.end("test")


async def test_an_aiortc_without_a_name_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(sctp, "NAMES", (*NAMES, "_no_such_name"))
    with pytest.raises(ServerError, match=r"lacks _no_such_name; install .*aiortc>=1\.11"):
        association()


def test_a_coroutine_that_waits_is_refused():
    class Waits:
        def __await__(self):
            yield

    async def waits() -> None:
        await Waits()

    with pytest.raises(ServerError, match="waits inside its SCTP"):
        sctp._run(waits())
