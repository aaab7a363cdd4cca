"""Fetch LiveKit's client for browsers into the package, when it is built.

Run by the package's build, and as ``python -m lkexplore.notebook.page.build``. It stands alone: the
build imports nothing of lkexplore.
"""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

CLIENT = "livekit-client@2.23.0"
"""Package and version on npm; its ES module holds all that it depends on."""

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

FETCH_SECONDS = 120
"""Seconds that fetching the package may take."""


def build(folder: Path = BUILT) -> str:
    """Put the client into a folder; return why that was not possible, or an empty text.

    Parameters
    ----------
    folder : Path
        The folder, made if it does not exist; a client of the same version in it is kept.
    """
    stamp = folder / "version"
    kept = stamp.is_file() and (folder / PACKED).is_file() and (folder / LICENSE_THERE).is_file()
    if kept and stamp.read_text(encoding="utf-8") == CLIENT:
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm, which fetches it, is not on this machine"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            subprocess.run(
                [npm, "pack", "--silent", CLIENT],
                cwd=scratch,
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            return f"npm could not fetch it: {error.stderr.strip()[-300:]}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"npm could not fetch it: {error}"
        try:
            _unpack(next(Path(scratch).glob("*.tgz")), folder)
        except (StopIteration, KeyError, tarfile.TarError) as error:
            return f"what npm fetched is not what it should be: {error}"
    stamp.write_text(CLIENT, encoding="utf-8")
    return ""


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        module, license = (packed.extractfile(name) for name in (MODULE, LICENSE))
        if module is None or license is None:
            raise KeyError(f"{MODULE} or {LICENSE} is no file in {archive.name}")
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
        """Fetches the client before a wheel is made; without npm the wheel lacks it."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Fetch it; see hatchling's ``BuildHookInterface``."""
            problem = build()
            if problem:
                self.app.display_warning(f"the browser's part is left out: {problem}")


if __name__ == "__main__":
    sys.exit(build() or 0)
