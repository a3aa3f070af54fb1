"""The variants against the formulas of their papers, written down in plain NumPy."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.segmentation import attention
from ovedit.engine.segmentation.backbone import Backbone, BlockTokens

Array = NDArray[np.float64]
EXACT = 1e-5
GRID = (3, 5)


def softmax(values: Array) -> Array:
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def layer_norm(module: Any, x: Array) -> Array:
    normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + module.eps)
    return normed * module.weight.double().numpy() + module.bias.double().numpy()


def linear(module: Any, x: Array) -> Array:
    return x @ module.weight.double().numpy().T + module.bias.double().numpy()


@dataclass
class Told:
    """What a block does, by hand: everything (b, heads, 1 + n, d) and in double precision."""

    tokens: BlockTokens

    def __post_init__(self) -> None:
        block: Any = self.tokens.block
        self.x = self.tokens.x.double().numpy()
        projected = (
            layer_norm(block.ln_1, self.x) @ block.attn.in_proj_weight.double().numpy().T
            + block.attn.in_proj_bias.double().numpy()
        )
        shape = (*self.x.shape[:2], block.attn.num_heads, -1)
        self.q, self.k, self.v = (
            part.reshape(shape).transpose(0, 2, 1, 3) for part in np.split(projected, 3, -1)
        )
        self.s = 1 / math.sqrt(self.q.shape[-1])

    def like(self, a: Array, b: Array) -> Array:
        return self.s * a @ b.transpose(0, 1, 3, 2)

    def csa(self) -> Array:
        return softmax(self.like(self.q, self.q)) + softmax(self.like(self.k, self.k))

    def out(self, attended: Array) -> Array:
        joined = attended.transpose(0, 2, 1, 3).reshape(self.x.shape[0], -1, self.x.shape[2])
        return linear(self.tokens.block.attn.out_proj, joined)

    def whole(self, attended: Array) -> Array:
        """With residual and FFN, quick GELU."""
        block: Any = self.tokens.block
        z = self.x + self.out(attended)
        inner = linear(block.mlp.c_fc, layer_norm(block.ln_2, z))
        return z + linear(block.mlp.c_proj, inner / (1 + np.exp(-1.702 * inner)))


@pytest.fixture(scope="module")
def backbone(deep_clip: ClipModel) -> Backbone:
    return Backbone(deep_clip)


@pytest.fixture(scope="module")
def blocks(backbone: Backbone) -> dict[int, BlockTokens]:
    rgb = torch.rand(2, 3, 24, 40, generator=torch.Generator().manual_seed(2))
    return backbone.tokens(backbone.normalised(rgb), {7, 8, 10, 12})


@pytest.fixture(scope="module")
def last(blocks: dict[int, BlockTokens]) -> BlockTokens:
    return blocks[12]


@pytest.fixture(scope="module")
def told(last: BlockTokens) -> Told:
    return Told(last)


def same(ours: torch.Tensor, theirs: Array) -> None:
    """ours (b, h, w, c) against tokens (b, 1 + n, c) or (b, n, c)."""
    flat = ours.flatten(1, 2).numpy()
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(flat, theirs[:, -flat.shape[1] :], atol=EXACT * max(1, scale))


def test_vanilla_is_the_unmodified_model(clip: ClipModel) -> None:
    backbone = Backbone(clip)
    inputs = backbone.normalised(torch.rand(2, 3, 32, 32))
    y = attention.vanilla(backbone.tokens(inputs, {4})[4])
    visual: Any = clip.model.visual
    visual.output_tokens = True
    try:
        patches = visual(inputs)[1]
    finally:
        visual.output_tokens = False
    assert torch.allclose(backbone.normed(y).flatten(1, 2), patches, atol=EXACT)


def test_vanilla(last: BlockTokens, told: Told) -> None:
    same(attention.vanilla(last), told.whole(softmax(told.like(told.q, told.k)) @ told.v))


def test_maskclip(last: BlockTokens, told: Told) -> None:
    same(attention.maskclip(last), told.whole(told.v))


def test_sclip_adds_two_softmaxes(last: BlockTokens, told: Told) -> None:
    np.testing.assert_allclose(told.csa().sum(-1), 2)
    same(attention.sclip(last), told.whole(told.csa() @ told.v))


def test_clearclip_drops_residual_and_ffn(last: BlockTokens, told: Told) -> None:
    same(attention.clearclip(last), told.out(softmax(told.like(told.q, told.q)) @ told.v))


@pytest.mark.parametrize("sigma", [5.0, 0.7])
def test_naclip_looks_around_itself(last: BlockTokens, told: Told, sigma: float) -> None:
    omega = np.zeros((16, 16))
    for a in range(15):
        for b in range(15):
            away = (a // 5 - b // 5) ** 2 + (a % 5 - b % 5) ** 2
            omega[1 + a, 1 + b] = math.exp(-away / (2 * sigma**2))
    same(
        attention.naclip(last, sigma),
        told.out(softmax(told.like(told.k, told.k) + omega) @ told.v),
    )


def test_itaclip_averages_with_earlier_blocks(blocks: dict[int, BlockTokens], told: Told) -> None:
    earlier = [blocks[number] for number in (7, 8, 10)]
    mean = sum(Told(tokens).csa() for tokens in earlier) / 3
    same(
        attention.itaclip(blocks[12], earlier, (1 / 6, 1 / 6, 1 / 6, 1 / 2)),
        told.x + told.out((0.5 * told.csa() + 0.5 * mean) @ told.v),
    )


def bilinear(values: Array, grid: tuple[int, int]) -> Array:
    """(h, w, c) on another grid: corners not aligned, edges held."""

    def lines(n: int, m: int) -> Array:
        matrix = np.zeros((m, n))
        for i in range(m):
            at = min(max((i + 0.5) * n / m - 0.5, 0), n - 1)
            low = int(at)
            matrix[i, low] += 1 - (at - low)
            matrix[i, min(low + 1, n - 1)] += at - low
        return matrix

    rows, columns = lines(values.shape[0], grid[0]), lines(values.shape[1], grid[1])
    return np.einsum("ih,jw,hwc->ijc", rows, columns, values)


@pytest.mark.parametrize("grid", [(6, 10), (3, 5), (2, 3)])
def test_proxyclip_attends_by_the_proxys_cosines(
    last: BlockTokens, told: Told, grid: tuple[int, int]
) -> None:
    proxy = torch.randn(2, *grid, 7, generator=torch.Generator().manual_seed(3))
    proxy += 0.5
    ours = attention.proxyclip(last, proxy, beta=1.2, gamma=3.0)
    for index in range(2):
        flat = proxy[index].double().numpy().reshape(-1, 7)
        unit = flat / np.linalg.norm(flat, axis=-1, keepdims=True)
        similar = unit @ unit.T
        score = 3 * (similar - 1.2 * similar.mean())
        score[score < 0] = -np.inf
        values = told.v[index, :, 1:].transpose(1, 0, 2).reshape(*GRID, -1)
        y = softmax(score) @ bilinear(values, grid).reshape(grid[0] * grid[1], -1)
        theirs = linear(last.block.attn.out_proj, y)
        np.testing.assert_allclose(ours[index].flatten(0, 1).numpy(), theirs, atol=EXACT)


def test_proxyclip_takes_each_window_by_itself(last: BlockTokens) -> None:
    proxy = torch.randn(2, 6, 10, 7)
    both = attention.proxyclip(last, proxy, 1.2, 3.0)
    one = replace(last, x=last.x[1:], q=last.q[1:], k=last.k[1:], v=last.v[1:])
    assert torch.allclose(both[1:], attention.proxyclip(one, proxy[1:], 1.2, 3.0), atol=EXACT)


def test_proxyclip_of_a_plain_wall_is_finite(last: BlockTokens) -> None:
    """All cosines are 1, none of which is above 1.2 of their mean."""
    y = attention.proxyclip(last, torch.ones(2, *GRID, 7), 1.2, 3.0)
    assert torch.allclose(y, last.block.attn.out_proj(attention.on_grid(last, GRID)), atol=EXACT)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near(deep_clip: ClipModel, dtype: torch.dtype) -> None:
    half = replace(deep_clip, model=copy.deepcopy(deep_clip.model).to(dtype))
    rgb = torch.rand(1, 3, 32, 32)
    for variant in (attention.sclip, attention.clearclip):
        # Some virtual machines announce matrix units that end the process when used.
        with torch.backends.mkldnn.flags(enabled=False):
            full, less = (
                backbone.features(variant(backbone.tokens(backbone.normalised(rgb), {12})[12]))
                for backbone in (Backbone(deep_clip), Backbone(half))
            )
        assert F.cosine_similarity(full, less, -1).min() > 0.97
