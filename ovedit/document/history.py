"""Undo as region deltas, bounded by bytes.

A step keeps the structure before and after (small frozen values) and, for each surface, what
changed in it tile by tile. A tile that existed before and after is kept as the compressed XOR of
the two, which serves both directions and is small where little of the tile changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ovedit.document.tiles import Key, Surface
from ovedit.geometry import Rect, Size

if TYPE_CHECKING:
    from ovedit.document.document import Structure, SurfaceRef

_COMPRESS_AT_MOST = 64
"""Steps that change more tiles keep them as they are: compressing them would be felt."""


@dataclass(frozen=True, eq=False)
class TileXor:
    """zlib of before XOR after, for one tile of the given shape."""

    data: bytes
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return len(self.data)

    def applied(self, tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The tile on the other side of the step."""
        difference = np.frombuffer(zlib.decompress(self.data), np.uint8).reshape(self.shape)
        return tile ^ difference


@dataclass(frozen=True, eq=False)
class TileSwap:
    """The tile before and after, None where it was all zero."""

    before: NDArray[np.uint8] | None
    after: NDArray[np.uint8] | None

    @property
    def nbytes(self) -> int:
        """Bytes held: both sides, as if nobody shared them."""
        return sum(tile.nbytes for tile in (self.before, self.after) if tile is not None)


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
                difference = left ^ right
                if difference.any():
                    data = zlib.compress(difference.tobytes(), 1)
                    tiles[key] = TileXor(data, difference.shape)
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
        changes: list[tuple[Key, NDArray[np.uint8] | None]] = []
        for key, delta in self.tiles.items():
            if isinstance(delta, TileXor):
                tile = target.tile(*key)
                if tile is None:
                    tile = np.zeros(delta.shape, np.uint8)
                changes.append((key, delta.applied(tile)))
            else:
                changes.append((key, delta.after if forward else delta.before))
        target.replace_tiles(changes)
        return target

    def rect(self) -> Rect:
        """The tiles it touches, in the surface's own pixels."""
        touched = Rect(0, 0, 0, 0)
        for size in {size for size in (self.before, self.after) if size is not None}:
            probe = Surface(size, self.channels)
            for key in self.tiles:
                touched = touched.union(probe.tile_rect(key))
        return touched


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
