"""Outlines of masks and of the selection, drawn as device pixels.

A painter path through every corner of a leafy mask takes a tenth of a second to stroke; finding the
border pixels of what is seen takes a millisecond, and a pan only moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect, Size
from ovedit.ui.canvas.display_tiles import Overlay
from ovedit.ui.canvas.frame import FrameBuffer
from ovedit.ui.canvas.sampling import sample, source_rect
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]
Colour = tuple[int, int, int]

Style = tuple[tuple[Colour, Colour], float]
"""Colours of dashes and gaps, and opacity."""

_PERIOD, _DASH = 12, 7
_STYLES = 255 // _PERIOD
"""As many styles as a byte can tell apart; all further ones look like the last."""


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
    def style(self) -> Style:
        """What it looks like."""
        return self.colours, self.opacity

    @property
    def dashed(self) -> bool:
        """Whether it has dashes, which move."""
        return self.colours[0] != self.colours[1]


class Outlines:
    """Draws outlines into transparent buffers that follow the view.

    One buffer holds which colour a pixel has, as an index into a table. There are as many indices
    for an outline as a period of its dashes is long, so dashes move by changing the table.
    """

    def __init__(self) -> None:
        self._indices = FrameBuffer(interpolation=None)
        self._colours = FrameBuffer(channels=4, interpolation=cv2.INTER_NEAREST)
        self._outlines: tuple[Outline, ...] = ()
        self._styles: tuple[Style, ...] = ()
        self._table = _table((), 0)
        self._places: NDArray[np.intp] | None = None
        self._phase = 0

    def set_outlines(self, outlines: Sequence[Outline]) -> bool:
        """Draw these from now on, the last one on top.

        Returns whether nothing is left of what was drawn: where other colours are wanted.
        """
        self._outlines = tuple(outlines)
        styles = tuple(dict.fromkeys(outline.style for outline in outlines))
        if styles == self._styles:
            return False
        self._styles = styles
        self._table = _table(styles, self._phase)
        self.clear(Rect(0, 0, *self._indices.pixels.shape[::-1]))
        return True

    @property
    def dashed(self) -> bool:
        """Whether there are dashes, which move."""
        return any(outline.dashed for outline in self._outlines)

    def follow(self, view: View) -> None:
        """Move to this view; what came into sight is empty."""
        if view != self._indices.view:
            self._indices.follow(view)
            for device in self._colours.follow(view):
                self.clear(device)
            self._places = None

    def clear(self, device: Rect) -> None:
        """Leave nothing in a device rectangle."""
        self._indices.pixels[device.slices] = 0
        self._colours.pixels[device.slices] = 0
        self._places = None

    def draw(self, view: View, device: Rect) -> None:
        """Draw a device rectangle anew, in the view that was followed last."""
        indices = np.zeros((device.height, device.width), np.uint8)
        dashes = _along(view, device)
        for outline in self._outlines:
            border = border_pixels(outline.area, view, device, thin=outline.thin)
            if border is not None:
                number = min(self._styles.index(outline.style), _STYLES - 1)
                cv2.copyTo(dashes + np.uint8(number * _PERIOD), border, indices)
        self._indices.pixels[device.slices] = indices
        colours = self._colours.pixels[device.slices].view(np.uint32)[..., 0]
        colours[:] = self._table.take(indices)
        self._places = None

    def frame(self, phase: int) -> Array | None:
        """(H, W, 4) uint8 premultiplied B, G, R, A, or None where there is nothing to draw.

        phase: how far the dashes have moved, in pixels.
        """
        if not self._outlines:
            return None
        if phase != self._phase:
            self._phase = phase
            self._table = _table(self._styles, phase)
            indices = self._indices.pixels.reshape(-1)
            if self._places is None:
                self._places = np.flatnonzero(indices != 0)
            colours = self._colours.pixels.view(np.uint32).reshape(-1)
            colours[self._places] = self._table[indices[self._places]]
        return self._colours.pixels


def _table(styles: Sequence[Style], phase: int) -> NDArray[np.uint32]:
    """The colour of each index, as the number that its four bytes make."""
    table = np.zeros((256, 4), np.uint8)
    for number, (colours, opacity) in enumerate(styles[:_STYLES]):
        on, off = (_premultiplied(colour, round(255 * opacity)) for colour in colours)
        for along in range(_PERIOD):
            dash = (along + phase) % _PERIOD < _DASH
            table[1 + number * _PERIOD + along] = on if dash else off
    return table.view(np.uint32)[:, 0]


def _along(view: View, device: Rect) -> Array:
    """(h, w) place in the dashes' period, from 1 on: diagonal, and fixed to the picture."""
    x = (device.x - round(view.affine.dx)) % _PERIOD
    y = (device.y - round(view.affine.dy)) % _PERIOD
    return _diagonals(view.viewport)[y : y + device.height, x : x + device.width]


@lru_cache(maxsize=2)
def _diagonals(size: Size) -> Array:
    """Places in the dashes' period over a viewport of this size, one period wider and higher."""
    x = (np.arange(size.width + _PERIOD) % _PERIOD).astype(np.uint8)
    y = (np.arange(size.height + _PERIOD) % _PERIOD).astype(np.uint8)
    return (x + y[:, None]) % np.uint8(_PERIOD) + np.uint8(1)


def border_reach(view: View) -> int:
    """How many device pixels an outline reaches to either side: one pixel of the widget."""
    return max(1, round(view.ratio))


def border_pixels(area: Overlay, view: View, device: Rect, *, thin: bool = False) -> Array | None:
    """(h, w) uint8 over a device rectangle: 255 on the border of `area`; None if there is none."""
    reach = border_reach(view)
    # More than the reach, so that borders go on across the rectangles that are drawn one by one.
    around = device.padded(reach + 1)
    source = source_rect(view, around)
    coverage = area.read(source, view.level) if source else None
    if coverage is None or not coverage.any():
        return None
    scaled = sample(coverage, source, view, around, border=cv2.BORDER_CONSTANT)
    _, inside = cv2.threshold(scaled, 127, 255, cv2.THRESH_BINARY)
    if inside.min() == inside.max():
        return None
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (2 * reach + 1, 2 * reach + 1))
    outer = inside if thin else cv2.dilate(inside, cross)
    border = np.asarray(cv2.subtract(outer, cv2.erode(inside, cross)), np.uint8)
    border = np.ascontiguousarray(border[reach + 1 : -reach - 1, reach + 1 : -reach - 1])
    return border if border.any() else None


def _premultiplied(colour: Colour, alpha: int) -> tuple[int, int, int, int]:
    red, green, blue = colour
    return blue * alpha // 255, green * alpha // 255, red * alpha // 255, alpha
