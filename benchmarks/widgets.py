"""Measure what a live scope costs the kernel: a real kernel, with and without one.

Run it as ``python benchmarks/widgets.py``. Somebody plays speech into a room of the embedded
server, from a process of its own; the kernel joins, and its CPU (user and system, all threads) is
measured with its room alone, and with a scope that a page looks at. The page is not part of it.
Figures depend on the machine and on what else runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from jupyter_client.manager import start_new_kernel

PLAYER = """
import asyncio, sys, lkexplore as lk
async def main():
    bot = await lk.bots.play("scope", lk.sample("speech"), "bob")
    print("here", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await bot.close()
asyncio.run(main())
"""
JOIN = """
import asyncio, time, psutil, lkexplore as lk
room = await lk.connect("scope")
await room.wait_for_track("bob")
async def share(seconds):
    me, began = psutil.Process(), time.monotonic()
    before = me.cpu_times()
    end = began + seconds
    while time.monotonic() < end:
        if scope is not None:
            scope._heard(scope, {"seen": True}, [])  # what a page says every second
        await asyncio.sleep(1)
    after = me.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / (time.monotonic() - began)
scope = None
"""


def run(client: object, code: str) -> str:
    """Run a cell; return what it has printed."""
    said: list[str] = []

    def hear(message: dict) -> None:
        content = message["content"]
        if message["msg_type"] == "error":
            raise ChildProcessError("\n".join(content["traceback"]))
        said.append(content.get("text", ""))

    client.execute_interactive(code, timeout=120, output_hook=hear)
    return "".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about half a minute, rougher")
    options = parser.parse_args()
    rounds, seconds = (2, 4) if options.quick else (5, 10)
    from lkexplore.room.embedded_server import shared_server

    found = shared_server()[0].credentials
    environment = {
        **os.environ,
        "LIVEKIT_URL": found.url,
        "LIVEKIT_API_KEY": found.api_key,
        "LIVEKIT_API_SECRET": str.__str__(found.api_secret),
    }
    player = subprocess.Popen(
        [sys.executable, "-c", PLAYER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    player.stdout.readline()
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    try:
        run(client, JOIN)
        without, with_one = [], []
        for _ in range(rounds):
            without.append(float(run(client, f"print(await share({seconds}))")))
            run(client, "scope = lk.Scope(room); scope")
            with_one.append(float(run(client, f"print(await share({seconds}))")))
            run(client, "scope.close(); scope = None")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        player.communicate()
    alone, both = statistics.median(without), statistics.median(with_one)
    print(f"A scope of one track, {rounds} rounds (load average {os.getloadavg()[0]:.1f})")
    print(f"  kernel with the room alone            {100 * alone:5.1f} %")
    print(f"  kernel with a scope                   {100 * both:5.1f} %")
    cost = 100 * (both - alone)
    verdict = "ok" if cost <= 10 else "MISSED"
    print(f"  the scope                             {cost:5.1f} %  ≤ 10  {verdict}")


if __name__ == "__main__":
    main()
