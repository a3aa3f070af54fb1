from __future__ import annotations

import cv2
import numpy as np
import pytest

from ovedit.engine.segmentation.refine import edges, refine
from ovedit.engine.segmentation.refine.canvas import SIDE, Canvas
from ovedit.engine.segmentation.refine.drawing import Thing
from ovedit.engine.segmentation.refine.instances import split
from ovedit.geometry import Size


def scene(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on dark grain, and where it is."""
    down, across = np.mgrid[:side, :side] / side
    truth = np.hypot(across - 0.52, down - 0.47) < 0.28
    grain = np.random.default_rng(0).normal(0, 8, (side, side, 3))
    picture = np.where(truth[..., None], (190, 150, 90), (60, 80, 100)) + grain
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def coarse(truth: np.ndarray, cells: int = 24) -> np.ndarray:
    """What a dense map says: cells, blurred, never sure."""
    small = cv2.resize(truth.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    return 0.7 * cv2.GaussianBlur(small, (0, 0), 0.8)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("side", [400, 1500])
def test_edges_of_the_dense_mask_go_to_those_of_the_picture(side: int) -> None:
    picture, truth = scene(side)
    probability = coarse(truth)
    plain = cv2.resize(probability, (side, side)) >= 0.25
    found = refine(None, picture, probability, strategy="none", threshold=0.25)
    assert (found.source, found.agreement) == ("dense", 0.0)
    assert iou(plain, truth) < 0.95
    assert iou(found.alpha >= 0.5, truth) > 0.975
    assert found.alpha.shape == truth.shape
    # Soft only at the edge.
    assert np.mean((found.alpha > 0.05) & (found.alpha < 0.95)) < 0.08
    assert len(found.instances) == 1
    assert np.array_equal(found.instances[0], found.alpha >= 0.5)


def test_without_an_edge_in_the_picture_the_mask_stays_where_it_was() -> None:
    _, truth = scene(400)
    probability = coarse(truth)
    grey = np.full((400, 400, 4), 128, np.uint8)
    found = refine(None, grey, probability, strategy="none", threshold=0.35)
    plain = cv2.resize(probability, (400, 400)) >= 0.35
    assert iou(found.alpha >= 0.5, plain) > 0.97


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(6400, 3200), Size(SIDE, SIDE // 2)),
        (Size(100, 50), Size(100, 50)),
        (Size(10_000, 1), Size(SIDE, 1)),
        (Size(1, 1), Size(1, 1)),
    ],
)
def test_the_size_to_work_at(size: Size, expected: Size) -> None:
    assert Canvas.of(size, np.zeros((4, 4)), 0.5).size == expected


def thing(left: int, right: int, score: float, strength: float = 5.0) -> Thing:
    logits = np.full((40, 40), -5.0, np.float32)
    logits[10:30, left:right] = strength
    return Thing(logits, score)


class TestInstances:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 2:38] = True

    def test_of_two_that_are_nearly_the_same_the_better_counts(self) -> None:
        labels = split(self.mask, (thing(2, 36, 0.8), thing(3, 38, 0.9)))
        assert set(np.unique(labels)) == {0, 1}
        assert np.array_equal(labels > 0, self.mask)

    def test_a_part_of_a_thing_is_not_another(self) -> None:
        labels = split(self.mask, (thing(2, 38, 0.9), thing(10, 14, 0.8)))
        assert set(np.unique(labels)) == {0, 1}

    def test_where_two_overlap_a_little_the_stronger_has_it(self) -> None:
        labels = split(self.mask, (thing(2, 22, 0.9, 3.0), thing(18, 38, 0.8, 6.0)))
        assert labels[20, 5] == 1
        assert labels[20, 20] == 2

    def test_what_touches_a_thing_belongs_to_it_and_what_does_not_is_one_itself(self) -> None:
        mask = self.mask.copy()
        mask[34:39, 2:20] = True
        labels = split(mask, (thing(2, 30, 0.9),))
        assert labels[20, 36] == 1
        assert labels[36, 10] == 2
        assert np.array_equal(labels > 0, mask)

    def test_without_things_each_part_is_one(self) -> None:
        mask = np.zeros((40, 40), bool)
        mask[2:10, 2:10] = mask[20:38, 20:38] = True
        labels = split(mask, ())
        assert labels[30, 30] == 1
        assert labels[5, 5] == 2
        assert not split(np.zeros((4, 4), bool), ()).any()


@pytest.mark.parametrize("radius", [1, 4, 20])
@pytest.mark.parametrize("shape", [(300, 410), (128, 60), (1, 200)])
def test_the_filter_in_squares_is_that_of_the_whole(radius: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 255, (*shape, 3), dtype=np.uint8)
    mask = np.zeros(shape, np.float32)
    mask[shape[0] // 3 :, 20:70] = 1
    whole = cv2.ximgproc.guidedFilter(picture, mask, radius, edges._CONTRAST**2)
    found = edges._filtered(picture, mask, radius)
    np.testing.assert_allclose(found, np.reshape(whole, shape), atol=1e-5)
