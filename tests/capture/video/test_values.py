"""Video as a value, and as a file, without a room."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np
import pytest
import sights
from sights import SIZE, colour_error, number_of, numbered

from lkexplore.capture.video.video_recording import VideoRecording
from lkexplore.errors import FileError, LkExploreError
from lkexplore.sound.timing import Gap


def film(count: int = 30, fps: float = 30.0, size: tuple[int, int] = SIZE) -> VideoRecording:
    frames = np.stack([numbered(number, size) for number in range(count)])
    return VideoRecording(frames, np.arange(count) / fps, count / fps, identity="alice")


def test_it_is_indexed_and_cut_by_seconds():
    video = film()
    assert video.size == SIZE
    assert video.fps == pytest.approx(30)
    assert number_of(video[0.5]) == 15
    assert number_of(video[0.51]) == 15
    assert number_of(video[-0.1]) == 27
    assert number_of(video[99]) == 29
    part = video[0.5:0.8]
    assert [number_of(image) for image in part.frames] == list(range(15, 24))
    assert part.duration == pytest.approx(0.3)
    assert part.timestamps[0] == pytest.approx(0)
    with pytest.raises(LkExploreError, match="no time"):
        video["x"]
    with pytest.raises(TypeError):
        iter(video)


def test_it_cannot_be_changed_and_says_what_it_is():
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    video = VideoRecording(
        frames, [0.0, 0.5], 1.0, gaps=[Gap(0.5, 5.0, "muted")], dropped=3, identity="<alice>"
    )
    with pytest.raises(ValueError, match="read-only"):
        video.frames[0] = 1
    frames[0] = 1
    assert video.gaps == (Gap(0.5, 1.0, "muted"),)
    assert repr(video) == (
        "VideoRecording(1.000 s, 2 pictures of 6x4, 2.0 fps, of '<alice>', 1 gap (0.500 s), "
        "3 dropped)"
    )
    page = video._repr_html_()
    assert page.count("data:image/jpeg") == 2
    assert "<alice>" not in page


@pytest.mark.parametrize(
    ("frames", "times", "duration"),
    [
        (np.zeros((2, 4, 6), np.uint8), [0, 1], 1),
        (np.zeros((2, 4, 6, 3)), [0, 1], 1),
        (np.zeros((2, 4, 6, 3), np.uint8), [0], 1),
        (np.zeros((2, 4, 6, 3), np.uint8), [1, 0], 1),
        (np.zeros((2, 4, 6, 3), np.uint8), [0, 2], 1),
        (np.zeros((0, 4, 6, 3), np.uint8), [], float("nan")),
    ],
)
def test_what_is_no_video_is_refused(frames, times, duration):
    with pytest.raises(LkExploreError, match=r"are no video|timestamps must be"):
        VideoRecording(frames, times, duration)


def test_a_file_gives_back_pictures_and_times(tmp_path):
    video = film()
    times = np.sort(np.random.default_rng(0).uniform(0, 0.99, 30))
    times[0] = 0
    uneven = VideoRecording(video.frames, times, 1.0)
    saved = uneven.save(tmp_path / "a.mp4")
    back = saved.load()
    assert [number_of(image) for image in back.frames] == list(range(30))
    assert max(colour_error(image) for image in back.frames) < 12
    np.testing.assert_allclose(back.timestamps, times, atol=1 / 45_000)
    part = saved.load(0.5, 0.8)
    inside = [n for n, t in enumerate(times) if 0.5 <= t < 0.8]
    assert [number_of(image) for image in part.frames] == inside
    with av.open(str(saved.path)) as container:
        assert container.duration / 1e6 == pytest.approx(1.0, abs=0.04)
    with pytest.raises(LkExploreError, match="more than max_bytes"):
        saved.load(max_bytes=1000)
    with pytest.raises(LkExploreError, match="cannot load from"):
        saved.load(3, 2)


def test_odd_sizes_lose_a_row_and_a_column(tmp_path):
    saved = film(5, size=(321, 241)).save(tmp_path / "odd.mp4")
    assert saved.size == (320, 240)
    assert [number_of(image) for image in saved.load().frames] == list(range(5))


def test_files_that_cannot_be_are_refused(tmp_path):
    video = film(2)
    with pytest.raises(FileError, match=r"does not end in \.mp4"):
        video.save(tmp_path / "a.avi")
    with pytest.raises(FileError, match="there is no folder"):
        video.save(tmp_path / "none" / "a.mp4")
    saved = video.save(tmp_path / "a.mp4")
    with pytest.raises(FileError, match="is there already"):
        video.save(tmp_path / "a.mp4")
    video.save(tmp_path / "a.mp4", overwrite=True)
    with pytest.raises(LkExploreError, match="without pictures"):
        video[0:0].save(tmp_path / "b.mp4")
    saved.path.write_bytes(b"nothing")
    with pytest.raises(FileError, match="cannot be read"):
        saved.load()


_GROWING = """
import os, resource, sys
import numpy as np
sys.path.insert(0, {tests!r})
from sights import numbered
from lkexplore.errors import FileError
from lkexplore.capture.video.growing_mp4 import Mp4File
from lkexplore.capture.video.save import _planes
from pathlib import Path
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
file = Mp4File(Path(sys.argv[1]), (320, 240), channels=2)
rng = np.random.default_rng(0)
try:
    for number in range(100_000):
        image = numbered(number % 4096)
        image[:160] = np.minimum(image[:160] + rng.integers(0, 20, (160, 320, 1)), 255)
        file.add_picture(_planes(image), number / 30)
        file.add_sound(rng.integers(-999, 999, (1600, 2)).astype(np.int16))
        print(number, flush=True)
except FileError as error:
    file.abandon()
    print("error:", error, flush=True)
"""


def grow(path: Path, limit: int = 0) -> subprocess.Popen[str]:
    script = textwrap.dedent(_GROWING.format(tests=os.path.dirname(sights.__file__)))
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path), str(limit)], stdout=subprocess.PIPE, text=True
    )


def numbers_in(path: Path) -> tuple[list[int], float]:
    with av.open(str(path)) as container:
        numbers = [number_of(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = sum(frame.samples for frame in container.decode(audio=0)) / 48_000
    return numbers, sound


@pytest.mark.realtime
def test_a_killed_process_leaves_all_but_the_last_second(tmp_path):
    child = grow(tmp_path / "a.mp4")
    written = 0
    while written < 150:
        written = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    written = max([written, *(int(line) for line in child.stdout if line.strip().isdigit())])
    child.wait(10)
    numbers, sound = numbers_in(tmp_path / "a.mp4")
    assert numbers == list(range(len(numbers)))
    assert written - len(numbers) < 30
    assert written / 30 - sound < 1.0


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_is_said_and_keeps_what_is_there(tmp_path):
    child = grow(tmp_path / "a.mp4", limit=1_000_000)
    said = child.communicate(timeout=60)[0].splitlines()
    assert said[-1].startswith("error: ")
    assert "cannot be written: File too large" in said[-1]
    assert child.returncode == 0
    numbers, _ = numbers_in(tmp_path / "a.mp4")
    assert len(numbers) > 30
    assert numbers == list(range(len(numbers)))
    assert len(said) - 1 - len(numbers) < 45
