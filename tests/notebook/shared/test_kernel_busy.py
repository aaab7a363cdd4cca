"""How it is known that the kernel is busy, and what a live filter tells."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from lkexplore.live.stats import LiveStats
from lkexplore.notebook.shared.kernel_busy import Kernel


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
        "from lkexplore.notebook.shared.kernel_busy import Kernel\n"
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
