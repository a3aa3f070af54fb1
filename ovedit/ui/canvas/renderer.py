"""The picture as seen: display tiles put together and scaled into device pixels.

Tiles that are not ready within the frame's time are stood in for by coarser ones and made in the
next frames.
"""

from __future__ import annotations

from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import TILE
from ovedit.geometry import Rect
from ovedit.ui.canvas.display_tiles import DisplayTiles
from ovedit.ui.canvas.frame import FrameBuffer
from ovedit.ui.canvas.sampling import sample, source_rect
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]

FRAME_SECONDS = 0.007
"""Time a frame may spend on making tiles."""


class Renderer:
    """Draws `tiles` as a `View` says, on a surround colour (B, G, R)."""

    def __init__(self, tiles: DisplayTiles, surround: tuple[int, int, int]) -> None:
        self.tiles = tiles
        self._surround = (*surround, 255)
        self._buffer = FrameBuffer()

    def set_surround(self, surround: tuple[int, int, int]) -> None:
        """Change the colour around the picture."""
        self._surround = (*surround, 255)
        self.redraw()

    def redraw(self) -> None:
        """Draw everything anew in the next frame."""
        self._buffer.invalidate()

    def mark(self, rect: Rect) -> None:
        """Draw this document rectangle anew in the next frame."""
        self._buffer.mark(rect)

    @property
    def finished(self) -> bool:
        """Whether the last frame showed no stand-ins. Otherwise, ask for another one."""
        return self._buffer.final

    def frame(self, view: View) -> Array:
        """(H, W, 4) uint8 B, G, R, X of the viewport; valid until the next call."""
        deadline = perf_counter() + FRAME_SECONDS
        for device in self._buffer.follow(view):
            self._draw(view, device, deadline)
        return self._buffer.pixels

    def _draw(self, view: View, device: Rect, deadline: float) -> None:
        picture = view.device_rect(view.document.rect).intersect(device)
        if picture != device:
            self._buffer.pixels[device.slices] = self._surround
        if picture:
            source = source_rect(view, picture)
            pixels = self._assemble(view, device, source, deadline)
            scaled = sample(pixels, source, view, picture, border=cv2.BORDER_REPLICATE)
            self._buffer.pixels[picture.slices] = scaled

    def _assemble(self, view: View, device: Rect, source: Rect, deadline: float) -> Array:
        """The tiles of the view's mip level over `source`, in one array."""
        level, scale = view.level, 1 << view.level
        out = np.empty((source.height, source.width, 4), np.uint8)
        for row, column in source.tiles(TILE):
            at = self.tiles.rect(level, row, column)
            if self.tiles.cached(level, row, column) or perf_counter() < deadline:
                tile = self.tiles.tile(level, row, column)
            else:
                tile = self.tiles.stand_in(level, row, column)
                where = Rect(at.x * scale, at.y * scale, at.width * scale, at.height * scale)
                self._buffer.draw_again(view.device_rect(where.padded(scale)).intersect(device))
            part = at.intersect(source)
            out[part.translated(-source.x, -source.y).slices] = tile[
                part.translated(-at.x, -at.y).slices
            ]
        return out
