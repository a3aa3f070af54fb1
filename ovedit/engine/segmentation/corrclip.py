"""CorrCLIP (Zhang et al., ICCV 2025): attention stays inside the regions that SAM 2 finds.

How these vote on their labels afterwards is `scores.voted`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize, scaled_dot_product_attention

from ovedit.engine.segmentation.attention import spread
from ovedit.engine.segmentation.backbone import Backbone, BlockTokens, look


@dataclass(frozen=True)
class Weights:
    """CorrCLIP's constants.

    sharpness: factor before the softmax; merge: distance at which regions count as one; spatial,
    semantic: weights of the two further branches beside the main one.
    """

    sharpness: float
    merge: float
    spatial: float
    semantic: float


def spatial_blocks(depth: int) -> tuple[int, ...]:
    """The blocks, from 1, whose outputs keep places apart: 6 to 10 of ViT-B/16's 12.

    As many as the reference takes, and all of them before the last but one.
    """
    count = {12: 5, 24: 12, 32: 28}.get(depth, max(1, depth - 4))
    return tuple(range(max(1, depth - 1 - count), max(1, depth - 2) + 1))


def corrclip(
    backbone: Backbone,
    entering: Mapping[int, Tensor],
    grid: tuple[int, int],
    proxy: Tensor,
    regions: Tensor,
    spatial: tuple[int, ...],
    weights: Weights,
) -> Tensor:
    """L2-normalised features (b, h', w', e) on DINO's grid.

    entering: tokens that enter every block, `Backbone.walk`; grid: of its patches. proxy: (b, h',
    w', d) q + k of DINO's last block. regions: (b, H, W) int, 0 where there is none. spatial: the
    blocks, from 1, whose mean output is the spatial branch.

    Main: O(A·v) of the last block, A = `attention`. Spatial: the same with v of the mean output of
    earlier blocks. Semantic: a class token for each region, which sees the region and the class
    token, through all blocks. LN_post of each; main + spatial and semantic, weighted; projected.
    """
    fine = (proxy.shape[1], proxy.shape[2])
    unit = normalize(proxy, dim=-1)
    similar = unit.flatten(1, 2) @ unit.flatten(1, 2).mT
    labels = torch.stack(
        [merged(*one, weights.merge) for one in zip(unit, _nearest(regions, fine), strict=True)]
    )
    attended = attention(similar, labels.flatten(1), weights.sharpness)
    last = backbone.blocks[-1]
    mean = torch.stack([entering[number + 1] for number in spatial]).mean(0)
    main, apart = (
        backbone.normed(spread(look(last, x, grid), attended, fine))
        for x in (entering[backbone.depth], mean)
    )
    shared = backbone.normed(_semantic(backbone, entering, grid, labels))
    return backbone.projected(main + weights.spatial * apart + weights.semantic * shared)


def merged(unit: Tensor, labels: Tensor, reach: float) -> Tensor:
    """Labels (h, w) in which alike regions have become one; 0 stays what it is.

    unit: (h, w, d), L2-normalised. Regions are alike whose mean features' cosine is at most `reach`
    under 1; chains of them become one (DBSCAN with single members).
    """
    names = labels.unique()
    names = names[names != 0]
    if len(names) < 2:
        return labels
    means = torch.stack([unit[labels == name].mean(0) for name in names])
    means = normalize(means, dim=-1)
    itself = torch.eye(len(means), dtype=torch.bool, device=means.device)
    # By rounding a region may be some distance from itself.
    linked = ((1 - means @ means.T <= reach) | itself).float()
    for _ in range(len(names).bit_length()):
        # Twice as many links in a chain each time.
        linked = (linked @ linked > 0).float()
    result = labels.clone()
    for name, group in zip(names, linked.argmax(1), strict=True):
        result[labels == name] = names[group]
    return result


def attention(similar: Tensor, labels: Tensor, sharpness: float) -> Tensor:
    """softmax(sharpness·S) between cells of one region, (b, n, n).

    similar: (b, n, n) cosines S; labels: (b, n). Where one of two cells is in no region they see
    each other if S is above its mean over the window. A cell always sees itself.
    """
    a, b = labels[:, :, None], labels[:, None]
    above = similar > similar.mean((1, 2), keepdim=True)
    allowed = torch.where((a == 0) | (b == 0), above, a == b)
    allowed = allowed | torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    return (sharpness * similar).masked_fill(~allowed, -math.inf).softmax(-1)


def _semantic(
    backbone: Backbone, entering: Mapping[int, Tensor], grid: tuple[int, int], labels: Tensor
) -> Tensor:
    """What leaves the last block for the region of each cell: (b, h', w', c)."""
    coarse = _nearest(labels, grid).flatten(1)
    own = [one.unique(return_inverse=True) for one in coarse]
    count = max(len(names) for names, _ in own)
    # Rows beyond a window's own regions see the class token alone, and are not used.
    seen = torch.zeros(len(coarse), count, 1 + coarse.shape[1], dtype=torch.bool)
    seen[..., 0] = True
    for index, (names, place) in enumerate(own):
        seen[index, : len(names), 1:] = (place == torch.arange(len(names)).to(place)[:, None]).cpu()
    seen = seen.to(coarse.device)
    x = entering[1][:, :1].expand(-1, count, -1)
    for number, block in enumerate(backbone.blocks, 1):
        x = _masked(look(block, entering[number], grid), x, seen)
    cells = torch.stack([x[index][place] for index, (_, place) in enumerate(own)])
    planes = cells.unflatten(1, grid).permute(0, 3, 1, 2)
    return interpolate(planes, labels.shape[1:], mode="nearest").permute(0, 2, 3, 1)


def _masked(tokens: BlockTokens, x: Tensor, seen: Tensor) -> Tensor:
    """Further tokens x (b, m, c) through a block; seen: (b, m, n), which of `tokens` each sees."""
    block = tokens.block
    q = look(block, x, (0, 0)).q
    attended = scaled_dot_product_attention(q, tokens.k, tokens.v, seen[:, None])
    x = x + block.ls_1(tokens.joined(attended))
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def _nearest(labels: Tensor, grid: tuple[int, int]) -> Tensor:
    """Labels (b, h, w) at the nearest cells of another grid."""
    # float32 holds whole numbers up to 16 million.
    return interpolate(labels[:, None].float(), grid, mode="nearest")[:, 0].long()
