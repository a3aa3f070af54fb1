"""Shapes and similar colours as coverage: lasso, rectangle, magic wand."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect, Size

Array = NDArray[np.uint8]

_SHIFT = 4
"""Fractional bits of polygon corners: OpenCV draws with sixteenths of a pixel."""


def polygon(points: Sequence[tuple[float, float]], size: Size) -> tuple[Rect, Array]:
    """The rectangle of a closed polygon inside `size` and its antialiased coverage.

    points: corners in document pixels; fewer than three give an empty rectangle.
    """
    if len(points) < 3:
        return Rect(0, 0, 0, 0), np.zeros((0, 0), np.uint8)
    corners = np.asarray(points, np.float64)
    low, high = np.floor(corners.min(0)), np.ceil(corners.max(0))
    rect = Rect.from_edges(int(low[0]) - 1, int(low[1]) - 1, int(high[0]) + 1, int(high[1]) + 1)
    rect = rect.intersect(size.rect)
    coverage = np.zeros((rect.height, rect.width), np.uint8)
    if rect:
        # OpenCV counts from pixel centres, the document from pixel corners.
        local = (corners - (rect.x + 0.5, rect.y + 0.5)) * (1 << _SHIFT)
        cv2.fillPoly(
            coverage, [np.round(local).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=_SHIFT
        )
    return rect, coverage


def rectangle(rect: Rect, size: Size) -> tuple[Rect, Array]:
    """The part of `rect` inside `size`, fully covered."""
    inside = rect.intersect(size.rect)
    return inside, np.full((inside.height, inside.width), 255, np.uint8)


def magic_wand(
    pixels: Array, x: int, y: int, tolerance: int = 32, *, contiguous: bool = True
) -> Array:
    """Coverage (H, W) of the colours within `tolerance` of the one at (x, y).

    pixels: (H, W, 4) uint8. tolerance: 0 to 255, per channel.
    contiguous: only what hangs together with (x, y).
    """
    colour = np.ascontiguousarray(pixels[..., :3])
    if not contiguous:
        seed = colour[y, x].astype(np.int16)
        low = np.clip(seed - tolerance, 0, 255).astype(np.uint8)
        high = np.clip(seed + tolerance, 0, 255).astype(np.uint8)
        return np.asarray(cv2.inRange(colour, low, high), np.uint8)
    mask = np.zeros((pixels.shape[0] + 2, pixels.shape[1] + 2), np.uint8)
    spread = (tolerance,) * 3
    flags = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    cv2.floodFill(colour, mask, (x, y), (0, 0, 0), spread, spread, flags)
    return mask[1:-1, 1:-1]
