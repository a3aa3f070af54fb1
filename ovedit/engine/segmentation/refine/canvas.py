"""A phrase's probabilities at a size where SAM 2 can be asked about them, and its parts there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ovedit.engine.segmentation.sam import upsampled
from ovedit.geometry import Rect, Size

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE = 640
"""Longest side, in pixels: that of the pictures for which the methods give their distances and
areas, and more than twice as fine as what SAM 2 draws."""


@dataclass(frozen=True, eq=False)
class Component:
    """A connected part of a mask: where it is in the canvas, (h, w) bool, and its pixels."""

    mask: Mask
    area: int

    @property
    def box(self) -> Rect:
        """Around all of it."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return Rect.from_edges(
            int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        )

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of its centroid, or of its innermost pixel where the centroid is not in it."""
        rows, columns = np.nonzero(self.mask)
        x, y = float(columns.mean()), float(rows.mean())
        if self.mask[round(y), round(x)]:
            return x, y
        return innermost(self.mask)


@dataclass(frozen=True, eq=False)
class Canvas:
    """A phrase's probabilities (h, w) in [0, 1] at working size, and where they reach `threshold`.

    grain: width in pixels of what the map cannot tell apart: of its cells, and at least 1.
    """

    probability: Floats
    threshold: float
    grain: float = 1.0

    @staticmethod
    def of(picture: Size, probability: NDArray[np.floating], threshold: float) -> Canvas:
        """The canvas of a map (h, w) of any resolution; what is not a number counts as 0.

        Raises `ValueError` for a map without cells.
        """
        if probability.ndim != 2 or not probability.size:
            raise ValueError(f"a probability map of shape {probability.shape}")
        size = picture.within(SIDE)
        high, wide = probability.shape
        grain = max(1.0, size.width / wide, size.height / high)
        return Canvas(stretched(probability, size), threshold, grain)

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return Size(self.probability.shape[1], self.probability.shape[0])

    @property
    def mask(self) -> Mask:
        """(h, w): the phrase's own mask, as the dense map has it."""
        # Nothing is everywhere, whatever the threshold.
        return (self.probability >= self.threshold) & (self.probability > 0)

    def drawn(self, logits: torch.Tensor) -> Floats:
        """Logits (s, s) of SAM 2 as (h, w)."""
        return upsampled(logits[None], self.size)[0].cpu().numpy()

    def best_point(self, mask: Mask) -> tuple[float, float]:
        """(x, y) of the most probable pixel in a mask; of several, the innermost."""
        values = np.where(mask, self.probability, -1)
        top = (values >= values.max()) & mask
        return innermost(top)


def stretched(values: NDArray[np.floating], size: Size) -> Floats:
    """Values (h, w) at another size, linearly between, in [0, 1]; 0 where they are no numbers."""
    known = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    known = np.clip(known, 0, 1)
    whole = cv2.resize(known, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, np.float32).reshape(size.height, size.width)


def innermost(mask: Mask) -> tuple[float, float]:
    """(x, y) of the pixel of a mask that is the farthest from all outside it."""
    padded = np.pad(mask, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return float(column), float(row)


def components(mask: Mask, least: float = 0) -> list[Component]:
    """The 8-connected parts of a mask with at least so many pixels, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    order = sorted(range(1, count), key=lambda label: -areas[label])
    return [
        Component(labels == label, int(areas[label])) for label in order if areas[label] >= least
    ]
