"""PAMR: scores take on the edges of the picture (Araslanov and Roth, CVPR 2020, section 4.2).

Each place becomes the mean of its neighbours, weighted by how alike they look, again and again.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from ovedit.engine.protocols import CancelToken

_AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


@torch.no_grad()
def pamr(
    scores: torch.Tensor,
    picture: torch.Tensor,
    steps: int = 10,
    dilations: Sequence[int] = (8, 16),
    cancel: CancelToken | None = None,
) -> torch.Tensor:
    """Scores (n, H, W) that follow the edges of the picture (3, H, W).

    scores: (n, h, w), over the whole picture, edge to edge; enlarged to its size first. picture:
    any range of values. dilations: distances in pixels of the eight neighbours in each ring.

    The weight of a neighbour q of p is the softmax over the neighbours of
    -mean over RGB of |I_p - I_q| / (0.1 σ + 1e-8), with σ the standard deviation of the colour
    over p and its neighbours, where p counts once for each ring. Beyond its border the picture goes
    on as it ends. Takes 4 · 8 · len(dilations) bytes a pixel, and the same for each class.
    """
    size = (picture.shape[1], picture.shape[2])
    scores = functional.interpolate(scores[None].float(), size, mode="bilinear")[0]
    if not steps or not dilations:
        return scores
    weights = affinity(picture.float(), dilations)
    for _ in range(steps):
        if cancel is not None:
            cancel.check()
        # One class at a time: its neighbours take as much memory as the weights.
        scores = torch.stack(
            [(_neighbours(one[None], dilations)[:, 0] * weights).sum(dim=0) for one in scores]
        )
    return scores


def affinity(picture: torch.Tensor, dilations: Sequence[int]) -> torch.Tensor:
    """(neighbours, H, W): the weights of each pixel's neighbours, which add up to 1."""
    around = _neighbours(picture, dilations)
    centre = picture[None].expand(len(dilations), -1, -1, -1)
    spread = torch.cat([around, centre]).std(dim=0)
    distance = (around - picture).abs() / (0.1 * spread + 1e-8)
    return torch.softmax(-distance.mean(dim=1), dim=0)


def _neighbours(values: torch.Tensor, dilations: Sequence[int]) -> torch.Tensor:
    """(8 · len(dilations), c, H, W) of (c, H, W)."""
    height, width = values.shape[1:]
    reach = max(dilations)
    wide = functional.pad(values[None], [reach] * 4, mode="replicate")[0]
    return torch.stack(
        [
            wide[:, reach + y * far :, reach + x * far :][:, :height, :width]
            for far in dilations
            for y, x in _AROUND
        ]
    )
