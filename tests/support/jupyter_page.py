"""A real JupyterLab in a real browser, and what a person does there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import psutil

__all__ = [
    "Lab",
    "Page",
    "chromium",
    "end",
    "free_port",
    "give_way",
    "own_settings",
    "running_lab",
    "wait_until_up",
]

START_SECONDS = 60.0
SIZE = {"width": 1280, "height": 1400}

# No look at the network outside, a microphone and a camera that beep and count, and no questions.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]


def chromium() -> str | None:
    """Return where Chromium is: LKEXPLORE_TEST_CHROMIUM, or what the system has."""
    named = os.environ.get("LKEXPLORE_TEST_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def give_way() -> None:
    """Let browsers that this process has started run only when no sound wants the core."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "chrom" in process.name():
                process.nice(15)


IDLE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.sessionContext?.session?.kernel?.status === 'idle';
}"""


RUN = """() => {
  globalThis.hasRun = false;
  const ended = () => { globalThis.hasRun = true; };
  jupyterapp.commands.execute('notebook:run-cell').then(ended, ended);
}"""
THEME = "(theme) => void jupyterapp.commands.execute('apputils:change-theme', { theme })"


class Lab:
    """A JupyterLab server on a folder of its own."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self.folder, self.url, self.token = folder, url, token

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook; return its address."""
        book = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(book, self.folder / name)
        return f"{self.url}/lab/tree/{name}?token={self.token}&reset"

    def saved(self, name: str) -> str:
        """Return the text of a notebook as it lies on the disk."""
        return (self.folder / name).read_text()


class Page:
    """A notebook open in the browser.

    Parameters
    ----------
    page : playwright Page
        At any address.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.told: list[str] = []
        page.on("console", lambda message: self.told.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.told.append(f"error: {error}"))

    def open(self, address: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(address)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(IDLE, timeout=60_000)

    def run(self, cell: int, *, timeout: float = 60.0, fails: bool = False) -> Any:
        """Run a cell and wait for its end; return the locator of its output."""
        found = self.start(cell)
        self.page.wait_for_function("globalThis.hasRun", timeout=1000 * timeout)
        output = found.locator(".jp-Cell-outputArea")
        if not fails and "Traceback (most recent call last)" in output.inner_text():
            raise AssertionError(f"cell {cell} failed: {output.inner_text()}")
        return output

    def start(self, cell: int) -> Any:
        """Run a cell without waiting for it; return its locator."""
        found = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell)
        found.locator(".cm-content").click()
        # A key pressed too early would not be heard; the command ends when the cell does.
        self.page.evaluate(RUN)
        return found

    def text(self, cell: int, *, timeout: float = 60.0, fails: bool = False) -> str:
        """Run a cell; return what it shows as text."""
        return str(self.run(cell, timeout=timeout, fails=fails).inner_text())

    def end_kernels(self) -> None:
        """End all kernels, and the rooms that are in them."""
        self.page.evaluate("window.jupyterapp?.serviceManager.sessions.shutdownAll()")

    def close(self) -> None:
        """Close it."""
        self.page.close()

    def save(self) -> None:
        """Save the notebook, and wait until it lies on the disk."""
        with self.page.expect_response(lambda one: one.request.method == "PUT"):
            self.page.evaluate("void jupyterapp.commands.execute('docmanager:save')")

    def errors(self) -> list[str]:
        """Return what went wrong in the page, as the browser's console tells it."""
        return [told for told in self.told if told.startswith("error")]

    def pictures(self, path: Path) -> None:
        """Take a screenshot in the light theme, and one in the dark, for a person to look at."""
        for theme in ("Dark", "Light"):
            self.page.evaluate(THEME, f"JupyterLab {theme}")
            light = str(theme == "Light").lower()
            # The page's body has no size of its own.
            self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
            self.page.wait_for_timeout(1200)
            name = path.with_stem(f"{path.stem}_dark") if theme == "Dark" else path
            self.page.screenshot(path=name)


@contextlib.contextmanager
def running_lab(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Lab]:
    """Run JupyterLab on a folder, until left; its kernels end with it."""
    token, port = secrets.token_hex(16), free_port()
    settings = folder / ".jupyter"
    _quiet(settings / "lab")
    environment = {**os.environ, **(variables or {}), **own_settings(settings, token)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
    ]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None"]
    command += ["--LabApp.expose_app_in_browser=True"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with open(folder / ".lab.log", "w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(f"{url}/api?token={token}", process, folder / ".lab.log")
        yield Lab(folder, url, token)
    finally:
        end(process)


def own_settings(folder: Path, token: str) -> dict[str, str]:
    """Return environment variables that keep JupyterLab away from what the person has set."""
    return {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_TOKEN": token,  # command lines are public
    }


def _quiet(settings: Path) -> None:
    """Let no offer of news cover what a test looks at."""
    place = settings / "@jupyterlab" / "apputils-extension"
    place.mkdir(parents=True)
    said = {"fetchNews": "false", "checkForUpdates": False}
    (place / "notification.jupyterlab-settings").write_text(json.dumps(said))


def free_port() -> int:
    """Return a TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an address answers with JSON."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                json.load(answer)
            return
        except (urllib.error.URLError, OSError, ValueError):
            time.sleep(0.2)
    raise TimeoutError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, alive = psutil.wait_procs([*family, psutil.Process(process.pid)], timeout=10)
        for one in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait(timeout=10)
