from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lkexplore.errors import FileError, SoundError
from lkexplore.files import SoundWriter, load
from lkexplore.files.growing_wav import GrowingWav

RATE = 48000
SUFFIXES = ("wav", "flac")
FFMPEG = shutil.which("ffmpeg")
# The encoder holds back a block, and the sample by which it knows that the block is full.
BLOCK = 4097


def noise16(length: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise as a room gives it: int16, interleaved."""
    return np.random.RandomState(seed).randint(-9000, 9000, length * channels).astype(np.int16)


def by_ffmpeg(path: Path, channels: int = 1) -> np.ndarray:
    """Decode a file with another program; (n, channels) int16."""
    command = [FFMPEG, "-v", "error", "-i", str(path), "-f", "s16le", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout, "<i2").reshape(-1, channels)


def readings(path: Path, channels: int = 1) -> list[np.ndarray]:
    """Read a file with everything there is; (n, channels) int16 each."""
    floats = soundfile.read(path, dtype="float32", always_2d=True)[0]
    read = [load(path).to_int16().T, (floats * 32768).astype(np.int16)]
    return [*read, by_ffmpeg(path, channels)] if FFMPEG else read


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_went_in_comes_out(tmp_path: Path, suffix: str, channels: int) -> None:
    x = noise16(50_000, channels)
    with SoundWriter(tmp_path / f"x.{suffix}", RATE, channels) as file:
        for begin in range(0, 50_000, 480):
            file.write_int16(x[begin * channels : (begin + 480) * channels])
        assert file.frames == 50_000
        assert file.seconds == pytest.approx(50_000 / RATE)
    assert soundfile.info(file.path).subtype == "PCM_16"
    for read in readings(file.path, channels):
        assert np.array_equal(read, x.reshape(-1, channels))


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "FLOAT"), ("flac", "PCM_24")])
def test_floats_are_kept_as_finely_as_the_format_can(
    tmp_path: Path, noise, suffix: str, subtype: str, channels: int
) -> None:
    x = noise(20_000, channels)
    with SoundWriter(tmp_path / f"x.{suffix}", RATE, channels, exact16=False) as file:
        file.write(x[:, :7_000])
        file.write_int16(np.full(channels * 2, 16_384, np.int16))
        file.write(x[:, 7_000:])
    assert soundfile.info(file.path).subtype == subtype
    back = load(file.path).samples
    assert back[:, 7_000:7_002] == pytest.approx(0.5)
    assert np.delete(back, [7_000, 7_001], axis=1) == pytest.approx(x, abs=2**-23)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_floats_clip_where_integers_are_written(tmp_path: Path, suffix: str) -> None:
    with SoundWriter(tmp_path / f"x.{suffix}", RATE, 1) as file:
        file.write([0.5, 1.5, -1.5])
    assert load(file.path).to_int16().tolist() == [[16384, 32767, -32768]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_after_every_flush_the_file_is_whole(tmp_path: Path, suffix: str) -> None:
    x = noise16(30_000)
    with SoundWriter(tmp_path / f"x.{suffix}", RATE, 1) as file:
        for begin in range(0, 30_000, 10_000):
            file.write_int16(x[begin : begin + 10_000])
            file.flush()
            for read in readings(file.path):
                lacking = file.frames - len(read)
                assert 0 <= lacking <= (BLOCK if suffix == "flac" else 0)
                assert np.array_equal(read[:, 0], x[: len(read)])
            assert soundfile.info(file.path).frames == len(read)


def test_slow_sound_is_on_the_disk_as_soon(tmp_path: Path) -> None:
    with SoundWriter(tmp_path / "x.flac", 8000, 1) as file:
        file.write_int16(noise16(8000))
        file.flush()
        assert load(file.path).duration > 0.85


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_silence_has_its_length_and_its_place(tmp_path: Path, suffix: str) -> None:
    x = noise16(2_000, 2)
    with SoundWriter(tmp_path / f"x.{suffix}", RATE, 2) as file:
        file.silence(5_000)
        file.write_int16(x)
        file.silence(0)
        file.silence(100_000)
        file.write_int16(x)
    wanted = np.zeros((109_000, 2), np.int16)
    wanted[5_000:7_000] = wanted[107_000:] = x.reshape(-1, 2)
    for read in readings(file.path, 2):
        assert np.array_equal(read, wanted)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_at_all_can_be_loaded(tmp_path: Path, suffix: str) -> None:
    with SoundWriter(tmp_path / f"x.{suffix}", 16_000, 2) as file:
        file.flush()
        assert load(file.path).samples.shape == (2, 0)
    assert load(file.path).samples.shape == (2, 0)
    assert load(file.path).sample_rate == 16_000


@pytest.mark.parametrize("exact16", [True, False])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_large_wav_becomes_rf64(tmp_path: Path, channels: int, exact16: bool) -> None:
    x = noise16(20_000, channels).reshape(-1, channels)
    file = GrowingWav(
        tmp_path / "x.wav", RATE, channels, exact16=exact16, overwrite=False, largest=30_000
    )
    coded = x if exact16 else (x / 32768).astype(np.float32)
    for begin in range(0, 20_000, 2_000):
        file.append(coded[begin : begin + 2_000])
        file.sync()
        for read in readings(tmp_path / "x.wav", channels):
            assert np.array_equal(read, x[: begin + 2_000])
    file.finish()
    head = (tmp_path / "x.wav").read_bytes()
    assert (head[:4], head[12:16]) == (b"RF64", b"ds64")
    assert soundfile.info(tmp_path / "x.wav").format == "RF64"


@pytest.mark.parametrize("channels", [1, 2])
def test_beyond_4_gb_every_sample_has_its_place(tmp_path: Path, channels: int) -> None:
    """Nearly all of it is a hole that takes no room on the disk."""
    hole = 2**32 // (2 * channels) + 1_000
    x = noise16(RATE, channels)
    with SoundWriter(tmp_path / "x.wav", RATE, channels) as file:
        file.write_int16(x)
        file.flush()
        assert file.path.read_bytes()[:4] == b"RIFF"
        file.silence(hole)
        file.write_int16(x)
        file.flush()
    if os.stat(file.path).st_blocks * 512 > 2**30:
        pytest.skip("this file system has no holes")
    assert soundfile.info(file.path).frames == hole + 2 * RATE
    whole = (hole + 2 * RATE) / RATE
    for begin in (0.0, whole - 1.0):
        part = load(file.path, start=begin, end=begin + 1.0)
        assert np.array_equal(part.to_int16().T.ravel(), x)
    assert not load(file.path, start=1.0, end=2.0).samples.any()
    if FFMPEG:
        command = [FFMPEG, "-v", "error", "-ss", f"{whole - 1}", "-i", str(file.path)]
        done = subprocess.run([*command, "-f", "s16le", "-"], check=True, capture_output=True)
        assert np.array_equal(np.frombuffer(done.stdout, "<i2"), x)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.mp3", r"ends in \.mp3.*one of \.wav \.flac"),
        ("x", "no suffix"),
        ("nowhere/x.wav", "no folder"),
        ("folder.flac", "is a folder"),
        ("old.wav", "exists already.*overwrite=True"),
        ("old.flac", "exists already"),
        (f"{'x' * 300}.wav", "cannot be written"),
    ],
)
def test_places_where_nothing_can_be_written(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.flac").mkdir()
    (tmp_path / "old.wav").write_bytes(b"old")
    (tmp_path / "old.flac").write_bytes(b"old")
    with pytest.raises(FileError, match=words) as caught:
        SoundWriter(tmp_path / name, RATE, 1)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder.flac",
        "old.flac",
        "old.wav",
    ]
    assert (tmp_path / "old.wav").read_bytes() == b"old"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_old_file_is_replaced_when_asked_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"X.{suffix.upper()}"
    for length in (9_000, 5_000):
        with SoundWriter(path, RATE, 1, overwrite=True) as file:
            file.write_int16(noise16(length, seed=length))
    assert np.array_equal(load(path).to_int16()[0], noise16(5_000, seed=5_000))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_sound_is_refused_and_the_file_goes_on(tmp_path: Path, suffix: str) -> None:
    with SoundWriter(tmp_path / f"x.{suffix}", RATE, 2) as file:
        for wrong in (np.zeros(3, np.int16), np.zeros(2), np.zeros((2, 2), np.int16)):
            with pytest.raises(SoundError, match="multiple of 2"):
                file.write_int16(wrong)
        with pytest.raises(SoundError, match="2 channels"):
            file.write([0.0, 0.0])
        with pytest.raises(SoundError, match="NaN"):
            file.write([[np.nan], [0.0]])
        with pytest.raises(SoundError, match="0 or more"):
            file.silence(-1)
        file.write([[0.5], [0.25]])
    assert load(file.path).samples.tolist() == [[0.5], [0.25]]
    with pytest.raises(SoundError, match="1 to 64"):
        SoundWriter(tmp_path / "y.wav", RATE, 0)
    with pytest.raises(FileError, match="at most 8"):
        SoundWriter(tmp_path / "y.flac", RATE, 9)
    with pytest.raises(SoundError, match="1 to 768000"):
        SoundWriter(tmp_path / "y.wav", 0, 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_closed_file_says_so(tmp_path: Path, suffix: str) -> None:
    file = SoundWriter(tmp_path / f"x.{suffix}", RATE, 1)
    file.write_int16(noise16(100))
    file.close()
    file.close()
    for late in (lambda: file.write_int16(noise16(1)), file.flush, lambda: file.silence(1)):
        with pytest.raises(FileError, match="is closed"):
            late()
    assert load(file.path).samples.shape == (1, 100)


WRITING = """
import sys, time
import numpy as np
from lkexplore.files import SoundWriter
x = np.random.RandomState(0).randint(-9000, 9000, 4_800_000).astype(np.int16)
file = SoundWriter(sys.argv[1], 48000, 1)
for begin in range(0, len(x), 480):
    file.write_int16(x[begin : begin + 480])
    if begin % 4800 == 0:
        file.flush()
        print(file.frames, flush=True)
"""


@pytest.mark.realtime
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_process_leaves_all_that_was_flushed(tmp_path: Path, suffix: str) -> None:
    x = noise16(4_800_000)
    for attempt in range(6):
        path = tmp_path / f"{attempt}.{suffix}"
        child = subprocess.Popen(
            [sys.executable, "-c", WRITING, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        flushed = [int(child.stdout.readline())]
        time.sleep(random.Random(attempt).uniform(0, 0.2))
        child.kill()
        flushed += [int(line) for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
        if suffix == "flac" and flushed[-1] < 2 * BLOCK:
            assert load(path).duration < 1
            continue
        for read in readings(path):
            assert len(read) >= flushed[-1] - (BLOCK if suffix == "flac" else 0)
            assert np.array_equal(read[:, 0], x[: len(read)])


FULL_DISK = """
import resource, sys
import numpy as np
from lkexplore.errors import FileError
from lkexplore.files import SoundWriter
if sys.argv[2] != "real":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
x = np.random.RandomState(0).randint(-9000, 9000, 480_000).astype(np.int16)
try:
    file = SoundWriter(sys.argv[1], 48000, 1)
except FileError as error:
    sys.exit(f"not even begun: {error}")
errors = []
for begin in range(0, len(x), 480):
    try:
        file.write_int16(x[begin : begin + 480])
        if begin % 9600 == 0:
            file.flush()
    except FileError as error:
        errors.append(str(error))
        if len(errors) == 3:
            break
file.close()
assert len(set(errors)) == 1 and len(errors) == 3, errors
print(file.frames, begin, errors[0])
"""


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of a file")
@pytest.mark.parametrize("room", [200, 10_000, 65_537, 400_000])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_keeps_what_was_taken(tmp_path: Path, suffix: str, room: int) -> None:
    path = tmp_path / f"x.{suffix}"
    command = [sys.executable, "-c", FULL_DISK, str(path), str(room)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    assert "takes no more" in done.stdout
    kept, begin = (int(word) for word in done.stdout.split()[:2])
    # What it refused, and for a flac the block that was not full.
    assert begin - 2 * 480 - (2 * BLOCK if suffix == "flac" else 480) <= kept <= begin
    x = noise16(480_000)
    for read in readings(path) if kept else [load(path).to_int16().T]:
        assert np.array_equal(read[:, 0], x[:kept])


@pytest.mark.skipif(not shutil.which("unshare"), reason="no way to make a small disk")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_is_really_full(tmp_path: Path, suffix: str) -> None:
    disk, path = tmp_path / "disk", tmp_path / "disk" / f"x.{suffix}"
    disk.mkdir()
    # The disk is gone with the shell, so the file is copied out of it.
    script = (
        'mount -t tmpfs -o size=200k none "$1" || exit 77; "$2" -c "$3" "$4" real; cp "$4" "$5"'
    )
    command = ["unshare", "-rm", "sh", "-c", script, "sh", str(disk), sys.executable, FULL_DISK]
    copied = tmp_path / path.name
    done = subprocess.run([*command, str(path), str(copied)], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert "takes no more" in done.stdout, done.stderr
    kept = int(done.stdout.split()[0])
    assert kept > 80_000
    for read in readings(copied):
        assert np.array_equal(read[:, 0], noise16(480_000)[:kept])
