"""What a live filter keeps queued, how it knows that the kernel is busy, and what it tells."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import pytest

from lkexplore.live.busy import Kernel
from lkexplore.live.cushion import BUSY, Cushion
from lkexplore.live.stats import LiveStats


def test_a_cushion_grows_when_blocks_come_late_and_shrinks_again():
    cushion, queued, now = Cushion(), 0.02, 100.0
    lateness = [0.0] * 50 + [0.04, 0.05, 0.06] * 20 + [0.0] * 9000
    held = []
    for late in lateness:
        now += 0.02
        step = cushion.note(max(queued - late, 0.0), now)
        if step == "shorten":
            cushion.shortened(now)
        queued += {"lengthen": 0.01, "shorten": -0.005, "keep": 0.0}[step]
        held.append(queued)
    assert 0.06 < max(held) < 0.12
    assert held[-1] < 0.03
    assert cushion.late < 10


def queued_over(cushion, seconds, now, queued, busy_for=lambda now: 0.0, coming=0.0):
    """Send blocks of 20 ms that are never late; return what is queued at each of them."""
    held = []
    for _ in range(round(seconds * 50)):
        now += 0.02
        step = cushion.note(queued, now, busy_for(now), coming)
        if step == "shorten":
            cushion.shortened(now)
        queued += {"lengthen": 0.01, "shorten": -0.005, "keep": 0.0}[step]
        held.append(queued)
    return held


def test_a_cushion_grows_at_once_while_the_kernel_is_busy_and_shrinks_after_it():
    cushion, now = Cushion(), 100.0
    before = queued_over(cushion, 10, now, 0.003)
    assert set(before) == {0.003}
    busy = queued_over(cushion, 10, now + 10, 0.003, lambda at: at - (now + 10))
    # The first two blocks come before it has been busy for 30 ms; five more do.
    assert busy[0] == 0.003
    assert busy[6] >= BUSY
    assert 0.040 <= busy[-1] < 0.055
    after = queued_over(cushion, 30, now + 20, busy[-1])
    assert all(later <= earlier for earlier, later in itertools.pairwise(after))
    assert after[-1] < 0.012


def test_a_cushion_that_was_too_small_stays_larger_for_a_minute():
    cushion, now = Cushion(), 100.0
    queued_over(cushion, 1, now, 0.005)
    assert cushion.note(0.0, now + 1.02) == "lengthen"
    assert cushion.late == 1
    held = queued_over(cushion, 70, now + 1.02, 0.03)
    shrinks = next(n for n, queued in enumerate(held) if queued < 0.03) / 50
    assert 59.5 < shrinks < 61


def test_a_cushion_grows_before_a_filter_that_takes_long():
    cushion = Cushion()
    queued_over(cushion, 1, 100.0, 0.003)
    assert cushion.carries(0.003) * 0.02 < 0.006
    held = queued_over(cushion, 0.2, 101.0, 0.003, coming=0.006)
    assert held[-1] >= 0.01
    assert cushion.carries(held[-1]) >= 0.006
    assert set(queued_over(cushion, 1, 102.0, 0.003, coming=0.0005)) == {0.003}


@pytest.fixture
def shell():
    """Give an interactive shell such as a notebook's, without a history file."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    yield made
    InteractiveShell.clear_instance()


CELL = "import time; time.sleep(0.02); seen.append(kernel.busy_for(time.monotonic()))"


def test_a_kernel_is_busy_while_a_cell_runs(shell):
    kernel, seen = Kernel(), []
    shell.push({"kernel": kernel, "seen": seen})
    assert kernel.busy_for(time.monotonic()) == 0
    shell.run_cell("kernel.watch(); " + CELL)
    assert seen[0] >= 0.02
    assert kernel.busy_for(time.monotonic()) == 0
    shell.run_cell(CELL)
    assert 0.02 <= seen[1] < 5
    assert kernel.busy_for(time.monotonic()) == 0


def test_a_cell_that_fails_ends_too(shell, capsys):
    kernel, seen = Kernel(), []
    shell.push({"kernel": kernel, "seen": seen})
    shell.run_cell("kernel.watch()")
    for cell in (CELL + "; 1 / 0", "this is no Python"):
        assert not shell.run_cell(cell).success
        assert kernel.busy_for(time.monotonic()) == 0
    assert seen[0] >= 0.02
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_looking_twice_is_looking_once(shell):
    before = {name: len(shell.events.callbacks[name]) for name in shell.events.callbacks}
    kernel = Kernel()
    kernel.watch()
    kernel.watch()
    after = {name: len(shell.events.callbacks[name]) for name in shell.events.callbacks}
    more = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert more == {"pre_execute": 1, "post_execute": 1}


def test_outside_of_a_notebook_nothing_is_busy():
    """In a process of its own, which has never imported IPython."""
    code = (
        "import sys, time\n"
        "from lkexplore.live.busy import Kernel\n"
        "kernel = Kernel(); kernel.watch()\n"
        "print(kernel.busy_for(time.monotonic()), 'IPython' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0.0", "False"]


def test_the_figures_are_shown_to_a_hundredth_of_a_millisecond():
    stats = LiveStats(7, 1, 0, 2, (0.123456, 1.0, 12.3456), 23.456789)
    assert repr(stats) == (
        "LiveStats(blocks=7, bypassed=1, dropped=0, late=2, "
        "process_ms=(0.12, 1.00, 12.35), latency_ms=23.46)"
    )
    assert stats.latency_ms == 23.456789


def test_what_a_stall_has_left_is_given_up_soon_but_for_the_last():
    """Half a minute after a stall of 0.2 s no more than the cushion of a busy kernel is left."""
    cushion, queued, now = Cushion(), 0.21, 100.0
    assert cushion.note(0.0, now) == "lengthen"
    left = {}
    for _ in range(150 * 50):
        now += 0.02
        if cushion.note(queued, now) == "shorten":
            cushion.shortened(now)
            queued -= 0.005
        left[round(now - 100.0)] = queued
    assert left[30] < 0.05
    assert left[70] > 0.02
    assert left[140] < 0.02
