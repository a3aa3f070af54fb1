"""From a picture to the map of CLIP features that answers any number of phrases."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.context import DenseContext, checked, no_numbers
from ovedit.engine.segmentation.methods import METHODS
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.values import FeatureMap
from ovedit.engine.segmentation.windows import Canvas, WindowPlan, sliding, whole
from ovedit.geometry import Rect, Size

REGION_SIDE = 640
"""Longest side that regions are kept at: that of the canvas on which masks are drawn."""
_STEP = "Looking at the picture"


class DenseEncoder:
    """Encodes pictures with one CLIP model. Keeps nothing of them."""

    def __init__(self, clip: ClipModel) -> None:
        """Raises `EngineError` for a model that is not a vision transformer."""
        self._backbone = Backbone(clip)

    @torch.no_grad()
    def features(
        self,
        image: Pixels,
        settings: SegmentationSettings,
        progress: Progress,
        cancel: CancelToken,
        context: DenseContext | None = None,
        batch: int = 0,
    ) -> FeatureMap:
        """The map of a picture (H, W, 3 or 4), straight alpha; what is transparent shows nothing.

        batch: windows at once; 0 for as many as the settings say, but one by one on a CPU, where
        more at once take just as long. Raises `EngineError` naming what the method lacks, or for
        weights that give no numbers, `UsageError` for layers that the model or the method does not
        have, and `Cancelled` within a batch.
        """
        backbone = self._backbone
        cancel.check()
        height, width = image.shape[:2]
        plan = plan_windows(width, height, backbone.patch, settings)
        picture = _as_tensor(resized(image, plan, backbone.mean)).to(backbone.device)
        context = checked(settings, context or DenseContext())
        method = METHODS[settings.method](backbone, settings, context, plan)
        batch = batch or (1 if backbone.device.type == "cpu" else settings.batch)
        overall = backbone.overall(picture)[0]
        batches = list(_batches(plan, batch))
        canvas: Canvas | None = None
        for done, windows in enumerate(batches):
            cancel.check()
            progress((1 + done) / (1 + len(batches)), _STEP)
            cut = torch.stack([picture[0][:, *window.slices] for window in windows])
            found = method.look(cut, windows)
            if canvas is None:
                canvas = Canvas(plan, (found.shape[1], found.shape[2]), found.shape[3])
            for window, values in zip(windows, found, strict=True):
                canvas.add(window, values)
        assert canvas is not None
        cancel.check()
        values = method.finish(canvas.blended())
        if not bool(values.isfinite().all() & overall.isfinite().all()):
            raise no_numbers(settings.clip)
        progress(1.0, _STEP)
        return FeatureMap(values, overall, _kept(context))


def plan_windows(width: int, height: int, patch: int, settings: SegmentationSettings) -> WindowPlan:
    """Where to look at a picture of `width` times `height` px."""
    if settings.windows == "whole":
        return whole(width, height, patch, settings.short_side)
    return sliding(width, height, patch, settings.short_side, settings.crop, settings.stride)


def resized(image: Pixels, plan: WindowPlan, background: tuple[float, ...]) -> NDArray[np.float32]:
    """RGB in [0, 1] (H, W, 3) of a picture at the size of the plan, over the background colour."""
    if image.shape[2] == 4 and not (image[..., 3] == 255).all():
        alpha = image[..., 3:].astype(np.float32) / 255
        colour = 255 * np.asarray(background, np.float32)
        image = (image[..., :3] * alpha + colour * (1 - alpha)).round().astype(np.uint8)
    shrinks = plan.width * plan.height < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    small = cv2.resize(image, (plan.width, plan.height), interpolation=how)
    return np.divide(small[..., :3], 255, dtype=np.float32)


def _kept(context: DenseContext) -> Tensor | None:
    """The regions (H', W'), as fine as the masks that are made of them."""
    if context.regions is None:
        return None
    size = Size(context.regions.shape[1], context.regions.shape[0]).within(REGION_SIDE)
    small = cv2.resize(context.regions, (size.width, size.height), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(np.asarray(small, np.int32).reshape(size.height, size.width))


def _batches(plan: WindowPlan, size: int) -> Iterator[list[Rect]]:
    for first in range(0, len(plan.windows), size):
        yield list(plan.windows[first : first + size])


def _as_tensor(rgb: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
