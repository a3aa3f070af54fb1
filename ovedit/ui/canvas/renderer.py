"""The picture as seen: display tiles put together and scaled into one buffer of device pixels.

The buffer is kept between frames. A pan moves it and draws the strips that come into sight; a
change in the document redraws its rectangle; an unchanged frame costs nothing. Tiles that are not
ready within the frame's time are stood in for by coarser ones and made in the next frames.
"""

from __future__ import annotations

import math
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import TILE
from ovedit.geometry import Rect
from ovedit.ui.canvas.display_tiles import DisplayTiles
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]

FRAME_SECONDS = 0.007
"""Time a frame may spend on making tiles."""


class Renderer:
    """Draws `tiles` as a `View` says, on a surround colour (B, G, R)."""

    def __init__(self, tiles: DisplayTiles, surround: tuple[int, int, int]) -> None:
        self.tiles = tiles
        self._surround = (*surround, 255)
        self._view: View | None = None
        self._buffer = np.zeros((0, 0, 4), np.uint8)
        self._dirty: list[Rect] = []
        self._unfinished: set[Rect] = set()

    def set_surround(self, surround: tuple[int, int, int]) -> None:
        """Change the colour around the picture."""
        self._surround = (*surround, 255)
        self.redraw()

    def redraw(self) -> None:
        """Draw everything anew in the next frame."""
        self._view = None

    def mark(self, rect: Rect) -> None:
        """Draw this document rectangle anew in the next frame."""
        self._dirty.append(rect)

    @property
    def finished(self) -> bool:
        """Whether the last frame showed no stand-ins. Otherwise, ask for another one."""
        return not self._unfinished

    def frame(self, view: View) -> Array:
        """(H, W, 4) uint8 B, G, R, X of the viewport; valid until the next call."""
        deadline = perf_counter() + FRAME_SECONDS
        for device in self._to_draw(view):
            self._draw(view, device, deadline)
        self._view = view
        return self._buffer

    def _to_draw(self, view: View) -> list[Rect]:
        """Device rectangles to draw, with the buffer moved to where the view is now."""
        old, whole = self._view, view.viewport.rect
        dirty, self._dirty = self._dirty, []
        unfinished, self._unfinished = self._unfinished, set()
        if old is None or old.viewport != view.viewport or old.document != view.document:
            self._buffer = np.empty((whole.height, whole.width, 4), np.uint8)
            return [whole]
        if old.zoom != view.zoom:
            return [whole]
        dx = round(view.affine.dx - old.affine.dx)
        dy = round(view.affine.dy - old.affine.dy)
        # Linear sampling reaches one pixel of the level beyond what changed.
        reach = 1 << view.level
        rects = [view.device_rect(rect.padded(reach)).padded(1).intersect(whole) for rect in dirty]
        rects += [rect.translated(dx, dy).intersect(whole) for rect in unfinished]
        if dx or dy:
            kept = whole.translated(dx, dy).intersect(whole)
            if not kept:
                return [whole]
            moved = self._buffer[kept.translated(-dx, -dy).slices].copy()
            self._buffer[kept.slices] = moved
            rects += _around(whole, kept)
        return [rect for rect in rects if rect]

    def _draw(self, view: View, device: Rect, deadline: float) -> None:
        target = self._buffer[device.slices]
        picture = view.device_rect(view.document.rect).intersect(device)
        if picture != device:
            target[:] = self._surround
        if not picture:
            return
        level, scale = view.level, view.zoom * (1 << view.level)
        # Pixels of the level under the picture, with a pixel around for the interpolation.
        level_size = view.document.rect.at_level(level)
        left = (picture.x - view.affine.dx) / scale
        top = (picture.y - view.affine.dy) / scale
        source = Rect.from_edges(
            math.floor(left) - 1,
            math.floor(top) - 1,
            math.ceil(left + picture.width / scale) + 1,
            math.ceil(top + picture.height / scale) + 1,
        ).intersect(level_size)
        pixels = self._assemble(view, device, level, source, deadline)
        self._sample(pixels, source, view, scale, picture)

    def _assemble(
        self, view: View, device: Rect, level: int, source: Rect, deadline: float
    ) -> Array:
        """The tiles of a mip level over `source`, in one array."""
        out = np.empty((source.height, source.width, 4), np.uint8)
        for row, column in source.tiles(TILE):
            at = self.tiles.rect(level, row, column)
            if self.tiles.cached(level, row, column) or perf_counter() < deadline:
                tile = self.tiles.tile(level, row, column)
            else:
                tile = self.tiles.stand_in(level, row, column)
                scale = 1 << level
                where = Rect(at.x * scale, at.y * scale, at.width * scale, at.height * scale)
                self._unfinished.add(view.device_rect(where.padded(scale)).intersect(device))
            part = at.intersect(source)
            out[part.translated(-source.x, -source.y).slices] = tile[
                part.translated(-at.x, -at.y).slices
            ]
        return out

    def _sample(self, pixels: Array, source: Rect, view: View, scale: float, picture: Rect) -> None:
        """Scale `pixels`, which lie at `source` in the level, into `picture` of the buffer."""
        target = self._buffer[picture.slices]
        # Where the first target pixel's centre falls, counted in pixel centres of the source.
        x0 = (picture.x + 0.5 - view.affine.dx) / scale - 0.5 - source.x
        y0 = (picture.y + 0.5 - view.affine.dy) / scale - 0.5 - source.y
        if scale == 1.0 and float(x0).is_integer() and float(y0).is_integer():
            inside = Rect(int(x0), int(y0), picture.width, picture.height)
            if Rect(0, 0, source.width, source.height).contains(inside):
                target[:] = pixels[inside.slices]
                return
        step = 1 / scale
        matrix = np.array([[step, 0, x0], [0, step, y0]], np.float64)
        flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_NEAREST if scale >= 2 else cv2.INTER_LINEAR)
        target[:] = cv2.warpAffine(
            pixels,
            matrix,
            (picture.width, picture.height),
            flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        )


def _around(whole: Rect, kept: Rect) -> list[Rect]:
    """The strips of `whole` that are not in `kept`."""
    return [
        Rect.from_edges(whole.x, whole.y, whole.right, kept.y),
        Rect.from_edges(whole.x, kept.bottom, whole.right, whole.bottom),
        Rect.from_edges(whole.x, kept.y, kept.x, kept.bottom),
        Rect.from_edges(kept.right, kept.y, whole.right, kept.bottom),
    ]
