from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, silent
from ovedit.engine.segmentation.backbone import Backbone
from ovedit.engine.segmentation.overlap import iou
from ovedit.engine.segmentation.proposals import (
    background,
    choose,
    cropped,
    ensemble,
    overlap,
    painted,
    penalty,
    pooled,
)
from ovedit.engine.segmentation.settings import SegmentationSettings
from ovedit.engine.segmentation.text import TextBank
from ovedit.engine.segmentation.values import FeatureMap, Proposal
from ovedit.errors import Cancelled
from ovedit.geometry import Rect, Size
from tests.engine.segmentation.test_text import Opener, by_hand

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


def test_crops_are_seen_at_their_sizes_and_weighed(clip: ClipModel) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8)
    settings = knobs(crop_sizes=(16, 34, 48), crop_weights=(0.2, 0.5, 0.3))
    proposals = [box(10, 8, 10, 5), box(0, 0, 5, 5)]
    found = cropped(clip, image, proposals, SIZE, settings, silent, CancelToken())
    # The picture is twice as large as the masks; a tenth of their length lies around them.
    far = np.pad(image, ((12, 12), (12, 12), (0, 0)), "edge")
    seen = [image[9:33, 18:42], far[11:23, 11:23]]
    backbone = Backbone(clip)
    for row, crop in zip(found, seen, strict=True):
        total = torch.zeros(24)
        for side, weight in ((16, 0.2), (32, 0.5), (48, 0.3)):
            small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
            rgb = torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None]
            y = backbone.walk(backbone.normalised(rgb), {5})[5]
            assert y.shape[1] == 1 + (side // 8) ** 2
            total += weight * backbone.features(y[0, 0])
        torch.testing.assert_close(row, total / total.norm(), atol=1e-5, rtol=0)


def test_a_crop_shows_nothing_of_what_is_transparent(clip: ClipModel) -> None:
    seen = []
    for colour in (0, 255):
        image = np.full((20, 40, 4), 90, np.uint8)
        image[:, :20] = (colour, colour, colour, 0)
        settings = knobs(crop_sizes=(32,), crop_weights=(1.0,))
        seen.append(
            cropped(clip, image, [box(12, 4, 12, 9)], SIZE, settings, silent, CancelToken())
        )
    assert torch.equal(*seen)


def test_cancelling_stops_before_the_next_crop(clip: ClipModel) -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    told: list[float] = []
    cancel = CancelToken()

    def stop(fraction: float, step: str = "", preview: object = None) -> None:
        told.append(fraction)
        if len(told) == 2:
            cancel.cancel()

    proposals = [box(x, 4, 8, 8) for x in (0, 8, 16, 24)]
    settings = knobs(crop_sizes=(16,), crop_weights=(1.0,))
    with pytest.raises(Cancelled):
        cropped(clip, image, proposals, SIZE, settings, stop, cancel)
    assert told == [0, 0.25]


def test_the_backgrounds_words_share_with_the_phrases(clip: ClipModel, tmp_path: Path) -> None:
    bank = TextBank("tiny", Opener(clip), tmp_path)
    said = ("background", "empty space")
    settings = replace(
        knobs(background_words=said), templates="1", logit_scale=20.0, temperature=2.0
    )
    random = np.random.default_rng(0)
    features, phrases = random.normal(size=(5, 24)), random.normal(size=(2, 24))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    found = background(
        torch.tensor(features).float(), torch.tensor(phrases).float(), bank, settings
    )
    words = [by_hand(clip, word, "1") for word in said]
    powers = np.exp(10 * features @ np.concatenate([phrases, words]).T)
    expected = powers[:, 2:].sum(1) / powers.sum(1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    silence = background(
        torch.tensor(features), torch.tensor(phrases), bank, knobs(background_words=())
    )
    assert silence.tolist() == [0] * 5


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


def test_a_large_mask_has_to_fit_better_to_come_first() -> None:
    small, large = box(0, 0, 8, 8), box(10, 0, 26, 10)
    # The large one is 0.325 of the picture, halfway between the knots.
    chosen = choose([large, small], np.array([0.9, 0.6]), np.zeros(2), SIZE, SETTINGS)
    assert [one.proposal for one in chosen] == [small, large]
    assert chosen[1].score == pytest.approx(0.9 * (1 + 0.15) / 2)
    flat = knobs(size_penalty=((0.15, 1.0),))
    chosen = choose([large, small], np.array([0.9, 0.6]), np.zeros(2), SIZE, flat)
    assert [one.score for one in chosen] == pytest.approx([0.9, 0.6])


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
    large = replace(sure, proposals=replace(sure.proposals, large_share=64 / 1_000_000))
    assert len(choose([proposals[1]], fits[:1], np.zeros(1), wide, large)) == 1


def test_the_ensemble_raises_the_map_where_fitting_masks_are() -> None:
    dense = np.full((20, 40), 0.5, np.float32)
    mixed = ensemble(
        dense, [box(0, 0, 10, 10), box(20, 0, 10, 10)], np.array([0.9, 0.4]), SIZE,
        knobs(ensemble=0.2, ensemble_least=0.5),
    )  # fmt: skip
    assert mixed[5, 5] == pytest.approx(0.8 * 0.5 + 0.2 * 0.9)
    assert mixed[5, 25] == pytest.approx(0.8 * 0.5), "a mask that hardly fits takes no part"
    assert mixed.shape == dense.shape
