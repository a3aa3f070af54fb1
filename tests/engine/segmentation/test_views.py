"""ITACLIP's views and how they come together again."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ovedit.engine.segmentation.views import combined, views


def test_views_are_grey_blurred_and_flipped() -> None:
    inputs = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    same, grey, blurred, vertical, horizontal = views(inputs)
    assert torch.equal(same, inputs)
    luma = torch.tensor([0.2989, 0.587, 0.114]).view(3, 1, 1)
    assert torch.allclose(grey, (inputs * luma).sum(1, keepdim=True).expand(-1, 3, -1, -1))
    told = cv2.GaussianBlur(
        inputs[0].permute(1, 2, 0).numpy(), (11, 11), 5, borderType=cv2.BORDER_REFLECT_101
    )
    np.testing.assert_allclose(blurred[0].permute(1, 2, 0), told, atol=1e-5)
    assert torch.equal(vertical[..., 0, :], inputs[..., -1, :])
    assert torch.equal(horizontal[..., 0], inputs[..., -1])


def test_flips_are_turned_back_and_weighed() -> None:
    one = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    turned = torch.stack((one, one, one, one.flip(1), one.flip(2)))
    assert torch.allclose(combined(turned, 0.75), one, atol=1e-6)
    parts = torch.zeros(5, 2, 3, 4, 5)
    parts[1] = 3.0
    assert torch.allclose(combined(parts, 0.75), torch.full((2, 3, 4, 5), 0.75))
    parts[4] = 2.0
    assert torch.allclose(combined(parts, 0.75), torch.full((2, 3, 4, 5), 1.0))
