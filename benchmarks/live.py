"""Measure one live filter against the loop that one writes with the bare SDK.

That loop subscribes to a track and gives every frame of its stream, 10 ms as the SDK has it, to a
source of its own; a live filter takes 20 ms at a time. Run it as ``python benchmarks/live.py``
(about six minutes), or with ``--quick`` (about 90 seconds, and rougher). It uses the room server
named by LKEXPLORE_TEST_URL, LKEXPLORE_TEST_KEY and LKEXPLORE_TEST_SECRET, else the embedded one.
Figures depend on the machine and on what else runs: on a busy one blocks come late, and the jitter
buffers of those who listen grow. What a live filter itself holds back stands beside an ideal: the
least queue with which no block of the same run would have been late.

CPU is user and system time of a whole process, with the SDK's native threads. Latency is that of
clicks, at somebody who listens to the player and to both echoes on one clock.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import uuid
from typing import Any

import numpy as np
from capture_children import Child, Row, Where, server
from live_children import BARE, LIVE


def cost(where: Where, count: int, seconds: float, rounds: int) -> tuple[list[float], list[Any]]:
    """Measure so many echoes and live filters, at the same time; return what each round cost."""
    room = f"live-{uuid.uuid4().hex[:6]}"
    plain, ours = [], []
    with (
        Child(where, "player", room),
        Child(where, BARE, room, str(count)) as bare,
        Child(where, LIVE, room, str(count)) as live,
    ):
        for _ in range(rounds):
            for one in (bare, live):
                one.process.stdin.write(f"{seconds}\n")
                one.process.stdin.flush()
            plain.append(bare.read())
            ours.append(live.read())
    return plain, ours


def costs(where: Where, count: int, seconds: float, rounds: int) -> list[Row]:
    """Compare the CPU of live filters with that of echoes."""
    plain, ours = cost(where, count, seconds, rounds)
    ratio = statistics.median(mine["cpu"] / its for mine, its in zip(ours, plain, strict=True))
    bare, live = statistics.median(plain), statistics.median(one["cpu"] for one in ours)
    last = ours[-1]
    rows = [
        Row("the SDK's loop: CPU", f"{100 * bare:.1f} %"),
        Row("live filter: CPU", f"{100 * live:.1f} %"),
        Row("ratio", f"{ratio:.2f}", "≤ 1.2" if count == 1 else "", ratio <= 1.2),
        Row("blocks late, dropped", f"{sum(o['late'] for o in ours)}, {last['dropped']}"),
        Row("filter's time per block, ms, p50 p99", "{:.2f} {:.2f}".format(*last["process_ms"])),
    ]
    if count > 1:
        rows += [
            Row("echoes that one core carries", f"{count / bare:.0f}"),
            Row("live filters that one core carries", f"{count / live:.0f}"),
        ]
    return rows


def latency(where: Where, seconds: float, rounds: int) -> list[Row]:
    """Compare how late clicks come through a live filter and through an echo."""
    found: dict[str, list[float]] = {BARE: [], LIVE: []}
    heard: dict[str, list[float]] = {BARE: [], LIVE: []}
    silent, held, came = {BARE: 0, LIVE: 0}, [], []
    for _ in range(rounds):
        # A room of its own each time: what two streams owe to chance stays as long as they do.
        room = f"live-{uuid.uuid4().hex[:6]}"
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            enter(Child(where, "player", room))
            enter(Child(where, BARE, room, "1"))
            live = enter(Child(where, LIVE, room, "1"))
            ear = enter(Child(where, "ear", room))
            live.process.stdin.write(f"{seconds}\n")
            live.process.stdin.flush()
            answer = ear.ask(str(seconds))
            for kind in (BARE, LIVE):
                lags, buffer = answer[kind]["lags"], 1000 * answer[kind]["buffer"]
                found[kind] += lags
                heard[kind] += [lag + buffer for lag in lags]
                silent[kind] += answer[kind]["silent"]
            told = live.read()
            held.append(told["latency_ms"])
            came.append(told["came_late_ms"])
    bare, ours = (np.array(found[kind]) for kind in (BARE, LIVE))
    added = np.quantile(ours, 0.99) - np.quantile(bare, 0.99)

    def three(lags: np.ndarray) -> str:
        return " ".join(f"{value:.1f}" for value in np.quantile(lags, [0.5, 0.99, 1.0]))

    return [
        Row("clicks heard, echo and live", f"{bare.size} {ours.size}"),
        Row("the SDK's loop, ms, p50 p99 max", three(bare)),
        Row("live filter, ms, p50 p99 max", three(ours)),
        Row("added, median, ms", f"{np.median(ours) - np.median(bare):+.1f}"),
        Row("added, p99, ms", f"{added:+.1f}", "≤ 10", bool(added <= 10)),
        Row("with the listener's jitter buffer, SDK, ms", three(np.array(heard[BARE]))),
        Row("    live filter, ms", three(np.array(heard[LIVE]))),
        Row("silent 10 ms blocks, echo and live", f"{silent[BARE]} {silent[LIVE]}"),
        Row("held here, by its own account, ms", " ".join(f"{value:.1f}" for value in held)),
        # The ideal: with a queue so long, no block of that run would have come too late.
        Row("least queue for no late block, ms", " ".join(f"{most:.1f}" for *_, most in came)),
        Row("    of 99 blocks in 100, ms", " ".join(f"{most:.1f}" for _, most, _ in came)),
    ]


def table(title: str, rows: list[Row]) -> None:
    print(f"\n{title} (load average {os.getloadavg()[0]:.1f})")
    for row in rows:
        verdict = "" if not row.target else "ok" if row.met else "MISSED"
        print(f"  {row.name:44} {row.value:>22}  {row.target:<6} {verdict}".rstrip())
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about 90 seconds, rougher")
    parser.add_argument("--only", nargs="+", choices=["cost", "many", "latency"])
    options = parser.parse_args()
    where, quick = server(), options.quick
    wanted = options.only or ["cost", "many", "latency"]
    if "cost" in wanted:
        rounds, seconds = (3, 4.0) if quick else (8, 10.0)
        table("CPU of one live filter", costs(where, 1, seconds, rounds))
    if "many" in wanted:
        rounds, seconds = (1, 5.0) if quick else (4, 10.0)
        table("CPU of four live filters", costs(where, 4, seconds, rounds))
    if "latency" in wanted:
        rounds, seconds = (2, 8.0) if quick else (6, 20.0)
        table("Latency of one live filter", latency(where, seconds, rounds))


if __name__ == "__main__":
    main()
