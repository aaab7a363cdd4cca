from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lkexplore.errors import FileError
from lkexplore.files import ClippedWarning, load, save
from lkexplore.measure import lag_seconds, snr_db, tone_hz
from lkexplore.sound.recording import Recording


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_loses_nothing(tmp_path: Path, noise, rate: int, channels: int) -> None:
    x = 20 * noise(5000, channels)
    Recording(x, rate).save(tmp_path / "x.wav")
    back = load(tmp_path / "x.wav")
    assert np.array_equal(back.samples, x)
    assert (back.sample_rate, back.name) == (rate, "x")


def test_flac_gives_back_16_and_24_bits_exactly(tmp_path: Path) -> None:
    x = np.random.RandomState(0).randint(-32768, 32768, (2, 5000)).astype(np.int16)
    recording = Recording.from_int16(x, 48000)
    save(recording, tmp_path / "x.flac")
    assert np.array_equal(load(tmp_path / "x.flac").to_int16(), x)
    fine = Recording(np.array([1, -1, 8388607, -8388608]) / 2**23, 48000)
    save(fine, tmp_path / "x.flac", overwrite=True)
    assert np.array_equal(load(tmp_path / "x.flac").samples, fine.samples)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_16_bits_come_back_exactly_when_asked_for(tmp_path: Path, suffix: str) -> None:
    x = np.arange(-32768, 32768).astype(np.int16)
    path = tmp_path / f"x.{suffix}"
    save(Recording.from_int16(x, 8000), path, subtype="PCM_16")
    assert soundfile.info(path).subtype == "PCM_16"
    assert np.array_equal(load(path).to_int16()[0], x)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_files_keep_pitch_level_and_place(
    tmp_path: Path, tone, suffix: str, channels: int
) -> None:
    one = tone(440, peak=0.5, seconds=2).samples[0]
    sound = Recording(np.stack([one] * channels), 48000)
    path = tmp_path / f"x.{suffix}"
    sound.save(path)
    back = load(path)
    assert back.channels == channels
    assert back.sample_rate == 48000
    assert back.duration == pytest.approx(2.0, abs=0.06)
    assert tone_hz(back) == pytest.approx(440, abs=0.02)
    assert back.rms_dbfs == pytest.approx(-6.02, abs=0.2)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_files_are_not_late(tmp_path: Path, suffix: str) -> None:
    from lkexplore.files.sample_sounds import sample

    speech = sample("speech")
    path = tmp_path / f"x.{suffix}"
    speech.save(path)
    assert abs(lag_seconds(speech, load(path))) < 1e-4
    assert snr_db(speech, load(path)) > 10


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_bit_depth_is_read_at_its_level(tmp_path: Path, tone, subtype: str) -> None:
    sound = tone(1000, peak=0.5)
    soundfile.write(tmp_path / "x.wav", sound.samples[0], 48000, subtype=subtype)
    assert load(tmp_path / "x.wav").rms_dbfs == pytest.approx(-6.02, abs=0.01)


def test_every_channel_is_read_in_its_place(tmp_path: Path) -> None:
    x = np.arange(1, 7)[:, None] * np.ones((6, 1000)) / 10
    save((x, 48000), tmp_path / "x.flac")
    assert load(tmp_path / "x.flac").samples == pytest.approx(x, abs=1e-6)


def test_long_ogg_is_whole(tmp_path: Path) -> None:
    save((np.zeros((2, 48000 * 120), np.float32), 48000), tmp_path / "x.ogg")
    assert load(tmp_path / "x.ogg").duration == 120


@pytest.mark.parametrize("length", [0, 1, 2, 100])
@pytest.mark.parametrize("suffix", ["wav", "ogg"])
def test_short_recordings_are_kept(tmp_path: Path, suffix: str, length: int) -> None:
    save((np.zeros(length), 48000), tmp_path / f"x.{suffix}")
    assert load(tmp_path / f"x.{suffix}").samples.shape == (1, length)


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_formats_that_cannot_be_empty_say_so(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FileError, match="without samples"):
        save(([], 48000), tmp_path / f"x.{suffix}")
    assert only(tmp_path) == []


