"""From the channels of a file to 8 bits: colour in one picture, alpha in another."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from PIL import Image

_BITS_PER_SAMPLE = 258


def bits_per_sample(image: Image.Image, stream: BinaryIO) -> int:
    """Bits per sample in the file; Pillow keeps the upper 8 of 16 without a word."""
    if image.format == "PNG":
        position = stream.tell()
        stream.seek(24)
        depth = stream.read(1)[0]
        stream.seek(position)
        return depth
    if image.format == "TIFF":
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, (8,))  # pyright: ignore[reportAttributeAccessIssue]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    return 8


def colour_and_alpha(
    image: Image.Image, depth: int, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
    """Colour as RGB, L, CMYK or LAB with 8 bits, and alpha as L, or None where it is opaque.

    depth: bits per sample in the file. notes: gets a sentence for each loss.
    """
    transparency = image.info.get("transparency")
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        notes.append("16 bits per channel were reduced to 8.")
        colour = Image.fromarray((values >> 8).astype(np.uint8))
        if not isinstance(transparency, int):
            return colour, None
        return colour, Image.fromarray(np.where(values == transparency, 0, 255).astype(np.uint8))
    if image.mode in ("I", "F"):
        return _stretched(image, notes), None
    if depth > 8:
        notes.append(f"{depth} bits per channel were reduced to 8.")
        if isinstance(transparency, tuple):
            image.info["transparency"] = tuple(value >> 8 for value in transparency)
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La")
        image = image.convert("LA" if grey else "RGBA")
        return image.convert("L" if grey else "RGB"), image.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("RGB"), None


def _stretched(image: Image.Image, notes: list[str]) -> Image.Image:
    """Floating point or 32 bit grey on 8 bits: [0, 1] as it is, else from least to most."""
    values = np.asarray(image).astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    notes.append(f"Grey values from {low:g} to {high:g} were put on 8 bits.")
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.round(scaled).astype(np.uint8))
