"""The picture as seen: display tiles put together and scaled into device pixels.

A frame has little time. What it cannot finish is stood in for, by what was seen there before or by
coarser tiles, and finished in the next frames, from the middle of the view outwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document import TILE
from ovedit.geometry import Rect
from ovedit.ui.canvas.display_tiles import DisplayTiles, TileKey
from ovedit.ui.canvas.frame import FrameBuffer, strips_around
from ovedit.ui.canvas.outlines import Outlines, border_reach
from ovedit.ui.canvas.sampling import sample, source_rect
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]
Cell = tuple[int, int]
"""(row, column) in a grid over the document, see `_cell_side`: what is finished in one go."""
Job = tuple[set[Cell], Rect, bool]
"""Cells to finish, the device rectangle to draw for it, and whether to draw outlines."""

MOVE_SECONDS = 0.006
"""Time for a frame after the view moved: the next movement is not far."""
CHANGE_SECONDS = 0.012
"""Time for a frame after what is shown changed: it should change all at once."""
REFINE_SECONDS = 0.006
"""Time for a frame that finishes what the ones before it left."""

_AT_ONCE = 2 * TILE * TILE
"""Up to so many device pixels are drawn in one go; more of them cell by cell."""


class Renderer:
    """Draws `tiles`, and `outlines` over them, as a `View` says.

    surround: the colour around the picture (B, G, R).
    drawn: the device rectangles that the last frame drew anew.
    """

    def __init__(
        self, tiles: DisplayTiles, outlines: Outlines, surround: tuple[int, int, int]
    ) -> None:
        self.tiles = tiles
        self.outlines = outlines
        self.drawn: list[Rect] = []
        self._surround = _packed(surround)
        self._buffer = FrameBuffer(channels=4)
        self._pending: set[Cell] = set()
        self._marked: list[tuple[Rect, bool]] = []
        self._all_changed = False

    def set_surround(self, surround: tuple[int, int, int]) -> None:
        """Change the colour around the picture."""
        self._surround = _packed(surround)
        self.redraw()

    def redraw(self) -> None:
        """Draw everything anew in the next frame."""
        self._all_changed = True

    def mark(self, rect: Rect, *, outlines: bool = True) -> None:
        """Draw this document rectangle anew in the next frame.

        outlines: whether they may have changed too.
        """
        self._marked.append((rect, outlines))

    @property
    def pixels(self) -> Array:
        """What the last `frame` returned."""
        return self._buffer.pixels

    @property
    def finished(self) -> bool:
        """Whether the last frame was final. Otherwise, ask for another one."""
        return not self._pending

    def outdated(self, view: View) -> bool:
        """Whether the last frame shows another view, or something that has changed since."""
        return view != self._buffer.view or self._all_changed or bool(self._marked)

    def frame(self, view: View) -> Array:
        """(H, W, 4) uint8 B, G, R, X of the viewport; valid until the next call."""
        start = perf_counter()
        old = self._buffer.view
        moved, anew = old != view, old is None or old.zoom != view.zoom or self._all_changed
        if moved:
            seconds = MOVE_SECONDS
        else:
            seconds = CHANGE_SECONDS if anew or self._marked else REFINE_SECONDS
        exposed = self._buffer.follow(view)
        self.outlines.follow(view)
        self.drawn = [view.viewport.rect] if moved or anew else []
        jobs = self._jobs_anew(view, exposed) if anew else self._jobs(view, exposed)
        self._marked, self._all_changed = [], False
        for number, (cells, device, outlined) in enumerate(jobs):
            # A picture that stands still gets on by one at least, however busy the machine is.
            if perf_counter() > start + seconds and (number or moved):
                break
            self.tiles.make({_tile(view, cell) for cell in cells})
            self._draw_picture(view, device)
            if outlined:
                self.outlines.draw(view, device)
            self._pending -= cells
            self.drawn.append(device)
        return self._buffer.pixels

    def _jobs_anew(self, view: View, exposed: list[Rect]) -> Iterable[Job]:
        """Draw what can be had at once after a zoom; gives what remains: everything."""
        self._draw_surround(view)
        # Until the cells are finished, the next level will do: it has a quarter of the pixels.
        level = view.level if view.zoom >= 2 else min(view.level + 1, self.tiles.top_level())
        for device in exposed:
            self._draw_picture(view, device, max(level, view.level))
        self._pending = _cells(view, view.viewport.rect)
        return _by_cell(view, self._pending)

    def _jobs(self, view: View, exposed: list[Rect]) -> Iterable[Job]:
        """Draw what came into sight; gives what remains, and what was marked."""
        waiting = self._pending & _cells(view, view.viewport.rect)
        fresh: set[Cell] = set()
        for device in exposed:
            self._draw_picture(view, device)
            if device.size.area <= _AT_ONCE:
                self.outlines.draw(view, device)
                cells = _cells(view, device)
                fresh |= {cell for cell in cells if not self.tiles.cached(*_tile(view, cell))}
            else:
                fresh |= _cells(view, device)
        marked: list[Job] = []
        for rect, outlined in self._marked:
            device = touched(view, rect)
            cells = _cells(view, device) - waiting - fresh
            if device.size.area <= _AT_ONCE:
                marked.append((cells, device, outlined))
            else:
                marked += [
                    (cell, part.intersect(device), outlined)
                    for cell, part, _ in _by_cell(view, cells)
                ]
        self._pending = waiting.union(fresh, *(cells for cells, _, _ in marked))
        # What has waited longest comes first, or the rim would never get its turn.
        return chain(marked, _by_cell(view, waiting), _by_cell(view, fresh - waiting))

    def _draw_surround(self, view: View) -> None:
        picture = view.device_rect(view.document.rect)
        for device in strips_around(view.viewport.rect, picture):
            self._fill(device)
            self.outlines.clear(device)

    def _draw_picture(self, view: View, device: Rect, level: int | None = None) -> None:
        level = view.level if level is None else level
        picture = view.device_rect(view.document.rect).intersect(device)
        if picture != device:
            self._fill(device)
        if picture:
            source = source_rect(view, picture, level)
            pixels, border = self._assemble(level, source), cv2.BORDER_REPLICATE
            scaled = sample(pixels, source, view, picture, border=border, level=level)
            self._buffer.pixels[picture.slices] = scaled

    def _fill(self, device: Rect) -> None:
        self._buffer.pixels.view(np.uint32)[..., 0][device.slices] = self._surround

    def _assemble(self, level: int, source: Rect) -> Array:
        """The tiles of a mip level over `source`, in one array."""
        out = np.empty((source.height, source.width, 4), np.uint8)
        for row, column in source.tiles(TILE):
            at = self.tiles.rect(level, row, column)
            part = at.intersect(source)
            target = out[part.translated(-source.x, -source.y).slices]
            inside = part.translated(-at.x, -at.y)
            tile = self.tiles.ready(level, row, column)
            if tile is not None:
                target[:] = tile[inside.slices]
            else:
                stand_in = self.tiles.stand_in(level, part)
                if stand_in is None:
                    target.view(np.uint32)[..., 0] = self._surround
                else:
                    target[:] = stand_in
        return out


def touched(view: View, rect: Rect) -> Rect:
    """The device pixels that depend on a document rectangle."""
    # Linear sampling reaches one pixel of the level further, and an outline has its width.
    sampled = view.device_rect(rect.padded(1 << view.level))
    return sampled.padded(border_reach(view) + 1).intersect(view.viewport.rect)


def _by_cell(view: View, cells: set[Cell]) -> Iterator[Job]:
    """A job for each cell, from the middle of the view outwards."""
    side = _cell_side(view)
    across, down = view.to_document(view.viewport.width / 2, view.viewport.height / 2)

    def off_centre(cell: Cell) -> float:
        return ((cell[1] + 0.5) * side - across) ** 2 + ((cell[0] + 0.5) * side - down) ** 2

    for row, column in sorted(cells, key=off_centre):
        area = Rect(column * side, row * side, side, side).intersect(view.document.rect)
        yield {(row, column)}, touched(view, area), True


def _cell_side(view: View) -> int:
    """Document pixels along a cell: a tile's, or a part of it where tiles are drawn enlarged."""
    return TILE << view.level if view.zoom < 2 else TILE >> int(math.log2(view.zoom))


def _cells(view: View, device: Rect) -> set[Cell]:
    """The cells that a device rectangle shows."""
    return set(source_rect(view, device).tiles(_cell_side(view) >> view.level))


def _tile(view: View, cell: Cell) -> TileKey:
    """The tile that a cell lies in."""
    cells = (TILE << view.level) // _cell_side(view)
    return view.level, cell[0] // cells, cell[1] // cells


def _packed(colour: tuple[int, int, int]) -> int:
    """(B, G, R) as the number that its four bytes, opaque, make."""
    return int(np.array([*colour, 255], np.uint8).view(np.uint32)[0])
