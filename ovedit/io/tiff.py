"""Compressed TIFF with camera data: libtiff, as Pillow drives it, writes only one or the other."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin as Tiff

_ADOBE_DEFLATE = 8
_RGB = 2
_EXTRA_SAMPLES = 338
_STRAIGHT_ALPHA = 2
_HORIZONTAL = 2
_INCH = 2
_STRIP_BYTES = 1 << 20


def encode_tiff(
    pixels: NDArray[np.uint8],
    profile: bytes,
    tags: Mapping[int, Any],
    dpi: tuple[float, float] | None,
) -> bytes:
    """(H, W, 3 or 4) sRGB pixels as TIFF 6.0, deflated in strips with the horizontal predictor.

    tags: further ones by number; a dictionary becomes a directory of its own (EXIF, GPS).
    """
    height, width, samples = pixels.shape
    rows = max(1, _STRIP_BYTES // (width * samples))

    def strip(top: int) -> bytes:
        part = pixels[top : top + rows].copy()
        part[:, 1:] -= pixels[top : top + rows, :-1]
        return zlib.compress(part.tobytes(), 6)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        strips = list(pool.map(strip, range(0, height, rows)))
    lengths = [len(data) for data in strips]
    directory = Tiff.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    directory[Tiff.IMAGEWIDTH] = width
    directory[Tiff.IMAGELENGTH] = height
    directory[Tiff.BITSPERSAMPLE] = (8,) * samples
    directory[Tiff.COMPRESSION] = _ADOBE_DEFLATE
    directory[Tiff.PHOTOMETRIC_INTERPRETATION] = _RGB
    directory[Tiff.SAMPLESPERPIXEL] = samples
    directory[Tiff.ROWSPERSTRIP] = rows
    # Counted from the end of the directory, which the writer adds.
    directory[Tiff.STRIPOFFSETS] = tuple(np.cumsum([0, *lengths[:-1]]).tolist())
    directory[Tiff.STRIPBYTECOUNTS] = tuple(lengths)
    directory[Tiff.PREDICTOR] = _HORIZONTAL
    directory[Tiff.ICCPROFILE] = profile
    if samples == 4:
        directory[_EXTRA_SAMPLES] = _STRAIGHT_ALPHA
    if dpi is not None:
        directory[Tiff.X_RESOLUTION], directory[Tiff.Y_RESOLUTION] = dpi
        directory[Tiff.RESOLUTION_UNIT] = _INCH
    out = BytesIO()
    directory.save(out)
    for data in strips:
        out.write(data)
    return out.getvalue()
