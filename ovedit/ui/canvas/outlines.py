"""Outlines of masks and of the selection, drawn as device pixels.

A painter path through every corner of a leafy mask takes a tenth of a second to stroke; finding the
border pixels of what is seen takes a millisecond, and a pan only moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect
from ovedit.ui.canvas.display_tiles import Overlay
from ovedit.ui.canvas.frame import FrameBuffer
from ovedit.ui.canvas.sampling import sample, source_rect
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]
Colour = tuple[int, int, int]

_PERIOD, _DASH = 12, 7
_OWNER, _OWNERS = 254, 14
"""The alpha of dashes says whose they are: from 254 down. Nobody sees the difference."""
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


@dataclass(frozen=True, eq=False)
class Outline:
    """One outline: where `area` is at least half covered.

    colours: sRGB of the dashes and of the gaps between them; the same twice for a whole line.
    opacity: 0 to 1. thin: one pixel wide instead of two.
    """

    area: Overlay
    colours: tuple[Colour, Colour]
    opacity: float = 1.0
    thin: bool = False

    @property
    def dashed(self) -> bool:
        """Whether it has dashes, which move."""
        return self.colours[0] != self.colours[1]


class Outlines:
    """Draws outlines into a transparent buffer that follows the view."""

    def __init__(self) -> None:
        self._buffer = FrameBuffer()
        self._outlines: tuple[Outline, ...] = ()
        self._dashes: list[tuple[Outline, NDArray[np.intp]]] | None = None

    def set_outlines(self, outlines: Sequence[Outline]) -> None:
        """Draw these, the last one on top."""
        self._outlines = tuple(outlines)
        self._buffer.invalidate()

    def replace_outlines(self, outlines: Sequence[Outline]) -> None:
        """Like `set_outlines`, where all that changed is marked too."""
        self._outlines = tuple(outlines)

    def mark(self, rect: Rect) -> None:
        """A mask changed inside this document rectangle."""
        self._buffer.mark(rect)

    def frame(self, view: View, phase: int) -> Array | None:
        """(H, W, 4) uint8 premultiplied B, G, R, A, or None where there is nothing to draw.

        phase: how far the dashes have moved, in pixels.
        """
        rects = self._buffer.follow(view)
        if not self._outlines:
            return None
        if rects:
            self._dashes = None
        for device in rects:
            self._draw(view, device)
        self._move_dashes(phase)
        return self._buffer.pixels

    def _draw(self, view: View, device: Rect) -> None:
        target = self._buffer.pixels[device.slices]
        target[:] = 0
        for number, outline in enumerate(self._outlines):
            border = border_pixels(outline.area, view, device, thin=outline.thin)
            if border is None:
                continue
            alpha = round(255 * outline.opacity)
            target[border] = _premultiplied(outline.colours[0], alpha)
            if outline.dashed:
                target[border, 3] = _OWNER - number % _OWNERS

    def _move_dashes(self, phase: int) -> None:
        """Colour the border pixels of dashed outlines by their place along the diagonal."""
        width = self._buffer.pixels.shape[1]
        if self._dashes is None:
            alpha = self._buffer.pixels[..., 3]
            self._dashes = [
                (outline, np.flatnonzero(alpha == _OWNER - number % _OWNERS))
                for number, outline in enumerate(self._outlines)
                if outline.dashed
            ]
        flat = self._buffer.pixels.reshape(-1, 4)
        for outline, places in self._dashes:
            along = (places % width + places // width + phase) % _PERIOD
            on, off = (_premultiplied(colour, _OWNER - _OWNERS)[:3] for colour in outline.colours)
            flat[places, :3] = np.where((along < _DASH)[:, None], on, off).astype(np.uint8)


def border_pixels(
    area: Overlay, view: View, device: Rect, *, thin: bool = False
) -> NDArray[np.bool_] | None:
    """(h, w) bool over a device rectangle: the border of `area`, or None where there is none."""
    # Two pixels more, so that borders go on across the rectangles that are drawn one by one.
    around = device.padded(2)
    source = source_rect(view, around)
    coverage = area.read(source, view.level) if source else None
    if coverage is None:
        return None
    scaled = sample(coverage, source, view, around, border=cv2.BORDER_CONSTANT)
    inside = (scaled >= 128).astype(np.uint8)
    outer = inside if thin else cv2.dilate(inside, _CROSS)
    border = np.not_equal(outer, cv2.erode(inside, _CROSS))[2:-2, 2:-2]
    return border if border.any() else None


def _premultiplied(colour: Colour, alpha: int) -> tuple[int, int, int, int]:
    red, green, blue = colour
    return blue * alpha // 255, green * alpha // 255, red * alpha // 255, alpha
