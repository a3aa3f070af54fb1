"""The methods of the settings: which blocks they look at, and what they make of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ovedit.engine.segmentation import attention, corrclip, surgery, trident
from ovedit.engine.segmentation.attention import Variant
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.context import DenseContext, no_numbers, source
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.views import COUNT, combined, views
from ovedit.engine.segmentation.windows import WindowPlan
from ovedit.errors import UsageError
from ovedit.geometry import Rect

_EARLIER = (7, 8, 10)
"""ITACLIP's blocks besides the last, of 12."""


@dataclass(eq=False)
class Method:
    """How windows become features. Each method of the settings is a subclass."""

    backbone: Backbone
    settings: SegmentationSettings
    context: DenseContext
    plan: WindowPlan
    layers: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.layers = self.settings.layers
        depth = self.backbone.depth
        if self.layers and self.layers[-1] > depth:
            raise UsageError(
                f"The setting layers names block {self.layers[-1]}, but {self.settings.clip} has "
                f"{depth} blocks.",
                f"Name blocks from 1 to {depth}.",
            )
        self.check()

    def check(self) -> None:
        """Raise `UsageError` for settings that make no sense with this method."""

    def look(self, pixels: Tensor, windows: Sequence[Rect]) -> Tensor:
        """Windows (b, 3, H, W), RGB in [0, 1], to what is blended: (b, h, w, c)."""
        raise NotImplementedError

    def finish(self, blended: Tensor) -> Tensor:
        """The blend (h, w, c) as features (h, w, e)."""
        return blended

    def proxy(self, pixels: Tensor) -> Tensor:
        """The proxy's features of the windows, where the backbone works.

        Raises `EngineError` where they are no numbers.
        """
        assert self.context.proxy is not None
        found = self.context.proxy(pixels).to(self.backbone.device)
        if not bool(found.isfinite().all()):
            raise no_numbers(source("proxy", self.settings)[1])
        return found


class _Aggregated(Method):
    """Variants of a single block, of one block or of several brought together.

    Several: the weighted mean of their L2-normalised features, L2-normalised again.
    """

    def variant(self, pixels: Tensor) -> Variant:
        """The function of one block's tokens, for these windows."""
        raise NotImplementedError

    def look(self, pixels: Tensor, windows: Sequence[Rect]) -> Tensor:
        backbone = self.backbone
        layers = self.layers or (backbone.depth,)
        variant = self.variant(pixels)
        tokens = backbone.tokens(backbone.normalised(pixels), layers)
        found = [backbone.features(variant(tokens[number])) for number in layers]
        if len(found) == 1:
            return found[0]
        weights = _shares(self.settings.layer_weights or (1.0,) * len(layers))
        mixed = torch.stack([w * one for w, one in zip(weights, found, strict=True)]).sum(0)
        return normalize(mixed, dim=-1)


class _Plain(_Aggregated):
    def variant(self, pixels: Tensor) -> Variant:
        return _PLAIN[self.settings.method]


class _Naclip(_Aggregated):
    def variant(self, pixels: Tensor) -> Variant:
        sigma = self.settings.variant.neighbour_sigma
        return lambda tokens: attention.naclip(tokens, sigma)


class _Proxyclip(_Aggregated):
    def variant(self, pixels: Tensor) -> Variant:
        proxy, constants = self.proxy(pixels), self.settings.variant
        beta, gamma = constants.proxy_beta, constants.proxy_gamma
        return lambda tokens: attention.proxyclip(tokens, proxy, beta, gamma)


class _Itaclip(Method):
    def check(self) -> None:
        depth = self.backbone.depth
        scaled = {max(1, round(number * depth / 12)) for number in _EARLIER} - {depth}
        self._earlier = tuple(sorted(set(self.layers) - {depth})) or tuple(sorted(scaled))
        weights = self.settings.layer_weights
        if weights and self.layers[-1] != depth:
            raise UsageError(
                f"The setting layers ends with block {self.layers[-1]}, but ITACLIP always uses "
                f"block {depth}, the last, too.",
                "Name it as well, with its weight, or leave layer_weights out.",
            )
        share = 0.5 / max(1, len(self._earlier))
        own = 0.5 if self._earlier else 1.0
        self._weights = _shares(weights) if weights else (*[share] * len(self._earlier), own)

    def look(self, pixels: Tensor, windows: Sequence[Rect]) -> Tensor:
        backbone = self.backbone
        seen = views(backbone.normalised(pixels))
        # View by view: their number would multiply the memory that a batch takes.
        found = torch.stack([self._view(seen[index]) for index in range(COUNT)])
        return combined(found, self.settings.variant.view_weight)

    def _view(self, inputs: Tensor) -> Tensor:
        backbone = self.backbone
        tokens = backbone.tokens(inputs, {*self._earlier, backbone.depth})
        earlier = [tokens[number] for number in self._earlier]
        y = attention.itaclip(tokens[backbone.depth], earlier, self._weights)
        return backbone.features(y)


