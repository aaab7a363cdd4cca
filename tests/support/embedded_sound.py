"""The sound that a player carries in its HTML."""

from __future__ import annotations

import base64
import io
import re

import soundfile

from lkexplore.sound.recording import Recording


def heard(html: str) -> tuple[str, Recording]:
    """Decode the sound embedded in a player, as a browser would."""
    found = re.search(r'src="data:audio/(\w+);base64,([^"]+)"', html)
    assert found
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(found[2])), always_2d=True)
    return found[1], Recording(samples.T, rate)
