"""What DINO and SAM 2 see, of the real classes with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sam2
import torch
import transformers
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ovedit.engine.models.runtime.loaders.transformer import TransformerModel
from ovedit.engine.segmentation.proxies import (
    diffusion_features,
    dino_correlations,
    dino_patches,
    sam_attention,
    sam_features,
)

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def dino() -> TransformerModel:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    model = transformers.ViTModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return TransformerModel(model.requires_grad_(False))


@pytest.fixture(scope="module")
def sam() -> Any:
    """SAM 2.1 tiny, three quarters of its blocks left out and its channels thinned."""
    torch.manual_seed(0)
    config = OmegaConf.load(Path(sam2.__path__[0]) / "configs/sam2.1/sam2.1_hiera_t.yaml")
    config.model.image_encoder.trunk.update(
        {"embed_dim": 16, "stages": [1, 1, 2, 1], "global_att_blocks": [3]}
    )
    config.model.image_encoder.neck.backbone_channel_list = [128, 64, 32, 16]
    config.model.image_size = 128
    return instantiate(config.model, _recursive_=True).eval().requires_grad_(False)


def inputs(rgb: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(c, dtype=torch.float32).view(3, 1, 1) for c in (MEAN, STD))
    return (rgb - mean) / std


def test_dinos_patches_are_its_last_hidden_states(dino: TransformerModel) -> None:
    rgb = torch.rand(2, 3, 32, 48)
    told = dino.model(inputs(rgb), interpolate_pos_encoding=True).last_hidden_state[:, 1:]
    ours = dino_patches(dino)(rgb)
    assert ours.shape == (2, 4, 6, 32)
    assert torch.allclose(ours.flatten(1, 2), told, atol=1e-5)


def test_dinos_correlations_are_queries_and_keys_of_its_last_block(dino: TransformerModel) -> None:
    rgb = torch.rand(2, 3, 32, 32)
    model: Any = dino.model
    states = model(inputs(rgb), output_hidden_states=True).hidden_states[-2]
    layer = [part for part in model.modules() if type(part).__name__ == "ViTLayer"][-1]
    normed = layer.layernorm_before(states)
    told = layer.attention.q_proj(normed) + layer.attention.k_proj(normed)
    ours = dino_correlations(dino)(rgb)
    assert torch.allclose(ours.flatten(1, 2), told[:, 1:], atol=1e-5)


def test_windows_of_other_sizes_are_stretched_to_whole_patches(dino: TransformerModel) -> None:
    assert dino_patches(dino)(torch.rand(1, 3, 42, 28)).shape == (1, 6, 4, 32)


def test_sams_features_have_a_cell_for_every_8_px(sam: Any) -> None:
    rgb = torch.rand(2, 3, 64, 96)
    ours = sam_features(sam)(rgb)
    assert ours.shape == (2, 8, 12, 256)
    double = torch.nn.functional.interpolate(rgb, (128, 192), mode="bilinear", antialias=True)
    told = sam.image_encoder(inputs(double))["vision_features"].permute(0, 2, 3, 1)
    assert torch.allclose(ours, told, atol=1e-4)


@pytest.fixture(scope="module")
def diffusion() -> Any:
    from tests.engine.models.runtime import tiny

    torch.manual_seed(0)
    return tiny.stable_diffusion()


def test_diffusion_features_are_those_of_the_next_to_last_up_block(diffusion: Any) -> None:
    rgb = torch.rand(2, 3, 64, 32, generator=torch.Generator().manual_seed(1))
    unet = diffusion.unet
    with torch.no_grad():
        ours = diffusion_features(diffusion, 128)(rgb)
        alone = diffusion_features(diffusion, 128)(rgb[1:])
        enlarged = torch.nn.functional.interpolate(rgb, (128, 64), mode="bilinear", antialias=True)
        known = diffusion.vae.encode(2 * enlarged - 1).latent_dist.mode()
        known = known * diffusion.vae.config.scaling_factor
        noise = torch.randn(known.shape[1:], generator=torch.Generator().manual_seed(0))
        kept = diffusion.scheduler.alphas_cumprod[45]
        noisy = kept.sqrt() * known + (1 - kept).sqrt() * noise
        seen: list[torch.Tensor] = []
        hook = unet.up_blocks[-1].register_forward_pre_hook(
            lambda _, given, kwargs: seen.append(kwargs.get("hidden_states", *given[:1])),
            with_kwargs=True,
        )
        empty = diffusion.tokenizer([""], padding="max_length", return_tensors="pt").input_ids
        words = diffusion.text_encoder(empty)[0].expand(2, -1, -1)
        nothing = torch.zeros_like(known[:, :1])
        unet(torch.cat((noisy, nothing, known), 1), 45, words)
        hook.remove()
    assert torch.allclose(ours, seen[0].permute(0, 2, 3, 1), atol=1e-4)
    assert torch.allclose(ours[1:], alone, atol=1e-4)
    assert ours.shape[1] == 2 * ours.shape[2]


def test_sams_attention_is_that_of_its_last_global_block(sam: Any) -> None:
    rgb = torch.rand(1, 3, 128, 128)
    ours = sam_attention(sam, rgb, 1.2, 0.9)
    assert ours.grid == (8, 8) and ours.weights.shape == (64, 64)
    assert torch.allclose(ours.weights.sum(-1), torch.ones(64), atol=1e-5)

    block = sam.image_encoder.trunk.blocks[3]
    seen: list[torch.Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    sam.image_encoder(inputs(rgb))
    hook.remove()
    projected = block.attn.qkv(block.norm1(seen[0]))[0].reshape(64, 3, block.attn.num_heads, -1)
    q, k, v = projected.double().numpy().transpose(1, 2, 0, 3)
    weights = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]))
    weights /= weights.sum(-1, keepdims=True)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    cosines = v @ v.transpose(0, 2, 1)
    cut = np.minimum(1.2 * cosines.mean((0, 2)), 0.9)[:, None]
    told = np.where(cosines > cut, weights, 0).mean(0)
    told = np.where(told.sum(-1, keepdims=True) > 0, told, np.eye(64))
    np.testing.assert_allclose(ours.weights, told / told.sum(-1, keepdims=True), atol=1e-4)
