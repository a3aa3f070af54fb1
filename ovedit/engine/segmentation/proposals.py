"""Masks that SAM 2 drew without words, named by CLIP: whose features they hold, which ones to take.

After the thesis: crops of several sizes, background words taken off, large masks worth less, the
best few of a phrase, no two alike. Pooling the dense features inside each mask instead of encoding
crops takes one pass of the encoder for all masks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.engine.requests import Pixels
from ovedit.engine.segmentation.automatic import SMALLER
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.sam import opaque
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.text import TextBank
from ovedit.engine.segmentation.values import FeatureMap, Proposal
from ovedit.geometry import Rect, Size

_MARGIN = 0.1
"""What a crop shows around its mask, as a share of the mask's longer side."""
_STEP = "Naming what was found"


@dataclass(frozen=True, eq=False)
class Named:
    """A proposal and how well it fits a phrase, in [0, 1]."""

    proposal: Proposal
    score: float


def pooled(features: FeatureMap, proposals: Sequence[Proposal], size: Size) -> torch.Tensor:
    """(m, c) L2-normalised: the mean of the features inside each mask, by how much of a cell it
    covers. size: of the picture in whose pixels the masks are.
    """
    height, width, _ = features.values.shape
    cover = np.stack([_cells(one, size, width, height) for one in proposals])
    weights = torch.from_numpy(cover).to(features.values).flatten(1)
    return functional.normalize(weights @ features.values.flatten(0, 1), dim=-1)


@torch.no_grad()
def cropped(
    clip: ClipModel,
    image: Pixels,
    proposals: Sequence[Proposal],
    size: Size,
    settings: SegmentationSettings,
    progress: Progress,
    cancel: CancelToken,
) -> torch.Tensor:
    """(m, c) L2-normalised: the weighted mean of CLIP's embeddings of each mask's surroundings.

    CLIP sees them as squares of the settings' sizes, rounded to whole patches, and not only of the
    one that it was trained at: else all would say the same. Checks `cancel` before every crop.
    """
    backbone = Backbone(clip)
    weights = settings.proposals.crop_weights
    sides = [
        max(1, round(side / backbone.patch)) * backbone.patch
        for side in settings.proposals.crop_sizes
    ]
    image = opaque(image)
    scale = image.shape[1] / size.width
    rows = []
    for number, proposal in enumerate(proposals):
        progress(number / len(proposals), _STEP)
        seen = _surroundings(image, proposal.rect, scale)
        total = torch.zeros(backbone.dimensions, device=backbone.device)
        for side, weight in zip(sides, weights, strict=True):
            cancel.check()
            square = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA)
            pixels = torch.from_numpy(np.asarray(square, np.float32) / 255).permute(2, 0, 1)
            total += weight * backbone.overall(pixels[None].to(backbone.device), (side, side))[0]
        rows.append(functional.normalize(total, dim=0))
    progress(1.0, _STEP)
    return torch.stack(rows)


def penalty(share: float, knots: Sequence[tuple[float, float]]) -> float:
    """Factor of a mask's score by its share of the picture: straight lines between the knots."""
    shares, factors = zip(*knots, strict=True)
    return float(np.interp(share, shares, factors))


def background(
    features: torch.Tensor, phrases: torch.Tensor, bank: TextBank, settings: SegmentationSettings
) -> torch.Tensor:
    """(m,) the share of the background's words in masks of features (m, c), beside the phrases'
    (n, c) embeddings."""
    words = settings.proposals.background_words
    if not words:
        return features.new_zeros(len(features))
    embedded = bank.embed(words, settings.templates).values.to(features)
    cosines = features @ torch.cat([phrases.to(features), embedded]).T
    shares = torch.softmax(cosines * settings.logit_scale / settings.temperature, dim=-1)
    return shares[:, len(phrases) :].sum(dim=-1)


def choose(
    proposals: Sequence[Proposal],
    probabilities: NDArray[np.floating],
    nothing: NDArray[np.floating],
    size: Size,
    settings: SegmentationSettings,
) -> tuple[Named, ...]:
    """The masks of one phrase, best first.

    probabilities: (m,) of the phrase for each proposal; nothing: (m,) of the background's words.
    Too small ones, ones under the threshold of their size, and ones much like a better one go; of
    the rest the best `top_k` stay.
    """
    knobs = settings.proposals
    area = size.width * size.height
    named: list[Named] = []
    for proposal, probability, empty in zip(proposals, probabilities, nothing, strict=True):
        share = proposal.area / area
        score = float(probability - knobs.background_weight * empty)
        score *= penalty(share, knobs.size_penalty)
        least = knobs.large_threshold if share >= knobs.large_share else knobs.small_threshold
        # The second grid looks for what is smaller than the first may keep.
        smallest = knobs.min_area * (SMALLER if knobs.small_grid else 1)
        if share >= smallest and score >= least:
            named.append(Named(proposal, min(1.0, score)))
    named.sort(key=lambda one: -one.score)
    kept: list[Named] = []
    for one in named:
        if len(kept) == knobs.top_k:
            break
        if all(overlap(one.proposal, other.proposal) <= knobs.nms for other in kept):
            kept.append(one)
    return tuple(kept)


