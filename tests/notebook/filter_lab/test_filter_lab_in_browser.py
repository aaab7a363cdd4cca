"""The filter lab in a real notebook: sliders by the keyboard, a box by the mouse, its code."""

import re

SHOW = """
import lkexplore as lk, numpy as np
speech = lk.sample('speech_noisy').resample(48000)
voice = lk.Recording(np.tile(speech.samples, (1, 2))[:, :480000], 48000)
lab = lk.FilterLab(voice, lk.filters.lowpass(8000))
lab
"""
ABOVE = "(lab.after | lk.filters.highpass(3000)).rms_dbfs"

# How bright the rows of the picture after the filter are on the whole, between two frequencies.
BRIGHTNESS = """([low, high]) => {
  const canvas = document.querySelectorAll('.lkx-heat')[1];
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const up = (hz) => Math.log(hz / 40) / Math.log(24000 / 40);
  let sum = 0, count = 0;
  for (let row = 0; row < canvas.height; row++) {
    const place = (canvas.height - row - 0.5) / canvas.height;
    if (place < up(low) || place > up(high)) continue;
    for (let n = 0; n < canvas.width; n++, count++) {
      const at = 4 * (row * canvas.width + n);
      sum += data[at] + data[at + 1] + data[at + 2];
    }
  }
  return sum / count;
}"""


def number(text):
    return float(re.search(r"-?\d+\.\d+", text.strip().split("\n")[-1]).group())


def shown(page):
    return page.page.evaluate("+(document.querySelector('.lkx-lab').dataset.shown || 0)")


def open_lab(lab, page, *cells):
    page.open(lab.notebook("filter_lab.ipynb", SHOW, *cells))
    page.run(0)
    page.page.wait_for_selector(".lkx-lab.lkx-has-after", timeout=60_000)


def test_a_slider_moved_by_the_keyboard_is_seen_and_heard(lab, page, pictures):
    open_lab(lab, page, ABOVE, ABOVE, "lab.filter.cutoff")
    assert not page.page.locator(".lkx-still").is_visible()
    loud, bright = number(page.text(1)), page.page.evaluate(BRIGHTNESS, [3000, 8000])
    low = page.page.evaluate(BRIGHTNESS, [100, 400])
    slider = page.page.locator("input[data-name=cutoff]")
    slider.focus()
    curve = page.page.locator(".lkx-line").get_attribute("d")
    for _ in range(100):
        page.page.keyboard.press("ArrowLeft")
    page.page.wait_for_function("+document.querySelector('.lkx-slider input').value < 260")
    # Moves are put together: all is shown when the same number comes again.
    last = -1
    while last != shown(page):
        last = shown(page)
        page.page.wait_for_timeout(700)
    assert last >= 1
    page.page.screenshot(path=pictures / "filter_lab.png")
    assert page.page.locator(".lkx-line").get_attribute("d") != curve
    assert page.page.evaluate(BRIGHTNESS, [3000, 8000]) < bright - 60
    assert abs(page.page.evaluate(BRIGHTNESS, [100, 400]) - low) < 20
    assert number(page.text(2)) < loud - 20
    assert 400 < number(page.text(3)) < 1000


def test_a_box_drawn_with_the_mouse_becomes_a_band_and_code(lab, page, pictures):
    open_lab(
        lab, page, "lab.selection", "print(lab.filter)", "print(round(lab.before.duration, 2))"
    )
    area = page.page.locator(".lkx-heat").first.bounding_box()
    mouse = page.page.mouse
    mouse.move(area["x"] + 0.25 * area["width"], area["y"] + 0.75 * area["height"])
    mouse.down()
    mouse.move(area["x"] + 0.5 * area["width"], area["y"] + 0.25 * area["height"], steps=5)
    mouse.up()
    page.page.get_by_role("button", name="Keep band").click()
    page.page.get_by_role("button", name="Show code").click()
    page.page.wait_for_function("document.querySelector('.lkx-code').textContent.includes('band')")
    code = page.page.locator(".lkx-code").inner_text()
    names = {}
    exec(code, names)
    # A quarter and three quarters of the way from 40 Hz to 24 kHz, by ratios.
    assert abs(names["filter"].low / 198 - 1) < 0.06
    assert abs(names["filter"].high / 4849 - 1) < 0.06
    assert "start=2.5" in page.text(1) or "start=2.4" in page.text(1)
    assert f"{names['filter']!r}" in page.text(2)
    page.page.screenshot(path=pictures / "filter_lab_box.png")
    page.page.get_by_role("button", name="Cut to box").click()
    page.page.get_by_role("button", name="Whole sound").wait_for()
    assert abs(number(page.text(3)) - 2.5) < 0.1


def test_a_notebook_opened_again_shows_a_picture(lab, page, pictures):
    open_lab(lab, page)
    page.save()
    page.page.wait_for_timeout(1500)
    assert "image/png;base64" in lab.saved("filter_lab.ipynb")
    (lab.folder / "again.ipynb").write_text(lab.saved("filter_lab.ipynb"))
    page.open(f"{lab.url}/lab/tree/again.ipynb?token={lab.token}&reset")
    still = page.page.locator(".lkx-still img")
    still.wait_for(timeout=20_000)
    assert still.bounding_box()["width"] > 300
    assert page.page.evaluate("document.querySelector('.lkx-still img').naturalWidth") > 500
    assert page.page.locator(".lkx-lab").count() == 0
    page.page.screenshot(path=pictures / "filter_lab_opened_again.png")


# What takes input although the kernel is gone.
TAKES_INPUT = """() => {
  const parts = document.querySelectorAll('.lkx-lab :is(button, select, input, [tabindex])');
  return [...parts]
    .filter((one) => one.getClientRects().length && !one.closest('[inert]'))
    .map((one) => one.textContent);
}"""


def test_without_its_kernel_it_says_so_and_only_plays(lab, page, pictures):
    open_lab(lab, page, "import os; os._exit(1)")
    assert "Save" in page.page.evaluate(TAKES_INPUT)
    page.start(1)
    page.page.wait_for_selector(".lkx-lab [role=status]:has-text('nothing from the kernel')")
    assert page.page.evaluate(TAKES_INPUT) == ["Play", "Before", "After", "Loop"]
    slider = page.page.locator("input[data-name=cutoff]")
    before = slider.input_value()
    slider.focus()
    page.page.keyboard.press("ArrowLeft")
    assert slider.input_value() == before
    page.page.screenshot(path=pictures / "filter_lab_without_kernel.png")


def test_while_the_kernel_computes_it_takes_input(lab, page):
    """Beats come from the media thread: a busy kernel is no dead one."""
    open_lab(lab, page, "import time; time.sleep(9)")
    page.start(1)
    page.page.wait_for_timeout(7500)
    assert "Save" in page.page.evaluate(TAKES_INPUT)
    assert "nothing from" not in page.page.locator(".lkx-lab [role=status]").inner_text()
    page.page.wait_for_function("globalThis.hasRun")
    assert not page.errors()
