"""Recording by buttons, in a real page."""

import lkexplore as lk

SHOW = """
import lkexplore as lk, numpy as np, asyncio
room = await lk.connect('lesson')
tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)).astype('f4')
bots = [await lk.bots.play('lesson', (tone, 48000), name) for name in ('alice', 'bob')]
panel = lk.RecorderPanel(room)
panel
"""


def test_it_records_who_is_ticked(lab, page, pictures):
    cells = [
        SHOW,
        "[(one.identity, one.duration > 2, abs(lk.measure.tone_hz(one) - 1000) < 5) "
        "for one in panel.recordings]",
        "panel.close()\nawait asyncio.sleep(0.5)\npanel._running.done()",
    ]
    page.open(lab.notebook("recorder.ipynb", *cells))
    output = page.run(0)
    output.get_by_text("alice").wait_for(timeout=20_000)
    output.get_by_text("bob").wait_for(timeout=20_000)
    output.get_by_role("checkbox").nth(1).uncheck()
    unticked = output.locator("label", has_text="bob").count()
    page.page.wait_for_timeout(2000)
    output.get_by_role("button", name="Record").click()
    page.page.wait_for_timeout(3500)
    page.page.screenshot(path=pictures / "recording.png")
    output.get_by_role("button", name="Stop").click()
    output.locator("audio").wait_for(timeout=30_000, state="attached")
    output.get_by_role("button", name="Save").click()
    output.get_by_text("saved as").wait_for(timeout=10_000)
    page.page.screenshot(path=pictures / "recorded.png")
    shown = page.text(1)
    assert shown.count("True, True)") == 1, (shown, unticked)
    saved = list(lab.folder.glob("*-0.flac"))
    assert len(saved) == 1
    assert abs(lk.measure.tone_hz(lk.load(saved[0])) - 1000) < 5
    assert "True" in page.text(2)
