"""Measure recording: cost against the bare SDK, memory, places on the clock, gaps, kills, imports.

Run it as ``python benchmarks/capture.py`` (about 35 minutes, ten of them one long recording), or
with ``--quick`` (less than two, and rougher). ``--only cost`` and the like measure a part. It uses
the room server named by LKEXPLORE_TEST_URL, LKEXPLORE_TEST_KEY and LKEXPLORE_TEST_SECRET, else the
embedded one. Figures depend on the machine and on what else runs on it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

from capture_children import Row, server
from capture_cost import costs, flat, memory
from capture_truth import agreement, alignment, bad_network, fidelity, gaps, kills

SLOW = frozenset({"loss", "memory", "disk"})
"""What a quick run leaves out."""


def imports() -> list[Row]:
    """Time imports in fresh interpreters: the best of several, which is the least disturbed."""
    code = (
        "import sys, time; t = time.perf_counter(); import livekit.rtc; "
        "a = time.perf_counter(); import lkexplore; b = time.perf_counter(); "
        "lkexplore.connect, lkexplore.record, lkexplore.Room, lkexplore.room.bots; "
        "c = time.perf_counter(); "
        "heavy = [m for m in ('librosa', 'numba', 'matplotlib', 'av', 'aiortc') "
        "if m in sys.modules]; print(a - t, b - a, c - b, ','.join(heavy) or 'none')"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    parts = [run.stdout.split() for run in runs]
    sdk, ours, use = (1000 * min(float(part[n]) for part in parts) for n in range(3))
    return [
        Row("import livekit.rtc, ms", f"{sdk:.0f}"),
        Row("import lkexplore after it, ms", f"{ours:.0f}", "≤ 150", ours <= 150),
        Row("its rooms on first use, ms", f"{use:.0f}"),
        Row("heavy modules loaded after that", parts[0][3], "none", parts[0][3] == "none"),
    ]


def table(title: str, rows: list[Row]) -> None:
    print(f"\n{title} (load average {os.getloadavg()[0]:.1f})")
    for row in rows:
        verdict = "" if not row.target else "ok" if row.met else "MISSED"
        print(f"  {row.name:52} {row.value:>14}  {row.target:<8} {verdict}".rstrip())
    sys.stdout.flush()


def parts(quick: bool) -> dict[str, list[tuple[str, Callable[[], list[Row]]]]]:
    """Return what there is to measure: titles, and what gives their rows."""
    where = server()
    counts, seconds, rounds = ((4,), 5.0, 2) if quick else ((1, 4, 12), 10.0, 5)
    cost = [
        (
            f"Cost of {count} track{'s' * (count > 1)}, median of {rounds} times {seconds:g} s",
            lambda count=count: costs(where, count, seconds, rounds, quick),
        )
        for count in counts
    ]
    length, apart, mutes, killed, lost = (5, 5, 1, 1, 5) if quick else (60, 30, 4, 6, 30)
    agreed = 1 if quick else 3
    return {
        "import": [("Importing", imports)],
        "tone": [("A tone through the room", lambda: asyncio.run(fidelity(where, length)))],
        "clock": [("One clock", lambda: asyncio.run(alignment(where, apart)))],
        "agree": [("record, record_all, record_av", lambda: asyncio.run(agreement(where, agreed)))],
        "gaps": [("Gaps", lambda: asyncio.run(gaps(where, mutes)))],
        "loss": [("A bad network", lambda: asyncio.run(bad_network(where, lost)))],
        "kill": [("Killed while recording to disk", lambda: asyncio.run(kills(where, killed)))],
        "cost": cost,
        "memory": [("Memory of one recording", lambda: memory(where, 10 if quick else 60))],
        "disk": [("8 tracks to disk for 10 minutes", lambda: flat(where, 8, 10.0))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than two minutes, rougher")
    parser.add_argument("--only", nargs="+", metavar="PART", help="import, tone, clock, gaps, ...")
    options = parser.parse_args()
    measured = parts(options.quick)
    wanted = options.only or [name for name in measured if not (options.quick and name in SLOW)]
    unknown = sorted(set(wanted) - set(measured))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(measured)}")
    for name in wanted:
        for title, rows in measured[name]:
            table(title, rows())


if __name__ == "__main__":
    main()
