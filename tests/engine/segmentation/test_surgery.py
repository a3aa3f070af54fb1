"""CLIP Surgery's second path against its formula in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.surgery import second_path


def test_values_are_seen_by_values_from_the_first_block_on(deep_clip: ClipModel) -> None:
    backbone = Backbone(deep_clip)
    rgb = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    inputs = backbone.normalised(rgb)
    numbers = range(7, 13)
    ours = second_path(backbone.tokens(inputs, numbers))

    original = backbone.walk(inputs, numbers)
    path = original[7][0].double().numpy()
    for number in numbers:
        block: Any = backbone.blocks[number - 1]
        normed = block.ln_1(original[number])[0].double().numpy()
        weight = block.attn.in_proj_weight.double().numpy()[64:]
        v = normed @ weight.T + block.attn.in_proj_bias.double().numpy()[64:]
        seen = []
        for head in (v[:, :16], v[:, 16:]):
            powers = np.exp(head @ head.T / 4)
            seen.append(powers / powers.sum(-1, keepdims=True) @ head)
        out = block.attn.out_proj
        path += np.hstack(seen) @ out.weight.double().numpy().T + out.bias.double().numpy()
    np.testing.assert_allclose(ours[0].flatten(0, 1).numpy(), path[1:], rtol=1e-4, atol=1e-4)
