"""What the models see in a picture, asked for once and kept: the same picture answers all phrases.

CLIP's features are kept within a budget of bytes, SAM 2's embeddings in `SamPictures`. The models
themselves are the runtime's to keep.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import numpy as np
import torch

from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Progress, stage
from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.automatic import WORKING_SIDE, Filters, automatic_masks, regions
from ovedit.engine.segmentation.context import DenseContext
from ovedit.engine.segmentation.dense import DenseEncoder, resized
from ovedit.engine.segmentation.needs import DIFFUSION
from ovedit.engine.segmentation.pictures import SamPictures, picture_key
from ovedit.engine.segmentation.proposals import cropped, pooled
from ovedit.engine.segmentation.proxies import (
    diffusion_features,
    dino_correlations,
    dino_patches,
    sam_attention,
    sam_features,
)
from ovedit.engine.segmentation.sam import SamImage, opaque, working_format
from ovedit.engine.segmentation.scaling import shrunk
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.text import TextBank, bank_key
from ovedit.engine.segmentation.values import FeatureMap, Proposal
from ovedit.engine.segmentation.windows import WindowPlan
from ovedit.geometry import Size

BUDGET = 256 << 20
"""Bytes of feature maps that are kept; one of a photograph takes 1 to 8 MB."""
KEPT_PROPOSALS = 4
"""Pictures whose proposals are kept; some hundred masks take 1 to 20 MB."""
_SEEING = (
    "clip",
    "sam",
    "dino",
    "method",
    "layers",
    "layer_weights",
    "proxy",
    "windows",
    "short_side",
    "crop",
    "stride",
    "variant",
)
"""The settings that a feature map depends on."""


class Perception:
    """Belongs on the thread that owns the models."""

    def __init__(self, runtime: ModelRuntime, budget: int = BUDGET) -> None:
        self._runtime = runtime
        self._budget = budget
        self._kept: OrderedDict[bytes, FeatureMap] = OrderedDict()
        self._banks: dict[str, TextBank] = {}
        self._sam_pictures = SamPictures()
        self._proposals: OrderedDict[bytes, tuple[tuple[Proposal, ...], Size]] = OrderedDict()
        self._seen: tuple[FeatureMap, tuple[Proposal, ...], object, torch.Tensor] | None = None
        self._small: tuple[tuple[bytes, Size], Pixels] | None = None

    def features(
        self,
        image: Pixels,
        settings: SegmentationSettings,
        progress: Progress,
        cancel: CancelToken,
    ) -> FeatureMap:
        """The feature map of a picture (H, W, 4); no encoder runs where it is known already.

        Raises `ModelError` for a model that is not here, and what `DenseEncoder.features` raises.
        """
        # What is done with the words is none of the picture's.
        variant = replace(settings.variant, definition_weight=0.0, region_vote=False)
        seeing = replace(settings, variant=variant)
        relevant = repr([getattr(seeing, name) for name in _SEEING])
        key = hashlib.blake2b(picture_key(image) + relevant.encode()).digest()
        if (known := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            progress(1.0, "")
            return known

        def look(plan: MemoryPlan) -> FeatureMap:
            with ExitStack() as models:
                opened = self._runtime.use(settings.clip, progress, cancel, plan=plan)
                clip = models.enter_context(opened)
                told = stage(progress, 0, 0.5)
                context = self._context(image, settings, clip, models, told, cancel)
                # On a CPU several windows at once only take more memory.
                batch = 1 if plan.placement.device == "cpu" else plan.batch
                told = stage(progress, 0.5, 1)
                return DenseEncoder(clip).features(image, settings, told, cancel, context, batch)

        plans = self._runtime.plans(settings.clip, batch=settings.batch)
        found = self._runtime.attempt(settings.clip, plans, look, progress)
        self._kept[key] = found
        while len(self._kept) > 1 and self._bytes > self._budget:
            self._kept.popitem(last=False)
        return found

    def small(self, image: Pixels, longest: int) -> Pixels:
        """The picture (H, W, 3 or 4) as RGB, with sides of so many pixels at most; it is kept."""
        size = Size(image.shape[1], image.shape[0]).within(longest)
        key = picture_key(image), size
        if self._small is None or self._small[0] != key:
            self._small = key, np.ascontiguousarray(opaque(shrunk(image, size)))
        return self._small[1]

    def bank(self, settings: SegmentationSettings) -> TextBank:
        """The words as the settings' CLIP has them."""
        if settings.clip not in self._banks:
            model = self._runtime.library.model(settings.clip)
            dtype = self._runtime.plan(settings.clip).placement.dtype

            def use() -> AbstractContextManager[ClipModel]:
                return self._runtime.use(model.id)

            self._banks[settings.clip] = TextBank(bank_key(model, dtype), use)
        return self._banks[settings.clip]

    def sam(
        self,
        image: Pixels,
        settings: SegmentationSettings,
        models: ExitStack,
        progress: Progress,
        cancel: CancelToken,
    ) -> SamImage:
        """The picture as SAM 2 has it, ready for prompts until `models` is closed."""
        network = models.enter_context(self._runtime.use(settings.sam, progress, cancel))
        half = working_format(self._runtime.device)
        return self._sam_pictures.of(network, settings.sam, image, half)

    def proposals(
        self,
        image: Pixels,
        settings: SegmentationSettings,
        progress: Progress,
        cancel: CancelToken,
    ) -> tuple[tuple[Proposal, ...], Size]:
        """All things that SAM 2 draws in a picture, and the size in whose pixels they are.

        Found once for a picture and the settings that say how; every later phrase takes them.
        """
        knobs = settings.proposals
        how = (
            settings.sam,
            knobs.points_per_side,
            knobs.pred_iou,
            knobs.stability,
            knobs.small_grid,
            knobs.nms,
        )
        key = hashlib.blake2b(picture_key(image) + repr(how).encode()).digest()
        if key not in self._proposals:
            with ExitStack() as models:
                sam = self.sam(image, settings, models, stage(progress, 0, 0.1), cancel)
                sam = sam.resized(sam.size.within(WORKING_SIDE))
                found = automatic_masks(
                    sam,
                    image,
                    points_per_side=knobs.points_per_side,
                    small_grid=knobs.small_grid,
                    filters=Filters(knobs.pred_iou, knobs.stability, knobs.nms),
                    progress=stage(progress, 0.1, 1, "Finding things"),
                    cancel=cancel,
                )
            self._proposals[key] = found, sam.size
            while len(self._proposals) > KEPT_PROPOSALS:
                self._proposals.popitem(last=False)
        self._proposals.move_to_end(key)
        progress(1.0, "")
        return self._proposals[key]

    def seen(
        self,
        image: Pixels,
        features: FeatureMap,
        proposals: tuple[Proposal, ...],
        size: Size,
        settings: SegmentationSettings,
        progress: Progress,
        cancel: CancelToken,
    ) -> torch.Tensor:
        """(m, c): what CLIP sees in the proposals, as the settings' scorer has it; it is kept."""
        knobs = settings.proposals
        how = knobs.scorer, knobs.crop_sizes, knobs.crop_weights
        last = self._seen
        if last is not None and last[0] is features and last[1] is proposals and last[2] == how:
            return last[3]
        if knobs.scorer == "crops":
            with self._runtime.use(settings.clip, progress, cancel) as clip:
                seen = cropped(clip, image, proposals, size, settings, progress, cancel)
        else:
            seen = pooled(features, proposals, size)
        self._seen = features, proposals, how, seen
        return seen

    @property
    def _bytes(self) -> int:
        return sum(features.size_bytes for features in self._kept.values())

    def _context(
        self,
        image: Pixels,
        settings: SegmentationSettings,
        clip: ClipModel,
        models: ExitStack,
        progress: Progress,
        cancel: CancelToken,
    ) -> DenseContext:
        method, use = settings.method, self._runtime.use
        if method not in ("proxyclip", "trident", "corrclip"):
            return DenseContext()
        if settings.proxy == "sam" and method == "proxyclip":
            return DenseContext(sam_features(models.enter_context(use(settings.sam))))
        if settings.proxy == "diffusion" and method == "proxyclip":
            return DenseContext(diffusion_features(models.enter_context(use(DIFFUSION))))
        dino = models.enter_context(use(settings.dino, progress, cancel))
        constants = settings.variant
        if method == "proxyclip":
            return DenseContext(dino_patches(dino))
        if method == "trident":
            network = models.enter_context(use(settings.sam, progress, cancel))
            # SAM 2 takes a square, whatever the picture's shape.
            square = WindowPlan(network.image_size, network.image_size, ())
            small = torch.from_numpy(resized(image, square, clip.mean).transpose(2, 0, 1).copy())
            seen = sam_attention(
                network,
                small[None].to(network.device),
                constants.affinity_beta,
                constants.affinity_cap,
            )
            return DenseContext(dino_patches(dino), sam_attention=seen)
        sam = self.sam(image, settings, models, progress, cancel)
        sam = sam.resized(sam.size.within(WORKING_SIDE))
        found = automatic_masks(
            sam,
            points_per_side=constants.region_points,
            filters=Filters(constants.region_iou, constants.region_stability, several=False),
            progress=stage(progress, 0, 1, "Finding regions"),
            cancel=cancel,
        )
        shape = sam.size.height, sam.size.width
        return DenseContext(dino_correlations(dino), regions=regions(found, shape))
