"""Measure filters: an hour and 10 ms through four biquads beside pedalboard; the whole library.

Run it as ``python benchmarks/filters.py`` (about four minutes), or with ``--quick`` (less than
90 s, and rougher). ``--only blocks`` and the like measure a part. Without pedalboard installed
(``pip install "lkexplore[pedalboard]"``) it compares with scipy only, and says so. Figures depend
on the machine and on what else runs on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from capture import table
from capture_children import Row
from filters_all import checks, costs
from filters_speed import blocks, hour


def parts(quick: bool) -> dict[str, list[tuple[str, Callable[[], list[Row]]]]]:
    """Return what there is to measure: titles, and what gives their rows."""
    minutes, rounds, count, seconds = (10, 2, 2000, 0.3) if quick else (60, 5, 20_000, 2.0)
    return {
        "hour": [
            (
                f"{minutes} minutes of mono at 48 kHz through four biquads, best of {rounds}",
                lambda: hour(minutes, rounds),
            )
        ],
        "blocks": [
            (
                f"A block of 10 ms through four biquads, {kind}, median",
                lambda channels=channels: blocks(channels, count),
            )
            for channels, kind in ((1, "mono"), (2, "stereo"))
        ],
        "library": [("A block of 10 ms, us, median", lambda: costs(count // 20, quick))],
        "check": [("lk.check on every filter", lambda: checks(seconds, quick))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than 90 s, rougher")
    parser.add_argument("--only", nargs="+", metavar="PART", help="hour, blocks, library, check")
    options = parser.parse_args()
    measured = parts(options.quick)
    unknown = sorted(set(options.only or ()) - set(measured))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(measured)}")
    for name in options.only or measured:
        for title, rows in measured[name]:
            table(title, rows())


if __name__ == "__main__":
    main()
