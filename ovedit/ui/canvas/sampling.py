"""From pixels of a mip level to device pixels."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.geometry import Rect
from ovedit.ui.canvas.view import View

Array = NDArray[np.uint8]


def source_rect(view: View, device: Rect, level: int | None = None) -> Rect:
    """The pixels of a mip level that `sample` needs for a device rectangle.

    level: the view's own by default.
    """
    level = view.level if level is None else level
    scale = view.zoom * (1 << level)
    left = (device.x - view.affine.dx) / scale
    top = (device.y - view.affine.dy) / scale
    needed = Rect.from_edges(
        math.floor(left) - 1,
        math.floor(top) - 1,
        math.ceil(left + device.width / scale) + 1,
        math.ceil(top + device.height / scale) + 1,
    )
    return needed.intersect(view.document.rect.at_level(level))


def sample(
    pixels: Array, source: Rect, view: View, device: Rect, *, border: int, level: int | None = None
) -> Array:
    """`pixels`, which lie at `source` in a mip level, scaled to a device rectangle.

    border: what lies outside of `source`, as one of OpenCV's border modes. level: the view's own
    by default. From 200 % on pixels stay squares.
    """
    level = view.level if level is None else level
    scale = view.zoom * (1 << level)
    # Where the first device pixel's centre falls, counted in pixel centres of the source.
    x0 = (device.x + 0.5 - view.affine.dx) / scale - 0.5 - source.x
    y0 = (device.y + 0.5 - view.affine.dy) / scale - 0.5 - source.y
    if scale == 1.0 and x0.is_integer() and y0.is_integer():
        inside = Rect(int(x0), int(y0), device.width, device.height)
        if Rect(0, 0, source.width, source.height).contains(inside):
            return pixels[inside.slices]
    if view.zoom >= 2 and level == 0:
        return _squares(pixels, source, view, device, border)
    matrix = np.array([[1 / scale, 0, x0], [0, 1 / scale, y0]], np.float64)
    scaled = cv2.warpAffine(
        pixels,
        matrix,
        (device.width, device.height),
        flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR,
        borderMode=border,
    )
    return np.asarray(scaled, np.uint8)


def _squares(pixels: Array, source: Rect, view: View, device: Rect, border: int) -> Array:
    """Each device pixel is the pixel under its centre: rectangles drawn one by one fit together."""
    x = np.floor((np.arange(device.x, device.right) + 0.5 - view.affine.dx) / view.zoom)
    y = np.floor((np.arange(device.y, device.bottom) + 0.5 - view.affine.dy) / view.zoom)
    columns, rows = x.astype(np.intp) - source.x, y.astype(np.intp) - source.y
    packed: NDArray[Any] = pixels.view(np.uint32)[..., 0] if pixels.ndim == 3 else pixels
    out = packed.take(rows, axis=0, mode="clip").take(columns, axis=1, mode="clip")
    if border == cv2.BORDER_CONSTANT:
        out[(rows < 0) | (rows >= source.height)] = 0
        out[:, (columns < 0) | (columns >= source.width)] = 0
    return out[..., None].view(np.uint8) if pixels.ndim == 3 else out


def level_scale(view: View) -> float:
    """Device pixels per pixel of the view's mip level: above 0.5, and above 1 only at level 0."""
    return view.zoom * (1 << view.level)
