"""sam2-pseudo: the prompts that ESC-Net makes of a probability map.

Lee et al., "Effective SAM Combination for Open-Vocabulary Semantic Segmentation", 2025: the mask is
split into regions by k-means; the most probable pixel of each is a point, the region itself a mask
prompt. (There SAM's blocks are trained further; here they are asked as they are.)
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import Point
from ovedit.engine.segmentation.overlap import share
from ovedit.engine.segmentation.refine.canvas import Canvas, Mask, components
from ovedit.engine.segmentation.refine.drawing import Drawing, Thing, together
from ovedit.engine.segmentation.sam import Prompt, SamImage, mask_prompt
from ovedit.engine.segmentation.setting_groups import RefineSettings

_MOST_PIXELS = 20_000
"""Pixels that k-means looks at; the others join the nearest centre."""
_ROUNDS = 20
_MAJORITY = 0.5
"""Of an answer's pixels, those that have to be the phrase's."""
_SPECK = 1e-3
"""Share of the picture under which a part of the mask is not asked about."""


def pseudo(
    sam: SamImage,
    canvas: Canvas,
    settings: RefineSettings,
    progress: Progress,
    cancel: CancelToken,
) -> Drawing:
    """What SAM 2 draws at the regions of the mask, as far as most of it is the phrase's."""
    dense = canvas.mask
    parts = components(dense, _SPECK * dense.size) or components(dense)[:1]
    solid = np.any([part.mask for part in parts], axis=0) if parts else dense
    regions = split(solid, max(settings.pseudo_regions, 1))
    side = sam.model.sam_prompt_encoder.mask_input_size[0]
    prompts = []
    for region in regions:
        x, y = canvas.best_point(region)
        drawn = mask_prompt(region.astype(np.uint8) * 255, side)
        prompts.append(Prompt((Point(x, y),), mask=drawn))
    things = []
    for masks in sam.each(prompts, several=False, progress=progress, cancel=cancel):
        thing = Thing(canvas.drawn(masks.logits[0]), float(masks.iou[0]))
        if share(thing.mask, dense) >= _MAJORITY:
            things.append(thing)
    return together(canvas, [thing.logits for thing in things], things)


def split(mask: Mask, count: int) -> list[Mask]:
    """A mask (h, w) in at most so many compact regions, by k-means over its pixels' places.

    The same every time: it begins with the centres that lie the farthest from each other.
    """
    places = np.argwhere(mask).astype(np.float32)
    if not len(places):
        return []
    seen = places[:: max(1, len(places) // _MOST_PIXELS)]
    count = min(count, len(seen))
    labels = _nearest(seen, _far_apart(seen, count))
    criteria = (cv2.TERM_CRITERIA_MAX_ITER | cv2.TERM_CRITERIA_EPS, _ROUNDS, 0.5)
    _, _, centres = cv2.kmeans(
        seen, count, labels[:, None].copy(), criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS
    )
    whole = np.full(mask.shape, -1, np.int32)
    whole[mask] = _nearest(places, np.asarray(centres, np.float32))
    found = [whole == index for index in range(count)]
    return [region for region in found if region.any()]


def _far_apart(places: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The mean's nearest place, then always the one farthest from all before (n, 2)."""
    first = np.argmin(((places - places.mean(0)) ** 2).sum(1))
    chosen = [places[first]]
    away = ((places - chosen[0]) ** 2).sum(1)
    while len(chosen) < count:
        chosen.append(places[int(np.argmax(away))])
        away = np.minimum(away, ((places - chosen[-1]) ** 2).sum(1))
    return np.array(chosen, np.float32)


def _nearest(places: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int32]:
    away = [((places - centre) ** 2).sum(1) for centre in centres]
    return np.argmin(away, axis=0).astype(np.int32)
