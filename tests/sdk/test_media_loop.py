"""The media loop and run(): bridging, cancelling, synchronous code, forks and the exit."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import pytest

from lkexplore.errors import LkExploreError
from lkexplore.sdk.media_loop import (
    MediaUse,
    finish_within,
    media_loop,
    on_loop,
    on_media_loop,
)
from lkexplore.sdk.synchronous import run


@on_media_loop
async def where_am_i() -> tuple[str, asyncio.AbstractEventLoop]:
    await asyncio.sleep(0)
    return threading.current_thread().name, asyncio.get_running_loop()


async def test_work_runs_on_the_media_thread():
    name, loop = await where_am_i()
    assert name == "lkexplore-media"
    assert loop is media_loop() is not asyncio.get_running_loop()


async def test_on_the_media_loop_itself_it_is_simply_awaited():
    @on_media_loop
    async def outer() -> bool:
        task = asyncio.current_task()

        @on_media_loop
        async def inner() -> bool:
            return asyncio.current_task() is task

        return await inner()

    assert await outer()


async def test_errors_come_back():
    @on_media_loop
    async def fail() -> None:
        raise LookupError("nothing here")

    with pytest.raises(LookupError, match="nothing here"):
        await fail()


async def test_cancelling_is_forwarded_and_a_returned_value_is_given_back():
    stopped = threading.Event()

    @on_media_loop
    async def gather() -> str:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            return "what there was"
        return "all"

    @on_media_loop
    async def sleep() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()

    for work, expected in ((gather, "what there was"), (sleep, None)):
        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        if expected is None:
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            assert await task == expected
    assert stopped.is_set()


async def test_cancelling_twice_no_longer_waits():
    @on_media_loop
    async def stubborn() -> None:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.5


async def test_a_caller_that_blocks_does_not_stop_the_media_loop():
    ticks: list[float] = []

    @on_media_loop
    async def tick() -> None:
        for _ in range(20):
            ticks.append(time.monotonic())
            await asyncio.sleep(0.02)

    task = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    time.sleep(0.6)  # noqa: ASYNC251
    blocked_until = time.monotonic()
    await task
    assert len(ticks) == 20
    assert ticks[-1] < blocked_until


async def test_work_for_a_foreign_loop_runs_there():
    mine = asyncio.get_running_loop()

    async def whose() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    @on_media_loop
    async def from_the_media_loop() -> asyncio.AbstractEventLoop:
        return await on_loop(mine, whose())

    assert await from_the_media_loop() is mine


async def test_late_work_is_undone():
    undone: list[str] = []

    async def work() -> str:
        await asyncio.sleep(0.2)
        return "a ghost"

    async def undo(result: str) -> None:
        undone.append(result)

    with pytest.raises(TimeoutError):
        await finish_within(work(), 0.05, undo)
    assert undone == []
    await asyncio.sleep(0.3)
    assert undone == ["a ghost"]
    task = asyncio.create_task(finish_within(work(), 5, undo))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.3)
    assert undone == ["a ghost", "a ghost"]
    assert await finish_within(work(), 5, undo) == "a ghost"
    assert undone == ["a ghost", "a ghost"]


def test_the_switch_interval_is_counted_and_restored():
    before = sys.getswitchinterval()
    with MediaUse() as first:
        second = MediaUse()
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        first.end()
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        second.end()
        second.end()
        assert sys.getswitchinterval() == pytest.approx(before)
    assert sys.getswitchinterval() == pytest.approx(before)
    with MediaUse():
        sys.setswitchinterval(0.01)
    assert sys.getswitchinterval() == pytest.approx(0.01)
    sys.setswitchinterval(before)


def test_run_in_plain_code():
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert run(answer()) == 42
    assert run(where_am_i())[0] == "lkexplore-media"
    with pytest.raises(LookupError):
        run(_fail())


async def _fail() -> None:
    raise LookupError


def test_run_in_another_thread():
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(run(where_am_i())[0]))
    thread.start()
    thread.join(5)
    assert results == ["lkexplore-media"]


async def test_run_on_the_media_loop_is_refused():
    @on_media_loop
    async def wrong() -> None:
        run(asyncio.sleep(0))

    with pytest.raises(LkExploreError, match="use await here"):
        await wrong()


def script(code: str, *, interrupt_after: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script of its own; nest-asyncio patches, signals and exits stay inside it."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if interrupt_after is not None:
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(interrupt_after)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


PARTIAL = """
    import asyncio, lkexplore as lk
    from lkexplore.sdk.media_loop import on_media_loop
    @on_media_loop
    async def collect():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return "what there was"
