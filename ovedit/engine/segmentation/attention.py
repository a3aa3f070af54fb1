"""The variants of the last block by which CLIP's patches say what they themselves show.

Each is a function from what enters a block to what leaves it, (b, h, w, c), the class token left
out. s = d^-1/2, O the output projection of the joined heads, FFN the block's feed-forward part;
`scaled_dot_product_attention(q, k, v)` is softmax(s·q·kᵀ)·v.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize, scaled_dot_product_attention

from ovedit.engine.segmentation.backbone import BlockTokens

Variant = Callable[[BlockTokens], Tensor]


def vanilla(tokens: BlockTokens) -> Tensor:
    """The block as it was trained: z = x + O(softmax(s·q·kᵀ)·v), y = z + FFN(LN2 z)."""
    return _trained(tokens, scaled_dot_product_attention(tokens.q, tokens.k, tokens.v))


def maskclip(tokens: BlockTokens) -> Tensor:
    """MaskCLIP (Zhou et al., ECCV 2022): z = x + O(v), y = z + FFN(LN2 z)."""
    return _trained(tokens, tokens.v)


def sclip(tokens: BlockTokens) -> Tensor:
    """SCLIP's correlative self-attention (Wang et al., ECCV 2024).

    A = softmax(s·q·qᵀ) + softmax(s·k·kᵀ), whose rows sum to 2; z = x + O(A·v), y = z + FFN(LN2 z).
    """
    return _trained(tokens, _correlative(tokens, tokens.v))


def clearclip(tokens: BlockTokens) -> Tensor:
    """ClearCLIP (Lan et al., ECCV 2024): y = O(softmax(s·q·qᵀ)·v)."""
    return _bare(tokens, scaled_dot_product_attention(tokens.q, tokens.q, tokens.v))


def naclip(tokens: BlockTokens, sigma: float) -> Tensor:
    """NACLIP (Hajimiri et al., WACV 2025): y = O(softmax(s·k·kᵀ + ω)·v), with `neighbourhood` ω.

    sigma: σ of the neighbourhood, in patches.
    """
    near = neighbourhood(tokens.grid, sigma).to(tokens.k)
    return _bare(tokens, scaled_dot_product_attention(tokens.k, tokens.k, tokens.v, near))


def itaclip(
    tokens: BlockTokens, earlier: Sequence[BlockTokens], weights: Sequence[float]
) -> Tensor:
    """ITACLIP's attention (Aydın et al., CVPR workshops 2025): y = x + O(Σ w·A·v), no FFN.

    A is SCLIP's of each earlier block and of this one, v of this one. weights: of the earlier
    blocks, then of this one, adding up to 1; the paper has a half for this one.
    """
    attended = torch.zeros_like(tokens.v)
    for weight, other in zip(weights, (*earlier, tokens), strict=True):
        # (Σ w·A)·v = Σ w·(A·v): so no matrix of attention is ever held.
        attended = attended + weight * _correlative(other, tokens.v)
    return tokens.patches(tokens.x + tokens.block.ls_1(tokens.joined(attended)))


def proxyclip(tokens: BlockTokens, proxy: Tensor, beta: float, gamma: float) -> Tensor:
    """ProxyCLIP (Lan et al., ECCV 2024): y = O(softmax(M)·v) on the grid of another model.

    proxy: (b, h', w', d') features of that model; S their cosines, M = γ·(S − β·mean S), −∞ where
    negative; v resized bilinearly to that grid. The mean is over each window by itself. A cell that
    is like no other, not even like the mean, attends to itself.
    """
    flat = normalize(proxy.flatten(1, 2), dim=-1)
    similar = flat @ flat.mT
    score = gamma * (similar - beta * similar.mean((1, 2), keepdim=True))
    itself = torch.eye(score.shape[-1], dtype=torch.bool, device=score.device)
    score = score.masked_fill((score < 0) & ~itself, -math.inf)
    return spread(tokens, score.softmax(-1), (proxy.shape[1], proxy.shape[2]))


def spread(tokens: BlockTokens, attention: Tensor, grid: tuple[int, int]) -> Tensor:
    """O(A·v) with one attention (b, n, n) for all heads, over the cells of a grid of n = h·w.

    v comes from the patches alone, resized bilinearly to the grid.
    """
    values = on_grid(tokens, grid).flatten(1, 2)
    return tokens.block.attn.out_proj(attention.to(values.dtype) @ values).unflatten(1, grid)


def on_grid(tokens: BlockTokens, grid: tuple[int, int]) -> Tensor:
    """The patches' v with heads joined, (b, h, w, c), resized bilinearly to a grid."""
    values = tokens.patches(tokens.v.transpose(1, 2).flatten(2))
    if grid == tokens.grid:
        return values
    return resized(values, grid)


def resized(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """Values (b, h, w, c) bilinearly on another grid that covers the same area edge to edge."""
    return interpolate(values.permute(0, 3, 1, 2), grid, mode="bilinear").permute(0, 2, 3, 1)


@functools.lru_cache(maxsize=8)
def neighbourhood(grid: tuple[int, int], sigma: float) -> Tensor:
    """NACLIP's ω (1 + h·w, 1 + h·w) on the CPU.

    exp(−‖p − p'‖² / 2σ²) between the patches p, p' of the grid; 0 to and from the class token.
    """
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in grid)
    places = torch.cartesian_prod(rows, columns)
    squared = (places[:, None] - places[None]).square().sum(-1)
    near = torch.zeros(1 + len(places), 1 + len(places))
    near[1:, 1:] = torch.exp(-squared / (2 * sigma**2))
    return near


def _correlative(tokens: BlockTokens, v: Tensor) -> Tensor:
    q, k = tokens.q, tokens.k
    return scaled_dot_product_attention(q, q, v) + scaled_dot_product_attention(k, k, v)


def _trained(tokens: BlockTokens, attended: Tensor) -> Tensor:
    block = tokens.block
    z = tokens.x + block.ls_1(tokens.joined(attended))
    return tokens.patches(z + block.ls_2(block.mlp(block.ln_2(z))))


def _bare(tokens: BlockTokens, attended: Tensor) -> Tensor:
    return tokens.patches(tokens.joined(attended))
