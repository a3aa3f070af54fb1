from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.segmentation.overlap import iou
from ovedit.engine.segmentation.proposals import (
    choose,
    ensemble,
    overlap,
    painted,
    penalty,
    pooled,
)
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.values import FeatureMap, Proposal
from ovedit.geometry import Rect, Size

SIZE = Size(40, 20)
SETTINGS = SegmentationSettings()


def box(x: int, y: int, width: int, height: int) -> Proposal:
    return Proposal(np.ones((height, width), bool), Rect(x, y, width, height), 0.9, 0.95)


boxes = st.builds(
    box, st.integers(0, 30), st.integers(0, 10), st.integers(1, 10), st.integers(1, 10)
)


def knobs(**values: object) -> SegmentationSettings:
    return replace(SETTINGS, proposals=replace(SETTINGS.proposals, **values))


def test_pooled_features_are_the_mean_of_the_cells_that_a_mask_covers() -> None:
    values = torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(0))
    features = FeatureMap(values, values.mean((0, 1)))
    # Cells are 5 by 5 pixels: the mask covers two whole ones and the halves of two others.
    (found,) = pooled(features, [box(5, 5, 10, 5)], SIZE)
    cells = values[1, 1] + values[1, 2]
    torch.testing.assert_close(found, cells / cells.norm())
    (found,) = pooled(features, [box(0, 0, 5, 8)], SIZE)
    cells = values[0, 0] + 0.6 * values[1, 0]
    torch.testing.assert_close(found, cells / cells.norm())


@given(boxes)
def test_every_mask_has_features_even_a_tiny_one(proposal: Proposal) -> None:
    features = FeatureMap(torch.ones(3, 3, 2), torch.ones(2))
    (found,) = pooled(features, [proposal], SIZE)
    torch.testing.assert_close(found, torch.full((2,), 0.5**0.5))


@given(boxes, boxes)
def test_overlap_is_that_of_the_masks_in_the_picture(first: Proposal, second: Proposal) -> None:
    one, other = painted([first], SIZE), painted([second], SIZE)
    assert overlap(first, second) == pytest.approx((one & other).sum() / (one | other).sum())
    assert overlap(first, second) == iou(one, other)
    assert overlap(first, first) == 1


def test_cells_count_by_the_exact_area_that_a_mask_covers_of_them() -> None:
    rng = np.random.default_rng(0)
    size, proposal = (
        Size(300, 200),
        Proposal(rng.random((90, 130)) > 0.4, Rect(60, 33, 130, 90), 1, 1),
    )
    values = torch.eye(7 * 11).view(7, 11, -1)
    (found,) = pooled(FeatureMap(values, torch.ones(1)), [proposal], size)
    # Every pixel in 77 times as many parts, so that cells hold whole ones.
    fine = np.kron(painted([proposal], size), np.ones((7, 11)))
    cells = fine.reshape(7, 200, 11, 300).sum((1, 3)).ravel()
    np.testing.assert_allclose(found, cells / np.linalg.norm(cells), atol=1e-6)


def test_large_masks_are_worth_less() -> None:
    line = SETTINGS.proposals.size_penalty
    assert [penalty(share, line) for share in (0.0, 0.15, 0.5, 1.0)] == [1, 1, 0.15, 0.15]
    assert penalty(0.325, line) == pytest.approx((1 + 0.15) / 2)


def test_the_best_few_of_a_phrase_are_taken_no_two_alike() -> None:
    proposals = [box(0, 0, 8, 8), box(0, 0, 8, 7), box(20, 0, 8, 8), box(30, 10, 8, 8)]
    fits = np.array([0.9, 0.95, 0.6, 0.7])
    chosen = choose(proposals, fits, np.zeros(4), SIZE, knobs(top_k=2))
    assert [one.proposal for one in chosen] == [proposals[1], proposals[3]]
    assert [one.score for one in chosen] == pytest.approx([0.95, 0.7])
    chosen = choose(proposals, fits, np.zeros(4), SIZE, knobs(top_k=9, nms=1.0))
    assert [one.score for one in chosen] == pytest.approx([0.95, 0.9, 0.7, 0.6])


def test_what_fits_the_background_counts_less() -> None:
    proposals = [box(0, 0, 8, 8), box(20, 0, 8, 8)]
    fits, nothing = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    chosen = choose(proposals, fits, nothing, SIZE, knobs(background_weight=0.3))
    assert [one.proposal for one in chosen] == [proposals[1], proposals[0]]
    assert chosen[1].score == pytest.approx(0.2)


def test_tiny_and_unlikely_masks_are_dropped() -> None:
    proposals = [box(0, 0, 1, 1), box(20, 0, 8, 8)]
    fits = np.array([0.9, 0.1])
    assert choose(proposals, fits, np.zeros(2), SIZE, knobs(min_area=0.01, small_grid=0)) == ()
    found = choose(proposals, fits, np.zeros(2), SIZE, knobs(min_area=0.01, small_grid=16))
    assert [one.proposal for one in found] == [proposals[0]], "the second grid finds smaller ones"
    kept = choose(proposals, fits, np.zeros(2), SIZE, knobs(min_area=0, large_threshold=0))
    assert len(kept) == 2
    # A small mask has to be surer than a large one.
    wide = Size(1000, 1000)
    sure = knobs(min_area=0, small_threshold=0.95, large_threshold=0)
    assert choose([proposals[1]], fits[:1], np.zeros(1), wide, sure) == ()


def test_the_ensemble_raises_the_map_where_fitting_masks_are() -> None:
    dense = np.full((20, 40), 0.5, np.float32)
    mixed = ensemble(
        dense, [box(0, 0, 10, 10), box(20, 0, 10, 10)], np.array([0.9, 0.4]), SIZE,
        knobs(ensemble=0.2, ensemble_least=0.5),
    )  # fmt: skip
    assert mixed[5, 5] == pytest.approx(0.8 * 0.5 + 0.2 * 0.9)
    assert mixed[5, 25] == pytest.approx(0.8 * 0.5), "a mask that hardly fits takes no part"
    assert mixed.shape == dense.shape
