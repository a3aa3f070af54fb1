"""sam2-vote: points at the centres of the dense mask's parts, and a majority for each answer.

As in the thesis: three masks at the centroid of each connected component, kept where most of their
pixels are the phrase's, and ORed.
"""

from __future__ import annotations

import numpy as np

from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import Point
from ovedit.engine.segmentation.overlap import share
from ovedit.engine.segmentation.refine.canvas import Canvas, Component, components
from ovedit.engine.segmentation.refine.drawing import Drawing, Thing, together
from ovedit.engine.segmentation.sam import Prompt, SamImage
from ovedit.engine.segmentation.setting_groups import RefineSettings


def vote(
    sam: SamImage,
    canvas: Canvas,
    settings: RefineSettings,
    progress: Progress,
    cancel: CancelToken,
) -> Drawing:
    """What SAM 2 draws at the centres of the mask's parts, as far as it is the phrase's."""
    dense = canvas.mask
    centres = spaced_centres(components(dense), settings.vote_spacing)
    prompts = [Prompt((Point(x, y),)) for x, y in centres]
    kept, things = [], []
    several = settings.vote_masks > 1
    for masks in sam.each(prompts, several=several, progress=progress, cancel=cancel):
        order = masks.iou.argsort(descending=True)[: settings.vote_masks].tolist()
        drawn = [
            Thing(canvas.drawn(masks.logits[index]), float(masks.iou[index])) for index in order
        ]
        passed = [thing for thing in drawn if share(thing.mask, dense) >= settings.vote_share]
        kept += [thing.logits for thing in passed]
        # The three are of one thing: a part of it, more, the whole.
        things += passed[:1]
    return together(canvas, kept, things)


def spaced_centres(parts: list[Component], spacing: float) -> list[tuple[float, float]]:
    """(x, y) of the parts' centres, those of the larger first, none too near to one before."""
    centres: list[tuple[float, float]] = []
    for part in parts:
        x, y = part.centre
        if all(np.hypot(x - other_x, y - other_y) >= spacing for other_x, other_y in centres):
            centres.append((x, y))
    return centres
