"""Fixtures of the tests in a browser: one JupyterLab, and a Chromium for each module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_page import FLAGS, SIZE, Lab, Page, chromium, give_way, running_lab

REQUIRED = "LKEXPLORE_TEST_BROWSER"


def _without(why: str) -> None:
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{REQUIRED}=required, but {why}")
    pytest.skip(f"{why}: install it to run the tests in a browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give a headless Chromium.

    Playwright keeps an event loop running in this thread until it ends, and beside it no other test
    could run its own: it ends with the module.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _without("Playwright for Python is not installed")
    found = chromium()
    if found is None:
        _without("no chromium is on the path, and LKEXPLORE_TEST_CHROMIUM names none")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=FLAGS)
        give_way()
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a running JupyterLab; its rooms are on the server LKEXPLORE_TEST_URL, if it is set."""
    given = {
        f"LIVEKIT_{to}": os.environ.get(f"LKEXPLORE_TEST_{name}", "")
        for name, to in (("URL", "URL"), ("KEY", "API_KEY"), ("SECRET", "API_SECRET"))
    }
    with running_lab(tmp_path_factory.mktemp("lab"), {**given, "LIVEKIT_TOKEN": ""}) as started:
        yield started


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """Give a browser's memory of its own: JupyterLab's scripts are fetched and compiled once."""
    opened = browser.new_context(viewport=SIZE, permissions=["microphone", "camera"])
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: Any) -> Iterator[Page]:
    """Give a page of its own."""
    opened = Page(context.new_page())
    yield opened
    opened.end_kernels()
    opened.close()


@pytest.fixture
def pictures() -> Path:
    """Give the folder in which a person can look at screenshots: test-output/."""
    folder = Path(__file__).resolve().parents[2] / "test-output"
    folder.mkdir(exist_ok=True)
    return folder
