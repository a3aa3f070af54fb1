"""Edges of a mask drawn where the picture has them.

Guided filter: He et al., "Guided Image Filtering", 2013.
"""

from __future__ import annotations

import cv2
import numpy as np

from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.refine.canvas import Floats, Mask
from ovedit.engine.segmentation.sam import opaque
from ovedit.engine.segmentation.scaling import shrunk
from ovedit.geometry import Rect, Size

EDGE_SIDE = 2048
"""Longest side at which edges are sought; what is larger is stretched from there."""
_CONTRAST = 18.0
"""Grey levels from which on a step of the picture is an edge."""
_HALO = 0.08
"""What the filter leaves over on either side of an edge."""
_HAZE = 0.25
"""The same where there is no edge, and the mask fades over twice the radius."""
_TILE = 128
"""Side of the squares in which the filter works, in pixels."""


def guide(image: Pixels, size: Size) -> Pixels:
    """The picture (H, W, 3 or 4) at a size, as (h, w, 3)."""
    return np.ascontiguousarray(opaque(shrunk(image, size)))


def snapped(rgb: Pixels, mask: Mask, grain: float) -> Floats:
    """A mask (h, w), right to within `grain` pixels, as soft coverage with the edges of `rgb`."""
    radius = max(1, round(grain))
    soft = _filtered(rgb, mask.astype(np.float32), radius)
    # Twice: the first finds the edge, the second narrows what is left of the old one.
    return _clean(_filtered(rgb, _clean(soft, _HAZE), max(1, radius // 2)), _HAZE)


def enlarged(image: Pixels, alpha: Floats) -> Floats:
    """Soft coverage (h, w) over the whole picture at its pixels (H, W), with its edges there."""
    height, width = image.shape[:2]
    known = Size(alpha.shape[1], alpha.shape[0])
    picture = Size(width, height)
    fine = picture.within(EDGE_SIDE)
    ratio = max(fine.width / known.width, fine.height / known.height)
    whole = _stretched(alpha, fine)
    if ratio > 1:
        whole = _clean(_filtered(guide(image, fine), whole, max(1, round(1.5 * ratio))))
    whole = np.clip(whole, 0, 1)
    return whole if fine == picture else _stretched(whole, picture)


def _filtered(rgb: Pixels, values: Floats, radius: int) -> Floats:
    """The guided filter, worked out only where values differ: elsewhere it leaves them alone."""
    result = values.copy()
    whole = Rect(0, 0, values.shape[1], values.shape[0])
    for y in range(0, whole.height, _TILE):
        for x in range(0, whole.width, _TILE):
            tile = Rect(x, y, _TILE, _TILE).intersect(whole)
            # A pixel hears of those two radii away: the means of means.
            around = tile.padded(2 * radius).intersect(whole)
            part = values[around.slices]
            if part.min() == part.max():
                continue
            guide = np.ascontiguousarray(rgb[around.slices])
            found = cv2.ximgproc.guidedFilter(
                guide, np.ascontiguousarray(part), radius, _CONTRAST**2
            )
            inner = tile.translated(-around.x, -around.y)
            result[tile.slices] = np.asarray(found, np.float32).reshape(part.shape)[inner.slices]
    return result


def _clean(values: Floats, rest: float = _HALO) -> Floats:
    return np.clip((values - rest) / (1 - 2 * rest), 0, 1)


def _stretched(values: Floats, size: Size) -> Floats:
    whole = cv2.resize(values, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, np.float32).reshape(size.height, size.width)
