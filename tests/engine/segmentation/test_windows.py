"""Windows cover the picture; their blend is linear and has no seams."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.engine.segmentation.windows import (
    LONGEST,
    MOST_PATCHES,
    Canvas,
    WindowPlan,
    sliding,
    whole,
)
from ovedit.geometry import Rect

sides = st.integers(1, 12_000)


def features(plan: WindowPlan, grid: tuple[int, int], channels: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(*grid, channels, generator=generator) for _ in plan.windows]


def blend(plan: WindowPlan, maps: list[torch.Tensor]) -> torch.Tensor:
    canvas = Canvas(plan, (maps[0].shape[0], maps[0].shape[1]), maps[0].shape[2])
    for window, values in zip(plan.windows, maps, strict=True):
        canvas.add(window, values)
    return canvas.blended()


def test_the_references_protocol() -> None:
    plan = sliding(500, 375, 16, 336, 224, 112)
    assert (plan.width, plan.height) == (448, 336)
    assert {(w.x, w.y) for w in plan.windows} == {(x, y) for x in (0, 112, 224) for y in (0, 112)}
    assert plan.window == (224, 224)


def test_last_windows_end_at_the_edges() -> None:
    plan = sliding(1000, 600, 14, 336, 224, 112)
    assert max(w.right for w in plan.windows) == plan.width == 560
    assert max(w.bottom for w in plan.windows) == plan.height == 336


@settings(deadline=None)
@given(sides, sides, st.sampled_from([8, 14, 16]), st.integers(32, 500), st.integers(16, 400))
def test_windows_cover_everything_on_whole_patches(
    width: int, height: int, patch: int, short: int, crop: int
) -> None:
    plan = sliding(width, height, patch, short, crop, max(1, crop // 2))
    tall, wide = plan.window
    assert not any(length % patch for length in (plan.width, plan.height, tall, wide))
    assert max(plan.width, plan.height) <= LONGEST * min(plan.width, plan.height)
    for axis, span, length in (("x", wide, plan.width), ("y", tall, plan.height)):
        starts = sorted({getattr(window, axis) for window in plan.windows})
        assert starts[0] == 0 and starts[-1] + span == length
        assert all(later - earlier <= span for earlier, later in pairwise(starts))


@settings(deadline=None)
@given(sides, sides, st.sampled_from([8, 14, 16]), st.integers(32, 4096))
def test_a_whole_picture_stays_within_its_patches(
    width: int, height: int, patch: int, short: int
) -> None:
    plan = whole(width, height, patch, short)
    assert len(plan.windows) == 1 and plan.windows[0] == Rect(0, 0, plan.width, plan.height)
    assert plan.width * plan.height / patch**2 <= 1.3 * MOST_PATCHES


def test_one_window_is_its_own_map() -> None:
    plan = whole(500, 375, 16, 336)
    grid = plan.height // 16, plan.width // 16
    (values,) = features(plan, grid)
    assert torch.allclose(blend(plan, [values]), values, atol=1e-6)


def test_aligned_windows_are_not_resampled() -> None:
    """Each cell is between the smallest and the largest feature that the windows have there."""
    plan = sliding(448, 336, 16, 336, 224, 112)
    maps = features(plan, (14, 14))
    mixed = blend(plan, maps)
    assert mixed.shape == (21, 28, 3)
    for y, x in ((0, 0), (8, 10), (20, 27), (7, 14)):
        there = torch.stack(
            [
                values[y - w.y // 16, x - w.x // 16]
                for w, values in zip(plan.windows, maps, strict=True)
                if w.y <= 16 * y < w.bottom and w.x <= 16 * x < w.right
            ]
        )
        low, high = there.amin(0) - 1e-5, there.amax(0) + 1e-5
        assert ((low <= mixed[y, x]) & (mixed[y, x] <= high)).all()


CASES = [
    (16, 224, 112, (14, 14)),
    (16, 224, 28, (14, 14)),
    (16, 224, 100, (28, 28)),
    (14, 224, 112, (14, 14)),
    (14, 336, 131, (21, 21)),
]


@pytest.mark.parametrize(("patch", "crop", "stride", "grid"), CASES)
def test_the_blend_is_linear(patch: int, crop: int, stride: int, grid: tuple[int, int]) -> None:
    plan = sliding(700, 500, patch, 336, crop, stride)
    maps = features(plan, grid, 5)
    text = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    similarities = blend(plan, [values @ text for values in maps])
    assert torch.allclose(blend(plan, maps) @ text, similarities, atol=1e-5)


@pytest.mark.parametrize(("patch", "crop", "stride", "grid"), CASES)
def test_windows_that_agree_are_kept_as_they_are(
    patch: int, crop: int, stride: int, grid: tuple[int, int]
) -> None:
    """Features that grow evenly over the picture still do so in the map, but for held edges."""
    plan = sliding(700, 500, patch, 336, crop, stride)
    tall, wide = plan.window
    maps = []
    for window in plan.windows:
        y = window.y + (torch.arange(grid[0]) + 0.5) * tall / grid[0]
        x = window.x + (torch.arange(grid[1]) + 0.5) * wide / grid[1]
        maps.append(torch.stack(torch.meshgrid(y, x, indexing="ij"), -1))
    mixed = blend(plan, maps)
    y = (torch.arange(mixed.shape[0]) + 0.5) * plan.height / mixed.shape[0]
    x = (torch.arange(mixed.shape[1]) + 0.5) * plan.width / mixed.shape[1]
    told = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1)
    # At a window's edge its outermost feature is held for half a cell, where it counts little.
    assert (mixed - told).abs().max() <= 0.5 * tall / grid[0]
    assert (mixed - told).abs().median() < 1e-3


def test_there_are_no_seams() -> None:
    """Neighbouring windows of quite different values pass into each other evenly."""
    plan = sliding(1344, 336, 16, 336, 336, 168)
    maps = [torch.full((21, 21, 1), float(i % 2)) for i in range(len(plan.windows))]
    steps = blend(plan, maps)[10, :, 0].diff().abs()
    assert steps.max() < 0.12 and steps.max() > 0


def test_the_map_of_a_huge_panorama_stays_small() -> None:
    plan = sliding(8000, 1000, 16, 688, 336, 101)
    canvas = blend(plan, [torch.zeros(21, 21, 1)] * len(plan.windows))
    assert canvas.shape[0] * canvas.shape[1] < 45_000


def test_a_picture_that_was_not_looked_at_is_no_answer() -> None:
    plan = sliding(500, 375, 16, 336, 224, 112)
    canvas = Canvas(plan, (14, 14), 3)
    with pytest.raises(ValueError, match="not been looked at"):
        canvas.blended()
    canvas.add(plan.windows[0], torch.zeros(14, 14, 3))
    with pytest.raises(ValueError, match="not been looked at"):
        canvas.blended()
