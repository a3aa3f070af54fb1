"""sam2-trident: a box, a point and a weak mask for each part of the dense mask.

Shi et al., "Harnessing Vision Foundation Models for High-Performance, Training-Free Open Vocabulary
Segmentation", 2025, its refinement stage: per connected component the box around it, its most
probable pixel, and the phrase's whole map as a mask prompt so weak that it only hints. Where SAM 2
does not trust its answer (its predicted IoU is what the reference compares), the component stays as
it is. The score of a pixel is SAM's probability times the phrase's.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import Point
from ovedit.engine.segmentation.refine.canvas import Canvas, components
from ovedit.engine.segmentation.refine.drawing import Drawing, Thing, coverage, sigmoid
from ovedit.engine.segmentation.sam import Prompt, SamImage
from ovedit.engine.segmentation.setting_groups import RefineSettings

_HALVED = 4
"""Pixels of the canvas in one of those that the reference's least area is given in."""


def trident(
    sam: SamImage,
    canvas: Canvas,
    settings: RefineSettings,
    progress: Progress,
    cancel: CancelToken,
) -> Drawing:
    """SAM 2's answer to each part of the mask, or the part itself where it has none."""
    parts = components(canvas.mask, settings.component_area * _HALVED)
    side = sam.model.sam_prompt_encoder.mask_input_size[0]
    hint = weak_prompt(canvas, settings.weak_mask, side)
    prompts = []
    for part in parts:
        x, y = canvas.best_point(part.mask)
        box = part.box
        # The reference's boxes end at the last pixel.
        edges = (box.x, box.y, box.right - 1, box.bottom - 1)
        prompts.append(Prompt((Point(x, y),), edges, hint))
    things, kept = [], np.zeros_like(canvas.mask)
    alpha = np.zeros_like(canvas.probability)
    answers = sam.each(prompts, several=False, progress=progress, cancel=cancel)
    for part, masks in zip(parts, answers, strict=True):
        logits, trust = canvas.drawn(masks.logits[0]), float(masks.iou[0])
        if trust <= settings.component_iou or not (logits > 0).any():
            kept |= part.mask
            continue
        # That score tells classes apart; to a single phrase it would only dim the mask where the
        # map is unsure. So alpha is SAM's probability, and the score ranks the things.
        alpha = np.maximum(alpha, coverage(logits))
        score = (sigmoid(logits) * canvas.probability)[logits > 0].mean()
        things.append(Thing(logits, float(score)))
    return Drawing(alpha, tuple(things), kept)


def weak_prompt(canvas: Canvas, strength: float, side: int) -> torch.Tensor:
    """The phrase's map as a mask prompt (side, side): strength·p where it reaches the threshold."""
    known = np.where(canvas.mask, canvas.probability, 0).astype(np.float32)
    small = cv2.resize(known, (side, side), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(np.asarray(small, np.float32) * strength)
