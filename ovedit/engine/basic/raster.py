"""OpenCV's raster operations as the engine uses them, with the types that go in and come out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.requests import Pixels

Floats = NDArray[np.floating]
Indices = NDArray[np.int32]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice]
LEAST_SIDE = 16
"""No picture is worked on with a side shorter than this, in pixels: filters need some room."""


def working_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """(width, height) with the long side at most `longest` and neither side under 16 px.

    Very narrow pictures are stretched by this: their score maps cover the document rectangle edge
    to edge at any resolution, so nothing has to be cropped afterwards.
    """
    scale = min(1.0, longest / max(width, height))
    return max(LEAST_SIDE, round(width * scale)), max(LEAST_SIDE, round(height * scale))


def shrunk(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Pixels or coverage at `size` (width, height), averaged over areas."""
    return cast(Pixels, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def stretched(values: Floats | Mask, size: tuple[int, int]) -> Floats:
    """Values (h, w) at `size` (width, height), linearly between."""
    floats = values.astype(np.float32)
    return cast(Floats, cv2.resize(floats, size, interpolation=cv2.INTER_LINEAR))


def lab_of(rgb: Pixels) -> Floats:
    """CIE L*a*b* (h, w, 3) float32 of sRGB pixels (h, w, 3) uint8."""
    return cast(Floats, cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab))


def lab_of_colours(colours: Iterable[Sequence[int]]) -> Floats:
    """CIE L*a*b* (n, 3) float32 of sRGB colours."""
    return lab_of(np.array([list(colours)], np.uint8))[0]


def superpixels(rgb: Pixels, size: int) -> tuple[Indices, int]:
    """SLIC superpixels about `size` px wide: labels (h, w) int32 and their number."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    algorithm = cv2.ximgproc.createSuperpixelSLIC(lab, cv2.ximgproc.SLIC, size, 10.0)
    algorithm.iterate(4)
    algorithm.enforceLabelConnectivity(20)
    return algorithm.getLabels().astype(np.int32), int(algorithm.getNumberOfSuperpixels())


def guided(guide: Pixels, values: Floats, radius: int, epsilon: float) -> Floats:
    """Guided filter (He et al. 2013): values (h, w) smoothed along the edges of `guide`."""
    floats = values.astype(np.float32)
    return cast(Floats, cv2.ximgproc.guidedFilter(guide, floats, radius, epsilon))


def blurred(values: Floats, side: int) -> Floats:
    """Mean over a square of `side` pixels, (h, w)."""
    return cast(Floats, cv2.blur(values, (side, side)))


def components(mask: Mask, connectivity: int = 8) -> tuple[Indices, int]:
    """Connected components: labels (h, w) int32 with 0 for False, and the number of labels."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)
    return cast(Indices, labels), count


def disc(radius: int) -> NDArray[np.uint8]:
    """A round structuring element."""
    side = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


def square(side: int) -> NDArray[np.uint8]:
    """A square structuring element."""
    return np.ones((side, side), np.uint8)


def dilated(mask: Mask, element: NDArray[np.uint8]) -> Mask:
    """The mask grown by a structuring element."""
    return cv2.dilate(mask.astype(np.uint8), element) > 0


def eroded(mask: Mask, element: NDArray[np.uint8]) -> Mask:
    """The mask shrunk by a structuring element."""
    return cv2.erode(mask.astype(np.uint8), element) > 0


def otsu(values: Floats, top: float) -> float:
    """The share of `top` that parts values in [0, top] into two classes (Otsu 1979)."""
    levels = np.clip(values / top * 255, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return cut / 255


def box_of(mask: Mask, margin: int) -> Window:
    """Rows and columns of the mask's box, grown by a margin within the array."""
    spans = []
    for axis in (1, 0):
        on = np.flatnonzero(mask.any(axis=axis))
        first, last = int(on[0]), int(on[-1]) + 1
        spans.append(slice(max(0, first - margin), min(mask.shape[1 - axis], last + margin)))
    return spans[0], spans[1]
