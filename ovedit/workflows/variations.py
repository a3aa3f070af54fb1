"""Results of an edit to choose from: held beside the document until one becomes a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ovedit.document import Document, DocumentState, masks
from ovedit.engine.requests import EditResult, Pixels
from ovedit.geometry import Rect, Size
from ovedit.workflows import edit

_AROUND = 0.15
"""What a small picture shows around what is new, of its longer side."""
_IN_PLACE_PIXELS = 4_000_000
"""Enough for any screen; more would only take time while the pointer moves."""


@dataclass(frozen=True, eq=False)
class Variation:
    """One result, and the plan that led to it, whose picture is a blank one."""

    plan: edit.EditPlan
    result: EditResult

    @property
    def nbytes(self) -> int:
        """The memory it takes."""
        return self.result.pixels.nbytes


def variation(plan: edit.EditPlan, result: EditResult, size: Size) -> tuple[Variation, Pixels]:
    """The result to be kept in mind, and a picture of it with its surroundings.

    size: what the picture fills, at least in one direction; it has the shape (h, w, 4).
    Raises `EngineError` if the result does not cover what may change.
    """
    pixels, area = edit.layer_pixels(plan, result)
    small = _seen_small(plan.request.image, pixels, area, size)
    return Variation(_without_picture(plan), result), small


def in_place(of: Variation) -> tuple[Pixels, Rect]:
    """What the layer would show: (h, w, 4) pixels, and the document rectangle they cover.

    Of a large area only every second or third pixel.
    """
    alpha, result = of.plan.request.alpha, of.result
    area = masks.bounds(alpha)
    step = max(1, round((area.size.area / _IN_PLACE_PIXELS) ** 0.5))
    offset = area.translated(-result.rect.x, -result.rect.y)
    pixels = result.pixels[offset.slices][::step, ::step].copy()
    pixels[..., 3] = masks.product(pixels[..., 3], alpha[area.slices][::step, ::step])
    return pixels, area


def keep(document: Document, of: Variation) -> str:
    """Make the variation a layer, or the new content of the layer it varies, in one undo step.

    Returns the layer's id. Raises like `apply_edit` and `replace_edit`.
    """
    if of.plan.layer_id:
        edit.replace_edit(document, of.plan.layer_id, of.plan, of.result)
        return of.plan.layer_id
    return edit.apply_edit(document, of.plan, of.result)


def more_like(
    state: DocumentState, of: Variation, count: int, known: Sequence[int]
) -> tuple[edit.EditPlan, ...]:
    """The same edit with `count` further seeds, on the picture as it is now.

    known: seeds that have been tried. Raises `DocumentError` if the layer it varies is gone.
    """
    seeds = edit.variation_seeds(of.plan.request.seed, count + len(known))
    fresh = [seed for seed in seeds if seed not in known][:count]
    plan = _with_picture(state, of.plan)
    return tuple(replace(plan, request=replace(plan.request, seed=seed)) for seed in fresh)


def picture_marks(state: DocumentState) -> tuple[object, ...]:
    """Stands for the visible picture: the same objects as long as nobody changes it."""
    shown = (layer for layer in state.layers if layer.visible)
    return tuple(part for layer in shown for part in (layer, *state.layer_surfaces(layer)))


def same_picture(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether two `picture_marks` stand for the same picture."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _with_picture(state: DocumentState, plan: edit.EditPlan) -> edit.EditPlan:
    """The plan for the picture as it is now."""
    below = edit.picture_below(state, plan.layer_id) if plan.layer_id else state.flattened()
    return replace(plan, request=replace(plan.request, image=below))


def _without_picture(plan: edit.EditPlan) -> edit.EditPlan:
    """The plan without the memory that its picture takes."""
    height, width = plan.request.image.shape[:2]
    blank = edit.blank_picture(Size(width, height))
    return replace(plan, request=replace(plan.request, image=blank))


def _seen_small(image: Pixels, new: Pixels, area: Rect, size: Size) -> Pixels:
    """The picture around `area` with the new pixels over it, reduced to fill `size`."""
    frame = _frame(area, size, Size(image.shape[1], image.shape[0]))
    # Every so many pixels are enough to begin with: the picture may have 100 million of them.
    step = max(1, min(frame.width // (2 * size.width), frame.height // (2 * size.height)))
    # Those of the area among them, however narrow it is.
    rows = np.arange(frame.y + (area.y - frame.y) % step, frame.bottom, step)
    columns = np.arange(frame.x + (area.x - frame.x) % step, frame.right, step)
    small = image[np.ix_(rows, columns)].astype(np.float32)
    inside_rows = np.flatnonzero((rows >= area.y) & (rows < area.bottom))
    inside_columns = np.flatnonzero((columns >= area.x) & (columns < area.right))
    place = np.ix_(inside_rows, inside_columns)
    over = new[np.ix_(rows[inside_rows] - area.y, columns[inside_columns] - area.x)]
    share = over[..., 3:].astype(np.float32) / 255
    opaque = np.dstack([over[..., :3], np.full(over.shape[:2], 255, np.uint8)])
    small[place] += (opaque - small[place]) * share
    scale = max(size.width / small.shape[1], size.height / small.shape[0])
    if scale < 1:
        wanted = (
            max(1, round(small.shape[1] * scale)),
            max(1, round(small.shape[0] * scale)),
        )
        small = cv2.resize(small, wanted, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def _frame(area: Rect, size: Size, picture: Size) -> Rect:
    """The area with some of its surroundings, in the proportions of `size` where there is room."""
    around = area.padded(max(2, round(_AROUND * max(area.width, area.height))))
    wide = max(around.width, round(around.height * size.width / size.height))
    high = max(around.height, round(around.width * size.height / size.width))
    wide, high = min(wide, picture.width), min(high, picture.height)
    x = min(max(0, area.x + (area.width - wide) // 2), picture.width - wide)
    y = min(max(0, area.y + (area.height - high) // 2), picture.height - high)
    return Rect(x, y, wide, high)
