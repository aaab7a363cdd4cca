"""Measure how soon a FilterLab follows a slider, in a real JupyterLab in a headless Chromium.

Run it as ``python benchmarks/filter_lab.py``; it needs Playwright for Python and chromium, as the
tests in a browser do. The clock is the page's: from the slider's own event to the first columns of
the new spectrogram, and to when all is shown: response, poles and zeros, spectrogram and measures.
Ten seconds of noisy speech at 48 kHz. Figures depend on the machine and on what else runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))
from lab import FLAGS, SIZE, Page, chromium, running_lab

CELL = """
import lkexplore as lk, numpy as np
noisy = lk.sample('speech_noisy').resample(48000)
filters = lk.filters
chain = filters.highpass(80) | filters.graphic_eq() | filters.compressor() | filters.limiter(-3)
lab = lk.FilterLab(lk.Recording(np.tile(noisy.samples, (1, 3))[:, :480_000], 48000), chain)
lab
"""
FILTERS = {
    "bandpass": "high",
    "lowpass": "cutoff",
    "FIR lowpass": "cutoff",
    "notch": "hz",
    "graphic EQ": "db_1000",
    "gate": "threshold",
    "compressor": "threshold",
    "limiter": "ceiling",
    "echo": "feedback",
    "denoise": "reduction",
    "yours": "compressor.threshold",
}
MOVES = """async ([name, moves]) => {
  const all = [...document.querySelectorAll('.lkx-slider input[type=range]')];
  const slider = all.find((one) => one.dataset.name === name);
  const root = document.querySelector('.lkx-lab');
  const times = [];
  for (let n = 0; n < moves; n++) {
    const { shown = 0, begun = 0 } = root.dataset;
    const moved = performance.now();
    let first = 0;
    slider.value = Number(slider.value) + (n % 2 ? 3 : -3);
    slider.dispatchEvent(new Event('input'));
    while (Number(root.dataset.shown ?? 0) <= Number(shown)) {
      const under_way = Number(root.dataset.begun ?? 0) > Number(begun);
      if (!first && under_way) first = performance.now() - moved;
      await new Promise((done) => setTimeout(done, 1));
      if (performance.now() - moved > 10000) throw new Error('no new picture within 10 s');
    }
    const whole = performance.now() - moved;
    times.push([first || whole, whole]);
    await new Promise((done) => setTimeout(done, 350));
  }
  return times;
}"""


def measured(page: Page, moves: int) -> dict[str, np.ndarray]:
    """Return, for every filter, the milliseconds of each move, shape (moves, 2)."""
    times = {}
    for name, parameter in FILTERS.items():
        page.page.locator(".lkx-lab select").first.select_option(name)
        page.page.wait_for_timeout(3000)
        times[name] = np.array(page.page.evaluate(MOVES, [parameter, moves]))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer moves")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as lab,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = Page(browser.new_page(viewport=SIZE))
        page.open(lab.notebook("lab.ipynb", CELL))
        page.run(0)
        page.page.wait_for_selector(".lkx-has-after", timeout=60_000)
        times = measured(page, 4 if options.quick else 15)
        page.end_kernels()
        browser.close()
    load = os.getloadavg()[0]
    print(f"From a slider's move to what it changes, ms (load average {load:.1f})")
    print(f"  {'':14} {'first columns':>20} {'all of it':>20}")
    print(f"  {'':14} {'median':>11} {'worst':>8} {'median':>11} {'worst':>8}")
    for name, rows in times.items():
        (first, whole), worst = np.median(rows, axis=0), rows.max(axis=0)
        verdict = "ok" if whole <= 100 else "MISSED"
        print(
            f"  {name:14} {first:11.0f} {worst[0]:8.0f} {whole:11.0f} {worst[1]:8.0f}"
            f"  ≤ 100  {verdict}"
        )


if __name__ == "__main__":
    main()
