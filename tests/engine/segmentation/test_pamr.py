from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ovedit.engine.protocols import CancelToken
from ovedit.engine.segmentation.pamr import affinity, pamr
from ovedit.errors import Cancelled


def by_hand(scores: Any, picture: Any, steps: int, dilations: tuple[int, ...]) -> Any:
    """The formula pixel by pixel."""
    height, width = scores.shape[1:]

    def at(values: Any, y: int, x: int) -> Any:
        return values[:, min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    offsets = [
        (far * dy, far * dx)
        for far in dilations
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if dy or dx
    ]
    for _ in range(steps):
        new = np.empty_like(scores)
        for y in range(height):
            for x in range(width):
                near = np.array([at(picture, y + dy, x + dx) for dy, dx in offsets])
                here = picture[:, y, x]
                spread = np.std(np.array([*near, *[here] * len(dilations)]), axis=0, ddof=1)
                logits = -(np.abs(near - here) / (0.1 * spread + 1e-8)).mean(axis=1)
                weights = np.exp(logits - logits.max())
                weights /= weights.sum()
                values = np.array([at(scores, y + dy, x + dx) for dy, dx in offsets])
                new[:, y, x] = weights @ values
        scores = new
    return scores


@pytest.mark.parametrize("dilations", [(1,), (2, 5), (1, 3, 8)])
def test_it_is_the_formula(dilations: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    scores, picture = random.random((2, 7, 9)), random.random((3, 7, 9))
    found = pamr(torch.tensor(scores), torch.tensor(picture), 3, dilations)
    np.testing.assert_allclose(found, by_hand(scores, picture, 3, dilations), atol=2e-5)


def test_weights_add_up_and_flat_pictures_have_even_ones() -> None:
    torch.manual_seed(0)
    weights = affinity(torch.rand(3, 6, 6), (1, 2))
    assert weights.shape == (16, 6, 6)
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(6, 6))
    torch.testing.assert_close(
        affinity(torch.full((3, 4, 4), 0.3), (1,)), torch.full((8, 4, 4), 1 / 8)
    )


def test_coarse_scores_take_on_the_edge_of_the_picture() -> None:
    picture = torch.zeros(3, 64, 64)
    picture[:, :, 41:] = 1
    picture += 0.02 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    truth = (torch.arange(64) >= 41).expand(64, 64)
    coarse = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(1)) * 0.2
    coarse[:, :, 2:] += 0.6
    before = pamr(coarse, picture, 0)[0] > 0.5
    after = pamr(coarse, picture)[0] > 0.5
    assert (before != truth).float().mean() > 0.05
    assert (after != truth).float().mean() < 0.01


def test_it_stays_within_the_range_of_the_scores() -> None:
    torch.manual_seed(0)
    scores = torch.rand(2, 5, 8)
    found = pamr(scores, torch.rand(3, 20, 30))
    assert found.shape == (2, 20, 30)
    assert scores.min() <= found.min() and found.max() <= scores.max() + 1e-5


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_pictures_smaller_than_its_reach(size: tuple[int, int]) -> None:
    found = pamr(torch.full((1, 1, 1), 0.4), torch.rand(3, *size))
    torch.testing.assert_close(found, torch.full((1, *size), 0.4))


def test_no_steps_only_enlarge() -> None:
    scores = torch.rand(1, 4, 4)
    torch.testing.assert_close(pamr(scores, torch.rand(3, 4, 4), 0), scores)
    torch.testing.assert_close(pamr(scores, torch.rand(3, 4, 4), 5, ()), scores)


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        pamr(torch.rand(1, 4, 4), torch.rand(3, 4, 4), cancel=token)
