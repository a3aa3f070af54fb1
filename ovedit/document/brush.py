"""Brush strokes: round dabs laid along a path, on coverage or on pixels.

A stroke is computed from what was there when it began and the largest dab coverage so far, so that
going over a place twice in one stroke does not build up beyond the brush's opacity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document.tiles import Surface
from ovedit.geometry import Rect, Size

Array = NDArray[np.uint8]

_SPACING = 0.12
"""Distance of two dabs in brush diameters."""


@dataclass(frozen=True)
class BrushTip:
    """diameter in pixels; hardness 0 (soft to the centre) to 1 (sharp); opacity 0 to 1."""

    diameter: float = 48.0
    hardness: float = 0.8
    opacity: float = 1.0


@lru_cache(maxsize=64)
def dab(diameter: float, hardness: float, shift: tuple[float, float] = (0.0, 0.0)) -> Array:
    """(n, n) uint8 coverage of a round dab, its centre `shift` pixels off the middle pixel.

    The edge falls from the hard core to 0 with a smooth step; a hard dab keeps one pixel of
    antialiasing.
    """
    radius = max(diameter, 1.0) / 2
    reach = math.ceil(radius) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    distance = np.hypot(x - shift[0], y - shift[1])
    core = radius * min(hardness, 1.0)
    soft = max(radius - core, 1.0)
    fall = np.clip((radius + 0.5 - distance) / soft, 0, 1)
    return np.round(fall * fall * (3 - 2 * fall) * 255).astype(np.uint8)


class Stroke:
    """One stroke over a surface of the given size.

    `extend` moves the pen and yields the rectangles that changed, each with the stroke's coverage
    there: (h, w) uint8. The caller decides what coverage does: see `paint`, `erase`, `cover`.
    """

    def __init__(self, size: Size, tip: BrushTip, selection: Surface | None = None) -> None:
        self.tip = tip
        self._size = size
        self._selection = selection
        self._coverage = Surface(size, 1)
        self._last: tuple[float, float] | None = None
        self._left = 0.0

    def extend(self, x: float, y: float, pressure: float = 1.0) -> Iterator[tuple[Rect, Array]]:
        """Draw from the last position to (x, y); the first call sets one dab."""
        touched = Rect(0, 0, 0, 0)
        for px, py in self._path(x, y):
            touched = touched.union(self._stamp(px, py, pressure))
        if touched:
            coverage = self._coverage.read(touched)
            if coverage is not None:
                yield touched, self._within_selection(touched, coverage)

    def _path(self, x: float, y: float) -> Iterator[tuple[float, float]]:
        if self._last is None:
            self._last = (x, y)
            yield x, y
            return
        x0, y0 = self._last
        length = math.hypot(x - x0, y - y0)
        step = max(1.0, self.tip.diameter * _SPACING)
        along = step - self._left
        while along <= length:
            yield x0 + (x - x0) * along / length, y0 + (y - y0) * along / length
            along += step
        self._left = length - (along - step)
        self._last = (x, y)

    def _stamp(self, x: float, y: float, pressure: float) -> Rect:
        diameter = max(1.0, self.tip.diameter * pressure)
        # Quarter pixels are as fine as the eye can follow, and keep the dabs in the cache.
        fine = 4 if diameter < 64 else 1
        left, top = math.floor(x), math.floor(y)
        shift = (round((x - left) * fine) / fine - 0.5, round((y - top) * fine) / fine - 0.5)
        stamp = dab(round(diameter * 4) / 4, self.tip.hardness, shift)
        reach = stamp.shape[0] // 2
        rect = Rect(left - reach, top - reach, *stamp.shape[::-1])
        inside = rect.intersect(self._size.rect)
        if not inside:
            return inside
        part = stamp[inside.translated(-rect.x, -rect.y).slices]
        before = self._coverage.read(inside)
        self._coverage.write(inside, part if before is None else np.maximum(before, part))
        return inside

    def _within_selection(self, rect: Rect, coverage: Array) -> Array:
        strength = self.tip.opacity
        scaled = coverage if strength >= 1 else np.round(coverage * strength).astype(np.uint8)
        if self._selection is None:
            return scaled
        selected = self._selection.read(rect)
        if selected is None:
            return np.zeros_like(scaled)
        return _scale(scaled, selected)


def cover(before: Array, stroke: Array) -> Array:
    """Coverage (h, w) with the stroke added."""
    return 255 - _scale(255 - before, 255 - stroke)


def uncover(before: Array, stroke: Array) -> Array:
    """Coverage (h, w) with the stroke taken away."""
    return _scale(before, 255 - stroke)


def paint(before: Array, stroke: Array, colour: tuple[int, int, int]) -> Array:
    """RGBA pixels (h, w, 4) with the colour laid over them by the stroke's coverage."""
    over = np.empty_like(before)
    over[:] = (*colour, 255)
    alpha = stroke.astype(np.float32) / 255
    if before[..., 3].min() == 255:
        return np.asarray(cv2.blendLinear(over, before, alpha, 1 - alpha), np.uint8)
    total = alpha + before[..., 3].astype(np.float32) / 255 * (1 - alpha)
    weight = np.divide(alpha, total, out=np.zeros_like(alpha), where=total > 0)
    out = np.asarray(cv2.blendLinear(over, before, weight, 1 - weight), np.uint8)
    out[..., 3] = cv2.convertScaleAbs(total, alpha=255)
    return out


def erase(before: Array, stroke: Array) -> Array:
    """RGBA pixels (h, w, 4) with their alpha lowered by the stroke's coverage."""
    out = before.copy()
    out[..., 3] = _scale(before[..., 3], 255 - stroke)
    return out


def _scale(value: Array, by: Array) -> Array:
    product = value.astype(np.uint16) * by
    return ((product + 127) // 255).astype(np.uint8)
