"""The person at the notebook in the room: a real browser's microphone, heard by the kernel."""

import numpy as np
import soundfile

JOIN = """
import lkexplore as lk
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
        f"document.querySelector('.lkx-participant [role=status]').textContent.includes({words!r})",
        timeout=30_000,
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
        "me.mute()\nawait room.wait_for_track('me')\nimport asyncio; await asyncio.sleep(1)",
        "me.muted, me.participant.tracks[0].muted",
        "me.leave()\nawait asyncio.sleep(1.5)\nme.participant",
    ]
    page.open(lab.notebook("participant.ipynb", *cells))
    page.run(0)
    page.page.get_by_role("button", name="Join").click()
    here(page)
    assert page.text(1).strip().endswith("('audio', 'joined', True)")
    page.run(2)
    found = beeps(lab.folder / "me.wav")
    assert len(found) >= 8
    assert (
        np.median(np.diff(found)) == np.float64(0.5) or abs(np.median(np.diff(found)) - 0.5) < 0.02
    )
    page.run(3)
    page.page.wait_for_selector("audio[data-identity=bob]", state="attached", timeout=20_000)
    assert abs(page.page.evaluate(HEARD, "bob") - 880) < 10
    page.page.screenshot(path=pictures / "participant.png")
    page.run(4)
    assert page.text(5).strip().endswith("(True, True)")
    page.run(6)
    here(page, "left")
    page.save()
    saved = lab.saved("participant.ipynb")
    assert "lkx" in saved or "BrowserParticipant" in saved
    assert "eyJ" not in saved
    assert not [told for told in page.told if told.startswith("error")]


def test_it_can_be_joined_again_and_the_camera_is_seen(lab, page, pictures):
    cells = [
        JOIN,
        "await me.joined(20)\nme.camera = True",
        "image = await room.capture_image('me')\nimage.rgb.shape, image.rgb.std() > 5",
        "me.close()\nimport asyncio; await asyncio.sleep(1.5)\nroom.participants",
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
    page.page.wait_for_selector(".lkx-participant video:visible", timeout=20_000)
    page.page.wait_for_timeout(1000)
    page.page.screenshot(path=pictures / "camera.png")
    assert "True)" in page.text(2)
    assert "me" not in page.text(3)


def test_without_the_bundle_the_error_says_what_to_do(lab, page):
    cells = [
        "import lkexplore as lk\nfrom lkexplore.widgets import page\nfrom pathlib import Path\n"
        "page._CLIENT = Path('nowhere'); page.client.cache_clear()\n"
        "room = await lk.connect('lesson')\nlk.BrowserParticipant(room)"
    ]
    page.open(lab.notebook("missing.ipynb", *cells))
    shown = page.text(0, fails=True)
    assert "MissingBundle" in shown
    assert "lkexplore.widgets.page.build" in shown
