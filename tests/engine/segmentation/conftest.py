"""Tiny models with random weights for the segmentation rooms."""

from __future__ import annotations

from typing import Any

import open_clip
import pytest
import torch

from ovedit.engine.models.runtime.loaders.clip import ClipModel

torch.set_num_threads(1)

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


def make_clip(depth: int = 4, side: int = 32, patch: int = 8, **vision: Any) -> ClipModel:
    """A vision transformer of 2 heads, with weights large enough that attention is not flat."""
    torch.manual_seed(depth)
    vision_config: Any = {
        "image_size": side,
        "layers": depth,
        "width": 32,
        "head_width": 16,
        "patch_size": patch,
        **vision,
    }
    text_config: Any = {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 16,
        "heads": 2,
        "layers": 1,
    }
    model = open_clip.CLIP(24, vision_config, text_config, quick_gelu=True)
    with torch.no_grad():
        for weight in model.visual.parameters():
            weight += 0.15 * torch.randn_like(weight)
    model.requires_grad_(False).eval()
    return ClipModel(model, open_clip.SimpleTokenizer(), MEAN, STD, (side, side))


@pytest.fixture(scope="session")
def clip() -> ClipModel:
    """4 blocks over 4 x 4 patches of 8 px; features of length 24."""
    return make_clip()


@pytest.fixture(scope="session")
def deep_clip() -> ClipModel:
    """12 blocks, as ViT-B/16 has, over 4 x 4 patches of 8 px."""
    return make_clip(depth=12)
