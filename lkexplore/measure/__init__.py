"""Measures of sound: level, loudness, noise, distortion, intelligibility, lag and pitch.

Levels are in dBFS as AES17 defines it: a full-scale sine is 0 dBFS both as a peak and as RMS,
so a full-scale square wave has an RMS level of +3.01 dBFS.
"""

from .distortion import thd_db, thd_n_db
from .lag import lag_seconds
from .level import peak_dbfs, rms_dbfs
from .loudness import loudness_lufs, momentary_lufs, short_term_lufs
from .noise import segmental_snr_db, si_sdr_db, snr_db
from .spectral import log_spectral_distance_db
from .speech import pesq, stoi
from .tone import tone_hz
from .truepeak import true_peak_dbtp

__all__ = [
    "lag_seconds",
    "log_spectral_distance_db",
    "loudness_lufs",
    "momentary_lufs",
    "peak_dbfs",
    "pesq",
    "rms_dbfs",
    "segmental_snr_db",
    "short_term_lufs",
    "si_sdr_db",
    "snr_db",
    "stoi",
    "thd_db",
    "thd_n_db",
    "tone_hz",
    "true_peak_dbtp",
]


def __dir__() -> list[str]:
    return sorted(__all__)
