"""Bytes and seconds as a person reads them."""

from __future__ import annotations

_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def size_text(size: float) -> str:
    """Bytes in decimal units, as disks are sold: "28 MB", "2.1 GB"."""
    for unit, name in _UNITS:
        # What rounds up to 1000 of a unit is one of the next.
        if size >= unit * 0.9995:
            value = size / unit
            return f"{value:.1f} {name}" if value < 9.95 else f"{value:.0f} {name}"
    return f"{size:.0f} bytes"


def time_text(seconds: float) -> str:
    """Seconds, rounded as one says them: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
