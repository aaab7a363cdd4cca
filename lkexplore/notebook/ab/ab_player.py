"""Two or more sounds between which one switches while they play: A/B, and blind as A/B/X."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import measure
from ...errors import SoundError
from ...sound.as_recording import Sound, as_recording
from ...sound.recording import Recording
from ..player.player import Heard, cut, describe, html_of

__all__ = ["AB", "LETTERS", "ab", "levels_db", "names_of"]

LETTERS = "ABCDEFGH"
"""Letters of the sounds in their order, which also are the keys that switch to them."""

_MAX_BYTES = 2_000_000
"""Bytes of HTML that a player may have unless told otherwise."""


class AB:
    """A player of several sounds in step, one of them heard; made by :func:`lkexplore.ab`.

    Attributes
    ----------
    html : str
        A fragment that refers to nothing outside itself.
    levels_db : tuple of float
        Gain in dB with which each sound is played; 0 unless matched.
    names : tuple of str
        The name of each sound.
    """

    def __init__(
        self, sounds: Sequence[Recording], names: Sequence[str], *, match: bool, max_bytes: int
    ) -> None:
        self.names = tuple(names)
        self.levels_db, how = levels_db(sounds) if match else ((0.0,) * len(sounds), "")
        heard = []
        for letter, sound, name, level in zip(
            LETTERS, sounds, self.names, self.levels_db, strict=False
        ):
            remark = f", played {_decibels(level)} ({how})" if match else ""
            called = "" if name == sound.name else f"{cut(name)}: "
            caption = f"{letter}: {called}{describe(sound)}"
            heard.append(Heard(sound, caption, name, level, remark))
        self.html, self._notes = html_of(heard, max_bytes=max_bytes)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        said = (
            f"{letter}: {cut(name)}, {_decibels(level)}"
            for letter, name, level in zip(LETTERS, self.names, self.levels_db, strict=False)
        )
        return f"AB({'; '.join(said)})"


def ab(
    a: Sound,
    b: Sound,
    *more: Sound,
    match: bool = False,
    names: Sequence[str] | None = None,
    max_bytes: int = _MAX_BYTES,
) -> AB:
    """Return a player that switches between sounds without a gap.

    Parameters
    ----------
    a, b, *more : Recording or (samples, sample_rate)
        Two to eight sounds. They start together; the shorter ones end in silence.
    match : bool
        Whether to play all at the loudness of the softest. The captions tell the gains in dB.
    names : sequence of str, optional
        Names of the sounds; by default their own names.
    max_bytes : int
        Upper bound of the HTML, in bytes: all sounds are embedded without loss if they fit, else
        all in the same way compressed.

    Returns
    -------
    AB
        Shown by Jupyter; works in saved and exported notebooks, too.

    Raises
    ------
    SoundError
        If one is no sound or has no samples, if there are too many, or ``max_bytes`` is too small.

    See Also
    --------
    lkexplore.abx : A blind test whether two sounds can be told apart.
    lkexplore.compare : Two sounds in figures and numbers.
    lkexplore.Recording.play : A player of one sound.

    Notes
    -----
    Keys: A, B, ... to switch, space, arrows, Home, End, and L for a loop; a drag over the waveforms
    loops a region. A switch is a cross-fade of 5 ms. Loudness is that of ITU-R BS.1770
    (:func:`lkexplore.measure.loudness_lufs`), or the RMS level of sounds too short for it.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> lk.ab(voice, voice | lk.filters.bandpass(300, 3400), match=True)    # doctest: +SKIP
    """
    sounds = [as_recording(sound) for sound in (a, b, *more)]
    return AB(sounds, names_of(sounds, names), match=match, max_bytes=max_bytes)


def names_of(sounds: Sequence[Recording], names: Sequence[str] | None) -> list[str]:
    """Return the names of sounds to compare, once it is checked that they can be compared.

    Parameters
    ----------
    sounds : sequence of Recording
        The sounds, at most eight.
    names : sequence of str, optional
        One name for each sound.

    Returns
    -------
    list of str
        The given names, else the sounds' own names, else their letters.

    Raises
    ------
    SoundError
        If there are too many, one is empty, or the names are not as many.
    """
    if len(sounds) > len(LETTERS):
        raise SoundError(f"{len(sounds)} sounds are too many to compare: give 2 to {len(LETTERS)}")
    for letter, sound in zip(LETTERS, sounds, strict=False):
        if not sound.samples.shape[1]:
            raise SoundError(f"sound {letter} has no samples: give one that can be heard")
    if names is None:
        return [sound.name or letter for letter, sound in zip(LETTERS, sounds, strict=False)]
    if len(names) != len(sounds):
        raise SoundError(f"{len(names)} names for {len(sounds)} sounds: give one for each")
    return [str(name) for name in names]


def levels_db(sounds: Sequence[Recording]) -> tuple[tuple[float, ...], str]:
    """Return the gains in dB with which all sounds are as loud as the softest.

    Parameters
    ----------
    sounds : sequence of Recording
        The sounds; silent ones are left as they are.

    Returns
    -------
    levels : tuple of float
        Gain of each sound in dB, none above 0, so that nothing clips.
    how : str
        The measure of loudness that was used.
    """
    how = "for equal loudness in LUFS"
    try:
        found = [measure.loudness_lufs(_listened(sound)) for sound in sounds]
    except SoundError:
        found = [-np.inf]
    if not np.isfinite(found).all():
        how = "for equal RMS level"
        found = [measure.rms_dbfs(_listened(sound)) for sound in sounds]
    finite = [level for level in found if np.isfinite(level)]
    softest = min(finite, default=0.0)
    levels = tuple(softest - level if np.isfinite(level) else 0.0 for level in found)
    return levels, how


def _listened(sound: Recording) -> Recording:
    """Return it as it is played: a mono sound comes from both loudspeakers."""
    pair = sound.mono() if sound.channels > 2 else sound
    return pair if pair.channels == 2 else pair.replace(samples=np.tile(pair.samples, (2, 1)))


def _decibels(level: float) -> str:
    return f"{abs(level):.1f} dB softer" if round(level, 1) else "as it is"
