"""Large pictures and maps made smaller, quickly."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ovedit.engine.requests import Pixels
from ovedit.geometry import Size


def shrunk(pixels: Pixels, size: Size) -> Pixels:
    """Pixels (H, W) or (H, W, c) at another size, each the mean of those that it covers.

    They are halved as often as that goes, which is several times as fast as taking the means at
    once; only detail finer than the result comes out a little softer. Of an odd number of rows or
    columns the last is left out of a halving.
    """
    while pixels.shape[0] >= 2 * size.height and pixels.shape[1] >= 2 * size.width:
        high, wide = pixels.shape[0] // 2, pixels.shape[1] // 2
        pixels = pixels[: 2 * high, : 2 * wide]
        pixels = _mean(pixels, wide, high)
    if pixels.shape[:2] != (size.height, size.width):
        pixels = _mean(pixels, size.width, size.height)
    return pixels


def _mean(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def half_precision(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """The same numbers in float16, rounded as NumPy does, which is slow where they are tiny."""
    return torch.from_numpy(np.ascontiguousarray(values)).half().numpy()
