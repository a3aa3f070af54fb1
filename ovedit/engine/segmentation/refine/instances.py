"""A phrase's mask split into the single things that it is made of."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.segmentation.refine.canvas import Floats, Mask, components
from ovedit.engine.segmentation.refine.drawing import Thing

MOST = 64
_ROOM = 1 << 29
"""Bytes that the instances of one phrase may take."""
_SAME = 0.5
"""Of the smaller of two masks, the part in both from which on they are one thing."""
_SPECK = 5e-4
"""Share of the picture under which what is left is no thing of its own."""


def split(mask: Mask, things: tuple[Thing, ...]) -> NDArray[np.int32]:
    """Which thing each pixel of a mask (h, w) belongs to: 0 for none, 1 for the best and up.

    Of things that overlap by half only the better counts. A part of the mask that touches none of
    them is a thing of its own; what touches one belongs to it.
    """
    distinct: list[Thing] = []
    for thing in sorted(things, key=lambda thing: -thing.score):
        if all(_overlap(thing.mask & mask, other.mask & mask) <= _SAME for other in distinct):
            distinct.append(thing)
    labels = np.zeros(mask.shape, np.int32)
    nearest = np.zeros(mask.shape, np.float32)
    for number, thing in enumerate(distinct, start=1):
        here = mask & (thing.logits > nearest)
        labels[here] = number
        nearest = np.maximum(nearest, thing.logits)
    touching = cv2.dilate((labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    parts = components(mask & (labels == 0), _SPECK * mask.size)
    own = [part.mask for part in parts if not (part.mask & touching).any()]
    if not distinct and not own:
        own = [part.mask for part in components(mask)[:1]]
    for number, part in enumerate(own, start=len(distinct) + 1):
        labels[part] = number
    labels[labels > MOST] = 0
    return np.where(mask, _spread(labels), 0).astype(np.int32)


def instances(alpha: Floats, labels: NDArray[np.int32]) -> tuple[Mask, ...]:
    """The things of `split` (h, w) in the pixels of the finished mask (H, W), as (H, W) each."""
    height, width = alpha.shape
    small = _spread(labels).astype(np.uint8)
    whole = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    whole = np.asarray(whole).reshape(height, width)
    inside = alpha >= 0.5
    most = max(1, _ROOM // alpha.size)
    numbers = [number for number in np.unique(small).tolist() if number][:most]
    found = ((whole == number) & inside for number in numbers)
    return tuple(mask for mask in found if mask.any())


def _spread(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Every pixel with the label of the nearest that has one."""
    if not labels.any():
        return labels
    _, sites = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.zeros(int(sites.max()) + 1, np.int32)
    known[sites[labels > 0]] = labels[labels > 0]
    return known[sites]


def _overlap(first: Mask, second: Mask) -> float:
    smaller = min(int(np.count_nonzero(first)), int(np.count_nonzero(second)))
    return int(np.count_nonzero(first & second)) / smaller if smaller else 1.0
