"""A script that just ends: the room is left in order, nothing aborts, nothing is printed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.realtime

ENDINGS = {
    "falls off the end": "",
    "raises": "raise SystemExit(3)",
    "records": """threading.Thread(
            target=lambda: lk.run(room.record('alice')), daemon=True
        ).start()
        time.sleep(0.5)""",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_the_room_is_left_at_exit(join, send, server, room_name, ending):
    watcher = await join("watcher")
    await send()
    code = f"""
        import json, sys, threading, time, warnings
        warnings.simplefilter("ignore")
        import lkexplore as lk
        where = json.loads(sys.stdin.readline())
        room = lk.run(lk.connect({room_name!r}, identity="guest", **where))
        bot = lk.run(lk.bots.play({room_name!r}, ([0.1] * 4800, 48000), "bob", **where))
        voice = lk.run(room.record("alice", 0.3))
        print(voice.duration, flush=True)
        {ENDINGS[ending]}
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(code),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(
        process.communicate(json.dumps(server.where).encode() + b"\n"), 30
    )
    ended = time.monotonic()
    assert (out.decode(), err.decode()) == ("0.3\n", "")
    assert process.returncode == (3 if ending == "raises" else 0)
    for _ in range(100):
        if not {"guest", "bob"} & set(watcher.participants):
            break
        await asyncio.sleep(0.05)
    assert time.monotonic() - ended < 2.0, "the server noticed only by itself"
