"""The picture half of a CLIP model, opened up: tokens between its blocks, at any input size."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import cast

import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.errors import EngineError


@dataclass(frozen=True, eq=False)
class BlockTokens:
    """What enters one block of the backbone.

    x: (b, 1 + h·w, c), the class token first; grid: (h, w). q, k, v: (b, heads, 1 + h·w, d), of the
    block's own projections of LN1(x).
    """

    block: ResidualAttentionBlock
    grid: tuple[int, int]
    x: Tensor
    q: Tensor
    k: Tensor
    v: Tensor

    def joined(self, attended: Tensor) -> Tensor:
        """O: heads of attended values (b, heads, n, d) through the output projection (b, n, c)."""
        batch, heads, count, depth = attended.shape
        flat = attended.transpose(1, 2).reshape(batch, count, heads * depth)
        return self.block.attn.out_proj(flat)

    def patches(self, tokens: Tensor) -> Tensor:
        """Tokens (b, 1 + h·w, c) without the class token, as (b, h, w, c)."""
        return tokens[:, 1:].unflatten(1, self.grid)


def look(block: ResidualAttentionBlock, x: Tensor, grid: tuple[int, int]) -> BlockTokens:
    """The q, k and v that a block makes of the tokens (b, 1 + h·w, c) entering it."""
    attention = block.attn
    projected = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    heads = projected.unflatten(-1, (3, attention.num_heads, -1))
    q, k, v = heads.permute(2, 0, 3, 1, 4)
    return BlockTokens(block, grid, x, q, k, v)


class Backbone:
    """An open_clip vision transformer, unchanged: what is made of its tokens is up to a method."""

    def __init__(self, clip: ClipModel) -> None:
        """Raises `EngineError` for a model that is not a plain vision transformer."""
        visual = clip.model.visual
        if not _plain(visual):
            raise EngineError(
                f"This CLIP model sees with a {type(visual).__name__} that has no plain blocks.",
                "Take one of the ViT models, such as clip-vit-b16-openai.",
            )
        self._visual = visual = cast(VisionTransformer, visual)
        self.blocks = tuple(cast(Iterable[ResidualAttentionBlock], visual.transformer.resblocks))
        self._projection = cast(Tensor, visual.proj)
        self.patch = visual.conv1.kernel_size[0]
        self.image_size = clip.image_size
        weight = visual.conv1.weight
        self.device, self.dtype = weight.device, weight.dtype
        self._mean = torch.tensor(clip.mean, device=self.device).view(3, 1, 1)
        self._std = torch.tensor(clip.std, device=self.device).view(3, 1, 1)

    @property
    def depth(self) -> int:
        """How many blocks there are."""
        return len(self.blocks)

    @property
    def dimensions(self) -> int:
        """Length of a feature in the space shared with words."""
        return int(self._projection.shape[1])

    @property
    def mean(self) -> tuple[float, ...]:
        """The colour that the model takes for nothing: RGB in [0, 1]."""
        return tuple(self._mean.flatten().tolist())

    def normalised(self, pixels: Tensor) -> Tensor:
        """RGB (b, 3, H, W) in [0, 1] as the model wants it, in its dtype on its device."""
        return ((pixels.to(self.device) - self._mean) / self._std).to(self.dtype)

    def walk(self, inputs: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        """The tokens (b, 1 + h·w, c) that enter each wanted block, numbered from 1.

        inputs: `normalised` pixels (b, 3, H, W), both multiples of the patch. Blocks behind the
        last one wanted do not run; `depth + 1` gives what leaves the last block.
        """
        x = self._embedded(inputs)
        entering = {}
        for number in range(1, max(wanted) + 1):
            if number in wanted:
                entering[number] = x
            if number < max(wanted):
                x = self.blocks[number - 1](x)
        return entering

    def tokens(self, inputs: Tensor, wanted: Collection[int]) -> dict[int, BlockTokens]:
        """`walk` with the q, k and v of each wanted block."""
        grid = self.grid(inputs)
        entering = self.walk(inputs, wanted)
        return {number: look(self.blocks[number - 1], x, grid) for number, x in entering.items()}

    def grid(self, inputs: Tensor) -> tuple[int, int]:
        """Patches (h, w) in inputs (b, 3, H, W)."""
        return inputs.shape[-2] // self.patch, inputs.shape[-1] // self.patch

    def normed(self, y: Tensor) -> Tensor:
        """LN_post of what leaves a block (..., c)."""
        return self._visual.ln_post(y)

    def projected(self, normed: Tensor) -> Tensor:
        """`normed` tokens (..., c) in the space of words: (..., e), L2-normalised, float32."""
        return F.normalize((normed @ self._projection).float(), dim=-1)

    def features(self, y: Tensor) -> Tensor:
        """What leaves a block (..., c) as L2-normalised features (..., e) in float32."""
        return self.projected(self.normed(y))

    def overall(self, pixels: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """The class token's feature (b, e), L2-normalised, of RGB (b, 3, H, W) in [0, 1].

        size: height and width, multiples of the patch, that the pixels are brought to, so that all
        of them are seen; by default those that the model was trained at.
        """
        size = size or self.image_size
        if tuple(pixels.shape[-2:]) != size:
            pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True).clamp(0, 1)
        last = self.depth + 1
        y = self.walk(self.normalised(pixels), {last})[last]
        return self.features(y[:, 0])

    def _embedded(self, inputs: Tensor) -> Tensor:
        visual = self._visual
        patches = visual.conv1(inputs).flatten(2).transpose(1, 2)
        first = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        positions = _positions(visual.positional_embedding, visual.grid_size, self.grid(inputs))
        return visual.ln_pre(torch.cat((first, patches), 1) + positions.to(patches.dtype))


def _positions(embedding: Tensor, trained: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """The position embedding (1 + h·w, c) for another grid, bicubic; the class token's is kept."""
    if tuple(trained) == tuple(grid):
        return embedding
    # Half-precision bicubic is not there on every device.
    patches = embedding[1:].float().unflatten(0, tuple(trained)).permute(2, 0, 1)[None]
    resized = F.interpolate(patches, grid, mode="bicubic")[0].flatten(1).T
    return torch.cat((embedding[:1], resized.to(embedding.dtype)))


def _plain(visual: nn.Module) -> bool:
    return (
        isinstance(visual, VisionTransformer)
        and visual.attn_pool is None
        and visual.proj is not None
        and visual.pool_type == "tok"
        and not visual.final_ln_after_pool
        and visual.transformer.batch_first
        and all(isinstance(block, ResidualAttentionBlock) for block in visual.transformer.resblocks)
    )
