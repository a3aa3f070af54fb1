"""Class masks, and the arithmetic of coverage: (H, W) uint8, 0 outside to 255 inside."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.document.layers import new_id
from ovedit.geometry import Rect, Size

Coverage = NDArray[np.uint8]

SOFTNESS = 0.06
"""Width of the score interval over which a mask's edge goes from 0 to 255."""

_SNAP_RUNS, _SNAP_CELL = 3, 512
"""How often the filter of `snap_to_edges` runs, and the cells in pixels that it works through."""

_SOME_COVERAGE = 25
"""Up to this coverage a pixel is noise, not part of the thing."""


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """(h, w) float scores in [0, 1] over the document rectangle `rect`, edge to edge."""

    values: NDArray[np.floating]
    rect: Rect


@dataclass(frozen=True, eq=False)
class Candidate:
    """One of the masks that an engine offered for a phrase."""

    label: str
    score: float
    scores: ScoreMap
    threshold: float
    reason: str = ""


@dataclass(frozen=True)
class ClassMask:
    """What a mask is, without its coverage, which lives in the document's surfaces.

    colour: sRGB of the overlay. score: the engine's confidence, or None for a mask made by hand.
    candidates: what the engine offered, the shown one at `chosen`; empty for a mask made by hand.
    group: masks of one phrase share it (instances).
    """

    label: str
    colour: tuple[int, int, int]
    id: str = field(default_factory=new_id)
    phrase: str = ""
    group: str = ""
    visible: bool = True
    accepted: bool = False
    score: float | None = None
    threshold: float = 0.5
    candidates: tuple[Candidate, ...] = ()
    chosen: int = 0

    @property
    def candidate(self) -> Candidate | None:
        """The engine's candidate that is shown, or None for a mask made by hand."""
        return self.candidates[self.chosen] if self.candidates else None