def test_clipping_is_counted_and_warned_of_once(tmp_path: Path) -> None:
    loud = Recording([[0.5, 1.5, -2.0], [0.0, 1.0, 7.0]], 48000)
    with pytest.warns(ClippedWarning, match="3 of 6 samples") as caught:
        loud.save(tmp_path / "x.flac")
    assert len(caught) == 1
    back = load(tmp_path / "x.flac").samples
    assert back == pytest.approx(np.clip(loud.samples, -1, 1), abs=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loud.save(tmp_path / "x.wav")
        Recording([1.0, -1.0], 48000).save(tmp_path / "x.flac", overwrite=True)
    assert np.array_equal(load(tmp_path / "x.wav").samples, loud.samples)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_no_integer_ever_wraps(tmp_path: Path, subtype: str) -> None:
    with pytest.warns(ClippedWarning):
        save(([1.5, -1.5], 48000), tmp_path / "x.wav", subtype=subtype)
    assert load(tmp_path / "x.wav").samples[0] == pytest.approx([1, -1], abs=0.01)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x", "no suffix.*wav .flac .ogg .mp3"),
        ("x.txt", r"ends in \.txt"),
        ("nowhere/x.wav", "no folder"),
        ("x.wav/y.wav", "no folder"),
        ("folder.wav", "is a folder"),
        (f"{'x' * 300}.wav", "cannot be written"),
    ],
)
def test_paths_that_cannot_be_written(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "x.wav").write_bytes(b"old")
    with pytest.raises(FileError, match=words) as caught:
        save(([0.0], 48000), tmp_path / name)
    assert "\n" not in str(caught.value)
    assert only(tmp_path) == ["folder.wav", "x.wav"]
    assert (tmp_path / "x.wav").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "channels", "rate", "words"),
    [
        ("x.mp3", 3, 48000, "at most 2"),
        ("x.flac", 9, 48000, "at most 8"),
        ("x.mp3", 1, 96000, "resample"),
        ("x.mp3", 1, 9000, "8000, 11025"),
        ("x.ogg", 1, 384000, "up to 192000 Hz"),
        ("x.flac", 1, 768000, "up to 655350 Hz"),
        ("x.flac", 1, 100_001, "in tens"),
    ],
)
def test_formats_say_what_they_cannot_hold(
    tmp_path: Path, name: str, channels: int, rate: int, words: str
) -> None:
    with pytest.raises(FileError, match=words):
        save((np.zeros((channels, 100)), rate), tmp_path / name)
    assert only(tmp_path) == []


