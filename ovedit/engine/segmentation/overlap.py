"""How much two masks have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks (H, W); 0 where both are empty."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 0.0


def share(mask: Mask, within: Mask) -> float:
    """Of a mask's pixels (H, W), those within another; 0 for an empty one."""
    area = int(np.count_nonzero(mask))
    return int(np.count_nonzero(mask & within)) / area if area else 0.0
