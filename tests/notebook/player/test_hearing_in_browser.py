"""What the players make audible: the page's sound is captured sample by sample."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jupyter_page import Lab, Page

from lkexplore.notebook.page import module

# Everything that the page plays goes through a worklet that keeps it.
CAPTURE = """async () => {
  const context = new AudioContext({ sampleRate: 48000 });
  const source = `registerProcessor("keep", class extends AudioWorkletProcessor {
    process(inputs) {
      const [input] = inputs;
      const samples = input.length ? input[0] : new Float32Array(128);
      this.port.postMessage(samples.slice());
      return true;
    }
  })`;
  const file = new Blob([source], { type: "text/javascript" });
  await context.audioWorklet.addModule(URL.createObjectURL(file));
  const keep = new AudioWorkletNode(context, "keep");
  keep.connect(context.destination);
  globalThis.captured = [];
  globalThis.sounded = 0;
  keep.port.onmessage = ({ data }) => {
    globalThis.captured.push(data);
    if (data.some((sample) => sample)) globalThis.sounded += data.length / 48000;
  };
  Object.defineProperty(context, "destination", { value: keep });
  globalThis.__lkexplore_context = context;
}"""

# A file's page has no worklets.
CAPTURE_IN_A_FILE = """() => {
  const context = new AudioContext();
  const look = new AnalyserNode(context, { fftSize: 2048 });
  look.connect(context.destination);
  Object.defineProperty(context, "destination", { value: look });
  globalThis.__lkexplore_context = context;
  const samples = new Float32Array(2048);
  globalThis.loudest = () => {
    look.getFloatTimeDomainData(samples);
    return Math.max(...samples);
  };
}"""

TAKE = """async () => {
  globalThis.sounded = 0;
  const whole = new Blob(globalThis.captured.splice(0));
  const reader = new FileReader();
  reader.readAsDataURL(whole);
  await new Promise((done) => (reader.onload = done));
  return reader.result.split(",")[1] ?? "";
}"""

RATE = 48_000

# Sounds whose sum or whose silence a switch with a gap, or out of step, would show.
SOUNDS = """
import numpy as np, lkexplore as lk
from lkexplore.notebook.ab.abx import abx
from lkexplore.notebook.ab.ab_player import ab
t = np.arange(4 * 48000) / 48000
a = lk.Recording((0.5 * np.sin(2 * np.pi * 1000 * t)).astype("f4"), 48000, name="a")
b = lk.Recording((0.25 * np.sin(2 * np.pi * 1000 * t)).astype("f4"), 48000, name="b")
ramp = lk.Recording((0.2 + 0.6 * t / 4).astype("f4"), 48000, name="ramp")
"""


def taken(page: Page) -> np.ndarray:
    """Return what was heard since the last time."""
    return np.frombuffer(base64.b64decode(page.page.evaluate(TAKE)), np.float32)


def sounded(page: Page, seconds: float) -> None:
    """Wait until so much was heard."""
    page.page.wait_for_function(f"globalThis.sounded >= {seconds}")


def sounding(heard: np.ndarray) -> np.ndarray:
    """Return it without the silence around."""
    there = np.flatnonzero(heard)
    assert there.size, "nothing was heard"
    return heard[there[0] : there[-1] + 1]


def frequency(heard: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    return float(np.argmax(spectrum) * RATE / heard.size)


@pytest.fixture
def opened(lab: Lab, page: Page) -> Any:
    """Open a notebook in which cell 1 shows a player."""

    def open_(name: str, shown: str) -> Page:
        page.open(lab.notebook(name, SOUNDS, shown))
        page.page.evaluate(CAPTURE)
        page.run(0)
        page.run(1)
        page.page.wait_for_selector(".lkx-stage")
        page.page.locator(".lkx-stage").first.focus()
        return page

    return open_


def wait(page: Page, seconds: float) -> None:
    page.page.wait_for_timeout(1000 * seconds)


def drag(page: Page, first: float, last: float) -> None:
    box = page.page.locator(".lkx-stage").bounding_box()
    y = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + first * box["width"], y)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + last * box["width"], y, steps=4)
    page.page.mouse.up()


def test_a_recording_is_heard_as_it_is_and_the_playhead_moves(opened: Any) -> None:
    page = opened("recording.ipynb", "a")
    page.page.keyboard.press(" ")
    sounded(page, 1)
    clock = page.page.locator(".lkx-clock").inner_text()
    page.page.keyboard.press(" ")
    wait(page, 0.2)
    heard = sounding(taken(page))
    assert float(clock.split()[0]) > 0
    assert page.page.locator(".lkx-stage").get_attribute("aria-valuenow") != "0.00"
    # Not resampled, not scaled, no sample lost, up to where it fades at the end.
    wanted = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(heard.size + 1) / RATE)
    middle = heard[: -RATE // 100]
    assert np.abs(middle - wanted[1 : middle.size + 1]).max() < 1e-4


def test_switching_leaves_no_gap_and_stays_in_step(opened: Any, pictures: Path) -> None:
    page = opened("ab.ipynb", "ab(a, b)")
    page.page.keyboard.press(" ")
    sounded(page, 0.5)
    for key in "bababb":
        page.page.keyboard.press(key)
        wait(page, 0.15)
    page.page.screenshot(path=pictures / "ab.png")
    page.page.keyboard.press(" ")
    wait(page, 0.2)
    heard = sounding(taken(page))[: -RATE // 100]
    phase = np.sin(2 * np.pi * 1000 * np.arange(1, heard.size + 1) / RATE)
    # Both are the same sine, so that all that is heard is that sine at a level in between.
    period = 48
    count = heard.size // period
    pieces = heard[: count * period].reshape(count, period)
    ones = phase[: count * period].reshape(count, period)
    level = (pieces * ones).sum(axis=1) / (ones**2).sum(axis=1)
    assert level.min() > 0.25 - 1e-3
    assert level.max() < 0.5 + 1e-3
    assert np.abs(pieces - level[:, None] * ones).max() < 0.06
    # No step is greater than the louder sine's own.
    assert np.abs(np.diff(heard)).max() < 0.5 * 2 * np.pi * 1000 / RATE + 0.25 / (0.005 * RATE)
    near = (np.abs(level - 0.25) < 1e-3) | (np.abs(level - 0.5) < 1e-3)
    # Five changes of 5 ms each, with a period more at either end.
    assert 5 * 3 <= np.count_nonzero(~near) <= 5 * 7
    assert page.page.locator(".jp-Notebook .jp-CodeCell").count() == 2


def test_a_dragged_region_loops_without_a_gap(opened: Any) -> None:
    page = opened("loop.ipynb", "ramp.play()")
    drag(page, 0.25, 0.375)
    looping = page.page.get_by_role("button", name="Loop", exact=True)
    assert looping.get_attribute("aria-pressed") == "true"
    page.page.keyboard.press(" ")
    sounded(page, 1.8)
    page.page.keyboard.press(" ")
    wait(page, 0.2)
    heard = sounding(taken(page))[RATE // 100 : -RATE // 100]
    back = np.flatnonzero(np.diff(heard) < -0.05)
    assert back.size >= 2
    # The ramp tells where in the sound each sample is from.
    seconds = (heard - 0.2) / 0.6 * 4
    assert seconds.min() == pytest.approx(1.0, abs=0.02)
    assert seconds.max() == pytest.approx(1.5, abs=0.02)
    lengths = np.diff(back) / RATE
    assert lengths == pytest.approx(np.full(lengths.size, 0.5), abs=0.02)
    assert np.ptp(np.diff(back)) <= 1
    assert np.abs(np.delete(np.diff(heard), back)).max() < 1e-3


def test_matched_sounds_are_heard_at_one_level(opened: Any) -> None:
    page = opened("match.ipynb", "ab(a, b, match=True)")
    assert "A: 'a'" in page.page.locator(".lkx-player").inner_text()
    assert "6.0 dB softer" in page.page.locator(".lkx-player").inner_text()
    levels = []
    for key in "ab":
        page.page.keyboard.press(key)
        taken(page)
        page.page.keyboard.press(" ")
        sounded(page, 1)
        page.page.keyboard.press(" ")
        wait(page, 0.2)
        heard = sounding(taken(page))[RATE // 10 : -RATE // 20]
        assert frequency(heard) == pytest.approx(1000, abs=10)
        levels.append(np.sqrt(np.mean(heard**2)))
    assert levels[0] == pytest.approx(levels[1], rel=0.01)
    assert levels[1] == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


def test_a_blind_test_counts_in_the_kernel(lab: Lab, page: Page, pictures: Path) -> None:
    cells = (
        SOUNDS,
        "test = abx(a, b, trials=4)\ntest",
        "[x.right for x in test.answers], test.result()",
    )
    page.open(lab.notebook("abx.ipynb", *cells))
    page.page.evaluate(CAPTURE)
    page.run(0)
    page.run(1)
    page.page.wait_for_selector(".lkx-count:has-text('trial 1 of 4')")
    said = page.page.get_by_role("button", name="X is A")
    assert said.is_disabled()
    # Heard as a person would: by its level; the last one is answered wrongly.
    for trial in range(4):
        page.page.locator(".lkx-stage").focus()
        page.page.keyboard.press("x")
        taken(page)
        page.page.keyboard.press(" ")
        sounded(page, 0.5)
        if not trial:
            page.page.screenshot(path=pictures / "abx.png")
        heard = sounding(taken(page))
        is_a = np.abs(heard[2000:]).max() > 0.4
        answer = "A" if is_a == (trial < 3) else "B"
        page.page.get_by_role("button", name=f"X is {answer}").click()
        told = f"trial {trial + 2} of 4" if trial < 3 else "3 of 4 right"
        page.page.wait_for_selector(f".lkx-count:has-text('{told}')")
    assert "31.2 %" in page.page.locator(".lkx-count").inner_text()
    text = page.text(2)
    assert "[True, True, True, False]" in text
    assert "3 of 4 right" in text
    assert page.page.locator(".jp-Notebook .jp-CodeCell").count() == 3


SWAP = """async () => {
  const address = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
  const { Switch } = await import(address);
  const context = globalThis.__lkexplore_context;
  const turn = (n) => Math.sin((2 * Math.PI * 1000 * n) / 48000);
  const sine = (level) => Float32Array.from({ length: 96000 }, (_, n) => level * turn(n));
  const one = new Switch(context);
  await one.setSamples(0, 48000, [sine(0.5)]);
  await one.setSamples(1, 48000, [sine(0.5)]);
  one.choose(1);
  one.play(0);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let n = 0; n < 12; n++) {
    await pause(n < 6 ? 40 : 1);
    one.setSamples(1, 48000, [sine(n % 2 ? 0.5 : 0.25)]);
  }
  await pause(300);
  one.pause();
  await pause(200);
  return [one.playing, one.position, context.sampleRate];
}"""


def test_new_samples_take_over_while_they_play(lab: Lab, page: Page) -> None:
    page.open(lab.notebook("swap.ipynb", "1"))
    page.page.evaluate(CAPTURE)
    source = module("page/sound.js") + "\nexport { Switch };"
    page.page.evaluate(f"() => {{ globalThis.SOURCE = {source!r}; }}")
    playing, position, rate = page.page.evaluate(SWAP)
    assert (playing, rate) == (False, RATE)
    heard = sounding(taken(page))[: -RATE // 100]
    assert position == pytest.approx(heard.size / RATE, abs=0.05)
    count = heard.size // 48
    level = np.sqrt(2 * np.mean(heard[: count * 48].reshape(count, 48) ** 2, axis=1))
    assert level.min() > 0.249
    assert level.max() < 0.501
    turn = np.sin(2 * np.pi * 1000 * np.arange(1, 48 * count + 1) / RATE).reshape(count, 48)
    ratio = heard[: count * 48].reshape(count, 48) - level[:, None] * turn
    assert np.abs(ratio).max() < 0.06


def test_without_a_kernel_it_plays_in_an_exported_notebook(
    opened: Any, lab: Lab, pictures: Path
) -> None:
    page = opened("exported.ipynb", "ab(a, b)")
    with page.page.expect_response(lambda one: one.request.method == "PUT"):
        page.save()
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "exported.ipynb"]
    subprocess.run(command, cwd=lab.folder, check=True, capture_output=True, timeout=60)
    page.page.goto((lab.folder / "exported.html").as_uri(), wait_until="domcontentloaded")
    page.page.evaluate(CAPTURE_IN_A_FILE)
    page.page.get_by_role("button", name="Play", exact=True).click()
    page.page.wait_for_function("globalThis.loudest() > 0.49")
    page.page.screenshot(path=pictures / "exported.png")
    assert page.page.locator(".lkx-clock").inner_text().endswith("/ 4.00 s")


def test_a_notebook_not_trusted_has_the_plain_player(opened: Any, lab: Lab) -> None:
    page = opened("trusted.ipynb", "a")
    with page.page.expect_response(lambda one: one.request.method == "PUT"):
        page.save()
    book = lab.saved("trusted.ipynb").replace("import numpy", "import  numpy")
    (lab.folder / "changed.ipynb").write_text(book)
    page.page.goto(f"{lab.url}/lab/tree/changed.ipynb?reset")
    page.page.wait_for_selector(".jp-Notebook audio[controls]", timeout=60_000)
    assert page.page.locator(".jp-Notebook .lkx-stage").count() == 0
    ready = "document.querySelector('.jp-Notebook audio').duration"
    page.page.wait_for_function(f"{ready} > 0")
    assert page.page.evaluate(ready) == pytest.approx(4, abs=0.01)


def test_keys_go_where_they_say_and_one_player_stops_another(opened: Any) -> None:
    page = opened("keys.ipynb", "display(a, ramp)")
    first, second = (page.page.locator(".lkx-stage").nth(n) for n in (0, 1))
    second.wait_for()

    def at(stage: Any) -> float:
        return float(stage.get_attribute("aria-valuenow"))

    second.focus()
    for keys, seconds in (
        (["ArrowRight", "ArrowRight", "Shift+ArrowRight"], 2.1),
        (["ArrowLeft"], 1.1),
        (["End"], 4),
        (["Home"], 0),
        (["ArrowLeft"], 0),
    ):
        for key in keys:
            page.page.keyboard.press(key)
        assert at(second) == pytest.approx(seconds, abs=0.01)
    looping = page.page.get_by_role("button", name="Loop", exact=True).nth(1)
    for pressed in ("true", "false"):
        page.page.keyboard.press("l")
        assert looping.get_attribute("aria-pressed") == pressed
    second.click(position={"x": second.bounding_box()["width"] / 2, "y": 10})
    assert at(second) == pytest.approx(2, abs=0.02)
    page.page.keyboard.press(" ")
    sounded(page, 0.2)
    first.focus()
    taken(page)
    page.page.keyboard.press(" ")
    sounded(page, 0.4)
    names = page.page.locator(".lkx-row button:first-child").all_inner_texts()
    assert names == ["Pause", "Play"]
    assert 2 < at(second) < 4
    assert at(first) > 0
    wait(page, 0.1)
    # Only the sine is heard, not the ramp, whose mean is far from nothing.
    assert abs(taken(page)[-4800:].mean()) < 0.05


def test_a_cleared_output_is_silent(opened: Any) -> None:
    page = opened("cleared.ipynb", "a")
    page.page.keyboard.press(" ")
    sounded(page, 0.3)
    page.page.evaluate("jupyterapp.commands.execute('notebook:clear-cell-output')")
    page.page.locator(".lkx-stage").wait_for(state="detached")
    wait(page, 0.3)
    taken(page)
    wait(page, 0.3)
    assert not taken(page).any()


def test_a_blind_test_says_when_its_kernel_is_gone(lab: Lab, page: Page) -> None:
    page.open(lab.notebook("abx_gone.ipynb", SOUNDS, "test = abx(a, b)\ntest"))
    page.page.evaluate(CAPTURE)
    page.run(0)
    page.run(1)
    page.page.wait_for_selector(".lkx-count:has-text('trial 1 of 10')")
    page.page.locator(".lkx-stage").focus()
    page.page.keyboard.press("x")
    page.page.keyboard.press(" ")
    sounded(page, 0.3)
    page.page.evaluate(
        "jupyterapp.shell.currentWidget.sessionContext.session.kernel.shutdown().then(() => true)"
    )
    page.page.wait_for_timeout(500)
    page.page.get_by_role("button", name="X is A").click()
    page.page.wait_for_selector(".lkx-count:has-text('the kernel is gone')")