"""


def test_an_interrupt_in_plain_code_gives_what_there_was():
    done = script(
        PARTIAL + "    print('go', flush=True); print(lk.run(collect()))", interrupt_after=0.5
    )
    assert (done.stdout, done.stderr, done.returncode) == ("what there was\n", "", 0)


def test_an_interrupt_of_anything_else_is_an_interrupt():
    done = script(
        "import asyncio, lkexplore as lk; print('go', flush=True); lk.run(asyncio.sleep(30))",
        interrupt_after=0.5,
    )
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_run_nests_in_a_running_loop_and_takes_interrupts():
    code = """
    async def soon():
        return await asyncio.wait_for(collect(), 0.1)
    def plain():
        assert lk.run(asyncio.sleep(0.01, "nested")) == "nested"
        print("go", flush=True)
        print(lk.run(collect()))
    async def main():
        other = asyncio.create_task(asyncio.sleep(0.3, "beside"))
        plain()
        print(await other, await soon())
    asyncio.run(main())
    """
    done = script(PARTIAL + code, interrupt_after=0.6)
    assert done.stdout == "what there was\nbeside what there was\n", done.stderr
    assert done.returncode == 0


REPL = """
import asyncio, lkexplore as lk
from lkexplore.sdk.media_loop import on_media_loop
loop = asyncio.get_running_loop()
said = []
for n in range(5): loop.call_soon(said.append, n)

print("first", lk.run(asyncio.sleep(0.05, "nested")))
@on_media_loop
async def over_there(): await asyncio.sleep(0.05); return "there"

for n in range(3):
    loop.call_soon(said.append, n)
    print("again", lk.run(over_there()), await asyncio.sleep(0, "awaited"))

print("all", said)
try: lk.run(asyncio.wait_for(asyncio.sleep(9), 0.05))
except TimeoutError as error: print("error", error.__context__)

print("still", await asyncio.sleep(0.05, "alive"))
"""


def test_run_in_pythons_own_asyncio_shell():
    """Its loop ran before it was made to nest: it goes on, again and again, and loses nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "asyncio"],
        input=REPL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "IndexError" not in done.stderr
    said = done.stdout.replace(">>> ", "").replace("... ", "").splitlines()
    assert "first nested" in said
    assert said.count("again there awaited") == 3
    assert "all [0, 1, 2, 3, 4, 0, 1, 2]" in said
    assert "still alive" in said


def test_an_error_that_comes_through_run_is_told_alone():
    for wait in (lambda: run(_fail()), lambda: run(_fail_over_there())):
        with pytest.raises(LookupError) as caught:
            wait()
        text = "".join(traceback.format_exception(caught.value))
        assert text.count("Traceback") == 1
        assert "no running event loop" not in text
        assert "During handling" not in text
        assert text.rstrip().endswith("LookupError")


@on_media_loop
async def _fail_over_there() -> None:
    await _fail()


def test_an_error_that_comes_through_a_nested_run_is_told_alone():
    code = """
    import asyncio, traceback, lkexplore as lk
    async def fail(): raise LookupError("alone")
    async def main():
        try: lk.run(fail())
        except LookupError as error: traceback.print_exception(error)
    asyncio.run(main())
    """
    done = script(code)
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.rstrip().endswith("LookupError: alone")


def test_what_is_nothing_to_wait_for_is_told():
    with pytest.raises(LkExploreError, match=r"run\(\) was given 5, which is nothing to wait for"):
        run(5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_after_first_use_is_told_why_it_cannot():
    done = script(
        """
        import os, lkexplore as lk
        from lkexplore.sdk.media_loop import media_loop
        media_loop()
        child = os.fork()
        if child == 0:
            try:
                media_loop()
            except lk.LkExploreError as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """
    )
    assert "forked" in done.stdout
    assert "spawn" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_before_first_use_works():
    done = script(
        """
        import os, asyncio, lkexplore as lk
        from lkexplore.sdk.media_loop import on_media_loop
        import lkexplore.sdk.media_loop
        child = os.fork()
        if child == 0:
            @on_media_loop
            async def hello():
                return "hello"
            print(lk.run(hello()), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """
    )
    assert done.stdout == "hello\n"
