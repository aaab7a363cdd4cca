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


MOVED = f"(before) => {PICTURE} !== before"

# What goes on in the kernel for all scopes together.
GOING = """
import ipywidgets
from lkexplore.sdk.media_loop import media_loop
def going():
    tasks = [task.get_coro().__qualname__ for task in asyncio.all_tasks(media_loop())]
    widgets = ipywidgets.widgets.widget._instances.values()
    return tasks.count('Scope._run'), sum(isinstance(one, lk.Scope) for one in widgets)
async def settled(wanted):
    for _ in range(100):
        if going() == wanted: break
        await asyncio.sleep(0.1)
    return going()
"""


def moves(page, timeout=20.0):
    before = page.page.evaluate(PICTURE)
    page.page.wait_for_function(MOVED, arg=before, timeout=1000 * timeout)


def stands_still(page):
    # What was under way comes yet.
    page.page.wait_for_timeout(500)
    before = page.page.evaluate(PICTURE)
    page.page.wait_for_timeout(1000)
    assert page.page.evaluate(PICTURE) == before


def test_somebody_silent_has_a_level_and_a_peak(lab, page):
    silent = SHOW.replace("tone * gate", "0 * tone")
    page.open(lab.notebook("silent.ipynb", silent))
    page.run(0)
    text = page.page.locator(".lkx-meter-text")
    page.page.wait_for_function(
        "document.querySelector('.lkx-meter-text')?.textContent.includes('peak -100')"
    )
    assert text.inner_text() == "-100 dBFS, peak -100"


def test_it_moves_with_the_sound_and_stands_still_without(lab, page, pictures):
    cells = [
        SHOW,
        "time.sleep(8)",
        "captured = scope.captures[0]\n"
        "captured.identity, captured.duration > 2, abs(lk.measure.tone_hz(captured) - 1000) < 5",
        "await bot.close()",
        f"{GOING}\nscope.close()\nawait settled((0, 0))",
    ]
    page.open(lab.notebook("scope.ipynb", *cells))
    page.run(0)
    page.page.wait_for_selector(".lkx-fall")
    page.page.wait_for_function(f"Math.abs(({BRIGHTEST})() / 1000 - 1) < 0.1")
    page.page.wait_for_timeout(4000)
    page.pictures(pictures / "scope.png")
    moves(page)
    page.page.locator(".lkx-fall").focus()
    page.page.keyboard.press("Enter")
    page.page.wait_for_function(
        "document.querySelector('.lkx-scope [role=status]').textContent.includes('captured')"
    )
    pause = page.page.get_by_role("button", name="Pause")
    pause.click()
    stands_still(page)
    pause.click()
    moves(page)

    running = page.start(1)
    running.locator(".jp-InputPrompt:has-text('[*]')").wait_for()
    moves(page, 4)
    assert running.locator(".jp-InputPrompt:has-text('[*]')").count(), "the kernel was not busy"
    page.page.wait_for_function("globalThis.hasRun")

    assert "('bob', True, True)" in page.text(2)
    page.run(3)
    # What the bot had queued is played to its end.
    page.page.wait_for_timeout(3000)
    stands_still(page)
    assert "(0, 0)" in page.text(4)
    assert not page.errors()


def test_a_cell_run_again_leaves_one_scope(lab, page):
    cells = [SHOW.replace("\nscope = lk.Scope(room, seconds=4)\nscope\n", "\n" + GOING)]
    cells += ["scope = lk.Scope(room, seconds=4)\nscope", "await settled((1, 1))"]
    cells += ["await room.close()\nawait settled((0, 1))"]
    page.open(lab.notebook("again.ipynb", *cells))
    page.run(0)
    for _ in range(3):
        page.run(1)
        page.page.wait_for_selector(".lkx-fall")
        assert page.page.locator(".lkx-scope").count() == 1
        assert "(1, 1)" in page.text(2)
    moves(page)
    # Without a room nothing goes on, and the page says so.
    assert "(0, 1)" in page.text(3)
    page.page.wait_for_selector(".lkx-scope [role=status]:has-text('the room was left')")
    stands_still(page)
    assert not page.errors()


def test_two_views_of_a_scope_show_the_same(lab, page):
    page.open(
        lab.notebook(
            "twice.ipynb",
            f"{SHOW}\nfrom IPython.display import display\ndisplay(scope)\ndisplay(scope)",
            "scope.close()",
        )
    )
    page.run(0)
    page.page.wait_for_function("document.querySelectorAll('.lkx-fall').length === 2")
    page.page.get_by_role("button", name="Pause").first.click()
    page.page.wait_for_function(
        "document.querySelectorAll('.lkx-scope [aria-pressed=true]').length === 2"
    )
    assert not page.page.locator(".lkx-still").first.is_visible()
    page.run(1)
    page.page.wait_for_function("!document.querySelector('.lkx-scope')")
    assert not page.errors()


def test_it_says_so_when_the_kernel_is_gone(lab, page):
    page.open(lab.notebook("gone.ipynb", SHOW, "import os; os._exit(1)"))
    page.run(0)
    page.page.wait_for_selector(".lkx-fall")
    page.start(1)
    page.page.wait_for_selector(".lkx-scope [role=status]:has-text('nothing from')")


NAMED = """
import lkexplore as lk, numpy as np, asyncio
room = await lk.connect('lesson')
tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)).astype('f4')
name = '<img src=x onerror="globalThis.hurt = 1"><script>hurt = 1</script>$x^$ \U0001f600'
bot = await lk.bots.play('lesson', (tone, 48000), name)
await room.wait_for_track(name)
scope = lk.Scope(room.participants[name].tracks[0], seconds=2)
scope
"""


def test_a_name_is_text_and_a_track_that_ends_is_told(lab, page):
    cells = [NAMED, "scope.captures[0].identity == name", f"{GOING}\nawait bot.close()"]
    cells += ["await settled((0, 1)), repr(scope)"]
    page.open(lab.notebook("named.ipynb", *cells))
    page.run(0)
    page.page.wait_for_selector(".lkx-fall")
    moves(page)
    shown = page.page.locator(".lkx-scope b").text_content()
    assert shown.startswith('<img src=x onerror="')
    assert shown.endswith("\U0001f600")
    page.page.locator(".lkx-fall").click()
    page.page.wait_for_selector(".lkx-scope [role=status]:has-text('<script>')")
    assert "True" in page.text(1)
    assert page.page.locator(".lkx-scope img").count() == 0
    assert page.page.evaluate("globalThis.hurt") is None
    page.run(2)
    page.page.wait_for_selector(".lkx-scope [role=status]:has-text('the track has ended')")
    assert "(0, 1)" in page.text(3)
    assert "the track has ended" in page.text(3)
    assert not page.errors()


def test_it_moves_in_the_cell_that_shows_it_and_goes_on(lab, page):
    shown = "from IPython.display import display\ndisplay(scope)\ntime.sleep(10)"
    page.open(lab.notebook("long_cell.ipynb", f"{SHOW.rsplit('scope', 1)[0]}{shown}"))
    running = page.start(0)
    page.page.wait_for_selector(".lkx-fall")
    moves(page, 4)
    assert running.locator(".jp-InputPrompt:has-text('[*]')").count(), "the kernel was not busy"
    page.page.wait_for_function("globalThis.hasRun")
    moves(page, 4)
    assert not page.errors()
