from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ovedit.engine.protocols import CancelToken
from ovedit.engine.segmentation.refine import refine
from ovedit.engine.segmentation.sam import MASK_LOGIT, Prompt, SamImage, embed
from ovedit.engine.segmentation.setting_groups import RefineSettings
from ovedit.errors import Cancelled
from ovedit.geometry import Size
from tests.engine.segmentation.sams import Answer, ScriptedSam, plain_photo, tiny_sam

ALL = ("sam2-vote", "sam2-pseudo", "sam2-trident")
SIZE = Size(320, 320)
GREY = np.full((320, 320, 3), 128, np.uint8)
ANY_AREA = replace(RefineSettings(), component_area=0)


def square(left: int, top: int, right: int, bottom: int, value: float = 1.0) -> np.ndarray:
    """A map (64, 64) that has the value in a square of cells."""
    cells = np.zeros((64, 64), np.float32)
    cells[top:bottom, left:right] = value
    return cells


def always(*masks: np.ndarray, iou: tuple[float, ...] = (0.95, 0.9, 0.85)) -> Answer:
    """The same masks (64, 64), whatever is asked; the last of them repeated to three."""
    three = [*masks, masks[-1], masks[-1]][:3]
    return lambda _: (np.stack([mask > 0 for mask in three]), list(iou))


def cells_of(alpha: np.ndarray) -> np.ndarray:
    """Alpha (320, 320) in the middles of 64 × 64 cells."""
    return alpha[2::5, 2::5] >= 0.5


class TestVote:
    def run(self, sam: SamImage, probability: np.ndarray, **changes: object):
        settings = replace(RefineSettings(), **changes)
        return refine(
            sam, GREY, probability, strategy="sam2-vote", threshold=0.5, settings=settings
        )

    def test_a_point_at_the_centre_of_each_part_the_larger_first(self) -> None:
        sam = ScriptedSam(SIZE, always(square(0, 0, 1, 1)))
        self.run(sam, square(4, 4, 12, 12) + square(30, 40, 50, 60))
        points = [prompt.points[0] for prompt in sam.asked]
        assert [(point.x, point.y) for point in points] == [
            pytest.approx((199.5, 249.5), abs=0.6),
            pytest.approx((39.5, 39.5), abs=0.6),
        ]
        assert all(point.positive for point in points)

    def test_points_keep_their_distance(self) -> None:
        close = square(4, 4, 8, 8) + square(9, 4, 11, 8)
        far = ScriptedSam(SIZE, always(close))
        self.run(far, close)
        assert len(far.asked) == 2
        near = ScriptedSam(SIZE, always(close))
        self.run(near, close, vote_spacing=30)
        assert len(near.asked) == 1

    def test_a_ring_is_asked_about_on_itself(self) -> None:
        ring = square(10, 10, 50, 50) - square(16, 16, 44, 44)
        sam = ScriptedSam(SIZE, always(ring))
        self.run(sam, ring)
        point = sam.asked[0].points[0]
        assert ring[int(point.y / 5), int(point.x / 5)] == 1

    def test_masks_with_a_majority_in_the_class_are_ored(self) -> None:
        dense = square(10, 10, 40, 40)
        # 100 %, 61 % and 59 % of their pixels are the phrase's.
        inner, mostly, hardly = (
            square(12, 12, 38, 38),
            square(10, 23, 40, 51),
            square(10, 10, 40, 61),
        )
        assert (mostly * dense).sum() / mostly.sum() > 0.6
        assert (hardly * dense).sum() / hardly.sum() < 0.6
        found = self.run(ScriptedSam(SIZE, always(inner, mostly, hardly)), dense)
        assert found.source == "sam2"
        expected = (inner + mostly) > 0
        assert np.array_equal(cells_of(found.alpha), expected)
        union, both = (expected | (dense > 0)).sum(), (expected & (dense > 0)).sum()
        assert found.agreement == pytest.approx(both / union, abs=0.02)

    def test_how_many_masks_count_at_a_point(self) -> None:
        dense, worse, better = (
            square(10, 10, 40, 40),
            square(12, 12, 38, 38),
            square(10, 20, 40, 45),
        )
        answer = always(worse, better, square(0, 0, 1, 1), iou=(0.9, 0.95, 0.1))
        two = self.run(ScriptedSam(SIZE, answer), dense, vote_masks=2)
        assert np.array_equal(cells_of(two.alpha), (worse + better) > 0)
        # SAM 2's single mask is the first.
        one = self.run(ScriptedSam(SIZE, answer), dense, vote_masks=1)
        assert np.array_equal(cells_of(one.alpha), worse > 0)


