"""Tiles ready to be shown: the flattened picture over a checkerboard, with mask overlays tinted in.

Made on demand at the mip level in use, kept within a byte budget, and forgotten where the document
changes. Nothing here is Qt: tiles are (h, w, 4) uint8 in the byte order B, G, R, X.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

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
        # From pixel centres to pixel centres.
        x0, y0 = ((start + 0.5) * ratio - 0.5 for start in (rect.x, rect.y))
        matrix = np.array([[ratio, 0, x0], [0, ratio, y0]])
        scaled = cv2.warpAffine(
            coverage,
            matrix,
            (rect.width, rect.height),
            flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(scaled, np.uint8)


class TileCache:
    """Tiles by key, the least recently used dropped beyond `budget` bytes.

    A tile can be stale in a part of it: then only that part is made anew.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._tiles: OrderedDict[TileKey, Array] = OrderedDict()
        self._stale: dict[TileKey, Rect] = {}

    def __contains__(self, key: TileKey) -> bool:
        return key in self._tiles and key not in self._stale

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._bytes

    def stale(self, key: TileKey) -> Rect | None:
        """Which part of a tile that is there is stale, in pixels of the level, or None."""
        return self._stale.get(key)

    def peek(self, key: TileKey) -> Array | None:
        """The tile if it is there, stale or not. Do not write."""
        return self._tiles.get(key)

    def get(self, key: TileKey, at: Rect, make: Callable[[Rect], Array]) -> Array:
        """The tile that lies at `at`, `make` called with what of it is missing. Do not write."""
        tile = self._tiles.get(key)
        if tile is None:
            tile = self._tiles[key] = make(at)
            self._bytes += tile.nbytes
            self._keep_budget()
        elif key in self._stale:
            part = self._stale.pop(key)
            tile[part.translated(-at.x, -at.y).slices] = make(part)
        self._tiles.move_to_end(key)
        return tile

    def forget(self, rect: Rect) -> None:
        """Everything is stale inside this document rectangle."""
        for level in {key[0] for key in self._tiles}:
            # One pixel more: a coarse pixel is the mean of its neighbours' edges too.
            changed = rect.at_level(level).padded(1)
            for row, column in changed.tiles(TILE):
                key = (level, row, column)
                if key in self._tiles:
                    height, width = self._tiles[key].shape[:2]
                    part = changed.intersect(Rect(column * TILE, row * TILE, width, height))
                    if part:
                        self._stale[key] = part.union(self._stale.get(key, part))

    def clear(self) -> None:
        """Forget everything."""
        self._tiles.clear()
        self._stale.clear()
        self._bytes = 0

    def _keep_budget(self) -> None:
        while self._bytes > self._budget and len(self._tiles) > 1:
            key, dropped = self._tiles.popitem(last=False)
            self._stale.pop(key, None)
            self._bytes -= dropped.nbytes


