"""Where to work: the regions of a mask, each with as much of its surroundings as it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ovedit.engine.requests import Coverage
from ovedit.geometry import Rect, Size

_CELL = 16
"""Side in pixels of the cells that tell which parts of a mask are near each other."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the mask to be worked on by itself.

    hole: the bounds of its pixels; crop: the hole with its surroundings, inside the picture.
    """

    hole: Rect
    crop: Rect


def mask_bounds(alpha: Coverage) -> Rect:
    """Bounds of the pixels of `alpha` (H, W) above 0; an empty rectangle where there are none."""
    rows = np.flatnonzero(alpha.max(axis=1))
    if rows.size == 0:
        return Rect(0, 0, 0, 0)
    columns = np.flatnonzero(alpha[rows[0] : rows[-1] + 1].max(axis=0))
    return Rect.from_edges(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def context_crop(hole: Rect, picture: Size, padding: float = 1.5, least: int = 64) -> Rect:
    """`hole` with a margin of `padding` times its mean side (of equal area), at least `least` px.

    A crop that would reach over a border of the picture is shifted inwards, not shrunk: a hole at
    the border sees as much as one in the middle. Only a picture smaller than the crop shrinks it.
    """
    margin = max(least, math.ceil(padding * math.sqrt(hole.width * hole.height)))
    wanted = hole.padded(margin)
    width, height = min(wanted.width, picture.width), min(wanted.height, picture.height)
    return Rect(
        min(max(0, wanted.x), picture.width - width),
        min(max(0, wanted.y), picture.height - height),
        width,
        height,
    )


def context_crops(alpha: Coverage, padding: float = 1.5, least: int = 64) -> list[Region]:
    """The regions of `alpha` (H, W) above 0, from top to bottom, with crops that do not overlap.

    Pixels closer to each other than about a cell of 16 px are one region, and regions whose crops
    overlap become one, so that no region borrows from another one's hole. Together the holes
    contain every pixel above 0. Memory stays small: nothing of the picture's size is made.
    """
    bounds = mask_bounds(alpha)
    if not bounds:
        return []
    height, width = alpha.shape
    waiting = [
        (hole, context_crop(hole, Size(width, height), padding, least))
        for hole in _components(alpha, bounds)
    ]
    done: list[Region] = []
    while waiting:
        hole, crop = waiting.pop()
        apart = [pair for pair in waiting if not crop.intersect(pair[1])]
        touching = [pair for pair in waiting if crop.intersect(pair[1])]
        for region in [region for region in done if crop.intersect(region.crop)]:
            done.remove(region)
            touching.append((region.hole, region.crop))
        if not touching:
            done.append(Region(hole, crop))
            continue
        for other, _ in touching:
            hole = hole.union(other)
        waiting = [*apart, (hole, context_crop(hole, Size(width, height), padding, least))]
    return sorted(done, key=lambda region: (region.hole.y, region.hole.x))


def _components(alpha: Coverage, bounds: Rect) -> list[Rect]:
    """Exact bounds of each group of touching 16 px cells that hold a pixel above 0."""
    inside = alpha[bounds.slices]
    # Band by band: `reduceat` down the columns of a large picture takes twenty times as long.
    bands = [inside[top : top + _CELL].max(axis=0) for top in range(0, bounds.height, _CELL)]
    cells = np.maximum.reduceat(np.stack(bands), np.arange(0, bounds.width, _CELL), axis=1)
    _, _, stats, _ = cv2.connectedComponentsWithStats((cells > 0).astype(np.uint8), connectivity=8)
    found: list[Rect] = []
    for column, row, columns, rows in stats[1:, :4].tolist():
        part = Rect(column * _CELL, row * _CELL, columns * _CELL, rows * _CELL)
        part = part.intersect(Rect(0, 0, bounds.width, bounds.height))
        tight = mask_bounds(inside[part.slices])
        found.append(tight.translated(part.x + bounds.x, part.y + bounds.y))
    return found
