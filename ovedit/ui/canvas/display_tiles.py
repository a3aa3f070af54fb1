"""Tiles ready to be shown: the flattened picture over a checkerboard, with mask overlays tinted in.

Made on demand at the mip level in use, kept within a byte budget, and forgotten where the document
changes. Nothing here is Qt: tiles are (h, w, 4) uint8 in the byte order B, G, R, X.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import TILE, DocumentState, Surface
from ovedit.geometry import Rect

Array = NDArray[np.uint8]
TileKey = tuple[int, int, int]
"""(level, row, column)."""

_CHECKER = 8
"""Side of a checkerboard square in pixels of the level, so it looks the same at every zoom."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """A mask to tint in: coverage read from `surface`, colour sRGB, strength 0 to 1.

    preview: coverage that takes the place of the surface's while a slider moves, as (level, array
    of the whole document at that level).
    """

    surface: Surface
    colour: tuple[int, int, int]
    strength: float
    preview: tuple[int, Array] | None = None

    def read(self, rect: Rect, level: int) -> Array | None:
        """Coverage over a rectangle of the level, or None where there is none."""
        if self.preview is None:
            return self.surface.read(rect, level)
        own_level, coverage = self.preview
        if own_level == level:
            return coverage[rect.slices]
        ratio = 2.0 ** (level - own_level)
        source = Rect.from_edges(
            int(rect.x * ratio),
            int(rect.y * ratio),
            max(int(rect.x * ratio) + 1, round(rect.right * ratio)),
            max(int(rect.y * ratio) + 1, round(rect.bottom * ratio)),
        )
        part = coverage[source.slices]
        if part.size == 0:
            return None
        return np.asarray(cv2.resize(part, (rect.width, rect.height)), np.uint8)


class DisplayTiles:
    """The cache of tiles.

    state: gives the document as it is now. checker: the two greys of the checkerboard.
    """

    def __init__(
        self,
        state: Callable[[], DocumentState],
        *,
        checker: tuple[int, int] = (204, 255),
        budget: int = 256 << 20,
    ) -> None:
        self._state = state
        self._checker = checker
        self._budget = budget
        self._bytes = 0
        self._plain: OrderedDict[TileKey, Array] = OrderedDict()
        self._tinted: dict[TileKey, Array] = {}
        self._overlays: tuple[Overlay, ...] = ()

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Show these masks, the last one on top."""
        self._overlays = tuple(overlays)
        self._tinted.clear()

    def replace_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Like `set_overlays`, where all that changed is told by `forget_overlays` too."""
        self._overlays = tuple(overlays)

    def forget(self, rect: Rect) -> None:
        """The picture changed inside this document rectangle."""
        for key in [key for key in self._plain if self._covers(key, rect)]:
            self._bytes -= self._plain.pop(key).nbytes
        self.forget_overlays(rect)

    def forget_overlays(self, rect: Rect) -> None:
        """A mask changed inside this document rectangle."""
        for key in [key for key in self._tinted if self._covers(key, rect)]:
            del self._tinted[key]

    def clear(self) -> None:
        """Forget everything."""
        self._plain.clear()
        self._tinted.clear()
        self._bytes = 0

    def cached(self, level: int, row: int, column: int) -> bool:
        """Whether `tile` would answer at once."""
        key = (level, row, column)
        return key in self._tinted or (not self._overlays and key in self._plain)

    def tile(self, level: int, row: int, column: int) -> Array:
        """The tile, made now if it has to be. Do not write to it."""
        key = (level, row, column)
        if not self._overlays:
            return self._plain_tile(key)
        tile = self._tinted.get(key)
        if tile is None:
            tile = self._tint(key, self._plain_tile(key))
            self._tinted[key] = tile
        return tile

    def stand_in(self, level: int, row: int, column: int) -> Array:
        """Something to show until `tile` is made: the nearest coarser tile, enlarged."""
        target = self.rect(level, row, column)
        top = self._top_level()
        for coarser in range(level + 1, top + 1):
            shift = coarser - level
            if coarser < top and not self.cached(coarser, row >> shift, column >> shift):
                continue
            parent = self.tile(coarser, row >> shift, column >> shift)
            at = self.rect(coarser, row >> shift, column >> shift)
            part = target.at_level(shift).intersect(at).translated(-at.x, -at.y)
            if part:
                size = (target.width, target.height)
                return np.asarray(
                    cv2.resize(parent[part.slices], size, interpolation=cv2.INTER_LINEAR), np.uint8
                )
        return self.tile(level, row, column)

    def rect(self, level: int, row: int, column: int) -> Rect:
        """Where a tile lies, in pixels of its level."""
        size = self._state().size.rect.at_level(level)
        return Rect(column * TILE, row * TILE, TILE, TILE).intersect(size)

    def _top_level(self) -> int:
        size = self._state().size
        level = 0
        while max(size.width, size.height) >> level > TILE:
            level += 1
        return level

    def _covers(self, key: TileKey, rect: Rect) -> bool:
        # One pixel more: a coarse pixel is the mean of its neighbours' edges too.
        level, row, column = key
        at = rect.at_level(level).padded(1)
        return bool(at.intersect(Rect(column * TILE, row * TILE, TILE, TILE)))

    def _plain_tile(self, key: TileKey) -> Array:
        tile = self._plain.get(key)
        if tile is not None:
            self._plain.move_to_end(key)
            return tile
        level, row, column = key
        rect = self.rect(level, row, column)
        tile = self._over_checkerboard(self._state().flattened(rect, level))
        self._plain[key] = tile
        self._bytes += tile.nbytes
        while self._bytes > self._budget and len(self._plain) > 1:
            old, dropped = self._plain.popitem(last=False)
            self._bytes -= dropped.nbytes
            self._tinted.pop(old, None)
        return tile

    def _over_checkerboard(self, pixels: Array) -> Array:
        if pixels[..., 3].min() == 255:
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), np.uint8)
        height, width = pixels.shape[:2]
        y, x = np.ogrid[:height, :width]
        squares = ((x // _CHECKER + y // _CHECKER) % 2).astype(np.uint8)
        board = np.array(self._checker, np.float32)[squares][..., None]
        alpha = pixels[..., 3:].astype(np.float32) / 255
        out = np.full((height, width, 4), 255, np.uint8)
        out[..., :3] = np.round(board + (pixels[..., 2::-1] - board) * alpha)
        return out

    def _tint(self, key: TileKey, plain: Array) -> Array:
        level, row, column = key
        rect = self.rect(level, row, column)
        out = plain
        for overlay in self._overlays:
            coverage = overlay.read(rect, level)
            if coverage is None or overlay.strength <= 0 or not coverage.any():
                continue
            red, green, blue = overlay.colour
            tint = np.empty_like(out)
            tint[:] = (blue, green, red, 255)
            weight = coverage.astype(np.float32) * (overlay.strength / 255)
            out = np.asarray(cv2.blendLinear(tint, out, weight, 1 - weight), np.uint8)
        return out
