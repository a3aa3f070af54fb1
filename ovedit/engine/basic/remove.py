"""Removing what is under the mask: its surroundings grow over it (see `fill`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.basic import ENGINE
from ovedit.engine.basic.fill import EFFORTS, fill
from ovedit.engine.crop import Region, context_crops
from ovedit.engine.protocols import CancelToken, Preview, Progress
from ovedit.engine.requests import Coverage, EditRequest, EditResult, Pixels
from ovedit.errors import CannotDoError
from ovedit.geometry import Rect

_OPAQUE = 128
"""Alpha from which a pixel may be copied."""
_PREVIEW_SECONDS = 0.3
"""Least time between previews of the same level: the window has to keep up with them."""


def remove(request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
    """Make new pixels wherever the request's alpha is above 0, from the pixels around them.

    Only pixels where alpha is 0 and the picture is at least half opaque are copied. Regions far
    apart are filled one after the other, each from its own surroundings; with `request.crop` all
    are filled together, from within that rectangle. The result covers the bounds of alpha > 0. The
    same seed gives the same pixels on the same machine.

    Raises `CannotDoError` where nothing is selected or nothing is left to copy from, and
    `Cancelled`.
    """
    began = time.perf_counter()
    cancel.check()
    progress(0.0, "Looking around the selection")
    regions = _regions(request)
    rect = _together(regions)
    pixels = request.image[rect.slices].copy()
    pixels[..., 3] = 255
    total = sum(region.hole.size.area for region in regions)
    done = 0
    for number, region in enumerate(regions, 1):
        which = f" {number} of {len(regions)}" if len(regions) > 1 else ""
        share = region.hole.size.area / total
        listen = _Listener(progress, request.alpha, region, f"Filling{which}", done / total, share)
        place = region.hole.translated(-rect.x, -rect.y)
        pixels[place.slices] = _filled(request, region, cancel.check, listen)
        done += region.hole.size.area
    cancel.check()
    progress(1.0, "Done")
    return EditResult(pixels, rect, ENGINE, request.seed, time.perf_counter() - began)


def _regions(request: EditRequest) -> list[Region]:
    """Where to work, each region with something to copy from. Raises `CannotDoError`."""
    height, width = request.alpha.shape
    picture = Rect(0, 0, width, height)
    regions = context_crops(request.alpha)
    if not regions:
        raise CannotDoError("Nothing is selected to be removed.", "Select something first.")
    if request.crop is not None:
        hole = _together(regions)
        regions = [Region(hole, hole.union(request.crop.intersect(picture)))]
    if all(_known(request, region.crop).any() for region in regions):
        return regions
    # A crop without anything to copy: take the whole picture as surroundings of all regions.
    hole = _together(regions)
    if not _known(request, picture).any():
        raise CannotDoError(
            "The selection leaves no pixel of the picture to copy from.",
            "Select a smaller part of it.",
        )
    return [Region(hole, picture)]


def _together(regions: list[Region]) -> Rect:
    """The bounds of all holes."""
    return reduce(Rect.union, (region.hole for region in regions))


def _known(request: EditRequest, rect: Rect) -> NDArray[np.bool_]:
    """The pixels (h, w) of `rect` that may be copied."""
    return (request.alpha[rect.slices] == 0) & (request.image[rect.slices][..., 3] >= _OPAQUE)


def _filled(
    request: EditRequest,
    region: Region,
    check: Callable[[], None],
    listen: _Listener,
) -> Pixels:
    """The region's hole rectangle (h, w, 4), new where alpha > 0."""
    colours = np.ascontiguousarray(request.image[region.crop.slices][..., :3])
    hole = request.alpha[region.crop.slices] > 0
    known = _known(request, region.crop)
    effort, extent = EFFORTS[request.preset], max(request.alpha.shape)
    filled = fill(colours, known, hole, effort, request.seed, extent, check, listen)
    place = region.hole.translated(-region.crop.x, -region.crop.y)
    opaque = np.full((region.hole.height, region.hole.width, 1), 255, np.uint8)
    return np.concatenate([filled[place.slices], opaque], axis=2)


class _Listener:
    """Turns the fill's reports on one region into progress and previews of the whole work."""

    def __init__(
        self,
        progress: Progress,
        alpha: Coverage,
        region: Region,
        step: str,
        begin: float,
        share: float,
    ) -> None:
        self._progress, self._step = progress, step
        self._alpha, self._region = alpha, region
        self._begin, self._share = begin, share
        self._shown = 0.0
        self._level = 0

    def __call__(self, fraction: float, picture: NDArray[np.uint8] | None) -> None:
        preview = None
        now = time.perf_counter()
        if picture is not None and (
            picture.shape[1] > self._level or now - self._shown > _PREVIEW_SECONDS
        ):
            preview, self._shown, self._level = self._preview(picture), now, picture.shape[1]
        self._progress(min(1.0, self._begin + self._share * fraction), self._step, preview)

    def _preview(self, picture: NDArray[np.uint8]) -> Preview:
        """The hole cut out of a level's picture, at full size, with the mask's alpha."""
        hole, crop = self._region.hole, self._region.crop
        scale_y, scale_x = picture.shape[0] / crop.height, picture.shape[1] / crop.width
        inside = hole.translated(-crop.x, -crop.y)
        part = picture[
            int(inside.y * scale_y) : max(1, round(inside.bottom * scale_y)),
            int(inside.x * scale_x) : max(1, round(inside.right * scale_x)),
        ]
        pixels = np.empty((hole.height, hole.width, 4), np.uint8)
        pixels[..., :3] = cv2.resize(np.ascontiguousarray(part), (hole.width, hole.height))
        pixels[..., 3] = self._alpha[hole.slices]
        return Preview(pixels, hole)