class DisplayTiles:
    """The picture's tiles, plain and tinted.

    state: gives the document as it is now. checker: the two greys of the checkerboard. budget:
    bytes that each of the two kinds may hold.
    """

    def __init__(
        self,
        state: Callable[[], DocumentState],
        *,
        checker: tuple[int, int] = (204, 255),
        budget: int = 192 << 20,
    ) -> None:
        self._state = state
        self._checker = checker
        self._plain = TileCache(budget)
        self._tinted = TileCache(budget)
        self._overlays: tuple[Overlay, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._plain.nbytes + self._tinted.nbytes

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Show these masks, the last one on top."""
        self._overlays = tuple(overlays)
        self._tinted.clear()

    def replace_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Like `set_overlays`, where all that changed is told by `forget_overlays` too."""
        self._overlays = tuple(overlays)

    def forget(self, rect: Rect) -> None:
        """The picture changed inside this document rectangle."""
        self._plain.forget(rect)
        self._tinted.forget(rect)

    def forget_overlays(self, rect: Rect) -> None:
        """A mask changed inside this document rectangle."""
        self._tinted.forget(rect)

    def clear(self) -> None:
        """Forget everything."""
        self._plain.clear()
        self._tinted.clear()

    def cached(self, level: int, row: int, column: int) -> bool:
        """Whether `tile` would answer at once."""
        return (level, row, column) in (self._tinted if self._overlays else self._plain)

    def tile(self, level: int, row: int, column: int) -> Array:
        """The tile, made now as far as it has to be. Do not write to it."""
        key, at = (level, row, column), self.rect(level, row, column)
        if not self._overlays:
            return self._plain_tile(key, at)

        def tinted(part: Rect) -> Array:
            plain = self._plain_tile(key, at)
            return self._tint(level, part, plain[part.translated(-at.x, -at.y).slices])

        return self._tinted.get(key, at, tinted)

    def make(self, keys: Collection[TileKey]) -> None:
        """Make these tiles, of one level, as far as they have to be."""
        stale = {key: part for key in keys if (part := self._plain.stale(key)) is not None}
        if len(stale) > 1:
            whole = reduce(Rect.union, stale.values())
            # Where what changed lies across tiles, one piece is less work than its parts.
            if whole.size.area == sum(part.size.area for part in stale.values()):
                self._remake(whole, stale)
        for key in keys:
            self.tile(*key)

    def _remake(self, whole: Rect, keys: Collection[TileKey]) -> None:
        """Make the stale parts of plain tiles, all inside of `whole`, in one go."""
        level = next(iter(keys))[0]
        pixels = self._flattened(level, whole)
        for key in keys:
            self._plain.get(
                key,
                self.rect(*key),
                lambda part: pixels[part.translated(-whole.x, -whole.y).slices],
            )

    def ready(self, level: int, row: int, column: int) -> Array | None:
        """The tile if it needs no making, or None."""
        tiles, key = (self._tinted if self._overlays else self._plain), (level, row, column)
        return tiles.peek(key) if key in tiles else None

    def stand_in(self, level: int, rect: Rect) -> Array | None:
        """Something to show over a rectangle of the level until its tile is made, or None.

        rect: within one tile. It is put together of the finer tiles if they are all there, else cut
        out of the nearest coarser one that is.
        """
        finer = self._reduced(level, rect)
        if finer is not None:
            return finer
        for coarser in range(level, self.top_level() + 1):
            shift = coarser - level
            row, column = (rect.y >> shift) // TILE, (rect.x >> shift) // TILE
            key = (coarser, row, column)
            tile = self._any(key)
            if tile is not None:
                part = rect.at_level(shift).translated(-column * TILE, -row * TILE)
                return np.asarray(
                    cv2.resize(tile[part.slices], (rect.width, rect.height)), np.uint8
                )
        return None

    def _reduced(self, level: int, rect: Rect) -> Array | None:
        """Every other pixel of the next finer level, if its tiles are all there."""
        if level == 0 or self._any((level, rect.y // TILE, rect.x // TILE)) is not None:
            return None
        out = np.empty((rect.height, rect.width, 4), np.uint8)
        wanted = Rect(2 * rect.x, 2 * rect.y, 2 * rect.width, 2 * rect.height)
        for row, column in wanted.tiles(TILE):
            tile, at = self._any((level - 1, row, column)), self.rect(level - 1, row, column)
            if tile is None:
                return None
            part = at.intersect(wanted)
            into = part.at_level(1).translated(-rect.x, -rect.y)
            out[into.slices] = tile[part.translated(-at.x, -at.y).slices][::2, ::2]
        return out

    def _any(self, key: TileKey) -> Array | None:
        """The tile as it is or was, tinted if possible."""
        tile = self._tinted.peek(key)
        return self._plain.peek(key) if tile is None else tile

    def rect(self, level: int, row: int, column: int) -> Rect:
        """Where a tile lies, in pixels of its level."""
        return _rect_in_grid(row, column).intersect(self._state().size.rect.at_level(level))

    def top_level(self) -> int:
        """The first mip level that is one tile."""
        size = self._state().size
        level = 0
        while max(size.width, size.height) >> level > TILE:
            level += 1
        return level

    def _plain_tile(self, key: TileKey, at: Rect) -> Array:
        return self._plain.get(key, at, lambda part: self._flattened(key[0], part))

    def _flattened(self, level: int, at: Rect) -> Array:
        """The picture over a checkerboard, in a rectangle of the level."""
        pixels = self._state().flattened(at, level)
        if pixels[..., 3].min() == 255:
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), np.uint8)
        y, x = np.ogrid[at.y : at.bottom, at.x : at.right]
        squares = ((x // _CHECKER + y // _CHECKER) % 2).astype(np.intp)
        grey = np.array(self._checker, np.uint8)[squares]
        board = cv2.merge([grey] * 4)
        alpha = pixels[..., 3].astype(np.float32) / 255
        out = np.asarray(
            cv2.blendLinear(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), board, alpha, 1 - alpha),
            np.uint8,
        )
        out[..., 3] = 255
        return out

    def _tint(self, level: int, rect: Rect, plain: Array) -> Array:
        out = plain
        for overlay in self._overlays:
            coverage = overlay.read(rect, level) if overlay.strength > 0 else None
            if coverage is None or not coverage.any():
                continue
            kept, added = _tint_tables(overlay.colour, overlay.strength)
            out = cv2.multiply(out, _looked_up(kept, coverage), scale=1 / 255)
            out = np.asarray(cv2.add(out, _looked_up(added, coverage)), np.uint8)
        # The cache writes into what it keeps, and the plain tile is not the tinted one's to write.
        return plain.copy() if out is plain else out


def _rect_in_grid(row: int, column: int) -> Rect:
    return Rect(column * TILE, row * TILE, TILE, TILE)


@lru_cache(maxsize=256)
def _tint_tables(
    colour: tuple[int, int, int], strength: float
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """For each coverage what share of 255 is kept, and what is added: B, G, R, X as one number."""
    weight = np.arange(256) * (strength / 255)
    kept, added = np.full((256, 4), 255, np.uint8), np.zeros((256, 4), np.uint8)
    kept[:, :3] = np.round(255 * (1 - weight))[:, None]
    added[:, :3] = np.round(weight[:, None] * colour[::-1])
    return kept.view(np.uint32)[:, 0], added.view(np.uint32)[:, 0]


def _looked_up(table: NDArray[np.uint32], coverage: Array) -> Array:
    """(h, w, 4) of a table's entries, which OpenCV's own look-up cannot give in one go."""
    return table.take(coverage)[..., None].view(np.uint8)
