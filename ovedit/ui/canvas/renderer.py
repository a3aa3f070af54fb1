"""The picture as seen: display tiles put together and scaled into device pixels.

A frame has little time. What it cannot finish is stood in for, by what was seen there before or by
coarser tiles, and finished in the next frames, from the middle of the view outwards.
"""

from __future__ import annotations

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

MOVE_SECONDS = 0.007
"""Time for a frame after the view moved: the next movement is not far."""
CHANGE_SECONDS = 0.020
"""Time for a frame after what is shown changed: it should change all at once."""


class Renderer:
    """Draws `tiles`, and `outlines` over them, as a `View` says.

    surround: the colour around the picture (B, G, R).
    """

    def __init__(
        self, tiles: DisplayTiles, outlines: Outlines, surround: tuple[int, int, int]
    ) -> None:
        self.tiles = tiles
        self.outlines = outlines
        self._surround = _packed(surround)
        self._buffer = FrameBuffer(channels=4)
        self._pending: set[TileKey] = set()
        self._marked: list[Rect] = []
        self._all_changed = False

    def set_surround(self, surround: tuple[int, int, int]) -> None:
        """Change the colour around the picture."""
        self._surround = _packed(surround)
        self.redraw()

    def redraw(self) -> None:
        """Draw everything anew in the next frame."""
        self._all_changed = True

    def mark(self, rect: Rect) -> None:
        """Draw this document rectangle anew in the next frame."""
        self._marked.append(rect)

    @property
    def finished(self) -> bool:
        """Whether the last frame was final. Otherwise, ask for another one."""
        return not self._pending

    def frame(self, view: View) -> Array:
        """(H, W, 4) uint8 B, G, R, X of the viewport; valid until the next call."""
        start = perf_counter()
        changed = self._all_changed or bool(self._marked)
        deadline = start + (CHANGE_SECONDS if changed else MOVE_SECONDS)
        zoomed = self._buffer.view is None or self._buffer.view.zoom != view.zoom
        exposed = self._buffer.follow(view)
        self.outlines.follow(view)
        visible = _tiles(view, view.viewport.rect)
        # What has waited longest comes first, or the rim would never get its turn.
        waiting = self._pending & visible
        pending = set(visible) if zoomed or self._all_changed else set(waiting)
        if zoomed or self._all_changed:
            self._draw_surround(view)
        for device in exposed:
            pending |= {key for key in _tiles(view, device) if not self.tiles.cached(*key)}
            self._draw_picture(view, device)
            if not zoomed:
                self.outlines.draw(view, device)
        jobs = [
            ([key for key in _tiles(view, device) if key not in pending], device)
            for device in (_touched(view, rect) for rect in self._marked)
        ]
        jobs += [
            ([key], _device_rect(view, key))
            for key in sorted(pending, key=lambda key: (key not in waiting, _off_centre(view, key)))
        ]
        self._marked, self._all_changed = [], False
        self._pending = pending.union(*(keys for keys, _ in jobs))
        for number, (keys, device) in enumerate(jobs):
            # At least one, or a busy machine would never get anywhere.
            if number and perf_counter() > deadline:
                break
            for key in keys:
                self.tiles.tile(*key)
            self._draw_picture(view, device)
            self.outlines.draw(view, device)
            self._pending.difference_update(keys)
        return self._buffer.pixels

    def _draw_surround(self, view: View) -> None:
        picture = view.device_rect(view.document.rect)
        for device in strips_around(view.viewport.rect, picture):
            self._fill(device)
            self.outlines.clear(device)

    def _draw_picture(self, view: View, device: Rect) -> None:
        picture = view.device_rect(view.document.rect).intersect(device)
        if picture != device:
            self._fill(device)
        if picture:
            source = source_rect(view, picture)
            pixels = self._assemble(view.level, source)
            scaled = sample(pixels, source, view, picture, border=cv2.BORDER_REPLICATE)
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


def _tiles(view: View, device: Rect) -> set[TileKey]:
    """The tiles that a device rectangle shows."""
    return {(view.level, *key) for key in source_rect(view, device).tiles(TILE)}


def _touched(view: View, rect: Rect) -> Rect:
    """The device pixels that depend on a document rectangle."""
    # Linear sampling reaches one pixel of the level further, and an outline has its width.
    sampled = view.device_rect(rect.padded(1 << view.level))
    return sampled.padded(border_reach(view) + 1).intersect(view.viewport.rect)


def _device_rect(view: View, key: TileKey) -> Rect:
    level, row, column = key
    side = TILE << level
    tile = Rect(column * side, row * side, side, side).intersect(view.document.rect)
    return _touched(view, tile)


def _off_centre(view: View, key: TileKey) -> float:
    """How far a tile is from the middle of the view, squared."""
    level, row, column = key
    side = TILE << level
    x, y = view.to_device((column + 0.5) * side, (row + 0.5) * side)
    return (x - view.viewport.width / 2) ** 2 + (y - view.viewport.height / 2) ** 2


def _packed(colour: tuple[int, int, int]) -> int:
    """(B, G, R) as the number that its four bytes, opaque, make."""
    return int(np.array([*colour, 255], np.uint8).view(np.uint32)[0])
