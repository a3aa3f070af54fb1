"""What the parts of the segmentation engines hand to each other.

Tensors are float32 on the device that made them. (h, w) are cells of a grid over the whole picture,
edge to edge, whatever their number; (H, W) are pixels of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ovedit.geometry import Rect


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """A picture in the space that CLIP shares between pictures and words.

    values: (h, w, c), the blend of L2-normalised features of all windows over each cell. A product
        with normalised text embeddings gives the blend of the windows' similarities, because both
        are linear: so one map answers any number of phrases.
    overall: (c,), L2-normalised, the class token's embedding of the whole picture.
    regions: (H', W') int32 over the whole picture, the regions that CorrCLIP found it in, numbered
        from 1, 0 where there is none; None for other methods.
    """

    values: torch.Tensor
    overall: torch.Tensor
    regions: torch.Tensor | None = None

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        kept = (self.values, self.overall, self.regions)
        return sum(tensor.nbytes for tensor in kept if tensor is not None)


@dataclass(frozen=True, eq=False)
class Probabilities:
    """How probable each phrase is in each cell, against the others and the negatives.

    values: (n, h, w) in [0, 1] for the n phrases; presence: (n,) in [0, 1], whether the thing is in
    the picture at all.
    rivals: for each phrase the negatives that came nearest to it, best first, for the explanation.
    """

    values: torch.Tensor
    presence: torch.Tensor
    rivals: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mask of some thing, not yet named.

    mask: bool, a crop of the picture at `rect` (x, y, width, height in pixels of the picture that
        SAM 2 was given). iou: predicted by SAM 2; stability: IoU of its masks at two cuts, both in
        [0, 1].
    """

    mask: NDArray[np.bool_]
    rect: Rect
    iou: float
    stability: float

    @property
    def area(self) -> int:
        """Pixels in the mask."""
        return int(self.mask.sum())


@dataclass(frozen=True, eq=False)
class RefinedMask:
    """A phrase's mask after SAM 2.

    alpha: (H, W) float32 in [0, 1]; instances: the same split into things, best first, of bool
    (H, W); agreement: IoU of SAM's answer with the dense map's own in [0, 1]; source: which stage
    drew it ("sam2" or "dense").
    """

    alpha: NDArray[np.float32]
    instances: tuple[NDArray[np.bool_], ...]
    agreement: float
    source: str
