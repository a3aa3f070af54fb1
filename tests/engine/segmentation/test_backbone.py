"""The opened backbone gives what the unmodified model gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.errors import EngineError

EXACT = 1e-5


def pixels(height: int = 32, width: int = 32, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def encoded(clip: ClipModel, inputs: torch.Tensor) -> torch.Tensor:
    model: Any = clip.model
    return F.normalize(model.encode_image(inputs), dim=-1)


def test_class_token_is_the_models_own_feature(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    rgb = pixels()
    ours = backbone.overall(rgb)
    assert torch.allclose(ours, encoded(clip, backbone.normalised(rgb)), atol=EXACT)


def test_overall_sees_all_of_a_picture_of_another_shape(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    rgb = torch.zeros(1, 3, 64, 200)
    plain = backbone.overall(rgb)
    rgb[..., -16:] = 1
    assert (backbone.overall(rgb) - plain).abs().max() > 1e-3


def test_normalised_takes_mean_and_deviation_of_the_model(clip: ClipModel) -> None:
    rgb = torch.tensor(clip.mean).view(1, 3, 1, 1) + torch.tensor(clip.std).view(1, 3, 1, 1)
    assert torch.allclose(Backbone(clip).normalised(rgb), torch.ones(1, 3, 1, 1), atol=EXACT)
    assert Backbone(clip).mean == pytest.approx(clip.mean)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_tokens_are_those_between_the_blocks(clip: ClipModel, number: int) -> None:
    backbone = Backbone(clip)
    inputs = backbone.normalised(pixels())
    entering = backbone.walk(inputs, {number, 5})
    if number > 1:
        told = clip.model.visual.forward_intermediates(
            inputs, [number - 2], output_fmt="NLC", output_extra_tokens=True
        )
        patches, prefix = told["image_intermediates"][0], told["image_intermediates_prefix"][0]
        assert torch.allclose(entering[number], torch.cat((prefix, patches), 1), atol=EXACT)
    rest = entering[number]
    for block in backbone.blocks[number - 1 :]:
        rest = block(rest)
    assert torch.allclose(rest, entering[5], atol=EXACT)


def test_heads_are_those_of_the_blocks_projections(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    tokens = backbone.tokens(backbone.normalised(pixels()), {3})[3]
    block = backbone.blocks[2]
    normed = block.ln_1(tokens.x).numpy()
    weight, bias = block.attn.in_proj_weight.numpy(), block.attn.in_proj_bias.numpy()
    for index, mine in enumerate((tokens.q, tokens.k, tokens.v)):
        part = slice(32 * index, 32 * index + 32)
        told = (normed @ weight[part].T + bias[part]).reshape(2, 17, 2, 16).transpose(0, 2, 1, 3)
        np.testing.assert_allclose(mine.numpy(), told, atol=EXACT)


def test_other_sizes_keep_the_class_tokens_place_and_stretch_the_others(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    visual: Any = clip.model.visual
    inputs = backbone.normalised(pixels(48, 96, 1))
    embedding = visual.positional_embedding
    grid = F.interpolate(embedding[1:].T.reshape(1, 32, 4, 4), (6, 12), mode="bicubic")
    places = torch.cat((embedding[:1], grid.reshape(32, -1).T))
    patches = visual.conv1(inputs).flatten(2).transpose(1, 2)
    told = visual.ln_pre(torch.cat((visual.class_embedding.expand(1, 1, -1), patches), 1) + places)
    assert backbone.grid(inputs) == (6, 12)
    assert torch.allclose(backbone.walk(inputs, {1})[1], told, atol=EXACT)


def test_blocks_behind_the_last_one_wanted_do_not_run(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    ran = []
    hooks = [
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, block in enumerate(backbone.blocks, 1)
    ]
    backbone.tokens(backbone.normalised(pixels()), {2, 3})
    for hook in hooks:
        hook.remove()
    assert ran == [1, 2]


def test_features_are_of_length_one_in_float32(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    features = backbone.features(torch.randn(2, 3, 5, 32))
    assert features.shape == (2, 3, 5, backbone.dimensions) and features.dtype is torch.float32
    assert torch.allclose(features.norm(dim=-1), torch.ones(2, 3, 5), atol=EXACT)


def test_a_model_without_plain_blocks_is_refused(clip: ClipModel) -> None:
    other: Any = torch.nn.Module()
    other.visual = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(EngineError, match=r"Conv2d.*clip-vit-b16-openai"):
        Backbone(dataclasses.replace(clip, model=other))
