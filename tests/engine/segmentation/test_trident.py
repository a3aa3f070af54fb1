"""Trident's use of SAM's attention against its formula in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ovedit.engine.segmentation.trident import SamAttention, affinity, passed_on


@pytest.mark.parametrize(("beta", "cap"), [(1.2, 0.9), (3.0, 0.3)])
def test_attention_is_kept_where_values_agree(beta: float, cap: float) -> None:
    generator = torch.Generator().manual_seed(0)
    heads = [tuple(torch.randn(12, 4, generator=generator) + 0.6 for _ in "qkv") for _ in range(3)]
    ours = affinity([(q, k, v) for q, k, v in heads], beta, cap)

    cosines, weights = [], []
    for q, k, v in (map(lambda part: part.double().numpy(), head) for head in heads):
        powers = np.exp(q @ k.T / 2)
        weights.append(powers / powers.sum(-1, keepdims=True))
        unit = v / np.linalg.norm(v, axis=-1, keepdims=True)
        cosines.append(unit @ unit.T)
    cut = np.minimum(beta * np.mean(cosines, (0, 2)), cap)[:, None]
    told = np.mean([np.where(c > cut, w, 0) for c, w in zip(cosines, weights, strict=True)], 0)
    np.testing.assert_allclose(ours, told / told.sum(-1, keepdims=True), atol=1e-5)
    assert (told == 0).any()


def test_a_place_that_agrees_with_none_keeps_to_itself() -> None:
    same = torch.ones(5, 4)
    assert torch.equal(affinity([(same, same, same)], 1.2, 1.0), torch.eye(5))


def test_passing_on_averages_over_sams_grid() -> None:
    weights = torch.full((4, 4), 0.25)
    y = torch.arange(24.0).reshape(4, 6, 1)
    passed = passed_on(y, SamAttention((2, 2), weights))
    assert torch.allclose(passed, torch.full((2, 2, 1), 11.5))
    alone = passed_on(y, SamAttention((4, 6), torch.eye(24)))
    assert torch.equal(alone, y)
