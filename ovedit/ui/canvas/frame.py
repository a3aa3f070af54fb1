"""A buffer of device pixels that follows the view: moved by a pan, scaled by a zoom."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]


class FrameBuffer:
    """(H, W) or (H, W, channels) uint8 of the viewport, kept between frames.

    `follow` moves it to where a view is now, scaled where the zoom is another one, and says which
    device rectangles came into sight: nothing of use is in them.

    interpolation: how OpenCV is to scale, or None to keep nothing over a zoom.
    """

    def __init__(self, channels: int = 0, *, interpolation: int | None = cv2.INTER_LINEAR) -> None:
        self._channels = channels
        self._interpolation = interpolation
        self.pixels: Array = np.zeros(self._shape(Size(0, 0)), np.uint8)
        # Zooms go from one to the other: new memory for each frame costs as much as the scaling.
        self._other = np.zeros_like(self.pixels)
        self._view: View | None = None

    @property
    def view(self) -> View | None:
        """The view that was followed last."""
        return self._view

    def follow(self, view: View) -> list[Rect]:
        """Move to this view; returns the device rectangles that came into sight."""
        old, whole = self._view, view.viewport.rect
        self._view = view
        zoomed = old is not None and old.zoom != view.zoom
        if (
            old is None
            or old.viewport != view.viewport
            or old.document != view.document
            or (zoomed and self._interpolation is None)
        ):
            self.pixels = np.zeros(self._shape(view.viewport), np.uint8)
            self._other = np.zeros_like(self.pixels)
            return [whole]
        if zoomed and self._interpolation is not None:
            return self._scale(old, view, self._interpolation)
        dx = round(view.affine.dx - old.affine.dx)
        dy = round(view.affine.dy - old.affine.dy)
        kept = whole.translated(dx, dy).intersect(whole)
        if kept != whole:
            moved = self.pixels[kept.translated(-dx, -dy).slices].copy()
            self.pixels[kept.slices] = moved
        return strips_around(whole, kept)

    def _scale(self, old: View, view: View, interpolation: int) -> list[Rect]:
        whole = view.viewport.rect
        scale = view.zoom / old.zoom
        left = view.affine.dx - old.affine.dx * scale
        top = view.affine.dy - old.affine.dy * scale
        kept = Rect.from_edges(
            math.ceil(left),
            math.ceil(top),
            math.floor(left + whole.width * scale),
            math.floor(top + whole.height * scale),
        ).intersect(whole)
        if not kept:
            return [whole]
        # From pixel centres to pixel centres.
        x0, y0 = (kept.x + 0.5 - left) / scale - 0.5, (kept.y + 0.5 - top) / scale - 0.5
        cv2.warpAffine(
            self.pixels,
            np.array([[1 / scale, 0, x0], [0, 1 / scale, y0]]),
            (kept.width, kept.height),
            self._other[kept.slices],
            flags=cv2.WARP_INVERSE_MAP | interpolation,
            borderMode=cv2.BORDER_REPLICATE,
        )
        self.pixels, self._other = self._other, self.pixels
        return strips_around(whole, kept)

    def _shape(self, size: Size) -> tuple[int, ...]:
        shape = (size.height, size.width)
        return (*shape, self._channels) if self._channels else shape


def strips_around(whole: Rect, kept: Rect) -> list[Rect]:
    """The rectangles that make up `whole` without `kept`, which lies in it."""
    if not kept:
        return [whole]
    strips = [
        Rect.from_edges(whole.x, whole.y, whole.right, kept.y),
        Rect.from_edges(whole.x, kept.bottom, whole.right, whole.bottom),
        Rect.from_edges(whole.x, kept.y, kept.x, kept.bottom),
        Rect.from_edges(kept.right, kept.y, whole.right, kept.bottom),
    ]
    return [strip for strip in strips if strip]
