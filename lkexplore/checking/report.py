"""What a check found out, as something to read."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Check", "Finding", "Verdict"]

Verdict: TypeAlias = Literal["ok", "note", "failed"]

_COLOURS = {"ok": "#2e8b3a", "note": "#b26a00", "failed": "#e03e36"}
"""Colour of each verdict in a notebook: green, amber and red."""

_MARKS = {"ok": "ok", "note": "note", "failed": "FAILED"}
"""Word for each verdict in the table."""


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes
    ----------
    name : str
        Name of the test, such as ``"live = offline"``.
    verdict : {"ok", "note", "failed"}
        Whether it went well; a note is worth knowing, but would not go wrong live.
    text : str
        The result, and what to do about it.
    """

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, repr=False)
class Check:
    """What :func:`lkexplore.check` found out about a filter.

    Attributes
    ----------
    subject : str
        Name or repr of the filter.
    sample_rate : int
        Sample rate in Hz.
    findings : tuple of Finding
        Everything that was tried, in order; ``check["latency"]`` is the one of that name.
    first_difference : int or None
        The first sample at which a block-wise run differs from that of the whole; None if none.
    latency : int
        Samples by which the filter says that it is late.
    measured_latency : int or None
        Samples by which it is late, where that can be told.
    tail_seconds : float or None
        Seconds that the output goes on after the input, to -80 dB; inf beyond ten seconds.
    real_time_factor : float or None
        Duration of sound divided by the time that it takes, in stereo blocks of 10 ms.
    block_ms, block_ms_p99 : float or None
        Time in ms that one such block takes, the median and the 99th percentile.
    block_bytes : int or None
        Memory taken, and given back, for one such block.
    kept_bytes : int or None
        Memory taken and not given back, a block.
    left_out : tuple of str
        Names of what there was no time for; empty if everything was tried.

    Examples
    --------
    >>> from lkexplore.checking.check import check
    >>> check(lambda block: 0.5 * block).ok
    True
    """

    subject: str
    sample_rate: int
    findings: tuple[Finding, ...]
    first_difference: int | None = None
    latency: int = 0
    measured_latency: int | None = None
    tail_seconds: float | None = None
    real_time_factor: float | None = None
    block_ms: float | None = None
    block_ms_p99: float | None = None
    block_bytes: int | None = None
    kept_bytes: int | None = None
    left_out: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(finding.verdict != "failed" for finding in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Finding:
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"{name!r} was not tried: {', '.join(f.name for f in self.findings)} were")

    @property
    def _summary(self) -> str:
        failed = sum(finding.verdict == "failed" for finding in self.findings)
        notes = sum(finding.verdict == "note" for finding in self.findings)
        words = [f"{failed} failed" if failed else "ok"]
        if notes:
            words.append(f"{notes} note" + "s" * (notes > 1))
        return ", ".join(words)

    def __repr__(self) -> str:
        lines = [f"{self.subject} at {self.sample_rate} Hz: {self._summary}"]
        width = max(len(finding.name) for finding in self.findings)
        for finding in self.findings:
            lines.append(f"  {finding.name:{width}}  {_MARKS[finding.verdict]:6}  {finding.text}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left;white-space:nowrap'>{html.escape(finding.name)}</td>"
            f"<td style='color:{_COLOURS[finding.verdict]};font-weight:bold'>"
            f"{_MARKS[finding.verdict]}</td>"
            f"<td style='text-align:left'>{html.escape(finding.text)}</td></tr>"
            for finding in self.findings
        )
        head = f"{self.subject} at {self.sample_rate} Hz: {self._summary}"
        return (
            f"<table><caption style='text-align:left;caption-side:top'>{html.escape(head)}"
            f"</caption><tbody>{rows}</tbody></table>"
        )
