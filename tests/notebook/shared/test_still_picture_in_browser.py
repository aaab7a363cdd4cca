"""What is left of live widgets where no kernel runs: exported, and opened again."""

import subprocess
import sys

SHOW = """
import lkexplore as lk, numpy as np, asyncio
room = await lk.connect('lesson')
tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)).astype('f4')
bot = await lk.bots.play('lesson', (tone, 48000), 'bob')
"""
RECORDED = """
for wanted in (0, 1):
    panel.toggle()
    for _ in range(200):
        await asyncio.sleep(0.1)
        if len(panel.recordings) == wanted and panel._record.disabled is False: break
    await asyncio.sleep(1.5)
scope.renew_still()
len(panel.recordings)
"""
CELLS = [SHOW, "scope = lk.Scope(room, seconds=3)\nscope", "panel = lk.RecorderPanel(room)\npanel"]
SCOPE = ".lkx-still img[alt*=Scope]"
PANEL = ".lkx-still img[alt=waveform]"


def left(page):
    """Look at what is to be seen without a kernel."""
    still = page.page.locator(SCOPE)
    still.wait_for()
    assert still.bounding_box()["width"] > 300
    assert page.page.evaluate(f"document.querySelector('{SCOPE}').naturalWidth") > 500
    drawn = page.page.locator(PANEL)
    drawn.wait_for()
    assert drawn.bounding_box()["width"] > 300
    assert page.page.get_by_text("bob: .recordings[0]").is_visible()
    assert page.page.locator(".lkx-scope").count() == 0


def test_scope_and_recorder_panel_leave_their_pictures(lab, page, pictures):
    page.open(lab.notebook("live.ipynb", *CELLS, RECORDED))
    for cell in range(3):
        page.run(cell)
    page.page.wait_for_selector(".lkx-fall")
    assert "1" in page.text(3)
    assert not page.page.locator(".lkx-still").first.is_visible()
    assert not page.page.locator(".lkx-still").last.is_visible()
    page.page.wait_for_timeout(500)
    page.save()
    saved = lab.saved("live.ipynb")
    assert "image/png;base64" in saved
    (lab.folder / "opened_again.ipynb").write_text(saved)
    page.open(f"{lab.url}/lab/tree/opened_again.ipynb?token={lab.token}&reset")
    left(page)
    page.page.screenshot(path=pictures / "live_opened_again.png")

    command = [sys.executable, "-m", "nbconvert", "--to", "html", "live.ipynb"]
    subprocess.run(command, cwd=lab.folder, check=True, capture_output=True, timeout=120)
    page.page.goto((lab.folder / "live.html").as_uri(), wait_until="domcontentloaded")
    left(page)
    page.page.screenshot(path=pictures / "live_exported.png")
