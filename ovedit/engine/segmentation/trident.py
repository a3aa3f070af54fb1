"""Trident (Shi et al., ICCV 2025): what windows saw is passed on by what SAM saw of all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ovedit.engine.segmentation.attention import resized


@dataclass(frozen=True, eq=False)
class SamAttention:
    """Which places of a picture SAM relates to each other.

    grid: (h, w) over the whole picture edge to edge; weights: (h·w, h·w), rows adding up to 1.
    """

    grid: tuple[int, int]
    weights: Tensor


def affinity(heads: Iterable[tuple[Tensor, Tensor, Tensor]], beta: float, cap: float) -> Tensor:
    """SAM's attention where its values agree: (n, n) with rows adding up to 1.

    heads: q, k and v (n, d) of each head of a global block of SAM. The attention softmax(s·q·kᵀ) of
    a head is zeroed where the cosine of its values is at or below a cut; then the mean over heads.
    The cut is of each row: beta times the mean cosine over columns and heads, at most `cap`.
    """
    heads = [(q, k, normalize(v.float(), dim=-1)) for q, k, v in heads]
    mean = torch.stack([v @ v.mean(0) for _, _, v in heads]).mean(0)
    cut = (beta * mean).clamp(max=cap)[:, None]
    total = torch.zeros(len(mean), len(mean), device=mean.device)
    # Head by head: all of them at 64 x 64 cells are a gigabyte.
    for q, k, v in heads:
        attention = (q.float() @ k.float().T * q.shape[-1] ** -0.5).softmax(-1)
        total += attention.masked_fill_(v @ v.T <= cut, 0)
    return _rows_to_one(total)


def passed_on(y: Tensor, attention: SamAttention) -> Tensor:
    """What leaves CLIP's last block (h, w, c), over the whole picture, averaged by SAM's attention.

    The result is on SAM's grid.
    """
    values = resized(y[None], attention.grid)[0].flatten(0, 1)
    return (attention.weights.to(values) @ values).unflatten(0, attention.grid)


def _rows_to_one(weights: Tensor) -> Tensor:
    """A row of nothing keeps to itself."""
    totals = weights.sum(-1, keepdim=True)
    alone = torch.eye(len(weights), device=weights.device)
    return torch.where(totals > 0, weights / totals.clamp(min=1e-30), alone)
