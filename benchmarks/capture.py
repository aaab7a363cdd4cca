"""Measure recording: completeness and fidelity, cost against the bare SDK, memory, import time.

Run it as ``python benchmarks/capture.py`` (about six minutes) or with ``--quick`` (one minute).
It uses the room server named by LKEXPLORE_TEST_URL, LKEXPLORE_TEST_KEY and LKEXPLORE_TEST_SECRET,
else the embedded one. Figures depend on the machine and on what else runs on it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

RATE = 48_000
HZ = 440
ROOM = "benchmark-capture"
WHERE = "LKEXPLORE_BENCHMARK_SERVER"


def server() -> dict[str, str]:
    url = os.environ.get("LKEXPLORE_TEST_URL")
    if url:
        key, secret = os.environ["LKEXPLORE_TEST_KEY"], os.environ["LKEXPLORE_TEST_SECRET"]
        return {"url": url, "api_key": key, "api_secret": secret}
    from lkexplore.embedded import shared_server

    found = shared_server()[0].credentials
    return {"url": found.url, "api_key": found.api_key, "api_secret": str(found.api_secret)}


def peak_rss() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def reset_peak_rss() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return peak_rss()


# The children: each is a process of its own that prints one JSON line.


async def play(where: dict[str, str]) -> None:
    import lkexplore as lk

    tone = 0.5 * np.sin(2 * np.pi * HZ * np.arange(RATE) / RATE)
    async with await lk.bots.play(ROOM, (tone, RATE), "tone", **where):
        print("{}", flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def record_with_lkexplore(
    where: dict[str, str], seconds: float, kind: str
) -> dict[str, float]:
    import lkexplore as lk

    # The last minute that a room keeps of every track is counted as work, not as the recording's
    # memory: it is there, and of one size, whether anything is recorded or not.
    kept = {} if kind == "as it comes" else {"memory": 0.0}
    async with lk.connect(ROOM, identity="ears", **kept, **where) as room:
        await room.record("tone", 1.0)
        await asyncio.sleep(0.2)
        before = reset_peak_rss()
        cpu, began = time.process_time(), time.perf_counter()
        if kind != "open end":
            recording = await room.record("tone", seconds)
        else:
            recording = await asyncio.wait_for(room.record("tone"), seconds)
        took = time.perf_counter() - began
        memory = peak_rss() - before
        recording_cpu = time.process_time() - cpu
        with tempfile.TemporaryDirectory() as folder:
            recording.save(Path(folder) / "tone.wav")
        cpu = time.process_time() - cpu
    samples = recording.samples[0]
    return {
        "cpu": cpu,
        "cpu of recording": recording_cpu,
        "took": took,
        "bytes per sample": memory / samples.size,
        "samples": samples.size,
        **fidelity(samples),
    }


async def record_with_the_sdk(where: dict[str, str], seconds: float) -> dict[str, float]:
    from livekit import api, rtc

    token = api.AccessToken(where["api_key"], where["api_secret"]).with_identity("ears")
    grants = api.VideoGrants(room_join=True, room=ROOM)
    room = rtc.Room()
    subscribed: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()
    room.on("track_subscribed", lambda track, *_: subscribed.set_result(track))
    await room.connect(where["url"], token.with_grants(grants).to_jwt())
    track = await subscribed
    await asyncio.sleep(1.2)
    cpu = time.process_time()
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    frames: list[rtc.AudioFrame] = []
    end = time.perf_counter() + seconds
    async for event in stream:
        frames.append(event.frame)
        if time.perf_counter() >= end:
            break
    await stream.aclose()
    recording_cpu = time.process_time() - cpu
    with tempfile.TemporaryDirectory() as folder, wave.open(f"{folder}/tone.wav", "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for frame in frames:
            file.writeframes(frame.data)
    cpu = time.process_time() - cpu
    await room.disconnect()
    return {"cpu": cpu, "cpu of recording": recording_cpu}


def fidelity(samples: np.ndarray) -> dict[str, float]:
    size = RATE // 10
    blocks = samples[: samples.size // size * size].reshape(-1, size).astype(np.float64)
    angle = 2 * np.pi * HZ * np.arange(size) / RATE
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    tone = (basis @ np.linalg.lstsq(basis, blocks.T, rcond=None)[0]).T
    snr = 10 * np.log10((tone**2).sum(1) / ((blocks - tone) ** 2).sum(1).clip(1e-20))
    short = samples[: samples.size // 480 * 480].reshape(-1, 480)
    return {
        "seconds": samples.size / RATE,
        "silent blocks": int((np.sqrt((short**2).mean(1)) < 0.01).sum()),
        "median SNR": float(np.median(snr)),
        "lowest SNR": float(snr.min()),
    }


def import_costs() -> dict[str, float]:
    """Time imports in fresh interpreters: the best of several, which is the least disturbed."""
    code = (
        "import sys, time; t = time.perf_counter(); import livekit.rtc; "
        "a = time.perf_counter(); import lkexplore; b = time.perf_counter(); "
        "lkexplore.connect, lkexplore.record, lkexplore.Room, lkexplore.bots; "
        "c = time.perf_counter(); "
        "heavy = [m for m in ('librosa', 'numba', 'matplotlib', 'av', 'aiortc') "
        "if m in sys.modules]; print(a - t, b - a, c - b, ','.join(heavy) or 'none')"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    parts = [run.stdout.split() for run in runs]
    return {
        "livekit.rtc ms": min(float(part[0]) for part in parts) * 1000,
        "lkexplore ms": min(float(part[1]) for part in parts) * 1000,
        "first use ms": min(float(part[2]) for part in parts) * 1000,
        "heavy": parts[0][3],
    }


# The parent.


def child(*arguments: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(arguments[:1])} failed:\n{run.stderr}")
    return dict(json.loads(run.stdout.splitlines()[-1]))


def table(title: str, rows: list[tuple[str, str, str, bool]]) -> None:
    print(f"\n{title}")
    print(f"  {'':42} {'measured':>14}  {'target':<18}")
    for name, value, target, met in rows:
        verdict = "" if not target else "ok" if met else "MISSED"
        print(f"  {name:42} {value:>14}  {target:<18} {verdict}")


def report(seconds: float, rounds: int) -> None:
    os.environ[WHERE] = json.dumps(server())  # not on command lines: those are public
    bot = subprocess.Popen(
        [sys.executable, __file__, "--child", "play"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if bot.stdout is None or not bot.stdout.readline():
            sys.exit("the bot that plays the tone did not start")
        ours, sdk = [], []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds} ...", file=sys.stderr)
            ours.append(child("lkexplore", str(seconds), "as it comes"))
            sdk.append(child("sdk", str(seconds)))
        short = str(min(seconds, 30.0))
        fixed = child("lkexplore", short, "length known")["bytes per sample"]
        loose = child("lkexplore", short, "open end")["bytes per sample"]
    finally:
        bot.communicate("")
    first = ours[0]
    off = abs(first["seconds"] - seconds)
    table(
        f"A {HZ} Hz tone through the room, {seconds:g} s",
        [
            ("seconds recorded", f"{first['seconds']:.3f}", f"{seconds:.2f} ± 0.02", off <= 0.02),
            (
                "silent blocks of 10 ms",
                f"{first['silent blocks']}",
                "0",
                not first["silent blocks"],
            ),
            (
                "median SNR of 100 ms, dB",
                f"{first['median SNR']:.1f}",
                "≥ 45",
                first["median SNR"] >= 45,
            ),
            ("lowest SNR of 100 ms, dB", f"{first['lowest SNR']:.1f}", "", True),
        ],
    )
    mine = float(np.median([run["cpu"] for run in ours]))
    theirs = float(np.median([run["cpu"] for run in sdk]))
    table(
        f"Cost of recording, median of {rounds}, processes alternating",
        [
            ("CPU of record() and save(), % of a core", f"{100 * mine / seconds:.2f}", "", True),
            ("CPU of the SDK's loop and a WAV, %", f"{100 * theirs / seconds:.2f}", "", True),
            ("ratio", f"{mine / theirs:.2f}", "≤ 1.15", mine / theirs <= 1.15),
            ("bytes per sample, length known", f"{fixed:.2f}", "≤ 4.4", fixed <= 4.4),
            ("bytes per sample, open end", f"{loose:.2f}", "≤ 4.4", loose <= 4.4),
        ],
    )
    costs = import_costs()
    table(
        "Importing",
        [
            ("import livekit.rtc, ms", f"{costs['livekit.rtc ms']:.0f}", "", True),
            (
                "import lkexplore after it, ms",
                f"{costs['lkexplore ms']:.0f}",
                "≤ 150",
                costs["lkexplore ms"] <= 150,
            ),
            ("its rooms on first use, ms", f"{costs['first use ms']:.0f}", "", True),
            (
                "heavy modules loaded after that",
                str(costs["heavy"]),
                "none",
                costs["heavy"] == "none",
            ),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 s, one round")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a recording")
    parser.add_argument("--rounds", type=int, default=3, help="recordings of each kind")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.child:
        report(*((10.0, 1) if options.quick else (options.seconds, options.rounds)))
        return
    kind, *rest = options.child
    where = json.loads(os.environ[WHERE])
    if kind == "play":
        asyncio.run(play(where))
    elif kind == "sdk":
        print(json.dumps(asyncio.run(record_with_the_sdk(where, float(rest[0])))))
    else:
        found = record_with_lkexplore(where, float(rest[0]), rest[1])
        print(json.dumps(asyncio.run(found)))


if __name__ == "__main__":
    main()
