"""The person at the notebook in the room: a real browser's microphone, heard by the kernel."""

import numpy as np
import soundfile

JOIN = """
import lkexplore as lk, asyncio
async def until(true):
    for _ in range(100):
        if true(): break
        await asyncio.sleep(0.1)
    return bool(true())
room = await lk.connect('lesson')
me = lk.BrowserParticipant(room, identity='me', processing=False)
me
"""
TONE = """
import numpy as np
tone = 0.3 * np.sin(2 * np.pi * 880 * np.arange(48000) / 48000)
bot = await lk.bots.play('lesson', (tone.astype('f4'), 48000), 'bob')
"""

# The loudest frequency of what the page plays of somebody, in Hz.
HEARD = """async (identity) => {
  const player = document.querySelector(`audio[data-identity="${identity}"]`);
  if (!player) return 0;
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(player.srcObject).connect(analyser);
  await new Promise((done) => setTimeout(done, 1000));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const best = bins.indexOf(Math.max(...bins));
  const hz = (best * context.sampleRate) / analyser.fftSize;
  await context.close();
  return bins[best] > -60 ? hz : 0;
}"""


def here(page, words="in the room"):
    page.page.wait_for_function(
        f"document.querySelector('.lkx-participant [role=status]').textContent.includes({words!r})"
    )


def beeps(path):
    """Return when the fake microphone begins to beep, in seconds."""
    samples, rate = soundfile.read(path, always_2d=True)
    blocks = samples[: len(samples) // 480 * 480, 0].reshape(-1, 480)
    loud = np.sqrt((blocks**2).mean(axis=1)) > 0.02
    assert rate == 48000
    return np.flatnonzero(loud[1:] & ~loud[:-1]) / 100


def test_the_microphone_is_heard_in_the_kernel_and_others_in_the_page(lab, page, pictures):
    """The fake microphone of Chromium beeps twice a second."""
    cells = [
        JOIN,
        "(await me.joined(20)).tracks[0].kind, me.state, me.participant is not None",
        "(await room.record('me', 5)).save('me.wav')",
        TONE,
        "me.mute()\nme.muted, await until(lambda: me.participant.tracks[0].muted)",
        "me.leave()\nawait until(lambda: me.participant is None)",
    ]
    page.open(lab.notebook("participant.ipynb", *cells))
    page.run(0)
    page.page.get_by_role("button", name="Join").click()
    here(page)
    assert page.text(1).strip().endswith("('audio', 'joined', True)")
    page.run(2)
    found = beeps(lab.folder / "me.wav")
    assert len(found) >= 6
    assert abs(np.median(np.diff(found)) - 0.5) <= 0.03
    page.run(3)
    page.page.wait_for_selector("audio[data-identity=bob]", state="attached")
    assert abs(page.page.evaluate(HEARD, "bob") - 880) < 10
    page.pictures(pictures / "participant.png")
    assert "(True, True)" in page.text(4)
    assert "True" in page.text(5)
    here(page, "left")
    page.save()
    saved = lab.saved("participant.ipynb")
    assert "joins room lesson" in saved
    assert "eyJ" not in saved
    assert not [told for told in page.told if "eyJ" in told]
    assert not page.errors()


def test_it_can_be_joined_again_and_the_camera_is_seen(lab, page, pictures):
    cells = [
        JOIN,
        "await me.joined(20)\nme.camera = True",
        "image = await room.capture_image('me')\nimage.shape, bool(image.std() > 5)",
        "me.close()\nawait until(lambda: 'me' not in room.participants)",
    ]
    page.open(lab.notebook("camera.ipynb", *cells))
    page.run(0)
    for _ in range(2):
        page.page.get_by_role("button", name="Join").click()
        here(page)
        page.page.get_by_role("button", name="Leave").click()
        here(page, "left")
    page.page.get_by_role("button", name="Join").click()
    here(page)
    page.run(1)
    page.page.wait_for_selector(".lkx-participant video:visible")
    page.page.wait_for_timeout(1000)
    page.pictures(pictures / "camera.png")
    assert "True)" in page.text(2)
    assert "True" in page.text(3)
    assert page.page.locator(".lkx-participant").count() == 0
    assert not page.errors()


def test_shown_twice_it_joins_once(lab, page):
    cells = [
        f"{JOIN}\nfrom IPython.display import display\ndisplay(me)\ndisplay(me)",
        "me.join()\nawait me.joined(30)\nlen(room.participants)",
        "await until(lambda: 'me' not in room.participants)",
    ]
    page.open(lab.notebook("two_views.ipynb", *cells))
    page.run(0)
    page.page.wait_for_function("document.querySelectorAll('.lkx-participant').length === 2")
    # The library is there before the kernel is busy waiting.
    page.page.wait_for_function("!!globalThis.__lkexplore_library.module")
    page.page.wait_for_timeout(2000)
    assert page.text(1).strip().endswith("1")
    leave = page.page.get_by_role("button", name="Leave")
    page.page.wait_for_function(
        "[...document.querySelectorAll('.lkx-participant button')]"
        ".filter((one) => one.textContent === 'Leave').length === 2"
    )
    leave.last.click()
    here(page, "left")
    assert "True" in page.text(2)
    assert not page.errors()


def test_without_the_bundle_the_error_says_what_to_do(lab, page):
    cells = [
        "import lkexplore as lk\nfrom lkexplore.notebook import page\nfrom pathlib import Path\n"
        "page._CLIENT = Path('nowhere'); page.client.cache_clear()\n"
        "room = await lk.connect('lesson')\nlk.BrowserParticipant(room)"
    ]
    page.open(lab.notebook("missing.ipynb", *cells))
    shown = page.text(0, fails=True)
    assert "MissingBundle" in shown
    assert "lkexplore.notebook.page.build" in shown


def test_what_cannot_be_is_said_without_the_token(lab, page):
    unreachable = """
import dataclasses
good = room._credentials
room._credentials = dataclasses.replace(good, url='ws://127.0.0.1:9')
"""
    cells = [
        JOIN + unreachable,
        "me",
        "me.state, me.message",
        "room._credentials = good\nme.close()\n"
        "me = lk.BrowserParticipant(room, identity='other')\nme",
        "me.state, me.message, await until(lambda: 'other' not in room.participants)",
    ]
    page.open(lab.notebook("cannot.ipynb", *cells))
    page.run(0)
    page.run(1)
    page.page.get_by_role("button", name="Join").click()
    here(page, "could not join: ")
    shown = page.text(2)
    assert "'failed'" in shown
    # A page that is neither on localhost nor secure has no devices.
    page.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.run(3)
    page.page.get_by_role("button", name="Join").click()
    here(page, "over https")
    shown += page.text(4)
    assert "True)" in shown
    page.save()
    assert "eyJ" not in shown + page.page.content() + lab.saved("cannot.ipynb")