_OKABE_ITO = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def overlay_colour(index: int) -> tuple[int, int, int]:
    """Colour of the mask number `index`, told apart by colour-blind people.

    The first seven are the set of Okabe and Ito (2008); further ones repeat its hues in a lighter
    and a darker version, so that neighbours differ in lightness too.
    """
    base = np.array(_OKABE_ITO[index % len(_OKABE_ITO)], float)
    turn = index // len(_OKABE_ITO)
    if turn:
        target = 255.0 if turn % 2 else 0.0
        base += (target - base) * (0.35 + 0.15 * ((turn - 1) // 2 % 3))
    red, green, blue = (round(value) for value in base)
    return red, green, blue


class Combine(enum.StrEnum):
    """How one mask changes another."""

    REPLACE = "replace"
    UNION = "union"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"


def combine(mask: Coverage, other: Coverage, how: Combine) -> Coverage:
    """Soft set arithmetic on two arrays of one shape: maximum, remainder or minimum."""
    if how is Combine.REPLACE:
        return other
    if how is Combine.UNION:
        return np.maximum(mask, other)
    if how is Combine.SUBTRACT:
        return np.minimum(mask, 255 - other)
    return np.minimum(mask, other)


def product(one: Coverage, other: Coverage) -> Coverage:
    """One coverage seen through another of its shape: one · other / 255, rounded."""
    return ((one.astype(np.uint16) * other + 127) // 255).astype(np.uint8)


def bounds(mask: Coverage) -> Rect:
    """The smallest rectangle with all coverage above 0."""
    x, y, width, height = cv2.boundingRect(mask)
    return Rect(x, y, width, height)


def from_scores(scores: ScoreMap, threshold: float, size: Size) -> Coverage:
    """Coverage of a whole document of `size` where the score reaches the threshold.

    The edge is a ramp of `SOFTNESS` around the threshold, scaled up bilinearly, so it stays smooth
    when the score map is smaller than the document.
    """
    out = np.zeros((size.height, size.width), np.uint8)
    inside = scores.rect.intersect(size.rect)
    if not inside:
        return out
    ramp = scores_to_coverage(scores.values, threshold)
    full = cv2.resize(ramp, (scores.rect.width, scores.rect.height), interpolation=cv2.INTER_LINEAR)
    out[inside.slices] = full[inside.translated(-scores.rect.x, -scores.rect.y).slices]
    return out


def scores_to_coverage(values: NDArray[np.floating], threshold: float) -> Coverage:
    """The threshold ramp at the score map's own resolution."""
    # A score of 0 is never covered, however low the threshold: the slider's end is not "all".
    threshold = max(threshold, SOFTNESS)
    scores, slope = values.astype(np.float32, copy=False), 255 / SOFTNESS
    # Scale, shift, round and clip in one go: a slider waits for it.
    return np.asarray(
        cv2.addWeighted(scores, slope, scores, 0, 127 - threshold * slope, dtype=cv2.CV_8U),
        np.uint8,
    )


def grow(mask: Coverage, pixels: float) -> Coverage:
    """Grow by a round brush of `pixels`; shrink where negative. Soft edges keep their softness."""
    if pixels == 0:
        return mask
    if pixels < 0:
        # Padding with coverage keeps a mask that runs off the picture from shrinking there.
        margin = int(-pixels) + 2
        padded = np.pad(255 - mask, margin, mode="edge")
        return 255 - grow(padded, -pixels)[margin:-margin, margin:-margin]
    area = bounds(mask).padded(int(pixels) + 2).intersect(_rect_of(mask))
    if not area:
        return mask
    part = mask[area.slices]
    # Distance from the half-covered contour, shifted back by what the soft edge adds.
    distance = cv2.distanceTransform(
        np.where(part >= 128, 0, 255).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    grown = np.clip((pixels + 0.5 - distance) * 255, 0, 255).astype(np.uint8)
    out = mask.copy()
    out[area.slices] = np.maximum(part, grown)
    return out


def feathered(mask: Coverage, grow_by: float, feather: float) -> Coverage:
    """The alpha of an edit: full on the grown mask, a ramp outside it, and 0 beyond `feather`.

    Every pixel with more than a tenth of coverage counts as inside, so the soft rim of a selection
    is regenerated with it and does not shine through.
    """
    reach = grow_by + feather
    area = bounds(mask).padded(int(np.ceil(reach)) + 2).intersect(_rect_of(mask))
    out = np.zeros_like(mask)
    if not area:
        return out
    outside = np.multiply(mask[area.slices] <= _SOME_COVERAGE, 255, dtype=np.uint8)
    if outside.min() == 255:
        return out
    if reach <= 0:
        out[area.slices] = cv2.bitwise_not(outside)
        return out
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if feather <= 0:
        out[area.slices] = np.multiply(distance <= grow_by, 255, dtype=np.uint8)
        return out
    # In steps of a 255th of the feather, so that the ramp is a look-up, and 0 from the last one on.
    beyond = np.maximum(distance - np.float32(grow_by), 0)
    steps = cv2.convertScaleAbs(beyond, alpha=255 / feather)
    ramp = 1 - np.arange(256) / 255
    table = np.round(ramp * ramp * (3 - 2 * ramp) * 255).astype(np.uint8)
    out[area.slices] = cv2.LUT(steps, table)
    return out


def smooth(mask: Coverage, pixels: float) -> Coverage:
    """Soften the edge over about `pixels` on both sides (Gaussian, sigma = pixels / 2)."""
    if pixels <= 0:
        return mask
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), pixels / 2), np.uint8)


def fill_holes(mask: Coverage) -> Coverage:
    """Cover every area that is enclosed by the mask."""
    inside = (mask >= 128).astype(np.uint8)
    _, labels = cv2.connectedComponents(1 - np.pad(inside, 1), connectivity=4)
    labels = np.asarray(labels)
    outside = labels == labels[0, 0]
    holes = ~outside[1:-1, 1:-1] & (inside == 0)
    # The soft rim of a hole is below one half too but belongs to the hole's edge: cover it as well.
    rim = cv2.dilate(holes.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return np.where(holes | (rim & ~outside[1:-1, 1:-1]), 255, mask).astype(np.uint8)


def remove_specks(mask: Coverage, area: int) -> Coverage:
    """Drop connected parts of fewer than `area` pixels."""
    inside = (mask > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    keep = np.ones(count, bool)
    keep[1:] = stats[1:, cv2.CC_STAT_AREA] >= area
    keep[0] = False
    return np.where(keep[np.asarray(labels, np.intp)], mask, 0).astype(np.uint8)


def snap_to_edges(mask: Coverage, image: NDArray[np.uint8], radius: int = 8) -> Coverage:
    """Move the edge onto the picture's edges with a guided filter (He, Sun and Tang 2013).

    image: (H, W, 3 or 4) uint8 of the mask's shape. Only a band of `radius` around the edge moves.
    The filter runs three times, each on the sharpened answer of the one before: one alone moves an
    edge half the way.
    """
    inside = (mask >= 128).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    band = np.not_equal(cv2.dilate(inside, kernel), cv2.erode(inside, kernel))
    whole, reach, out = _rect_of(mask), radius * 3 // 2, mask.copy()
    for row, column in whole.tiles(_SNAP_CELL):
        cell = Rect(column * _SNAP_CELL, row * _SNAP_CELL, _SNAP_CELL, _SNAP_CELL)
        cell = cell.intersect(whole)
        if not band[cell.slices].any():
            continue
        around = cell.padded(_SNAP_RUNS * reach).intersect(whole)
        guide = np.ascontiguousarray(image[around.slices][..., :3])
        soft = mask[around.slices].astype(np.float32) / 255
        for _ in range(_SNAP_RUNS):
            soft = cv2.ximgproc.guidedFilter(guide, soft, reach, (0.01 * 255) ** 2)
            soft = np.clip((soft - 0.5) * 3 + 0.5, 0, 1)
        snapped = np.round(soft[cell.translated(-around.x, -around.y).slices] * 255)
        np.copyto(out[cell.slices], snapped.astype(np.uint8), where=band[cell.slices])
    return out


def _rect_of(mask: Coverage) -> Rect:
    return Rect(0, 0, mask.shape[1], mask.shape[0])