class TestPseudo:
    def run(self, sam: SamImage, probability: np.ndarray, regions: int = 4):
        settings = replace(RefineSettings(), pseudo_regions=regions)
        return refine(
            sam, GREY, probability, strategy="sam2-pseudo", threshold=0.4, settings=settings
        )

    def test_regions_share_the_mask_out_among_them(self) -> None:
        dense = square(4, 20, 60, 30, 0.6)
        sam = ScriptedSam(SIZE, always(dense))
        self.run(sam, dense)
        masks = [prompt.mask for prompt in sam.asked]
        assert len(masks) == 4
        inside = torch.stack([mask for mask in masks if mask is not None]) > 0
        assert int(inside.sum(0).max()) == 1
        # A cell that several share belongs to none.
        assert (inside.any(0) == torch.from_numpy(dense > 0)).float().mean() > 0.99
        assert {float(mask.abs().max()) for mask in masks if mask is not None} == {MASK_LOGIT}
        widths = sorted(int(mask.any(0).sum()) for mask in inside)
        assert widths[-1] <= 2 * widths[0]

    def test_the_point_is_the_most_probable_pixel_of_its_region(self) -> None:
        dense = square(4, 4, 20, 20, 0.6) + square(40, 40, 56, 56, 0.6)
        dense[6:8, 5:7] = 0.9
        dense[50:52, 44:46] = 0.8
        sam = ScriptedSam(SIZE, always(dense))
        self.run(sam, dense, regions=2)
        points = sorted((prompt.points[0].x, prompt.points[0].y) for prompt in sam.asked)
        assert points == [pytest.approx((29.5, 34.5), abs=2), pytest.approx((224.5, 254.5), abs=2)]

    def test_answers_that_are_mostly_something_else_are_dropped(self) -> None:
        dense = square(4, 4, 20, 20)

        def answer(prompt: Prompt) -> tuple[np.ndarray, list[float]]:
            left = prompt.points[0].x < 60
            mask = square(4, 4, 20, 20) if left else square(12, 4, 50, 20)
            return np.stack([mask > 0] * 3), [0.9] * 3

        found = self.run(ScriptedSam(SIZE, answer), dense, regions=2)
        assert found.source == "sam2"
        assert np.array_equal(cells_of(found.alpha), dense > 0)

    def test_it_asks_the_same_every_time(self) -> None:
        noise = np.random.default_rng(0).random((20, 20)).astype(np.float32)
        asked = []
        for _ in range(2):
            sam = ScriptedSam(SIZE, always(square(0, 0, 64, 64)))
            self.run(sam, noise)
            asked.append([prompt.points for prompt in sam.asked])
        assert asked[0] == asked[1]


