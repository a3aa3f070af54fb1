"""Undo as region deltas, bounded by bytes.

A step keeps the structure before and after (small frozen values) and, for each surface, what
changed in it tile by tile. A tile that existed before and after is kept as the compressed XOR of
the two, which serves both directions and is small where little of the tile changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import lz4.block
import numpy as np
from numpy.typing import NDArray

from ovedit.document.state import Structure, SurfaceRef
from ovedit.document.tiles import TILE, Key, Surface
from ovedit.geometry import Rect, Size

Tile = NDArray[np.uint8]

_COMPRESS_AT_MOST = 64
"""Steps that change more tiles keep them as they are: compressing them would be felt."""


@dataclass(frozen=True, eq=False)
class TileXor:
    """LZ4 of before XOR after inside `changed`, which is counted from the tile's corner.

    shape: the whole tile's. Channels are compressed one after the other: in most strokes alpha
    does not change at all.
    """

    data: bytes
    changed: Rect
    shape: tuple[int, ...]

    @staticmethod
    def between(before: Tile, after: Tile) -> TileXor | None:
        """The change from one to the other, or None where there is none."""
        difference = before ^ after
        changed = _nonzero(difference)
        if not changed:
            return None
        planes = np.concatenate(cv2.split(difference[changed.slices]))
        return TileXor(lz4.block.compress(planes), changed, difference.shape)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return len(self.data)

    def applied(self, tile: Tile | None) -> Tile:
        """The tile on the other side of the step."""
        out = np.zeros(self.shape, np.uint8) if tile is None else tile.copy()
        part = out[self.changed.slices]
        planes = np.frombuffer(lz4.block.decompress(self.data), np.uint8)
        part ^= np.asarray(cv2.merge(list(planes.reshape(-1, *part.shape[:2]))), np.uint8)
        return out


@dataclass(frozen=True, eq=False)
class TileSwap:
    """The tile before and after, None where it was all zero."""

    before: Tile | None
    after: Tile | None

    @property
    def nbytes(self) -> int:
        """Bytes held: both sides, as if nobody shared them."""
        return sum(tile.nbytes for tile in (self.before, self.after) if tile is not None)

    @property
    def changed(self) -> Rect:
        """Where the two differ, counted from the tile's corner."""
        if self.before is not None and self.after is not None:
            return Rect(0, 0, self.after.shape[1], self.after.shape[0])
        only = self.after if self.before is None else self.before
        return _nonzero(only) if only is not None else Rect(0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class SurfaceDelta:
    """How one surface changed. before, after: its size on that side, None if it was not there."""

    channels: int
    before: Size | None
    after: Size | None
    tiles: Mapping[Key, TileXor | TileSwap]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(tile.nbytes for tile in self.tiles.values())

    @staticmethod
    def between(before: Surface | None, after: Surface | None) -> SurfaceDelta | None:
        """The change from one to the other, or None where there is none."""
        either = before if before is not None else after
        if either is None or before is after:
            return None
        empty = Surface(either.size, either.channels)
        old, new = before or empty, after or empty
        if old.size == new.size:
            keys = old.changed_tiles(new)
            compress = len(keys) <= _COMPRESS_AT_MOST
        else:
            # The two sides share no grid, so each keeps all that it has.
            keys = list({key for surface in (old, new) for key, _ in surface.tiles()})
            compress = False
        tiles: dict[Key, TileXor | TileSwap] = {}
        for key in keys:
            left, right = old.tile(*key), new.tile(*key)
            if compress and left is not None and right is not None:
                change = TileXor.between(left, right)
                if change is not None:
                    tiles[key] = change
            else:
                tiles[key] = TileSwap(left, right)
        if not tiles and before is not None and after is not None and old.size == new.size:
            return None
        return SurfaceDelta(either.channels, before and before.size, after and after.size, tiles)

    def apply(self, surface: Surface | None, *, forward: bool) -> Surface | None:
        """The surface on the other side: forward from before to after, else back."""
        size = self.after if forward else self.before
        if size is None:
            return None
        if surface is not None and surface.size == size:
            target = surface.copy()
        else:
            target = Surface(size, self.channels)
        changes: list[tuple[Key, Tile | None]] = []
        for key, delta in self.tiles.items():
            if isinstance(delta, TileXor):
                changes.append((key, delta.applied(target.tile(*key))))
            else:
                changes.append((key, delta.after if forward else delta.before))
        target.replace_tiles(changes, self._changed() if self.before == self.after else None)
        return target

    def rect(self) -> Rect:
        """What it changes, in the surface's own pixels."""
        touched = Rect(0, 0, 0, 0)
        if self.before == self.after:
            for rect in self._changed().values():
                touched = touched.union(rect)
            return touched
        for size in {size for size in (self.before, self.after) if size is not None}:
            probe = Surface(size, self.channels)
            for key in self.tiles:
                touched = touched.union(probe.tile_rect(key))
        return touched

    def _changed(self) -> dict[Key, Rect]:
        """Where each tile changes, in the surface's own pixels."""
        return {
            (row, column): delta.changed.translated(column * TILE, row * TILE)
            for (row, column), delta in self.tiles.items()
        }


def _nonzero(tile: Tile) -> Rect:
    """The smallest rectangle with everything of a tile that is not zero."""
    pixels = tile if tile.ndim == 2 else tile.view(np.uint32)[..., 0]
    return Rect(*cv2.boundingRect((pixels != 0).astype(np.uint8)))


@dataclass(frozen=True, eq=False)
class Step:
    """One named, undoable change."""

    name: str
    before: Structure
    after: Structure
    deltas: Mapping[SurfaceRef, SurfaceDelta]

    @property
    def nbytes(self) -> int:
        """Bytes held by the deltas."""
        return sum(delta.nbytes for delta in self.deltas.values())


class History:
    """A list of steps and a position in it: steps before the position are done, the rest undone.

    budget: the most bytes that the steps may hold together. The newest step always stays.
    """

    def __init__(self, budget: int = 1 << 30) -> None:
        self.budget = budget
        self.steps: list[Step] = []
        self.position = 0
        self._start: object = object()
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes held by all steps."""
        return self._bytes

    @property
    def marker(self) -> object:
        """Stands for the state at the position: the step that led there."""
        return self.steps[self.position - 1] if self.position else self._start

    def push(self, step: Step) -> tuple[str, ...]:
        """Add a step after the position, dropping the undone ones.

        Returns the names of old steps that were dropped to stay within the budget.
        """
        for undone in self.steps[self.position :]:
            self._bytes -= undone.nbytes
        del self.steps[self.position :]
        self.steps.append(step)
        self.position = len(self.steps)
        self._bytes += step.nbytes
        return self._prune()

    def set_budget(self, budget: int) -> tuple[str, ...]:
        """Change the budget; returns the names of the steps dropped for it."""
        self.budget = budget
        return self._prune()

    def _prune(self) -> tuple[str, ...]:
        dropped: list[str] = []
        while self._bytes > self.budget and len(self.steps) > 1:
            # With everything undone, the last step is the one farthest from the picture.
            farthest = self.steps.pop(0 if self.position else -1)
            self._bytes -= farthest.nbytes
            if self.position:
                self._start = farthest
            self.position = max(0, self.position - 1)
            dropped.append(farthest.name)
        return tuple(dropped)
