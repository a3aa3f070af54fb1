"""A buffer of device pixels that follows the view: moved by a pan, drawn only where it must be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]


class FrameBuffer:
    """(H, W, 4) uint8 of the viewport, kept between frames.

    `follow` moves it to where a view is now and says which device rectangles have to be drawn:
    all after a zoom or `invalidate`, the strips that came into sight after a pan, and the document
    rectangles that were marked.
    """

    def __init__(self) -> None:
        self.pixels: Array = np.zeros((0, 0, 4), np.uint8)
        self._view: View | None = None
        self._marked: list[Rect] = []

    def invalidate(self) -> None:
        """Everything has to be drawn."""
        self._view = None

    def mark(self, rect: Rect) -> None:
        """This document rectangle has to be drawn."""
        self._marked.append(rect)

    def follow(self, view: View) -> list[Rect]:
        """The device rectangles to draw for this view."""
        old, whole = self._view, view.viewport.rect
        marked, self._marked = self._marked, []
        self._view = view
        if old is None or old.viewport != view.viewport or old.document != view.document:
            self.pixels = np.zeros((whole.height, whole.width, 4), np.uint8)
            return [whole]
        if old.zoom != view.zoom:
            return [whole]
        dx = round(view.affine.dx - old.affine.dx)
        dy = round(view.affine.dy - old.affine.dy)
        # Linear sampling reaches one pixel of the level beyond what changed.
        reach = 1 << view.level
        rects = [view.device_rect(rect.padded(reach)).padded(2).intersect(whole) for rect in marked]
        if dx or dy:
            kept = whole.translated(dx, dy).intersect(whole)
            if not kept:
                return [whole]
            moved = self.pixels[kept.translated(-dx, -dy).slices].copy()
            self.pixels[kept.slices] = moved
            rects += _around(whole, kept)
        return [rect for rect in rects if rect]


def _around(whole: Rect, kept: Rect) -> list[Rect]:
    """The strips of `whole` that are not in `kept`."""
    return [
        Rect.from_edges(whole.x, whole.y, whole.right, kept.y),
        Rect.from_edges(whole.x, kept.bottom, whole.right, whole.bottom),
        Rect.from_edges(whole.x, kept.y, kept.x, kept.bottom),
        Rect.from_edges(kept.right, kept.y, whole.right, kept.bottom),
    ]
