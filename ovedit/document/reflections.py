"""The mirror image of a thing, on water or a polished floor.

It is the thing upside down below the line where it stands: found where the picture below is like
the mirrored thing, and less like the thing shifted there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ovedit.document.nearby import SURE, Floats, View, between, disc

_SLACK = 0.06
"""Of the thing's height: how far the line of a reflection may lie from its lowest pixel."""
_PLAIN = 0.0001
"""Product of the spreads, of [0, 1], below which there is nothing to compare."""


def mirrored(view: View) -> tuple[Floats, float] | None:
    """Coverage (h, w) in [0, 1] of the thing's mirror image below it and its score, or None.

    The line at which it is mirrored may lie a little above or below the thing's lowest pixel.
    """
    box = view.box
    # Without the broad light and dark, which is alike on both sides of many lines.
    broad = cv2.GaussianBlur(view.rgb, (0, 0), 0.1 * view.reach)
    detail = np.asarray(cv2.GaussianBlur(view.rgb, (0, 0), 1.5) - broad, np.float32)
    slack = max(1, round(_SLACK * box.height))
    best, line = _Likeness(0.0, 0.0), box.bottom
    for row in range(box.bottom - slack, box.bottom + slack + 1):
        likeness = _compare(view, detail, row)
        if likeness is not None and likeness.mirrored > best.mirrored:
            best, line = likeness, row
    score = min(between(best.mirrored, 0.45, 0.75), between(best.mirrored - best.shifted, 0.0, 0.1))
    if score < SURE:
        return None
    flipped = _below(view.thing.astype(np.float32), line, mirror=True)
    # Ripples and roughness carry it a little beyond its outline.
    wide = cv2.dilate(flipped, disc(2 * max(1, round(0.02 * view.reach)) + 1))
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), 1.5), np.float32), score


@dataclass(frozen=True)
class _Likeness:
    """Correlation of what is below the thing with the thing mirrored, and with it shifted."""

    mirrored: float
    shifted: float


def _compare(view: View, detail: Floats, line: int) -> _Likeness | None:
    """How like the picture below `line` is to that above it; None where too little is below."""
    height = min(view.box.height, detail.shape[0] - line)
    if height < 0.35 * view.box.height or line < height:
        return None
    margin = disc(2 * max(2, round(0.06 * view.reach)) + 1)
    around = np.asarray(cv2.dilate(view.thing.astype(np.float32), margin), np.float32)
    free = ~view.thing

    def correlation(mirror: bool) -> float:
        where = (_below(around, line, mirror) > 0.5) & free
        if np.count_nonzero(where) < 50:
            return 0.0
        other, here = _below(detail, line, mirror)[where], detail[where]
        other, here = other - other.mean(axis=0), here - here.mean(axis=0)
        spread = float(np.sqrt(np.mean(other**2) * np.mean(here**2)))
        # Plain water is like everything.
        return float(np.mean(other * here)) / spread if spread > _PLAIN else 0.0

    return _Likeness(correlation(mirror=True), correlation(mirror=False))


def _below(values: Floats, line: int, mirror: bool) -> Floats:
    """What is above the row `line`, moved to below it, upside down or not; 0 elsewhere."""
    moved = np.zeros_like(values)
    count = min(line, values.shape[0] - line)
    part = values[line - count : line]
    moved[line : line + count] = part[::-1] if mirror else part
    return moved
