"""Small pictures of what was done to a photo: before, with its masks, after."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.atomic import atomic_write
from ovedit.batch.ledger import FOLDER, make_folder
from ovedit.document import DocumentState
from ovedit.io.images import ExportOptions, encode_image

Array = NDArray[np.uint8]

SIDE = 360
"""Length of the longer side in pixels: sharp on dense screens at the size they are shown at."""

_QUALITY = 80
_FILL, _DARKER = 0.45, 0.55


class Pictures:
    """The small pictures of one photo, as files in OUT: `before`, `mask`, `after`."""

    def __init__(self, out: Path, photo: str) -> None:
        key = hashlib.sha256(photo.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        place = out / FOLDER
        self.before, self.mask, self.after = (
            place / f"{key}-{what}.jpg" for what in ("before", "mask", "after")
        )

    def discard(self) -> None:
        """Remove those of an earlier run."""
        for path in (self.before, self.mask, self.after):
            path.unlink(missing_ok=True)


def small(state: DocumentState) -> Array:
    """(h, w, 4) the visible layers, at most `SIDE` long."""
    longest = max(state.size.width, state.size.height)
    level = 0
    while longest >> (level + 1) >= SIDE:
        level += 1
    return _fitted(state.flattened(level=level))


def with_masks(state: DocumentState, picture: Array) -> Array:
    """The small picture with the document's masks in their colours, darker where there is none."""
    height, width = picture.shape[:2]
    covered = np.zeros((height, width), np.float32)
    shown = picture[..., :3].astype(np.float32)
    lines: list[tuple[Array, tuple[int, int, int]]] = []
    for mask in state.masks:
        full = state.coverage(mask.id)
        share = cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)
        fill = _FILL * share[..., None]
        shown = shown * (1 - fill) + np.asarray(mask.colour, np.float32) * fill
        covered = np.maximum(covered, share)
        lines.append(((share >= 0.5).astype(np.uint8), mask.colour))
    if lines:
        shown *= (_DARKER + (1 - _DARKER) * covered)[..., None]
    drawn = np.ascontiguousarray(shown.round().astype(np.uint8))
    for inside, colour in lines:
        contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, contours, -1, colour, 1, cv2.LINE_AA)
    return np.dstack((drawn, picture[..., 3]))


def write_picture(path: Path, picture: Array) -> None:
    """Write a small picture. Raises `FileError`."""
    make_folder(path.parent)
    data = encode_image(picture, ExportOptions("jpeg", _QUALITY, keep_exif=False))
    with atomic_write(path) as stream:
        stream.write(data)


def _fitted(pixels: Array) -> Array:
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
