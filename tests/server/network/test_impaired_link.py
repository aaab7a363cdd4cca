"""Packets on a bad link: in order, in time, bounded, counted; and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from serving import until

from lkexplore.server.network.impaired_link import MAX_WAITING, Line
from lkexplore.server.network.impairment import Impairment
from lkexplore.server.transport.failures import FailureLog


class Far:
    """The other end: what came out, and when."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.times: list[float] = []

    def __call__(self, packet: bytes) -> None:
        self.packets.append(packet)
        self.times.append(asyncio.get_running_loop().time())

    async def has(self, count: int) -> None:
        await until(lambda: len(self.packets) >= count, f"{count} packets")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    failures = FailureLog()
    line = Line("seed", failures)
    yield line
    line.close()
    assert failures.count == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


def numbered(count: int) -> list[bytes]:
    return [n.to_bytes(4, "big") for n in range(count)]


async def test_a_good_link_hands_over_at_once(line: Line) -> None:
    far = Far()
    line.carry(b"one", far)
    assert far.packets == [b"one"]
    assert (line.packets, line.dropped, line.delayed) == (1, 0, 0)


async def test_delayed_packets_come_in_time_and_in_order(line: Line) -> None:
    far = Far()
    line.impairment = Impairment(delay_ms=60, jitter_ms=80)
    sent = []
    for packet in numbered(20):
        sent.append(asyncio.get_running_loop().time())
        line.carry(packet, far)
        await asyncio.sleep(0.01)
    await far.has(20)
    assert far.packets == numbered(20)
    assert min(b - a for a, b in zip(sent, far.times, strict=True)) >= 0.059
    assert (line.packets, line.dropped, line.delayed) == (20, 0, 20)
    assert line._timer is None


async def test_lost_packets_are_counted_and_the_same_ones_each_time(line: Line) -> None:
    fates = []
    for _ in range(2):
        far = Far()
        line.impairment = Impairment(loss=0.3)
        for packet in numbered(200):
            line.carry(packet, far)
        fates.append(far.packets)
        line.impairment = Impairment()
    assert fates[0] == fates[1]
    assert line.packets == 400
    assert line.dropped == 400 - 2 * len(fates[0])
    assert 90 <= line.dropped <= 150


async def test_a_change_lets_out_what_is_under_way_before_what_follows(line: Line) -> None:
    far = Far()
    line.impairment = Impairment(delay_ms=5000)
    for packet in numbered(3):
        line.carry(packet, far)
    assert far.packets == []
    line.impairment = Impairment(delay_ms=5000)
    assert far.packets == []
    line.impairment = Impairment()
    assert far.packets == numbered(3)
    line.carry(b"next", far)
    assert far.packets[-1] == b"next"


async def test_it_holds_so_many_packets_and_no_more(line: Line) -> None:
    far = Far()
    line.impairment = Impairment(delay_ms=5000)
    for packet in numbered(MAX_WAITING + 10):
        line.carry(packet, far)
    assert line.dropped == 10
    assert line.delayed == len(line._waiting) == MAX_WAITING
    line.impairment = Impairment()
    assert far.packets == numbered(MAX_WAITING)


async def test_closing_forgets_what_is_under_way(line: Line) -> None:
    far = Far()
    line.impairment = Impairment(delay_ms=20)
    line.carry(b"lost", far)
    line.close()
    await asyncio.sleep(0.1)
    assert far.packets == []


async def test_a_delivery_that_fails_holds_up_nothing() -> None:
    failures = FailureLog()
    line, far = Line("seed", failures), Far()
    line.impairment = Impairment(delay_ms=20)

    def broken(packet: bytes) -> None:
        raise ValueError("broken")

    line.carry(b"one", broken)
    line.carry(b"two", far)
    await far.has(1)
    assert far.packets == [b"two"]
    assert failures.count == 1
