"""Masks as files: 8-bit grey PNG, 0 outside to 255 inside."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.atomic import atomic_write
from ovedit.document import DocumentState
from ovedit.errors import FileError, UnsupportedFileError
from ovedit.files import file_error
from ovedit.geometry import Size
from ovedit.io.images import MAX_PIXELS, encode_png, read_image

Coverage = NDArray[np.uint8]

_LONGEST_NAME = 60
# Names that Windows keeps for devices, whatever their ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def read_mask(path: Path | str, size: Size, *, max_pixels: int = MAX_PIXELS) -> Coverage:
    """(H, W) coverage from any picture: its alpha where it has one, its luminance otherwise.

    Raises `FileError` where it has not exactly the picture's `size`, and as `read_image` does.
    """
    image = read_image(path, max_pixels=max_pixels)
    height, width = image.pixels.shape[:2]
    if (width, height) != (size.width, size.height):
        raise FileError(
            f"The mask {image.name} has {width:,} × {height:,} pixels, "
            f"the picture {size.width:,} × {size.height:,}.",
            "Choose a mask of the picture's size.",
        )
    if image.pixels[..., 3].min() < 255:
        return np.ascontiguousarray(image.pixels[..., 3])
    return np.asarray(cv2.cvtColor(image.pixels, cv2.COLOR_RGBA2GRAY), np.uint8)


def write_mask(path: Path | str, coverage: Coverage) -> None:
    """Write (H, W) coverage as an 8-bit grey PNG; the file is replaced when complete.

    Raises `UnsupportedFileError` for a name that does not end with .png, and `FileError` where the
    system refuses.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UnsupportedFileError(
            f"Masks are written as PNG; {path.name} does not end with .png.", "Name it so."
        )
    with atomic_write(path) as stream:
        stream.write(encode_png(np.ascontiguousarray(coverage), level=4))


def export_masks(
    folder: Path | str, state: DocumentState, mask_ids: Sequence[str] | None = None
) -> tuple[Path, ...]:
    """Write class masks into a folder, named by their labels; returns the files, in order.

    mask_ids: which ones, or None for all. A file that is there already is never replaced: the new
    one gets a number. Raises `FileError` where the system refuses.
    """
    folder = Path(folder)
    masks = state.masks if mask_ids is None else [state.mask(mask_id) for mask_id in mask_ids]
    try:
        taken = {path.name.casefold() for path in folder.iterdir()}
    except OSError as e:
        raise file_error(folder, "read", e) from e
    written: list[Path] = []
    for mask in masks:
        stem = safe_stem(mask.label)
        name, number = f"{stem}.png", 2
        while name.casefold() in taken:
            name, number = f"{stem}-{number}.png", number + 1
        taken.add(name.casefold())
        write_mask(folder / name, state.coverage(mask.id))
        written.append(folder / name)
    return tuple(written)


def safe_stem(label: str) -> str:
    """A label as a file name on every system: "Bench: left/right" becomes "bench-left-right"."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", label).lower())
    stem = "-".join(words)[:_LONGEST_NAME].strip("-_")
    while len(stem.encode()) > 200:
        stem = stem[:-1]
    if not stem or _DEVICES.fullmatch(stem):
        return f"mask-{stem}".rstrip("-")
    return stem
