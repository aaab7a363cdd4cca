"""Checking a filter: does it do live what it does offline, and what does it cost."""

from .check import check
from .report import Check, Finding, Verdict

__all__ = ["Check", "Finding", "Verdict", "check"]