class _Surgery(Method):
    def check(self) -> None:
        depth = self.backbone.depth
        count = min(self.settings.variant.surgery_blocks, depth)
        self._blocks = self.layers or tuple(range(depth - count + 1, depth + 1))
        _no_weights(self.settings, "CLIP Surgery")

    def look(self, pixels: Tensor, windows: Sequence[Rect]) -> Tensor:
        backbone = self.backbone
        tokens = backbone.tokens(backbone.normalised(pixels), self._blocks)
        return backbone.features(surgery.second_path(tokens))


class _Trident(Method):
    def check(self) -> None:
        if self.layers and self.layers != (self.backbone.depth,):
            raise UsageError(
                "The setting layers names several blocks, but Trident works on the last alone.",
                "Leave layers out, or take proxyclip.",
            )

    def look(self, pixels: Tensor, windows: Sequence[Rect]) -> Tensor:
        backbone, constants = self.backbone, self.settings.variant
        tokens = backbone.tokens(backbone.normalised(pixels), {backbone.depth})[backbone.depth]
        proxy = self.proxy(pixels)
        # Not yet features: SAM passes on what leaves the block.
        return attention.proxyclip(tokens, proxy, constants.proxy_beta, constants.proxy_gamma)

    def finish(self, blended: Tensor) -> Tensor:
        assert self.context.sam_attention is not None
        y = trident.passed_on(blended, self.context.sam_attention)
        return self.backbone.features(y.to(self.backbone.dtype))


class _Corrclip(Method):
    def check(self) -> None:
        depth = self.backbone.depth
        self._spatial = self.layers or corrclip.spatial_blocks(depth)
        if self._spatial[-1] == depth:
            self._spatial = self._spatial[:-1] or corrclip.spatial_blocks(depth)
        _no_weights(self.settings, "CorrCLIP")
        regions = self.context.regions
        assert regions is not None
        size = self.plan.width, self.plan.height
        small = cv2.resize(regions.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
        self._regions = torch.from_numpy(small).to(self.backbone.device)

    def look(self, pixels: Tensor, windows: Sequence[Rect]) -> Tensor:
        backbone, constants = self.backbone, self.settings.variant
        inputs = backbone.normalised(pixels)
        entering = backbone.walk(inputs, range(1, backbone.depth + 1))
        regions = torch.stack([self._regions[window.slices] for window in windows])
        weights = corrclip.Weights(
            constants.region_sharpness,
            constants.region_merge,
            constants.spatial_weight,
            constants.semantic_weight,
        )
        return corrclip.corrclip(
            backbone,
            entering,
            backbone.grid(inputs),
            self.proxy(pixels),
            regions,
            self._spatial,
            weights,
        )


_PLAIN: dict[str, Variant] = {
    "vanilla": attention.vanilla,
    "maskclip": attention.maskclip,
    "sclip": attention.sclip,
    "clearclip": attention.clearclip,
}
METHODS: dict[str, Callable[..., Method]] = {
    **dict.fromkeys(_PLAIN, _Plain),
    "naclip": _Naclip,
    "itaclip": _Itaclip,
    "proxyclip": _Proxyclip,
    "surgery": _Surgery,
    "trident": _Trident,
    "corrclip": _Corrclip,
}


def _no_weights(settings: SegmentationSettings, title: str) -> None:
    if settings.layer_weights:
        raise UsageError(
            f"The setting layer_weights is given, but {title} weighs all its blocks the same.",
            "Leave it out.",
        )


def _shares(weights: tuple[float, ...]) -> tuple[float, ...]:
    total = math.fsum(weights)
    if not total > 0:
        raise UsageError("The setting layer_weights adds up to 0.", "Give some block a weight.")
    return tuple(weight / total for weight in weights)
