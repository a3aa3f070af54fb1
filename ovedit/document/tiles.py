"""Pixels in copy-on-write tiles, with mip levels made on demand.

A `Surface` is a sparse grid of tiles. Copies share tiles; a tile is copied when it is first written
through a copy that does not own it. So a snapshot, a duplicate layer and an undo step cost what
they change, not what they show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect, Size

TILE = 256
"""Side of a tile in pixels."""

Array = NDArray[np.uint8]
Key = tuple[int, int]
MipKey = tuple[int, int, int]


class Surface:
    """A picture of `size` with `channels` 4 (RGBA, straight alpha) or 1 (coverage).

    A tile that is missing is all zero: transparent, or not covered. Tiles at the right and bottom
    edges are cut to the surface. Tile arrays are (h, w, 4) or (h, w) uint8 and must not be written
    by anyone but `write`.
    """

    __slots__ = ("_mips", "_owned", "_stale", "_tiles", "channels", "size")

    def __init__(self, size: Size, channels: int, tiles: dict[Key, Array] | None = None) -> None:
        self.size = size
        self.channels = channels
        self._tiles: dict[Key, Array] = tiles if tiles is not None else {}
        self._mips: dict[MipKey, Array | None] = {}
        # What of a mip tile is out of date, in pixels of its level.
        self._stale: dict[MipKey, Rect] = {}
        self._owned: set[Key] = set()

    @staticmethod
    def from_array(pixels: Array) -> Surface:
        """A surface over (H, W, 4) or (H, W) uint8. The array is shared: do not write to it."""
        height, width = pixels.shape[:2]
        surface = Surface(Size(width, height), pixels.shape[2] if pixels.ndim == 3 else 1)
        for row, column in surface.size.rect.tiles(TILE):
            tile = pixels[surface._tile_rect(row, column).slices]
            if tile.any():
                surface._tiles[row, column] = tile
        return surface

    def copy(self) -> Surface:
        """A copy that shares all tiles and mips. Neither of the two owns a shared tile."""
        other = Surface(self.size, self.channels, dict(self._tiles))
        other._mips, other._stale = dict(self._mips), dict(self._stale)
        self._owned.clear()
        return other

    def level_size(self, level: int) -> Size:
        """Size of the mip level: each level halves, rounding up."""
        scale = 1 << level
        return Size(-(-self.size.width // scale), -(-self.size.height // scale))

    def tile(self, row: int, column: int, level: int = 0) -> Array | None:
        """The tile of a mip level, or None where all of it is zero."""
        if level == 0:
            return self._tiles.get((row, column))
        key = (level, row, column)
        at = self._tile_rect(row, column, level)
        if key not in self._mips:
            self._mips[key] = self._halved(level, at)
        elif key in self._stale:
            self._mips[key] = self._refreshed(self._mips[key], level, at, self._stale.pop(key))
        return self._mips[key]

    def tiles(self) -> Iterator[tuple[Key, Array]]:
        """All tiles that are not zero, as ((row, column), array)."""
        return iter(self._tiles.items())

    def read(self, rect: Rect, level: int = 0) -> Array | None:
        """A new array with the pixels of `rect` (in pixels of the level), or None if all are zero.

        What lies outside of the surface reads as zero.
        """
        inside = rect.intersect(self.level_size(level).rect)
        out: Array | None = None
        for row, column in inside.tiles(TILE):
            tile = self.tile(row, column, level)
            if tile is None:
                continue
            if out is None:
                if inside == rect == self._tile_rect(row, column, level):
                    return tile.copy()
                out = np.zeros(self._shape(rect.size), np.uint8)
            at = self._tile_rect(row, column, level)
            part = at.intersect(inside)
            out[part.translated(-rect.x, -rect.y).slices] = tile[
                part.translated(-at.x, -at.y).slices
            ]
        return out

    def array(self) -> Array:
        """The whole surface as a new (H, W, 4) or (H, W) array."""
        pixels = self.read(self.size.rect)
        return pixels if pixels is not None else np.zeros(self._shape(self.size), np.uint8)

    def write(self, rect: Rect, pixels: Array) -> None:
        """Replace the pixels of `rect`; what lies outside of the surface is dropped."""
        inside = rect.intersect(self.size.rect)
        for key in inside.tiles(TILE):
            at = self._tile_rect(*key)
            part = at.intersect(inside)
            source = pixels[part.translated(-rect.x, -rect.y).slices]
            if part == at:
                self._set(key, source.copy() if source.any() else None)
            else:
                tile = self._owned_tile(key)
                tile[part.translated(-at.x, -at.y).slices] = source
        self._forget_mips(inside)

    def replace_tiles(
        self,
        tiles: Iterable[tuple[Key, Array | None]],
        changed: Mapping[Key, Rect] | None = None,
    ) -> None:
        """Put whole tiles in place; None clears one. The arrays are taken over, not copied.

        changed: where in the surface a tile differs from the old one, if not everywhere.
        """
        for key, tile in tiles:
            self._set(key, tile)
            self._owned.discard(key)
            rect = changed.get(key) if changed is not None else None
            self._forget_mips(self._tile_rect(*key) if rect is None else rect)

    def share(self) -> None:
        """Give up ownership: tiles handed out so far will not change any more."""
        self._owned.clear()

    def bounds(self) -> Rect:
        """The smallest rectangle with all pixels whose alpha or coverage is above 0."""
        found = Rect(0, 0, 0, 0)
        for (row, column), tile in self._tiles.items():
            at = self._tile_rect(row, column)
            if found.contains(at):
                continue
            coverage = tile[..., 3] if self.channels == 4 else tile
            x, y, width, height = cv2.boundingRect(np.ascontiguousarray(coverage))
            found = found.union(Rect(at.x + x, at.y + y, width, height))
        return found

    def equals(self, other: Surface) -> bool:
        """Whether every pixel is the same."""
        if self.size != other.size or self.channels != other.channels:
            return False
        for key in self._tiles.keys() | other._tiles.keys():
            mine, theirs = self._tiles.get(key), other._tiles.get(key)
            if mine is theirs:
                continue
            if mine is None or theirs is None:
                present = theirs if mine is None else mine
                if present is not None and present.any():
                    return False
            elif not np.array_equal(mine, theirs):
                return False
        return True

    def changed_tiles(self, other: Surface) -> list[Key]:
        """Tiles that are not the very same array in both: what a delta has to look at."""
        keys = self._tiles.keys() | other._tiles.keys()
        return [key for key in keys if self._tiles.get(key) is not other._tiles.get(key)]

    def tile_rect(self, key: Key) -> Rect:
        """Where a level-0 tile lies."""
        return self._tile_rect(*key)

    def _tile_rect(self, row: int, column: int, level: int = 0) -> Rect:
        full = Rect(column * TILE, row * TILE, TILE, TILE)
        return full.intersect(self.level_size(level).rect)

    def _shape(self, size: Size) -> tuple[int, ...]:
        return (size.height, size.width, 4) if self.channels == 4 else (size.height, size.width)

    def _set(self, key: Key, tile: Array | None) -> None:
        if tile is None:
            self._tiles.pop(key, None)
            self._owned.discard(key)
        else:
            self._tiles[key] = tile
            self._owned.add(key)

    def _owned_tile(self, key: Key) -> Array:
        tile = self._tiles.get(key)
        if tile is None:
            tile = np.zeros(self._shape(self._tile_rect(*key).size), np.uint8)
            self._set(key, tile)
        elif key not in self._owned:
            tile = tile.copy()
            self._set(key, tile)
        return tile

    def _forget_mips(self, rect: Rect) -> None:
        if not self._mips:
            return
        level = 1
        while max(self.level_size(level - 1).width, self.level_size(level - 1).height) > 1:
            changed = rect.at_level(level)
            for row, column in changed.tiles(TILE):
                key = (level, row, column)
                if key in self._mips:
                    part = changed.intersect(self._tile_rect(row, column, level))
                    old = self._stale.get(key)
                    self._stale[key] = part if old is None else part.union(old)
            level += 1

    def _refreshed(self, mip: Array | None, level: int, at: Rect, stale: Rect) -> Array | None:
        """A mip tile that lies at `at`, made anew where it is stale."""
        fresh = self._halved(level, stale)
        if stale == at or (mip is None and fresh is None):
            return fresh
        # Copies of the surface share the old one.
        out = np.zeros(self._shape(at.size), np.uint8) if mip is None else mip.copy()
        out[stale.translated(-at.x, -at.y).slices] = 0 if fresh is None else fresh
        return out if fresh is not None or out.any() else None

    def _halved(self, level: int, at: Rect) -> Array | None:
        """The pixels of a mip level's rectangle, from the level below; None if all are zero."""
        below = Rect(at.x * 2, at.y * 2, at.width * 2, at.height * 2)
        inside = below.intersect(self.level_size(level - 1).rect)
        pixels = self.read(inside, level - 1)
        if pixels is None:
            return None
        # An odd edge is repeated, so that the last column keeps its full weight.
        if inside != below:
            gap = [(0, below.height - inside.height), (0, below.width - inside.width), (0, 0)]
            pixels = np.pad(pixels, gap[: pixels.ndim], mode="edge")
        return _halve(pixels)


def _halve(pixels: Array) -> Array:
    """Mean of 2×2 pixels; colours are weighted by their alpha, so that no halo appears."""
    half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
    if pixels.ndim == 2 or pixels[..., 3].min() == 255:
        return np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    # Four planes are faster than one array: every factor meets whole rows.
    *colours, alpha = cv2.split(pixels)
    mean = cv2.resize(alpha.astype(np.float32), half, interpolation=cv2.INTER_AREA)
    # Where nothing is covered, the colours' sums are 0 too.
    divisor = np.maximum(mean, np.float32(1e-6))
    weighted = (cv2.multiply(colour, alpha, dtype=cv2.CV_32F) for colour in colours)
    means = (cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in weighted)
    merged = cv2.merge([*(cv2.divide(plane, divisor) for plane in means), mean])
    # The little more sends halves up, as they go in OpenCV's mean of whole numbers.
    return np.asarray(cv2.convertScaleAbs(merged, beta=1 / 1024), np.uint8)
