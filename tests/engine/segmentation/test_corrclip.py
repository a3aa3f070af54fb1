"""CorrCLIP's parts against its formulas in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.corrclip import (
    Weights,
    attention,
    corrclip,
    merged,
    spatial_blocks,
)


def test_spatial_blocks_are_the_references() -> None:
    assert spatial_blocks(12) == (6, 7, 8, 9, 10)
    assert spatial_blocks(24) == tuple(range(11, 23))
    for depth in (1, 2, 3, 4, 6):
        blocks = spatial_blocks(depth)
        assert blocks and 1 <= min(blocks) <= max(blocks) <= max(1, depth - 2)


def test_attention_stays_inside_regions() -> None:
    generator = torch.Generator().manual_seed(0)
    unit = normalize(torch.randn(1, 9, 5, generator=generator), dim=-1)
    similar = unit @ unit.mT
    labels = torch.tensor([[0, 1, 1, 2, 2, 0, 1, 2, 0]])
    ours = attention(similar, labels, 4.0)[0].numpy()
    s, told = similar[0].double().numpy(), np.zeros((9, 9))
    for a in range(9):
        for b in range(9):
            free = labels[0, a] == 0 or labels[0, b] == 0
            allowed = s[a, b] > s.mean() if free else labels[0, a] == labels[0, b]
            told[a, b] = np.exp(4 * s[a, b]) if allowed else 0
    np.testing.assert_allclose(ours, told / told.sum(-1, keepdims=True), atol=1e-5)


def test_chains_of_alike_regions_become_one() -> None:
    angles = torch.tensor([0.0, 30.0, 60.0, 170.0, 90.0]).deg2rad()
    unit = torch.stack((angles.cos(), angles.sin()), -1)[None]
    labels = torch.tensor([[3, 5, 9, 4, 0]])
    found = merged(unit, labels, 0.2)[0].tolist()
    assert found[0] == found[1] == found[2] != found[3] and found[4] == 0 != found[3]
    # Cosines of neighbours are 0.866, but that of the first and the third is 0.5.
    assert merged(unit, labels, 0.135)[0].tolist() == found
    apart = merged(unit, labels, 0.1)[0].tolist()
    assert len(set(apart)) == 5 and apart[4] == 0


def test_without_reach_regions_stay_apart() -> None:
    unit = normalize(torch.randn(8, 8, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    labels = torch.arange(64).view(8, 8) // 2
    assert torch.equal(merged(unit, labels, 0.0), labels)


def test_one_region_or_none_stays_as_it_is() -> None:
    unit = normalize(torch.randn(2, 2, 3), dim=-1)
    for labels in (torch.zeros(2, 2, dtype=torch.long), torch.tensor([[0, 7], [7, 7]])):
        assert torch.equal(merged(unit, labels, 0.2), labels)


def test_all_branches_together(deep_clip: ClipModel) -> None:
    """Against a computation that really runs the regions' tokens beside the others."""
    backbone = Backbone(deep_clip)
    generator = torch.Generator().manual_seed(1)
    inputs = backbone.normalised(torch.rand(1, 3, 32, 32, generator=generator))
    proxy = torch.randn(1, 8, 8, 6, generator=generator)
    regions = torch.zeros(1, 32, 32, dtype=torch.int32)
    regions[:, :16, :20], regions[:, 16:, 8:] = 1, 2
    weights = Weights(4.0, 0.2, 1.0, 0.5)
    entering = backbone.walk(inputs, range(1, 13))
    ours = corrclip(backbone, entering, (4, 4), proxy, regions, (6, 7, 8, 9, 10), weights)

    fine = regions[0, 2::4, 2::4].long()
    unit = normalize(proxy, dim=-1)[0]
    fine = merged(unit, fine, 0.2)
    flat = unit.reshape(64, 6)
    attended = attention((flat @ flat.T)[None], fine.reshape(1, 64), 4.0)
    last: Any = backbone.blocks[-1]

    def branch(x: torch.Tensor) -> torch.Tensor:
        attn = last.attn
        values = last.ln_1(x) @ attn.in_proj_weight[64:].T + attn.in_proj_bias[64:]
        plane = values[:, 1:].reshape(1, 4, 4, 32).permute(0, 3, 1, 2)
        plane = torch.nn.functional.interpolate(plane, (8, 8), mode="bilinear")
        return attn.out_proj(attended @ plane.flatten(2).mT)

    main = branch(entering[12])
    spatial = branch(torch.stack([entering[n] for n in (7, 8, 9, 10, 11)]).mean(0))
    coarse = fine[::2, ::2].flatten()
    names = coarse.unique().tolist()
    m = len(names)
    x = torch.cat((entering[1][:, :1].repeat(1, m, 1), entering[1]), 1)
    mask = torch.ones(m + 17, m + 17, dtype=torch.bool)
    mask[m:, m:] = False
    mask[:m, m] = False
    for row, name in enumerate(names):
        mask[row, m + 1 :] = coarse != name
    for block in backbone.blocks:
        x = block(x, attn_mask=torch.zeros(mask.shape).masked_fill(mask, -torch.inf))
    place = torch.tensor([names.index(int(name)) for name in coarse])
    semantic = x[:, :m][0, place].reshape(4, 4, 32).repeat_interleave(2, 0).repeat_interleave(2, 1)
    total = backbone.normed(main) + backbone.normed(spatial)
    total = total + 0.5 * backbone.normed(semantic.reshape(1, 64, 32))
    told = backbone.projected(total).reshape(1, 8, 8, 24)
    assert m > 1
    assert torch.allclose(ours, told, atol=1e-5)
