"""From the colours of a file to sRGB, band by band and on several threads."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Array = NDArray[np.uint8]

_BAND = 256
"""Rows that are converted at a time."""

_MADE = 24
"""Where an ICC profile's header says when it was made: six numbers of 16 bits."""

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}


@cache
def srgb_profile() -> bytes:
    """The ICC profile to embed in what is written, always the same."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The header holds the time of its making (ICC.1, 7.2.8): equal pictures would differ as files.
    return made[:_MADE] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + made[_MADE + 12 :]


def to_rgba(
    image: Image.Image, alpha: Image.Image | None, profile: bytes
) -> tuple[Array, str, list[str]]:
    """The picture as (H, W, 4) uint8 sRGB, what its profile calls itself, and what was done to it.

    image: of mode RGB, L, CMYK or LAB. alpha: of mode L and the same size, or None for opaque.
    profile: the embedded ICC profile, or empty. Converted with relative colorimetry and black point
    compensation, as other editors do.
    """
    transform, description, notes = _transform(image, profile)
    out = np.empty((image.height, image.width, 4), np.uint8)

    def convert(band: tuple[int, int, int, int]) -> None:
        part = image.crop(band)
        part = part.convert("RGB") if transform is None else transform.apply(part)
        rows = out[band[1] : band[3]]
        rows[..., :3] = np.asarray(part)
        rows[..., 3] = 255 if alpha is None else np.asarray(alpha.crop(band))

    # Pillow and numpy let go of the interpreter lock for nearly all of this.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for _ in pool.map(convert, _bands(image)):
            pass
    return out, description, notes


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, image.height, _BAND):
        yield 0, top, image.width, min(top + _BAND, image.height)


def _transform(
    image: Image.Image, profile: bytes
) -> tuple[ImageCms.ImageCmsTransform | None, str, list[str]]:
    """How to get to sRGB, or None where the plain conversion is right."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            description = ImageCms.getProfileDescription(source).strip()
            # An RGB profile in a grey file is a common slip; its tone curve cannot be told.
            space = ImageCms.core.profile_frombytes(profile).xcolor_space.strip()
            if space == _SPACES[image.mode]:
                transform = _build(source, image.mode)
                if image.mode == "RGB" and _changes_nothing(transform):
                    return None, description, []
                return transform, description, [f"Converted from {description} to sRGB."]
            notes = [f"The colour profile {description} does not fit the picture: not used."]
        except (ImageCms.PyCMSError, OSError, ValueError) as e:
            description, notes = "", [f"The embedded colour profile is damaged ({e}): not used."]
    else:
        description, notes = "", []
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return _build(lab, "LAB"), description, notes
    if image.mode == "CMYK":
        notes.append("CMYK without a usable profile: colours are approximate.")
    return None, description, notes


def _build(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether the profile is sRGB by another name: then pixels stay bit for bit as they are."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    converted = np.asarray(transform.apply(Image.fromarray(grid)))
    return int(np.abs(converted.astype(np.int16) - grid).max()) <= 1
