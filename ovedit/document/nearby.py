"""The picture around a thing at a reduced size, for what looks for its shadow or reflection."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document.masks import Coverage, bounds
from ovedit.geometry import Rect

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

SURE = 0.5
"""Score from which something is reported."""
_SIDE = 480
"""Longer side in pixels of the picture that is looked at."""
_AROUND = 0.7
"""How far from the thing it reaches, of the thing's longer side."""


@dataclass(frozen=True, eq=False)
class View:
    """The thing and its surroundings, reduced.

    crop: where in the picture. rgb: (h, w, 3) sRGB in [0, 1]. thing: (h, w), pixels that hold some
    of it. box: its bounds in here.
    """

    crop: Rect
    rgb: Floats
    thing: Flags
    box: Rect

    @staticmethod
    def of(image: NDArray[np.uint8], mask: Coverage) -> View | None:
        """Of a picture (H, W, 3 or 4) and its mask (H, W).

        None for a thing of a few pixels, or one that leaves no surroundings.
        """
        box = bounds(mask)
        height, width = mask.shape
        reach = max(box.width, box.height)
        aside = round(_AROUND * reach)
        left, right = box.x - aside, box.right + aside
        # Below, there is room for all of a reflection.
        top, bottom = box.y - aside // 4, box.bottom + max(aside, round(1.1 * box.height))
        crop = Rect.from_edges(left, top, right, bottom).intersect(Rect(0, 0, width, height))
        if min(box.width, box.height) < 8 or not crop:
            return None
        scale = min(1.0, _SIDE / max(crop.width, crop.height))
        size = max(1, round(crop.width * scale)), max(1, round(crop.height * scale))
        colours = np.ascontiguousarray(image[crop.slices][..., :3])
        small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
        covered = cv2.resize(mask[crop.slices], size, interpolation=cv2.INTER_AREA)
        thing = covered > 12
        if thing.all() or not (covered > 127).any():
            return None
        rgb = small.astype(np.float32) / np.float32(255)
        return View(crop, rgb, thing, bounds(thing.astype(np.uint8)))

    @property
    def reach(self) -> int:
        """The thing's longer side."""
        return max(self.box.width, self.box.height)

    def back(self, coverage: Floats, mask: Coverage) -> Coverage:
        """Coverage (h, w) in [0, 1] in here as coverage of the whole picture, without the thing."""
        size = self.crop.width, self.crop.height
        large = cv2.resize(coverage, size, interpolation=cv2.INTER_LINEAR)
        found = np.zeros_like(mask)
        part = np.round(np.clip(large, 0, 1) * 255).astype(np.uint8)
        found[self.crop.slices] = np.minimum(part, 255 - mask[self.crop.slices])
        return found


def disc(side: int) -> NDArray[np.uint8]:
    """A kernel of so many pixels across, or one more."""
    side += 1 - side % 2
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def between(value: float, none: float, full: float) -> float:
    """0 up to `none`, 1 from `full` on, straight between them."""
    return float(np.clip((value - none) / (full - none), 0, 1))


def ramp(values: Floats, none: float, full: float) -> Floats:
    """`between` for every value, smooth at both ends."""
    t = np.clip((values - np.float32(none)) / np.float32(full - none), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
