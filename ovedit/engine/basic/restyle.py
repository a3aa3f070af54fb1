"""Restyle: new colour, new material, old light and shadow.

Lightness is split into a base (light and shade) and texture. Both go through tone curves of the
finish; a reflection of sky over ground, highlights and procedural grain are added; chroma follows
the new lightness along the colours of the material (Lab statistics as in Reinhard et al. 2001).
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic import ENGINE
from ovedit.engine.basic import wish as wishes
from ovedit.engine.basic.painter import Painter
from ovedit.engine.basic.raster import Floats, disc
from ovedit.engine.basic.refine import colour_model
from ovedit.engine.basic.regions import colour_cells
from ovedit.engine.basic.wish import Wish
from ovedit.engine.language.wording import quoted
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import EditRequest, EditResult
from ovedit.errors import UsageError
from ovedit.geometry import Rect, Size

_STRIP = 192
"""Rows painted at a time: 24 megapixels in strips of it need little memory and stop quickly."""
_FRAYED = 5
"""How far beside the mask frayed edges may lie, in pixels."""
_CLEARLY = 5.0
"""How many times as usual a colour has to be inside as around to belong to the thing."""


def restyle(request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
    """Give the masked thing the colour or material that `request.prompt` names.

    options["strength"], above 0 to 1, blends between old and new. Works wherever alpha > 0; the
    result's alpha follows the mask closely, so that no background is dyed along with it.
    Raises `CannotDoError` where no word of the prompt is understood, `UsageError` for an empty
    mask or a strength out of range, `Cancelled`.
    """
    return paint(request, wishes.require(request.prompt, request.phrase), progress, cancel)


def paint(request: EditRequest, wish: Wish, progress: Progress, cancel: CancelToken) -> EditResult:
    """Like `restyle`, for a wish already understood."""
    start = time.perf_counter()
    strength = _strength(request)
    left, top, width, height = cv2.boundingRect(request.alpha)
    rect = Rect(left, top, width, height)
    if not rect:
        raise UsageError("The mask is empty.", "Select something first.")
    progress(0.0, "Looking at light and shadow")
    cancel.check()
    whole = Size(request.image.shape[1], request.image.shape[0]).rect
    area = rect.padded(max(24, max(width, height) // 8)).intersect(whole)
    image = request.image[area.slices]
    mask = request.mask[area.slices]
    if not mask.any():
        mask = request.alpha[area.slices]
    mask = _completed(image, mask, request.alpha[area.slices])
    lab = _to_lab(image, cancel)
    painter = Painter.of(wish, lab, mask, request.seed, cancel)
    progress(0.3, "Painting")

    pixels = np.empty((height, width, 4), np.uint8)
    dx, dy = rect.x - area.x, rect.y - area.y
    for first in range(0, height, _STRIP):
        cancel.check()
        last = min(first + _STRIP, height)
        rows = slice(dy + first, dy + last)
        strip = painter.strip(lab[rows], dy + first, dy + last)[:, dx : dx + width]
        old = image[rows, dx : dx + width]
        rgb = cv2.cvtColor(np.ascontiguousarray(strip, np.float32), cv2.COLOR_Lab2RGB)
        mixed = old[..., :3] + strength * (255 * np.clip(rgb, 0, 1) - old[..., :3])
        pixels[first:last, :, :3] = np.clip(mixed + 0.5, 0, 255)
        pixels[first:last, :, 3] = _coverage(old[..., 3], mask, rows, slice(dx, dx + width))
        progress(0.3 + 0.7 * last / height, "Painting")
    notes = (*_summary(wish, request.phrase), *wishes.notes(wish))
    seconds = time.perf_counter() - start
    return EditResult(pixels, rect, ENGINE, request.seed, seconds, notes)


def _strength(request: EditRequest) -> float:
    text = request.options.get("strength", "1")
    try:
        value = float(text)
    except ValueError as error:
        raise UsageError(f"Strength {quoted(text)} is not a number.", "Use 0.1 to 1.") from error
    if not 0 < value <= 1:
        raise UsageError(f"Strength {text} is out of range.", "Use a number above 0, up to 1.")
    return value


def _to_lab(image: NDArray[np.uint8], cancel: CancelToken) -> Floats:
    lab = np.empty((*image.shape[:2], 3), np.float32)
    for top in range(0, len(image), _STRIP):
        cancel.check()
        strip = image[top : top + _STRIP, :, :3].astype(np.float32) / np.float32(255)
        lab[top : top + _STRIP] = cv2.cvtColor(strip, cv2.COLOR_RGB2Lab)
    return lab


def _coverage(
    old: NDArray[np.uint8], mask: NDArray[np.uint8], rows: slice, columns: slice
) -> NDArray[np.uint8]:
    """The mask, softened over one pixel, and never more opaque than the picture was."""
    halo = slice(max(0, rows.start - 4), rows.stop + 4)
    grown = cv2.dilate(mask[halo], np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(grown, (0, 0), 0.9)
    soft = np.maximum(soft, mask[halo])[rows.start - halo.start :][: rows.stop - rows.start]
    return np.asarray(cv2.multiply(soft[:, columns], old, scale=1 / 255), np.uint8)


def _completed(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The mask with the pixels close to it that clearly have its colours and not its surroundings'.

    A mask from a smaller picture ends a little off frayed edges, such as feet in grass; what is
    left of the old colour there would be a rim. Only where alpha is above 0.
    """
    solid = (mask > 127).astype(np.uint8)
    beside = cv2.dilate(solid, disc(_FRAYED))
    around = (cv2.dilate(beside, disc(4 * _FRAYED)) > 0) & (beside == 0)
    rows, columns = np.nonzero((beside > 0) & (mask < 255) & (alpha > 0))
    if not (len(rows) and around.any() and solid.any()):
        return mask
    cells = colour_cells(image[..., :3])
    own, others = (
        colour_model(cells[part], np.ones(np.count_nonzero(part), np.float32))
        / np.count_nonzero(part)
        for part in (solid > 0, around)
    )
    there = cells[rows, columns]
    belongs = own[there] > _CLEARLY * others[there] + 1e-6
    completed = mask.copy()
    completed[rows[belongs], columns[belongs]] = 255
    return completed


def _summary(wish: Wish, phrase: str) -> tuple[str, ...]:
    thing = quoted(phrase) if phrase.strip() else "The selection"
    said: list[str] = []
    if wish.finish is not None:
        colour = f"{wish.colour.name} " if wish.colour else ""
        said.append(f"{thing} got the look of {colour}{wish.finish.name} and kept its shape.")
        if wish.finish.through:
            said.append("What is seen through it is guessed from what lies around it.")
    elif wish.colour is not None:
        said.append(f"{thing} was dyed {wish.colour.name} and kept its shape.")
    names = {
        "brightness": wish.brightness,
        "saturation": wish.saturation,
        "warmth": wish.warmth,
        "contrast": wish.contrast,
    }
    changes = [
        f"{'more' if value > 0 else 'less'} {name}" for name, value in names.items() if value
    ]
    if changes:
        said.append(f"{thing} got {' and '.join(changes)}.")
    return tuple(said)
