"""The classical families of recursive filters, as scipy designs them."""

from __future__ import annotations

from typing import Any, Literal

from scipy.signal import bessel, butter, cheby1, cheby2, ellip

from .design import SosDesign

__all__ = ["FAMILIES", "Family", "iir_design"]

Family = Literal["butterworth", "chebyshev1", "chebyshev2", "elliptic", "bessel"]

FAMILIES: dict[Family, tuple[str, ...]] = {
    "butterworth": (),
    "chebyshev1": ("ripple_db",),
    "chebyshev2": ("stop_db",),
    "elliptic": ("ripple_db", "stop_db"),
    "bessel": (),
}
"""Parameters, in dB, that each family of designs needs besides order and edges."""


def iir_design(
    family: Family,
    kind: Literal["lowpass", "highpass", "bandpass", "bandstop"],
    order: int,
    edges: float | list[float],
    sample_rate: int,
    *,
    ripple_db: float,
    stop_db: float,
) -> SosDesign:
    """Return the sections of a filter whose values have been checked."""
    how: dict[str, Any] = {"output": "sos", "fs": sample_rate}
    if family == "chebyshev1":
        return SosDesign(cheby1(order, ripple_db, edges, kind, **how))
    if family == "chebyshev2":
        return SosDesign(cheby2(order, stop_db, edges, kind, **how))
    if family == "elliptic":
        return SosDesign(ellip(order, ripple_db, stop_db, edges, kind, **how))
    if family == "bessel":
        # The phase norm, scipy's default, would put the 3 dB point elsewhere at each order.
        return SosDesign(bessel(order, edges, kind, norm="mag", **how))
    return SosDesign(butter(order, edges, kind, **how))
