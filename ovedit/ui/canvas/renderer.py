"""The picture as seen: display tiles put together and scaled into device pixels.

Tiles that are not ready within the frame's time are stood in for by coarser ones and made in the
next frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import TILE
from ovedit.geometry import Rect
from ovedit.ui.canvas.display_tiles import DisplayTiles, TileKey
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
        self._surround = _packed(surround)
        self._buffer = FrameBuffer()
        self._missing: set[TileKey] = set()

    def set_surround(self, surround: tuple[int, int, int]) -> None:
        """Change the colour around the picture."""
        self._surround = _packed(surround)
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
        return not self._missing

    def frame(self, view: View) -> Array:
        """(H, W, 4) uint8 B, G, R, X of the viewport; valid until the next call."""
        rects = self._buffer.follow(view)
        rects += self._make_tiles(view, rects)
        for device in rects:
            self._draw(view, device)
        return self._buffer.pixels

    def _make_tiles(self, view: View, rects: Sequence[Rect]) -> list[Rect]:
        """Make what time allows of the tiles for `rects` and of those still missing.

        Returns the device rectangles of tiles that were missing before and are there now.
        """
        level = view.level
        seen = {(level, *key) for key in source_rect(view, view.viewport.rect).tiles(TILE)}
        stood_in = self._missing & seen
        wanted = {
            (level, *key)
            for device in rects
            for key in source_rect(view, device).tiles(TILE)
            if not self.tiles.cached(level, *key)
        }
        made: set[TileKey] = set()
        deadline = perf_counter() + FRAME_SECONDS
        for key in sorted(stood_in | wanted):
            # At least one, or a busy machine would never get anywhere.
            if made and perf_counter() > deadline:
                break
            self.tiles.tile(*key)
            made.add(key)
        self._missing = (stood_in | wanted) - made
        return [self._device_rect(view, key) for key in made & stood_in]

    def _device_rect(self, view: View, key: TileKey) -> Rect:
        at, scale = self.tiles.rect(*key), 1 << key[0]
        where = Rect(at.x * scale, at.y * scale, at.width * scale, at.height * scale)
        return view.device_rect(where.padded(scale))

    def _draw(self, view: View, device: Rect) -> None:
        picture = view.device_rect(view.document.rect).intersect(device)
        if picture != device:
            self._buffer.pixels.view(np.uint32)[..., 0][device.slices] = self._surround
        if picture:
            source = source_rect(view, picture)
            pixels = self._assemble(view.level, source)
            scaled = sample(pixels, source, view, picture, border=cv2.BORDER_REPLICATE)
            self._buffer.pixels[picture.slices] = scaled

    def _assemble(self, level: int, source: Rect) -> Array:
        """The tiles of a mip level over `source`, in one array."""
        out = np.empty((source.height, source.width, 4), np.uint8)
        for row, column in source.tiles(TILE):
            at = self.tiles.rect(level, row, column)
            if self.tiles.cached(level, row, column):
                tile = self.tiles.tile(level, row, column)
            else:
                tile = self.tiles.stand_in(level, row, column)
            part = at.intersect(source)
            out[part.translated(-source.x, -source.y).slices] = tile[
                part.translated(-at.x, -at.y).slices
            ]
        return out


def _packed(colour: tuple[int, int, int]) -> int:
    """(B, G, R) as the number that its four bytes, opaque, make."""
    return int(np.array([*colour, 255], np.uint8).view(np.uint32)[0])
