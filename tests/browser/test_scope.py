"""The live picture: it moves while sound plays, and stands still when it stops."""

SHOW = """
import lkexplore as lk, time, asyncio
import numpy as np
room = await lk.connect('lesson')
tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)).astype('f4')
gate = (np.arange(48000) % 12000 < 6000)
bot = await lk.bots.play('lesson', (tone * gate, 48000), 'bob')
scope = lk.Scope(room, seconds=4)
scope
"""
PICTURE = "[...document.querySelectorAll('.lkx-scope canvas')].map((c) => c.toDataURL()).join()"

# The frequency of the brightest row of the newest second, in Hz.
BRIGHTEST = """() => {
  const canvas = document.querySelector('.lkx-fall');
  const { data } = canvas.getContext('2d').getImageData(canvas.width - 100, 0, 100, canvas.height);
  const rows = Array.from({ length: canvas.height }, (_, row) => {
    let sum = 0;
    for (let n = 0; n < 100; n++) sum += data[4 * (row * 100 + n)];
    return sum;
  });
  const up = (canvas.height - 0.5 - rows.indexOf(Math.max(...rows))) / canvas.height;
  return 50 * (20000 / 50) ** up;
}"""


def pictures_of(page, wait_ms):
    before = page.page.evaluate(PICTURE)
    page.page.wait_for_timeout(wait_ms)
    return before, page.page.evaluate(PICTURE)


def test_it_moves_with_the_sound_and_stands_still_without(lab, page, pictures):
    cells = [
        SHOW,
        "time.sleep(4)",
        "await bot.stop()",
        "scope.captures[0].identity, scope.captures[0].duration > 3, "
        "abs(lk.measure.tone_hz(scope.capture()['bob'] if scope.capture() else scope.captures[0]) "
        "- 1000) < 5",
        "scope.close()\nawait asyncio.sleep(0.5)\nscope._running.done()",
    ]
    page.open(lab.notebook("scope.ipynb", *cells))
    page.run(0)
    page.page.wait_for_selector(".lkx-fall", timeout=20_000)
    page.page.wait_for_timeout(5000)
    assert abs(page.page.evaluate(BRIGHTEST) / 1000 - 1) < 0.06
    page.page.screenshot(path=pictures / "scope.png")
    before, after = pictures_of(page, 500)
    assert before != after
    page.page.locator(".lkx-fall").click()
    page.page.wait_for_function(
        "document.querySelector('.lkx-scope [role=status]').textContent.includes('captured')"
    )
    page.page.get_by_role("button", name="Pause").click()
    before, after = pictures_of(page, 700)
    assert before == after
    page.page.get_by_role("button", name="Go on").click()

    running = page.page.locator(".jp-CodeCell").nth(1)
    running.locator(".cm-content").click()
    page.page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
    page.page.wait_for_timeout(1500)
    before, after = pictures_of(page, 500)
    assert before != after, "a busy kernel stopped the picture"
    page.page.wait_for_timeout(3000)

    assert "True, True)" in page.text(3)
    page.run(2)
    page.page.wait_for_timeout(2500)
    before, after = pictures_of(page, 1000)
    assert before == after
    assert "True" in page.text(4)
    assert not [told for told in page.told if told.startswith("error")]


def test_it_says_so_when_the_kernel_is_gone(lab, page):
    page.open(lab.notebook("gone.ipynb", SHOW, "import os; os._exit(1)"))
    page.run(0)
    page.page.wait_for_selector(".lkx-fall", timeout=20_000)
    page.page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
    page.page.wait_for_function(
        "document.querySelector('.lkx-scope [role=status]')?.textContent.includes('nothing from')",
        timeout=15_000,
    )
