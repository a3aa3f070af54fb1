from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document import ClassMask, Document, Surface, coverage_of, masks
from ovedit.document.masks import Candidate, ScoreMap
from ovedit.errors import DocumentError, UsageError
from ovedit.geometry import Rect
from ovedit.workflows import mask_ops, threshold

WHITE = np.full((400, 600, 4), 255, np.uint8)


def smooth_scores(seed: int, shape: tuple[int, int] = (50, 75)) -> np.ndarray:
    import cv2

    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(shape), (0, 0), 5)
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float16)


def with_mask(rect: Rect, at: float = 0.5, seed: int = 3) -> tuple[Document, str]:
    document = Document.from_pixels(WHITE.copy(), "white")
    candidate = Candidate("bench", 0.8, ScoreMap(smooth_scores(seed), rect), at)
    mask = ClassMask("bench", (1, 2, 3), threshold=at, candidates=(candidate,))
    with document.transaction("Select") as tx:
        coverage = masks.from_scores(candidate.scores, at, document.size)
        tx.add_mask(mask, Surface.from_array(coverage))
    return document, mask.id


def paint(document: Document, mask_id: str, rect: Rect, value: int) -> None:
    with document.transaction("Brush") as tx:
        dab = np.full((rect.height, rect.width), value, np.uint8)
        tx.write(coverage_of(mask_id), rect, dab)


RECTS = st.builds(
    Rect, st.integers(-40, 500), st.integers(-40, 300), st.integers(60, 640), st.integers(60, 440)
)


@settings(max_examples=25, deadline=None)
@given(rect=RECTS, old=st.floats(0, 1), new=st.floats(0, 1))
def test_an_untouched_mask_is_what_the_engine_would_give(rect: Rect, old: float, new: float):
    document, mask_id = with_mask(rect, old)
    threshold.set_threshold(document, mask_id, new)
    scores = document.masks[0].candidates[0].scores
    expected = masks.from_scores(scores, new, document.size)
    assert np.array_equal(document.state.coverage(mask_id), expected)
    assert document.masks[0].threshold == new


def test_there_and_back_is_the_same_mask() -> None:
    document, mask_id = with_mask(Rect(0, 0, 600, 400))
    before = document.state.coverage(mask_id)
    threshold.set_threshold(document, mask_id, 0.7)
    assert not np.array_equal(document.state.coverage(mask_id), before)
    threshold.set_threshold(document, mask_id, 0.5)
    assert np.array_equal(document.state.coverage(mask_id), before)


def test_corrections_by_hand_stay() -> None:
    document, mask_id = with_mask(Rect(0, 0, 600, 400))
    added, taken = Rect(10, 20, 90, 60), Rect(300, 200, 120, 80)
    paint(document, mask_id, added, 255)
    paint(document, mask_id, taken, 0)
    outside = Rect(0, 300, 200, 50)
    before = document.state.coverage(mask_id)
    engine_gave = masks.from_scores(document.masks[0].candidates[0].scores, 0.5, document.size)
    corrected = before != engine_gave
    assert corrected.sum() > 1000
    threshold.set_threshold(document, mask_id, 0.65)
    after = document.state.coverage(mask_id)
    assert np.array_equal(after[corrected], before[corrected])
    fresh = masks.from_scores(document.masks[0].candidates[0].scores, 0.65, document.size)
    assert np.array_equal(after[~corrected], fresh[~corrected])
    assert np.array_equal(after[outside.slices], fresh[outside.slices])


def test_what_lies_outside_of_the_score_map_stays() -> None:
    document, mask_id = with_mask(Rect(200, 100, 200, 200))
    paint(document, mask_id, Rect(0, 0, 50, 50), 200)
    threshold.set_threshold(document, mask_id, 0.9)
    assert (document.state.coverage(mask_id)[:50, :50] == 200).all()


def test_one_undo_step() -> None:
    document, mask_id = with_mask(Rect(0, 0, 600, 400))
    before = document.state.coverage(mask_id)
    threshold.set_threshold(document, mask_id, 0.8)
    document.undo()
    assert np.array_equal(document.state.coverage(mask_id), before)
    assert document.masks[0].threshold == 0.5


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("rect", [Rect(0, 0, 600, 400), Rect(37, 51, 411, 263)])
def test_the_preview_shows_what_the_threshold_will_give(level: int, rect: Rect) -> None:
    document, mask_id = with_mask(rect)
    paint(document, mask_id, Rect(100, 60, 96, 64), 255)
    paint(document, mask_id, Rect(320, 200, 64, 64), 0)
    shown = threshold.ThresholdPreview(document.state, mask_id, level).at(0.62)
    threshold.set_threshold(document, mask_id, 0.62)
    surface = document.state.surface(coverage_of(mask_id))
    real = surface.read(surface.level_size(level).rect, level)
    assert shown.shape == real.shape
    apart = np.abs(shown.astype(int) - real)
    # A score map that does not start on the level's grid may be off by part of a level's pixel.
    assert apart.mean() < (0.5 if rect.x == 0 else 8)
    assert np.percentile(apart, 95) <= (4 if rect.x == 0 else 40)
    if level == 0 and rect.x == 0:
        assert not apart.any()


def test_a_preview_serves_a_whole_drag() -> None:
    document, mask_id = with_mask(Rect(0, 0, 600, 400))
    preview = threshold.ThresholdPreview(document.state, mask_id, 1)
    areas = [int((preview.at(value) > 127).sum()) for value in (0.2, 0.4, 0.6, 0.8)]
    assert areas == sorted(areas, reverse=True) and areas[0] > areas[-1]
    assert document.masks[0].threshold == 0.5


def test_a_mask_made_by_hand_has_no_threshold() -> None:
    document, _ = with_mask(Rect(0, 0, 600, 400))
    by_hand = mask_ops.add_mask(document, np.full((400, 600), 255, np.uint8))
    with pytest.raises(DocumentError, match="made by hand"):
        threshold.set_threshold(document, by_hand, 0.3)
    with pytest.raises(DocumentError, match="made by hand"):
        threshold.ThresholdPreview(document.state, by_hand, 0)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_threshold_out_of_range_is_refused(value: float) -> None:
    document, mask_id = with_mask(Rect(0, 0, 600, 400))
    with pytest.raises(UsageError, match="out of range"):
        threshold.set_threshold(document, mask_id, value)
