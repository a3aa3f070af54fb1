"""ITACLIP's views of a window (Aydın et al., CVPR workshops 2025): colours, sharpness, sides."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur, rgb_to_grayscale

COUNT = 5
"""Views of each window."""
_BLUR_SIZE, _BLUR_SIGMA = 11, 5.0


def views(inputs: Tensor) -> Tensor:
    """(b, 3, H, W), as normalised for the model, as (5, b, 3, H, W).

    As it is, grey, blurred by a Gaussian of σ = 5 px cut to 11 px, upside down, left to right. Grey
    is made of the normalised channels, as the reference does.
    """
    return torch.stack(
        (
            inputs,
            rgb_to_grayscale(inputs, num_output_channels=3),
            gaussian_blur(inputs, [_BLUR_SIZE, _BLUR_SIZE], [_BLUR_SIGMA, _BLUR_SIGMA]),
            inputs.flip(-2),
            inputs.flip(-1),
        )
    )


def combined(features: Tensor, weight: float) -> Tensor:
    """Features (5, b, h, w, c) of the views as one map (b, h, w, c), with the flips turned back.

    weight·mean(as it is, grey, blurred) + (1 − weight)·mean(upside down, left to right).
    """
    upright = features[:3].mean(0)
    flipped = (features[3].flip(1) + features[4].flip(2)) / 2
    return weight * upright + (1 - weight) * flipped
