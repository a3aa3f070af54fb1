from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sam2.sam2_image_predictor import SAM2ImagePredictor

from ovedit.engine.models.runtime.devices import Device
from ovedit.engine.protocols import CancelToken
from ovedit.engine.requests import Point
from ovedit.engine.segmentation.pictures import SamPictures, picture_key
from ovedit.engine.segmentation.sam import (
    THRESHOLD,
    Prompt,
    SamImage,
    click,
    embed,
    mask_prompt,
    soft_mask,
    upsampled,
    working_format,
)
from ovedit.errors import Cancelled, EngineError, UsageError
from ovedit.geometry import Rect, Size
from tests.engine.segmentation.sams import ScriptedSam, plain_photo, tiny_sam


def look(image: np.ndarray, side: int = 256) -> SamImage:
    size = Size(image.shape[1], image.shape[0])
    model = tiny_sam(side)
    return SamImage(model, embed(model, image), size)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return plain_photo()


@pytest.fixture(scope="module")
def sam(photo: np.ndarray) -> SamImage:
    return look(photo)


@pytest.fixture(scope="module")
def predictor(photo: np.ndarray) -> SAM2ImagePredictor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictor = SAM2ImagePredictor(tiny_sam(1024))
    predictor.set_image(photo)
    return predictor


@pytest.fixture(scope="module")
def full(photo: np.ndarray) -> SamImage:
    return look(photo, 1024)


class TestAgainstThePublishersPredictor:
    """`SAM2ImagePredictor` only works at SAM 2's own input size."""

    @pytest.mark.parametrize("several", [True, False])
    def test_points(
        self, predictor: SAM2ImagePredictor, full: SamImage, photo: np.ndarray, several: bool
    ) -> None:
        points = [(30.0, 40.0, True), (80.5, 60.0, False)]
        expected = predictor.predict(
            np.array([point[:2] for point in points]),
            np.array([point[2] for point in points], int),
            multimask_output=several,
            return_logits=True,
        )
        found = full.masks(Prompt(tuple(Point(*point) for point in points)), several=several)
        whole = upsampled(found.logits, full.size)
        np.testing.assert_allclose(whole, expected[0], atol=1e-5)
        np.testing.assert_allclose(found.iou, expected[1], atol=1e-6)
        np.testing.assert_allclose(found.logits, expected[2], atol=1e-5)

    def test_a_box_with_a_point_and_the_mask_so_far(
        self, predictor: SAM2ImagePredictor, full: SamImage
    ) -> None:
        before = full.masks(Prompt((Point(30, 40),)), several=False)
        expected = predictor.predict(
            np.array([[50.0, 50.0]]),
            np.array([1]),
            box=np.array([10, 20, 100, 90]),
            mask_input=before.logits.numpy(),
            multimask_output=False,
        )
        prompt = Prompt((Point(50, 50),), (10, 20, 100, 90), before.logits[0])
        found = full.masks(prompt, several=False)
        np.testing.assert_allclose(found.logits, expected[2], atol=1e-5)
        np.testing.assert_allclose(found.iou, expected[1], atol=1e-6)


@pytest.mark.parametrize("several", [True, False])
def test_the_decoder_for_one_prompt_says_what_the_publishers_does(
    sam: SamImage, several: bool
) -> None:
    assert sam.embedding.rows is not None
    plain = replace(sam, embedding=replace(sam.embedding, rows=None))
    mask = torch.linspace(-9, 9, 64 * 64).view(64, 64)
    for prompt in (
        Prompt((Point(30, 40),)),
        Prompt((Point(30, 40), Point(9, 9, False), Point(50, 60)), (5, 5, 90, 60)),
        Prompt(box=(5, 5, 90, 60), mask=mask),
        Prompt(mask=mask),
    ):
        ours, theirs = (each.masks(prompt, several=several) for each in (sam, plain))
        assert theirs.logits.std() > 0.1
        torch.testing.assert_close(ours.logits, theirs.logits, atol=2e-5, rtol=0)
        torch.testing.assert_close(ours.iou, theirs.iou, atol=1e-6, rtol=0)


def test_many_prompts_are_answered_like_each_alone_and_in_order(sam: SamImage) -> None:
    mask = torch.zeros(64, 64)
    prompts = [
        Prompt((Point(10, 10),)),
        Prompt((Point(90, 50),)),
        Prompt(box=(5, 5, 60, 60)),
        Prompt((Point(20, 20), Point(40, 80, False)), mask=mask),
        Prompt(mask=mask + 3),
    ]
    for together, prompt in zip(sam.each(prompts, several=True), prompts, strict=True):
        alone = sam.masks(prompt)
        assert torch.equal(together.logits, alone.logits)
        assert torch.equal(together.iou, alone.iou)