def test_unknown_subtypes_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="PCM_24"):
        save(([0.0], 48000), tmp_path / "x.flac", subtype="FLOAT")


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save((np.zeros(10), 48000), tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_bytes(b"RIFF" + os.urandom(200))
    (tmp_path / "empty.flac").write_bytes(b"")
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 48000, subtype="FLOAT")
    for name, words in [
        ("missing.wav", "there is no file"),
        (".", "is a folder"),
        ("good.wav/x.wav", "there is no file"),
        ("bad.wav", "cannot be read as sound"),
        ("empty.flac", "cannot be read as sound"),
        ("nan.wav", "1 NaN"),
    ]:
        with pytest.raises(FileError, match=words) as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_cut_off_file_gives_what_is_there_or_an_error(tmp_path: Path, noise) -> None:
    save((noise(48000), 48000), tmp_path / "x.wav")
    data = (tmp_path / "x.wav").read_bytes()
    (tmp_path / "half.wav").write_bytes(data[: len(data) // 2])
    half = load(tmp_path / "half.wav")
    assert half.duration == pytest.approx(0.5, abs=0.001)
    assert np.array_equal(half.samples, noise(48000)[:, : half.samples.shape[1]])


@pytest.mark.filterwarnings("ignore:.* is broken after")
@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_a_cut_off_compressed_file_gives_what_is_there_or_an_error(
    tmp_path: Path, suffix: str, noise
) -> None:
    path = tmp_path / f"x.{suffix}"
    save((noise(96_000), 48000), path)
    data = path.read_bytes()
    for share in (0.001, 0.01, 0.1, 0.5, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        try:
            part = load(path)
        except FileError:
            continue
        assert part.duration < 2


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path) -> None:
    save((np.zeros(1000), 48000), tmp_path / "x.wav", subtype="PCM_16")
    data = bytearray((tmp_path / "x.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = (2**31 - 2).to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(data)
    assert load(tmp_path / "x.wav").samples.shape == (1, 1000)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    save(([0.0], 48000), tmp_path / "real.wav")
    (tmp_path / "link.wav").symlink_to("real.wav")
    with pytest.raises(FileError, match=r"real\.wav exists already"):
        save(([0.5], 48000), tmp_path / "link.wav")
    save(([0.5], 48000), tmp_path / "link.wav", overwrite=True)
    assert (tmp_path / "link.wav").is_symlink()
    assert load(tmp_path / "real.wav").samples.tolist() == [[0.5]]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that nobody can write to")
def test_a_folder_that_takes_no_files() -> None:
    with pytest.raises(FileError, match="cannot be written"):
        save(([0.0], 48000), "/proc/self/x.wav")


FULL_DISK = """
import resource, signal, sys
import numpy as np
from lkexplore.errors import FileError
from lkexplore.files import save
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
noise = np.random.RandomState(0).uniform(-1, 1, (2, 480000))
try:
    save((noise, 48000), sys.argv[2], overwrite=True)
except FileError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 100, 20_000, 90_000])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, suffix: str, room: int
) -> None:
    path = tmp_path / f"x.{suffix}"
    save((np.full(4800, 0.25), 48000), path)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(room), str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "cannot be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert only(tmp_path) == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, io.BytesIO])
def test_the_contents_of_a_file_are_as_good_as_the_file(
    tmp_path: Path, tone, suffix: str, form: Callable
) -> None:
    path = tmp_path / f"x.{suffix}"
    tone(440, peak=0.5).save(path)
    given, wanted = load(form(path.read_bytes())), load(path)
    assert np.array_equal(given.samples, wanted.samples)
    assert (given.name, given.sample_rate) == (None, wanted.sample_rate)
    assert tone_hz(load(form(path.read_bytes()), start=0.2, end=0.8)) == pytest.approx(440, abs=0.1)


def test_an_open_file_is_read_from_where_it_stands(tmp_path: Path, tone) -> None:
    tone(440).save(tmp_path / "x.wav")
    with (tmp_path / "x.wav").open("rb") as file:
        assert tone_hz(load(file)) == pytest.approx(440, abs=0.1)
    with (tmp_path / "x.txt").open("w+") as file, pytest.raises(FileError, match="mode 'rb'"):
        load(file)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere names are made of letters")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_name_of_any_bytes_is_a_name(tmp_path: Path, tone, suffix: str) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/Gr\xfc\xdfe." + suffix.encode())
    tone(440, peak=0.5).save(path)
    back = load(path)
    assert tone_hz(back) == pytest.approx(440, abs=0.1)
    assert back.name == "Gr??e"
    Path(path).write_bytes(b"nothing of use" * 50)
    with pytest.raises(FileError) as raised:
        load(path)
    str(raised.value).encode()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.raw", bytes(1000), "has no header .*numpy.fromfile"),
        ("x.mp3", b"<html>404 not found</html>" * 50, "is a web page"),
        ("x.wav", b"\n <!DOCTYPE html><html>", "is a web page"),
        ("x.mp3", b"nothing of use" * 50, "there is no sound in it"),
        ("x.wav", b"nothing of use" * 50, "cannot be read as sound"),
    ],
)
def test_what_is_no_sound_says_what_it_is(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=words) as raised:
        load(tmp_path / name)
    assert name in str(raised.value)
    assert "does not exist" not in str(raised.value)


def test_addresses_and_what_is_no_path_are_refused() -> None:
    with pytest.raises(
        FileError, match=r"'https://example\.com/a\.wav' is an address: download it"
    ):
        load("https://example.com/a.wav")
    for wrong in (None, 5, [1], Recording([0.0], 8000), "", "a\0b"):
        with pytest.raises(FileError, match=r"is no (sound file|path)"):
            load(wrong)
    with pytest.raises(FileError, match="what was given cannot be read as sound"):
        load(b"nothing of use" * 50)


def test_opus_says_which_rates_it_holds(tmp_path: Path, tone) -> None:
    sound = tone(440, peak=0.5)
    with pytest.raises(FileError, match=r"44100 Hz but 8000, .*48000 Hz: use resample\(48000\)"):
        sound.resample(44_100).save(tmp_path / "x.ogg", subtype="OPUS")
    assert only(tmp_path) == []
    sound.save(tmp_path / "x.ogg", subtype="OPUS")
    assert tone_hz(load(tmp_path / "x.ogg")) == pytest.approx(440, abs=0.1)
