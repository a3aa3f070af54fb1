"""What other models see in a window or a picture, for the methods that let CLIP attend by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from sam2.modeling.backbones.hieradet import Hiera, MultiScaleAttention, MultiScaleBlock
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ovedit.engine.models.runtime.loaders.transformer import TransformerModel
from ovedit.engine.segmentation.sam import check_numbers
from ovedit.engine.segmentation.trident import SamAttention, affinity
from ovedit.errors import EngineError

Proxy = Callable[[Tensor], Tensor]
"""Windows (b, 3, H, W), RGB in [0, 1], to their features (b, h, w, d), edge to edge, float32."""

# Of ImageNet: DINO and SAM 2 were both trained with them.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SAM_STEP = 32
"""Inputs of SAM 2 other than its own size are multiples of this."""
_SAM_CELL = 16
"""Pixels of SAM 2's input to a cell of its features."""

_DIFFUSION_STEP = 64
_DIFFUSION_TIME = 45
"""Of 1000 steps of noise: little enough that the picture is all there."""


def dino_patches(dino: TransformerModel) -> Proxy:
    """Final patch features of DINO, for ProxyCLIP and Trident."""
    network = dino.model

    def see(windows: Tensor) -> Tensor:
        inputs, grid = _for_dino(network, windows)
        states = network(inputs, interpolate_pos_encoding=True).last_hidden_state
        return states[:, 1:].unflatten(1, grid).float()

    return see


def dino_correlations(dino: TransformerModel) -> Proxy:
    """q + k of DINO's last block, for CorrCLIP."""
    network = dino.model
    q, k = (_last_named(network, name) for name in ("q_proj", "k_proj"))

    def see(windows: Tensor) -> Tensor:
        inputs, grid = _for_dino(network, windows)
        with _watched(q, k) as outputs:
            network(inputs, interpolate_pos_encoding=True)
        queries, keys = outputs
        return (queries + keys)[:, 1:].unflatten(1, grid).float()

    return see


def sam_features(sam: SAM2Base) -> Proxy:
    """SAM 2's image embedding, for ProxyCLIP: a cell for every 8 px of a window.

    Windows are enlarged to twice their size, not to SAM's own 1024 px, which would take many times
    as long and give more cells than attention among all of them allows.
    """

    def see(windows: Tensor) -> Tensor:
        size = [_multiple(2 * side, _SAM_STEP) for side in windows.shape[-2:]]
        inputs = _normalised(windows, size, next(sam.parameters()))
        return sam.image_encoder(inputs)["vision_features"].permute(0, 2, 3, 1).float()

    return see


def diffusion_features(pipeline: Any, side: int = 512) -> Proxy:
    """What leaves a diffusion U-Net's next-to-last up-block, for ProxyCLIP: a cell for 8 px.

    pipeline: one of diffusers with `vae`, `unet` and `encode_prompt`, such as Stable Diffusion 1.5,
    for inpainting or not. The window is enlarged or shrunk until its long side is `side` px, given
    a little noise, the same for each, and denoised one step without a prompt.
    """
    unet, vae, scheduler = pipeline.unet, pipeline.vae, pipeline.scheduler

    def see(windows: Tensor) -> Tensor:
        weight = next(unet.parameters())
        scale = side / max(windows.shape[-2:])
        size = [_multiple(round(length * scale), _DIFFUSION_STEP) for length in windows.shape[-2:]]
        inputs = interpolate(windows.to(weight.device), size, mode="bilinear", antialias=True)
        clean = vae.encode((2 * inputs - 1).to(vae.dtype)).latent_dist.mode()
        clean = (clean * vae.config.scaling_factor).to(weight.dtype)
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(clean.shape[1:], generator=generator).to(clean).expand_as(clean)
        time = torch.full((len(clean),), _DIFFUSION_TIME, device=weight.device)
        noisy = scheduler.add_noise(clean, noise, time)
        if unet.config.in_channels == 2 * clean.shape[1] + 1:
            # For inpainting: nothing is masked, and all of the picture is known.
            noisy = torch.cat((noisy, torch.zeros_like(noisy[:, :1]), clean), 1)
        words = pipeline.encode_prompt("", weight.device, 1, False)[0]
        with _watched(unet.up_blocks[-2]) as outputs:
            unet(noisy, time, words.to(weight.dtype).expand(len(noisy), -1, -1))
        return outputs[0].permute(0, 2, 3, 1).float()

    return see


def sam_attention(sam: SAM2Base, picture: Tensor, beta: float, cap: float) -> SamAttention:
    """What SAM 2 relates to what in a picture (1, 3, H, W), RGB in [0, 1]; see `affinity`.

    The attention is that of its last block that sees the whole picture: the very last block, which
    Trident uses of the first SAM, sees only small windows in SAM 2. The image encoder runs once.
    Raises `EngineError` where it gives no numbers.
    """
    attention = _global_attention(cast(Hiera, sam.image_encoder.trunk))
    inputs = _normalised(picture, [sam.image_size] * 2, next(sam.parameters()))
    with _watched(attention.qkv) as outputs:
        sam.image_encoder.trunk(inputs)
    (projected,) = outputs
    check_numbers(projected)
    grid = projected.shape[1], projected.shape[2]
    heads = projected[0].flatten(0, 1).unflatten(-1, (3, attention.num_heads, -1))
    queries, keys, values = heads.permute(1, 2, 0, 3)
    return SamAttention(grid, affinity(zip(queries, keys, values, strict=True), beta, cap))


def _global_attention(trunk: Hiera) -> MultiScaleAttention:
    seeing = [
        block.attn
        for block in cast(Iterable[MultiScaleBlock], trunk.blocks)
        if block.window_size == 0 and block.q_stride is None
    ]
    if not seeing:
        raise EngineError(
            "This SAM 2 model has no block that sees the whole picture, which Trident needs.",
            "Take another of the SAM 2.1 models, such as sam2-tiny.",
        )
    return seeing[-1]


def _for_dino(network: nn.Module, windows: Tensor) -> tuple[Tensor, tuple[int, int]]:
    patch = cast(Any, network).config.patch_size
    size = [_multiple(side, patch) for side in windows.shape[-2:]]
    inputs = _normalised(windows, size, next(network.parameters()))
    return inputs, (size[0] // patch, size[1] // patch)


def _normalised(windows: Tensor, size: list[int], weight: Tensor) -> Tensor:
    windows = windows.to(weight.device)
    if list(windows.shape[-2:]) != size:
        windows = interpolate(windows, size, mode="bilinear", antialias=True)
    mean, std = (torch.tensor(c, device=weight.device).view(3, 1, 1) for c in (_MEAN, _STD))
    return ((windows - mean) / std).to(weight.dtype)


def _multiple(side: int, step: int) -> int:
    return max(1, math.ceil(side / step)) * step


def _last_named(network: nn.Module, name: str) -> nn.Module:
    return [part for path, part in network.named_modules() if path.endswith("." + name)][-1]


@contextmanager
def _watched(*modules: nn.Module) -> Iterator[list[Tensor]]:
    """What the modules give while the block lasts, in the order of their calls."""
    outputs: list[Tensor] = []

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        outputs.append(output)

    hooks = [module.register_forward_hook(note) for module in modules]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
