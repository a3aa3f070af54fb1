"""Masks drawn over a picture: fill, contour, and a tag with label and score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ovedit.geometry import Rect, Size

_FILL = 0.38
_MAX_TAG_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask to draw: (H, W) uint8 coverage, sRGB colour, and the text of its tag."""

    coverage: NDArray[np.uint8]
    colour: tuple[int, int, int]
    text: str


def draw_overlay(picture: NDArray[np.uint8], drawn: Sequence[Drawn]) -> NDArray[np.uint8]:
    """The picture, (H, W, 4) uint8, with the masks on it, as a new array of the same shape.

    Lines and text grow with the picture, so that they can be read when it is shown as a whole.
    """
    height, width = picture.shape[:2]
    line = max(2, round(max(width, height) / 700))
    out = picture.copy()
    for mask in drawn:
        _fill(out, mask, line)
    image = Image.fromarray(out)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(13, round(max(width, height) / 60)))
    taken: list[Rect] = []
    for mask in drawn:
        if mask.coverage.max() >= 128:
            taken.append(_tag(pen, font, mask, Size(width, height), taken))
    return np.asarray(image)


def _fill(out: NDArray[np.uint8], mask: Drawn, line: int) -> None:
    inside = (mask.coverage >= 128).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask.coverage)
    size = Size(out.shape[1], out.shape[0])
    area = Rect(x, y, width, height).padded(line).intersect(size.rect)
    if not area:
        return
    part = out[area.slices]
    share = mask.coverage[area.slices].astype(np.float32)[..., None] * (_FILL / 255)
    mixed = part[..., :3] + (np.array(mask.colour, np.float32) - part[..., :3]) * share
    part[..., :3] = np.round(mixed)
    part[..., 3] = np.maximum(part[..., 3], np.round(share[..., 0] * 255).astype(np.uint8))
    outlines, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    # Outlines of specks would be all line and no picture.
    outlines = [each for each in outlines if max(cv2.boundingRect(each)[2:]) > 5 * line]
    # A white line below keeps the contour apart from a picture of its own colour.
    canvas = np.ascontiguousarray(out)
    cv2.drawContours(canvas, outlines, -1, (255, 255, 255, 255), line + 2, cv2.LINE_AA)
    cv2.drawContours(canvas, outlines, -1, (*mask.colour, 255), line, cv2.LINE_AA)
    out[:] = canvas


def _tag(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    mask: Drawn,
    size: Size,
    taken: Sequence[Rect],
) -> Rect:
    """Draw the tag above the topmost point of the mask, or inside where there is no room."""
    text = _shortened(pen, font, mask.text, size.width * _MAX_TAG_SHARE)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    pad = max(3, round((bottom - top) * 0.35))
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    rows = np.flatnonzero((mask.coverage >= 128).any(axis=1))
    y = int(rows[0])
    x = int(np.median(np.flatnonzero(mask.coverage[y] >= 128)))
    at = Rect(
        min(max(0, x - width // 2), max(0, size.width - width)),
        y - height - pad if y - height - pad >= 0 else y + pad,
        width,
        height,
    )
    while at.bottom + height <= size.height and any(at.intersect(other) for other in taken):
        at = at.translated(0, height // 2)
    pen.rounded_rectangle((at.x, at.y, at.right, at.bottom), pad, fill=(*mask.colour, 255))
    ink = (13, 26, 38, 255) if _lightness(mask.colour) > 0.45 else (255, 255, 255, 255)
    pen.text((at.x + pad - left, at.y + pad - top), text, font=font, fill=ink)
    return at


def _shortened(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    text: str,
    width: float,
) -> str:
    if pen.textlength(text, font=font) <= width:
        return text
    while text and pen.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"


def _lightness(colour: tuple[int, int, int]) -> float:
    """Relative luminance with a plain gamma of 2.2, 0 to 1: enough to choose ink."""
    red, green, blue = ((value / 255) ** 2.2 for value in colour)
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) ** 0.5