def overlap(first: Proposal, second: Proposal) -> float:
    """IoU of two proposals' masks."""
    both = common(first, second)
    return both / max(1, first.area + second.area - both)


def common(first: Proposal, second: Proposal) -> int:
    """The number of pixels in both proposals' masks."""
    part = first.rect.intersect(second.rect)
    return int(np.count_nonzero(_inside(first, part) & _inside(second, part))) if part else 0


def painted(proposals: Sequence[Proposal], size: Size) -> NDArray[np.bool_]:
    """(H, W) where any of the masks is."""
    canvas = np.zeros((size.height, size.width), bool)
    for proposal in proposals:
        canvas[proposal.rect.slices] |= proposal.mask
    return canvas


def ensemble(
    dense: NDArray[np.float32],
    proposals: Sequence[Proposal],
    probabilities: NDArray[np.floating],
    size: Size,
    settings: SegmentationSettings,
) -> NDArray[np.float32]:
    """FrozenSeg's ensemble of the dense map (h, w) of one phrase with the masks that fit it.

    r' = (1 - ε) r + ε r̂, where r̂ is the largest probability of the masks over a pixel that reach
    `ensemble_least` (Chen et al. 2024, eq. 8; a sum there, whose masks do not overlap).
    """
    knobs = settings.proposals
    drawn = np.zeros((size.height, size.width), np.float32)
    for proposal, probability in zip(proposals, probabilities, strict=True):
        if probability > knobs.ensemble_least:
            part = drawn[proposal.rect.slices]
            np.maximum(part, np.float32(probability) * proposal.mask, out=part)
    height, width = dense.shape
    drawn = np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return ((1 - knobs.ensemble) * dense + knobs.ensemble * drawn).astype(np.float32)


def _cells(proposal: Proposal, size: Size, width: int, height: int) -> NDArray[np.float32]:
    """How much of each cell of the grid (height, width) a mask covers, made to add up to 1."""
    rect = proposal.rect
    rows, down = _overlaps(rect.y, rect.height, size.height, height)
    columns, across = _overlaps(rect.x, rect.width, size.width, width)
    cells = np.zeros((height, width), np.float32)
    cells[rows, columns] = down @ proposal.mask.astype(np.float32) @ across.T
    return cells / max(float(cells.sum()), np.finfo(np.float32).tiny)


def _overlaps(start: int, count: int, length: int, cells: int) -> tuple[slice, NDArray[np.float32]]:
    """The cells that `count` pixels from `start` lie in, and their overlaps (cells, pixels).

    length: of all pixels, which `cells` cells of one size cover.
    """
    side = length / cells
    first, last = int(start / side), min(cells, math.ceil((start + count) / side))
    edges = np.arange(first, last)[:, None] * side
    pixels = np.arange(start, start + count)
    shared = np.minimum(edges + side, pixels + 1) - np.maximum(edges, pixels)
    return slice(first, last), np.maximum(shared, 0).astype(np.float32)


def _surroundings(image: Pixels, rect: Rect, scale: float) -> NDArray[np.uint8]:
    """(s, s, 3): the square around a mask in a picture (H, W, 3), which goes on as it ends."""
    side = max(2, round(max(rect.width, rect.height) * scale * (1 + 2 * _MARGIN)))
    left = round((rect.x + rect.width / 2) * scale - side / 2)
    top = round((rect.y + rect.height / 2) * scale - side / 2)
    height, width = image.shape[:2]
    across = np.clip(np.arange(left, left + side), 0, width - 1)
    down = np.clip(np.arange(top, top + side), 0, height - 1)
    return np.ascontiguousarray(image[np.ix_(down, across)])


def _inside(proposal: Proposal, part: Rect) -> NDArray[np.bool_]:
    moved = part.translated(-proposal.rect.x, -proposal.rect.y)
    return proposal.mask[moved.slices]