def test_a_batch_of_points_answers_like_single_points(sam: SamImage) -> None:
    prompts = [Prompt((Point(x, 40),)) for x in (5.0, 50.0, 95.0)]
    batched = sam._decode(prompts, several=True)
    for logits, prompt in zip(batched.logits, prompts, strict=True):
        torch.testing.assert_close(logits, sam.masks(prompt).logits, atol=1e-4, rtol=0)


def test_prompts_follow_the_size_that_they_are_given_in(sam: SamImage) -> None:
    double = sam.resized(Size(sam.size.width * 2, sam.size.height * 2))
    small, large = sam.masks(Prompt((Point(30, 20),))), double.masks(Prompt((Point(60, 40),)))
    torch.testing.assert_close(small.logits, large.logits)


def test_cancelling_stops_before_the_next_prompt(sam: SamImage) -> None:
    cancel = CancelToken()
    answers = sam.each([Prompt((Point(1, 1),))] * 3, cancel=cancel)
    next(answers)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(answers)


def test_progress_ends_at_one(sam: SamImage) -> None:
    told: list[float] = []
    prompts = [Prompt((Point(1, 1),)), Prompt((Point(2, 2),))]
    list(sam.each(prompts, progress=lambda fraction, step="", preview=None: told.append(fraction)))
    assert told == [0.0, 0.5, 1.0]


def test_a_half_format_gives_nearly_the_same_mask(photo: np.ndarray, sam: SamImage) -> None:
    model = tiny_sam()
    half = SamPictures().of(model, "tiny", photo, torch.float16)
    assert half.embedding.size_bytes < sam.embedding.size_bytes
    prompt = Prompt((Point(70, 50),))
    exact, rough = sam.masks(prompt).logits, half.masks(prompt).logits
    assert rough.dtype == torch.float32
    assert ((exact > 0) == (rough > 0)).float().mean() > 0.9


@pytest.mark.parametrize(
    ("fast", "expected"),
    [
        ({"bfloat16"}, torch.bfloat16),
        ({"float16", "bfloat16"}, torch.bfloat16),
        ({"float16"}, None),
        (set(), None),
    ],
)
def test_working_format(fast: set[str], expected: torch.dtype | None) -> None:
    device = Device("cuda:0", "cuda", "A card", 1, 1, frozenset(fast))
    assert working_format(device) is expected


class TestKeptPictures:
    def test_a_picture_is_embedded_once(self, photo: np.ndarray) -> None:
        kept = SamPictures()
        first = kept.of(tiny_sam(), "tiny", photo)
        assert kept.of(tiny_sam(), "tiny", photo).embedding is first.embedding
        assert kept.of(tiny_sam(), "tiny", photo.copy()).embedding is first.embedding
        assert kept.of(tiny_sam(), "another", photo).embedding is not first.embedding

    def test_one_changed_pixel_is_another_picture(self, photo: np.ndarray) -> None:
        other = photo.copy()
        other[3, 5, 1] ^= 1
        keys = {picture_key(photo), picture_key(other), picture_key(photo.transpose(1, 0, 2))}
        assert len(keys) == 3

    def test_the_oldest_goes_when_the_budget_is_spent(self, photo: np.ndarray) -> None:
        one = SamPictures().of(tiny_sam(), "tiny", photo).embedding.size_bytes
        kept = SamPictures(2 * one)
        pictures = [photo, photo[::-1].copy(), photo[:, ::-1].copy()]
        first, second, _ = (kept.of(tiny_sam(), "tiny", picture) for picture in pictures)
        assert len(kept) == 2
        assert kept.size_bytes == 2 * one
        assert kept.of(tiny_sam(), "tiny", pictures[1]).embedding is second.embedding
        assert kept.of(tiny_sam(), "tiny", pictures[0]).embedding is not first.embedding

    def test_one_larger_than_the_budget_is_kept(self, photo: np.ndarray) -> None:
        kept = SamPictures(1)
        first = kept.of(tiny_sam(), "tiny", photo)
        assert kept.of(tiny_sam(), "tiny", photo).embedding is first.embedding

    def test_forgetting(self, photo: np.ndarray) -> None:
        kept = SamPictures()
        kept.of(tiny_sam(), "tiny", photo)
        kept.clear()
        assert kept.size_bytes == 0


