"""What lk.check tells: as text, as a page, and while a room is joined."""

from __future__ import annotations

import tracemalloc
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.signal import butter, lfilter

import lkexplore as lk
from lkexplore.filters import Filter
from lkexplore.sdk.thread_switching import MediaUse

RATE = 48000
B, A = butter(2, 0.1)


class Late(Filter):
    """A delay that may say something else of itself than it does."""

    def __init__(self, samples: int, says: int) -> None:
        self.samples, self.latency = samples, says
        self.reset()

    def reset(self) -> None:
        self.past: np.ndarray | None = None

    def process(self, block: np.ndarray) -> np.ndarray:
        if self.past is None:
            self.past = np.zeros((len(block), self.samples), np.float32)
        joined = np.concatenate((self.past, block), axis=1)
        self.past = joined[:, block.shape[1] :]
        return joined[:, : block.shape[1]]


def naive(block: np.ndarray) -> np.ndarray:
    """Filter a block as if nothing had been before it: the usual mistake."""
    return lfilter(B, A, block)


def careful(block: np.ndarray, zi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Filter a block from where the last one ended."""
    return lfilter(B, A, block, zi=zi)


def test_the_usual_mistake_is_explained_and_its_remedy_passes() -> None:
    wrong = lk.check(naive)
    assert not wrong.ok
    assert wrong.first_difference == 480
    said = wrong["live = offline"].text
    assert "It forgets its state between blocks" in said
    assert "lkexplore.filters.from_function(f, state)" in said
    right = lk.check(lk.filters.from_function(careful, lambda channels: np.zeros((channels, 2))))
    assert right.ok, right
    assert right.first_difference is None


def test_memory_is_not_traced_while_a_room_is_joined() -> None:
    with MediaUse():
        report = lk.check(lk.filters.gain(0), seconds=0.2)
    assert report["memory"].verdict == "note"
    assert "leave it first" in report["memory"].text
    assert report.block_bytes is report.kept_bytes is None
    assert report.ok
    assert not tracemalloc.is_tracing()
    assert lk.check(lk.filters.gain(0), seconds=0.2)["memory"].verdict == "ok"


@pytest.mark.parametrize(("samples", "says"), [(480, 100), (100, 480), (0, 240)])
def test_a_latency_that_is_not_so_is_told_with_the_one_that_is(samples: int, says: int) -> None:
    report = lk.check(Late(samples, says), seconds=0.5)
    assert (report.latency, report.measured_latency) == (says, samples)
    assert report["latency"].verdict == "note"
    assert f"says {says} samples" in report["latency"].text
    assert f"set latency = {samples}" in report["latency"].text


def test_it_reads_well_as_text() -> None:
    report = lk.check(lk.filters.lowpass(1000), seconds=0.3)
    lines = repr(report).splitlines()
    assert lines[0] == "Lowpass(cutoff=1000, order=4) at 48000 Hz: ok"
    assert len(lines) == len(report.findings) + 1
    column = 2 + max(len(found.name) for found in report.findings) + 2
    assert {line[column - 2 : column + 8] for line in lines[1:]} == {"  ok      "}
    assert "e+" not in repr(report)
    failed = repr(lk.check(naive, seconds=0.3))
    assert failed.splitlines()[0] == "naive at 48000 Hz: 1 failed"
    assert failed.count("FAILED") == 1


class Page(HTMLParser):
    """The cells of a page's rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] == "td":
            self.rows[-1][-1] += data


def test_it_reads_the_same_as_a_page_and_nothing_in_it_becomes_markup() -> None:
    def evil(block: np.ndarray) -> np.ndarray:
        raise ValueError("<b>&")

    for report in (lk.check(naive, seconds=0.3), lk.check(evil, seconds=0.3)):
        page = Page(report._repr_html_())
        assert not page.open
        marks = {"ok": "ok", "note": "note", "failed": "FAILED"}
        wanted = [[found.name, marks[found.verdict], found.text] for found in report.findings]
        assert page.rows == wanted
    assert "<b>" not in lk.check(evil, seconds=0.3)._repr_html_()