class TestTrident:
    def run(self, sam: SamImage, probability: np.ndarray, settings: RefineSettings = ANY_AREA):
        return refine(
            sam, GREY, probability, strategy="sam2-trident", threshold=0.3, settings=settings
        )

    def test_each_part_is_asked_about_with_box_point_and_weak_mask(self) -> None:
        dense = square(10, 20, 30, 30, 0.5) + square(40, 40, 44, 44, 0.8)
        dense[24:26, 14:16] = 0.9
        sam = ScriptedSam(SIZE, always(dense))
        self.run(sam, dense)
        first, second = sam.asked
        assert first.box == pytest.approx((50, 100, 149, 149), abs=2)
        assert second.box == pytest.approx((200, 200, 219, 219), abs=2)
        assert (first.points[0].x, first.points[0].y) == pytest.approx((74.5, 124.5), abs=2)
        # The hint is of the whole phrase, the same for every part.
        assert first.mask is not None
        assert second.mask is first.mask
        expected = torch.from_numpy(np.where(dense >= 0.3, 0.005 * dense, 0)).float()
        away = (first.mask - expected).abs()
        assert float(away.max()) < 0.005
        assert float(away.mean()) < 1e-4

    def test_where_sam_does_not_trust_itself_the_part_stays(self) -> None:
        dense = square(10, 10, 30, 30, 0.6) + square(40, 40, 60, 60, 0.6)

        def answer(prompt: Prompt) -> tuple[np.ndarray, list[float]]:
            left = prompt.points[0].x < 160
            mask = square(12, 12, 28, 28) if left else square(0, 0, 64, 64)
            return np.stack([mask > 0] * 3), [0.81 if left else 0.79] * 3

        found = self.run(ScriptedSam(SIZE, answer), dense)
        expected = square(12, 12, 28, 28) + square(40, 40, 60, 60) > 0
        assert np.array_equal(cells_of(found.alpha), expected)
        assert found.source == "sam2"
        assert len(found.instances) == 2

    def test_small_parts_are_dropped(self) -> None:
        dense = square(10, 10, 40, 40, 0.6) + square(50, 50, 54, 54, 0.6)
        sam = ScriptedSam(SIZE, always(square(10, 10, 40, 40)))
        found = self.run(sam, dense, RefineSettings())
        assert len(sam.asked) == 1
        assert np.array_equal(cells_of(found.alpha), square(10, 10, 40, 40) > 0)

    def test_the_best_scored_thing_comes_first(self) -> None:
        dense = square(4, 4, 30, 30, 0.4) + square(40, 40, 60, 60, 0.9)

        def answer(prompt: Prompt) -> tuple[np.ndarray, list[float]]:
            left = prompt.points[0].x < 160
            return np.stack([(dense > 0.5) ^ left & (dense > 0)] * 3), [0.9] * 3

        found = self.run(ScriptedSam(SIZE, answer), dense)
        assert [mask[250, 250] for mask in found.instances] == [True, False]


