"""What a sound file cannot say about itself, kept in a JSON file beside it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import warnings
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import FileError, SoundError
from ..sound.reasons import Reason, as_reason
from ..sound.recording import Recording
from ..sound.timing import Concealment, Gap, Timing, as_monotonic, as_utc
from ..sound.validation import as_sample_rate

__all__ = [
    "Facts",
    "SidecarWarning",
    "is_sidecar",
    "read_sidecar",
    "remove_sidecar",
    "sidecar_path",
    "write_sidecar",
]

_MARK = "lkexplore"
"""Key by which a sidecar is told from another program's JSON; its value is the version."""

_VERSION = 1
"""Version of the sidecars that are written and read."""

_MOST_BYTES = 1 << 26
"""Bytes of the largest sidecar that is read."""


class SidecarWarning(UserWarning):
    """A JSON file beside a sound file cannot be used; the sound can."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recording knows beside its samples.

    Parameters
    ----------
    sample_rate : int
        Sample rate in Hz; tells whether a sidecar and a file belong together.
    started_at, started_monotonic, identity, track, name, gaps, concealed, timing
        Start, origin, gaps and timing, as in :class:`lkexplore.Recording`.
    ended : Reason or str, optional
        Reason why the recording ended, see :class:`lkexplore.Reason`; None while it is still being
        written, and also if the program that wrote it was killed.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.
    """

    sample_rate: int
    started_at: datetime | None = None
    started_monotonic: float | None = None
    identity: str | None = None
    track: str | None = None
    name: str | None = None
    gaps: tuple[Gap, ...] = ()
    concealed: tuple[Concealment, ...] = ()
    timing: Timing | None = None
    ended: Reason | str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "gaps", tuple(self.gaps))
        object.__setattr__(self, "concealed", tuple(self.concealed))

    @classmethod
    def of(cls, recording: Recording, ended: Reason | None = None) -> Facts:
        """Take them from a recording."""
        return cls(recording.sample_rate, ended=ended, **_shared(recording))

    def meta(self) -> dict[str, Any]:
        """Return them as arguments of :class:`lkexplore.Recording`, all but the rate."""
        return _shared(self)


def _shared(source: Recording | Facts) -> dict[str, Any]:
    fields = ("started_at", "started_monotonic", "identity", "track", "name")
    more = ("gaps", "concealed", "timing")
    return {field: getattr(source, field) for field in fields + more}


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """Return where the sidecar of a sound file is: ``x.flac`` has ``x.flac.json``."""
    file = Path(os.path.realpath(path))
    return file.with_name(f"{file.name}.json")


def write_sidecar(path: str | os.PathLike[str], facts: Facts) -> Path:
    """Write the sidecar of a sound file, at once or not at all.

    Parameters
    ----------
    path : str or path-like
        Path of the sound file, which need not be there yet.
    facts : Facts
        Facts to write. If ``ended`` is given, it waits until the disk has them; otherwise a crash
        of the whole computer may lose them.

    Returns
    -------
    Path
        Path of the sidecar.

    Raises
    ------
    FileError
        If the folder or the disk does not take it; one that was there stays as it was.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_sidecar(f"{folder}/x.flac", Facts(48000, identity="alice")).name
    'x.flac.json'
    """
    target = sidecar_path(path)
    lines = (
        f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in _as_json(facts).items()
    )
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            if facts.ended is not None:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def read_sidecar(path: str | os.PathLike[str], sample_rate: int | None = None) -> Facts | None:
    """Read the sidecar of a sound file.

    Parameters
    ----------
    path : str or path-like
        Path of the sound file.
    sample_rate : int, optional
        Sample rate of the file in Hz, if it is known.

    Returns
    -------
    Facts or None
        None if there is none, or none that can be used.

    Warns
    -----
    SidecarWarning
        If there is a file that is broken, another program's, or another sound file's.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = write_sidecar(f"{folder}/x.flac", Facts(48000, identity="alice"))
    ...     read_sidecar(f"{folder}/x.flac").identity
    'alice'
    """
    source = sidecar_path(path)
    if not os.path.isfile(source):
        return None
    try:
        facts = _from_json(_content(source))
        if sample_rate not in (None, facts.sample_rate):
            raise SoundError(f"it is about {facts.sample_rate} Hz, the file has {sample_rate} Hz")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        warnings.warn(
            f"{source} says nothing that can be used ({why}): {Path(path).name} was read "
            "without it, so remove or mend it",
            SidecarWarning,
            stacklevel=3,
        )
        return None
    return facts


def is_sidecar(source: Path) -> bool:
    """Return whether a file is a sidecar that this package wrote."""
    try:
        return _MARK in _content(source)
    except (OSError, ValueError, RecursionError):
        return False


def remove_sidecar(path: str | os.PathLike[str]) -> None:
    """Remove the sidecar of a file that is replaced; another program's JSON stays."""
    source = sidecar_path(path)
    if is_sidecar(source):
        with contextlib.suppress(OSError):
            source.unlink()


def _content(source: Path) -> dict[str, Any]:
    if source.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MB")
    content = json.loads(source.read_bytes())
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def _as_json(facts: Facts) -> dict[str, Any]:
    return {
        _MARK: _VERSION,
        "ended": facts.ended,
        "sample_rate": facts.sample_rate,
        "started_at": facts.started_at.isoformat() if facts.started_at else None,
        "started_monotonic": facts.started_monotonic,
        "identity": facts.identity,
        "track": facts.track,
        "name": facts.name,
        # JSON has no infinity.
        "timing": facts.timing
        and {key: v if math.isfinite(v) else None for key, v in asdict(facts.timing).items()},
        "gaps": [asdict(gap) for gap in facts.gaps],
        "concealed": [asdict(part) for part in facts.concealed],
    }


def _from_json(content: dict[str, Any]) -> Facts:
    if _MARK not in content:
        raise ValueError("another program wrote it")
    if content[_MARK] != _VERSION:
        raise ValueError(f"it has version {content[_MARK]!r}, known is {_VERSION}")
    moment, timing = content["started_at"], content["timing"]
    return Facts(
        sample_rate=as_sample_rate(content["sample_rate"]),
        started_at=as_utc(moment and datetime.fromisoformat(moment)),
        started_monotonic=as_monotonic(content["started_monotonic"]),
        **{field: _text(content[field]) for field in ("identity", "track", "name")},
        ended=None if (ended := _text(content["ended"])) is None else as_reason(ended),
        gaps=tuple(Gap(gap["start"], gap["end"], str(gap["reason"])) for gap in content["gaps"]),
        concealed=tuple(Concealment(**part) for part in content["concealed"]),
        timing=timing
        and Timing(**{key: math.inf if v is None else v for key, v in timing.items()}),
    )


def _text(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError(f"{value!r} is no text")
    return value
