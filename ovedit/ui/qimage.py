"""The only conversion between numpy pixels and QImage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

_FORMAT = QImage.Format


def to_qimage(rgba: NDArray[np.uint8]) -> QImage:
    """A QImage of its own from (H, W, 4) uint8 straight-alpha RGBA; the array may change later.

    Raises ValueError for another shape or type.
    """
    _check(rgba)
    pixels = np.ascontiguousarray(rgba)
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 4 * width, _FORMAT.Format_RGBA8888).copy()


def to_array(image: QImage) -> NDArray[np.uint8]:
    """The pixels of any QImage as a new (H, W, 4) uint8 array, straight-alpha RGBA."""
    if image.isNull():
        return np.zeros((0, 0, 4), np.uint8)
    if image.format() is not _FORMAT.Format_RGBA8888:
        image = image.convertToFormat(_FORMAT.Format_RGBA8888)
    height, width = image.height(), image.width()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
    return rows[:, : 4 * width].reshape(height, width, 4).copy()


def qimage_over(buffer: NDArray[np.uint8]) -> QImage:
    """A QImage that looks at `buffer` itself, without a copy: what the canvas paints from.

    buffer: (H, W, 4) uint8, C-contiguous, premultiplied, in the byte order blue, green, red, alpha
    (Qt's fastest, ARGB32 premultiplied on little-endian machines). Pixels written to the buffer
    show at the next paint. The caller keeps the buffer alive for as long as the image is used.
    Raises ValueError for another shape, type or layout.
    """
    _check(buffer)
    if not buffer.flags.c_contiguous:
        raise ValueError("The buffer must be C-contiguous: pass np.ascontiguousarray(buffer).")
    height, width = buffer.shape[:2]
    return QImage(buffer.data, width, height, 4 * width, _FORMAT.Format_ARGB32_Premultiplied)


def _check(pixels: NDArray[np.uint8]) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise ValueError(f"Expected (H, W, 4) uint8 pixels, got {pixels.shape} {pixels.dtype}.")