def test_transparency_is_grey(photo: np.ndarray) -> None:
    clear = np.dstack([photo, np.zeros(photo.shape[:2], np.uint8)])
    grey = np.full_like(photo, 128)
    torch.testing.assert_close(embed(tiny_sam(), clear).coarse, embed(tiny_sam(), grey).coarse)
    solid = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    torch.testing.assert_close(embed(tiny_sam(), solid).coarse, embed(tiny_sam(), photo).coarse)


@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1), (3, 5)])
def test_odd_pictures(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*shape, 4), np.uint8)
    sam = look(image)
    height, width = shape
    found = click(sam, [Point(width / 2, height / 2)])
    assert found.scores.rect == Rect(0, 0, width, height)
    assert np.isfinite(found.scores.values).all()
    assert soft_mask(found.logits, sam.size).shape == shape


def test_weights_that_are_no_numbers_are_told(photo: np.ndarray) -> None:
    model = tiny_sam.__wrapped__()
    model.no_mem_embed.fill_(float("nan"))
    with pytest.raises(EngineError, match="no numbers"):
        embed(model, photo)


class TestClicks:
    def test_the_score_map_is_the_mask_cut_at_its_threshold(self, sam: SamImage) -> None:
        found = click(sam, [Point(70, 50)])
        best = sam.masks(Prompt((Point(70, 50),))).best
        whole = upsampled(best.logits, sam.size)[0].numpy()
        assert found.scores.values.shape == whole.shape
        sure = np.abs(whole) > 1e-2
        assert np.array_equal((found.scores.values >= THRESHOLD)[sure], (whole >= 0)[sure])
        assert found.iou == pytest.approx(float(best.iou[0]))

    def test_a_correction_hears_the_mask_so_far(self, sam: SamImage) -> None:
        points = [Point(70, 50), Point(20, 20, False)]
        first = click(sam, points)
        second = click(sam, points, mask=first.logits)
        third = click(sam, points, mask=np.full((96, 144), 255, np.uint8))
        assert not torch.equal(first.logits, second.logits)
        assert not torch.equal(second.logits, third.logits)
        empty = click(sam, points, mask=np.zeros((96, 144), np.uint8))
        assert torch.equal(first.logits, empty.logits)

    def test_of_three_masks_at_one_point_the_surest_is_taken_and_else_there_is_one(self) -> None:
        masks = np.zeros((3, 64, 64), bool)
        for index in range(3):
            masks[index, 10 : 20 + 10 * index, 10:20] = True
        size = Size(64, 64)
        sam = ScriptedSam(size, lambda _: (masks, [0.3, 0.5, 0.4]))
        here, there = Point(15, 15), Point(50, 50, False)
        first = click(sam, [here])
        assert np.array_equal(first.scores.values >= THRESHOLD, masks[1])
        assert first.iou == pytest.approx(0.5)
        for points, box, mask in (
            ([here, there], None, None),
            ([], Rect(8, 8, 20, 20), None),
            ([here], Rect(8, 8, 20, 20), None),
            ([here], None, first.logits),
        ):
            found = click(sam, points, box, mask)
            assert np.array_equal(found.scores.values >= THRESHOLD, masks[0])
            assert found.iou == pytest.approx(0.3)

    def test_a_box_is_cut_to_the_picture(self, sam: SamImage) -> None:
        outside = click(sam, box=Rect(-50, 10, 100, 30))
        assert torch.equal(outside.logits, click(sam, box=Rect(0, 10, 50, 30)).logits)

    @pytest.mark.parametrize("box", [None, Rect(500, 500, 10, 10), Rect(4, 4, 0, 0)])
    def test_nothing_to_go_by(self, sam: SamImage, box: Rect | None) -> None:
        with pytest.raises(UsageError, match="neither a point nor a box"):
            click(sam, box=box)

    def test_score_maps_of_large_pictures_are_smaller(self, sam: SamImage) -> None:
        found = click(sam.resized(Size(6000, 4000)), [Point(3000, 2000)])
        assert found.scores.values.shape == (683, 1024)
        assert found.scores.rect == Rect(0, 0, 6000, 4000)


def test_a_drawn_mask_becomes_a_prompt() -> None:
    coverage = np.zeros((100, 200), np.uint8)
    coverage[:, 100:] = 255
    prompt = mask_prompt(coverage, 64)
    assert prompt.shape == (64, 64)
    assert prompt[0, 0] == -10
    assert prompt[63, 63] == 10