@pytest.mark.parametrize("strategy", ALL)
class TestAllStrategies:
    def test_what_sam_cannot_delimit_keeps_the_dense_mask(self, strategy: str) -> None:
        dense = square(0, 0, 64, 32, 0.9)
        sam = ScriptedSam(SIZE, always(square(20, 10, 26, 16), iou=(0.99, 0.99, 0.99)))
        found = refine(sam, GREY, dense, strategy=strategy, threshold=0.5, settings=ANY_AREA)
        assert found.source == "dense"
        assert found.agreement == pytest.approx(36 / (64 * 32), abs=0.01)
        assert (cells_of(found.alpha) == (dense > 0)).mean() > 0.98

    def test_two_things_are_two_instances(self, strategy: str) -> None:
        dense = square(4, 4, 24, 24, 0.7) + square(36, 36, 60, 60, 0.7)

        def answer(prompt: Prompt) -> tuple[np.ndarray, list[float]]:
            left = prompt.points[0].x < 160
            mask = square(4, 4, 24, 24) if left else square(36, 36, 60, 60)
            return np.stack([mask > 0] * 3), [0.9] * 3

        sam = ScriptedSam(SIZE, answer)
        found = refine(sam, GREY, dense, strategy=strategy, threshold=0.5, settings=ANY_AREA)
        assert found.source == "sam2"
        assert len(found.instances) == 2
        assert np.array_equal(found.instances[0] | found.instances[1], found.alpha >= 0.5)
        assert not (found.instances[0] & found.instances[1]).any()

    def test_nothing_probable_is_an_empty_mask_and_asks_nothing(self, strategy: str) -> None:
        for empty in (np.zeros((8, 8)), np.full((8, 8), np.nan), np.full((8, 8), 0.1)):
            sam = ScriptedSam(SIZE, always(square(0, 0, 9, 9)))
            found = refine(sam, GREY, empty, strategy=strategy, threshold=0.5)
            assert not found.alpha.any()
            assert found.alpha.shape == (320, 320)
            assert (found.instances, found.agreement, found.source) == ((), 0.0, "dense")
            assert not sam.asked

    def test_everything_probable(self, strategy: str) -> None:
        sam = ScriptedSam(SIZE, always(square(20, 20, 30, 30)))
        found = refine(sam, GREY, np.ones((8, 8)), strategy=strategy, threshold=0.5)
        assert (found.alpha >= 0.5).all()
        assert len(found.instances) == 1

    def test_cells_that_are_no_numbers_belong_to_nothing(self, strategy: str) -> None:
        probability = square(10, 10, 40, 40)
        probability[:5] = np.nan
        sam = ScriptedSam(SIZE, always(square(10, 10, 40, 40)))
        found = refine(sam, GREY, probability, strategy=strategy, threshold=0.5)
        assert np.isfinite(found.alpha).all()
        assert not found.alpha[:20].any()

    @pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1), (7, 1500)])
    def test_odd_pictures_in_the_real_classes(self, strategy: str, shape: tuple[int, int]) -> None:
        image = np.random.default_rng(0).integers(0, 255, (*shape, 4), np.uint8)
        model = tiny_sam()
        sam = SamImage(model, embed(model, image), Size(shape[1], shape[0]))
        probability = np.random.default_rng(1).random((3, 5))
        loose = replace(ANY_AREA, component_iou=0.0, agreement=0.0)
        for settings in (ANY_AREA, loose):
            found = refine(
                sam, image, probability, strategy=strategy, threshold=0.5, settings=settings
            )
            assert found.alpha.shape == shape
            assert found.alpha.dtype == np.float32
            assert 0 <= found.alpha.min() <= found.alpha.max() <= 1
            assert all(mask.shape == shape and mask.any() for mask in found.instances)

    def test_progress_and_cancelling(self, strategy: str) -> None:
        photo = plain_photo()
        model = tiny_sam()
        sam = SamImage(model, embed(model, photo), Size(144, 96))
        told: list[float] = []
        probability = np.zeros((12, 18))
        probability[2:6, 2:6] = probability[8:11, 10:16] = 1
        cancel = CancelToken()

        def stop(fraction: float, *_: object) -> None:
            told.append(fraction)
            cancel.cancel()

        refine(
            sam,
            photo,
            probability,
            strategy=strategy,
            threshold=0.5,
            settings=ANY_AREA,
            progress=lambda fraction, *_: told.append(fraction),
        )
        assert told == sorted(told)
        assert told[-1] == 1.0
        with pytest.raises(Cancelled):
            refine(
                sam,
                photo,
                probability,
                strategy=strategy,
                threshold=0.5,
                settings=ANY_AREA,
                progress=stop,
                cancel=cancel,
            )


def test_unknown_strategies_and_missing_parts() -> None:
    sam = ScriptedSam(SIZE, always(square(0, 0, 9, 9)))
    with pytest.raises(ValueError, match="sam9"):
        refine(sam, GREY, np.ones((4, 4)), strategy="sam9", threshold=0.5)
    with pytest.raises(ValueError, match="needs the picture"):
        refine(None, GREY, np.ones((4, 4)), strategy="sam2-vote", threshold=0.5)
    with pytest.raises(ValueError, match="shape"):
        refine(sam, GREY, np.ones((0, 4)), strategy="none", threshold=0.5)
