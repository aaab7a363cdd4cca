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


ENDED = """
from lkexplore.sdk.media_loop import media_loop
import ipywidgets
before = len(ipywidgets.widgets.widget._instances)
panel.close()
for _ in range(100):
    tasks = [task.get_coro().__qualname__ for task in asyncio.all_tasks(media_loop())]
    if 'RecorderPanel._run' not in tasks: break
    await asyncio.sleep(0.1)
left = [one for one in ipywidgets.widgets.widget._instances.values()
        if isinstance(one, (ipywidgets.Button, ipywidgets.Checkbox, ipywidgets.Text))]
'RecorderPanel._run' in tasks, len(left)
"""


def test_it_records_who_is_ticked(lab, page, pictures):
    cells = [
        SHOW,
        "[(one.identity, one.duration > 2, abs(lk.measure.tone_hz(one) - 1000) < 5) "
        "for one in panel.recordings]",
        ENDED,
    ]
    page.open(lab.notebook("recorder.ipynb", *cells))
    output = page.run(0)
    output.get_by_text("alice").wait_for()
    output.get_by_text("bob").wait_for()
    output.locator("label", has_text="bob").get_by_role("checkbox").uncheck()
    output.get_by_role("button", name="Record").click()
    output.get_by_role("button", name="Stop").wait_for()
    page.page.wait_for_timeout(3500)
    page.pictures(pictures / "recording.png")
    output.get_by_role("button", name="Stop").click()
    output.locator("audio").wait_for(state="attached")
    output.get_by_role("button", name="Save").click()
    output.get_by_text("saved as alice-0.flac").wait_for()
    page.pictures(pictures / "recorded.png")
    shown = page.text(1)
    assert shown.count("True, True)") == 1, shown
    assert "('alice', True, True)" in shown
    saved = list(lab.folder.glob("*-0.flac"))
    assert [one.name for one in saved] == ["alice-0.flac"]
    assert abs(lk.measure.tone_hz(lk.load(saved[0])) - 1000) < 5
    assert "(False, 0)" in page.text(2)
    assert not page.errors()


def test_keys_pressed_in_the_panel_are_no_commands_of_the_notebook(lab, page):
    """On a button, X would cut the cell, and two D delete it."""
    cells = [SHOW, "panel._cards.children[-1]._name.value, len(panel.recordings)"]
    page.open(lab.notebook("recorder_keys.ipynb", *cells))
    output = page.run(0)
    output.get_by_text("alice").wait_for()
    record = output.get_by_role("button", name="Record")
    record.click()
    output.get_by_role("button", name="Stop").wait_for()
    page.page.wait_for_timeout(1500)
    output.get_by_role("button", name="Stop").click()
    name = output.get_by_label("save as").last
    name.wait_for()
    # The parts that came with the recordings are guarded, too.
    save = output.get_by_role("button", name="Save").last
    for part in (record, save, output.get_by_role("checkbox").first, name):
        part.focus()
        for key in ("x", "d", "d", "a", "b", "m", "Shift+Enter", "c", "v"):
            page.page.keyboard.press(key)
        page.page.wait_for_timeout(300)
        assert page.page.locator(".jp-Notebook .jp-Cell").count() == 2, part
    name.fill("mine")
    page.page.keyboard.type("xddabm")
    page.page.keyboard.press("Tab")
    assert page.page.locator(".jp-Notebook .jp-Cell").count() == 2
    assert page.page.locator(".jp-Notebook .jp-CodeCell").count() == 2
    page.page.wait_for_timeout(500)
    assert "'minexddabm'" in page.text(1)
    assert not page.errors()


RESTART = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"


def test_after_a_restart_of_the_kernel_it_says_so_and_takes_no_input(lab, page, pictures):
    page.open(lab.notebook("recorder_gone.ipynb", SHOW))
    output = page.run(0)
    output.get_by_text("alice").wait_for()
    page.page.evaluate(RESTART)
    page.page.wait_for_selector(".lkx-panel [role=status]:has-text('nothing from the kernel')")
    box = output.get_by_role("checkbox", include_hidden=True).first
    assert box.is_checked()
    # The mouse goes through what takes no input.
    box.click(force=True)
    assert box.is_checked()
    takes = "(one) => !one.closest('[inert]')"
    parts = output.locator(".lkx-panel :is(button, input)").all()
    assert len(parts) == 3
    assert not any(one.evaluate(takes) for one in parts)
    page.page.screenshot(path=pictures / "recorder_without_kernel.png")
