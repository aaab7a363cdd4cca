"""The pictures of the README, as they come from a page: test-output/figure_*.png.

They lie in ``notebooks/figures``; copy them there when the widgets have changed their looks.
"""

import re

LAB = """
import lkexplore as lk
lab = lk.FilterLab(lk.sample('speech_noisy'), lk.filters.lowpass(4000))
lab
"""
SCOPE = """
import asyncio
import lkexplore as lk
room = await lk.connect('lesson')
alice = await lk.bots.play('lesson', lk.sample('speech'), identity='alice')
bob = await lk.bots.play('lesson', lk.sample('chirp'), identity='bob')
scope = lk.Scope(room, seconds=8)
scope
"""

# How many columns of each scope's spectrogram are not dark from end to end.
COLUMNS = """() => [...document.querySelectorAll('.lkx-fall')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let column = 0; column < canvas.width; column++) {
    let most = 0;
    for (let row = 0; row < canvas.height; row++) {
      most = Math.max(most, data[4 * (row * canvas.width + column)]);
    }
    count += most > 100;
  }
  return count / canvas.width;
})"""


def test_the_lab_with_a_box_on_a_noisy_voice(lab, page, pictures):
    page.open(lab.notebook("figure_lab.ipynb", LAB))
    page.run(0)
    page.page.wait_for_selector(".lkx-lab.lkx-has-after")
    area = page.page.locator(".lkx-heat").first.bounding_box()
    mouse = page.page.mouse
    mouse.move(area["x"] + 0.4 * area["width"], area["y"] + 0.24 * area["height"])
    mouse.down()
    mouse.move(area["x"] + 0.98 * area["width"], area["y"] + 0.66 * area["height"], steps=5)
    mouse.up()
    page.page.get_by_role("button", name="Keep band").click()
    page.page.get_by_role("button", name="Show code").click()
    page.page.wait_for_function("document.querySelector('.lkx-code').textContent.includes('band')")
    after = page.page.locator("table tr", has_text="after")
    before = page.page.locator("table tr", has_text="before")
    # The hum between the words is gone.
    loud_over_quiet = [
        float(re.findall(r"-?\d+\.\d", row.inner_text())[-1]) for row in (before, after)
    ]
    assert loud_over_quiet[1] > loud_over_quiet[0] + 8
    page.page.locator(".lkx-lab").screenshot(path=pictures / "figure_filter_lab.png")
    assert not page.errors()


def test_the_scope_of_two_people(lab, page, pictures):
    page.open(lab.notebook("figure_scope.ipynb", SCOPE))
    page.run(0)
    # The chirp has no pause, the voice some.
    page.page.wait_for_function(f"(([voice, chirp]) => voice > 0.5 && chirp > 0.97)(({COLUMNS})())")
    page.page.locator(".lkx-scope").screenshot(path=pictures / "figure_scope.png")
    names = page.page.locator(".lkx-scope").inner_text()
    assert "alice" in names
    assert "bob" in names
    assert not page.errors()
