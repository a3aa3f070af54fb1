from __future__ import annotations

import warnings

import numpy as np
import pytest
from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

from ovedit.engine.protocols import CancelToken
from ovedit.engine.segmentation import automatic
from ovedit.engine.segmentation.automatic import (
    Filters,
    automatic_masks,
    lattice,
    regions,
)
from ovedit.engine.segmentation.sam import Prompt, SamImage, embed
from ovedit.engine.segmentation.values import Proposal
from ovedit.errors import Cancelled
from ovedit.geometry import Rect, Size
from tests.engine.segmentation.sams import ScriptedSam, local_sam, plain_photo, tiny_sam


def look(image: np.ndarray, side: int = 256) -> SamImage:
    model = tiny_sam(side)
    return SamImage(model, embed(model, image), Size(image.shape[1], image.shape[0]))


def whole(item: Proposal, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[item.rect.slices] = item.mask
    return mask


def discs(*things: tuple[float, float, float]):
    """Answers with the disc (x, y, radius in 64ths) that the point lies in, thrice."""
    down, across = np.mgrid[:64, :64] + 0.5

    def answer(prompt: Prompt) -> tuple[np.ndarray, list[float]]:
        masks = np.zeros((3, 64, 64), bool)
        point = prompt.points[0]
        for x, y, radius in things:
            if np.hypot(point.x - x, point.y - y) < radius:
                masks[:] = np.hypot(across - x, down - y) < radius
        return masks, [0.9, 0.95, 0.5]

    return answer


@pytest.mark.parametrize(
    ("filters", "together"),
    [
        (Filters(0.3, 0.4, 0.4), 1),
        (Filters(0.52, 0.0, 0.7), 16),
        (Filters(0.5, 0.45, 0.3, several=False), 16),
    ],
)
def test_the_masks_of_the_publishers_generator_survive(filters: Filters, together: int) -> None:
    photo = plain_photo("astronaut", 120)
    model = local_sam(1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generator = SAM2AutomaticMaskGenerator(
            model,
            points_per_side=5,
            points_per_batch=together,
            pred_iou_thresh=filters.pred_iou,
            stability_score_thresh=filters.stability,
            box_nms_thresh=filters.nms,
            multimask_output=filters.several,
        )
    expected = generator.generate(photo)
    sam = SamImage(model, embed(model, photo), Size(120, 120))
    found = automatic_masks(sam, points_per_side=5, filters=filters)
    # Some, and not all.
    assert 5 < len(found) < 25 * (3 if filters.several else 1) - 5
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.iou == pytest.approx(theirs["predicted_iou"], abs=1e-5)
        assert ours.stability == pytest.approx(theirs["stability_score"], abs=1e-3)
        # Inclusive corners there.
        assert (ours.rect.x, ours.rect.y) == tuple(theirs["bbox"][:2])
        assert (ours.rect.width - 1, ours.rect.height - 1) == tuple(theirs["bbox"][2:])
        differing = whole(ours, photo.shape[:2]) != theirs["segmentation"]
        # The order of sums differs, so a pixel on the cut may fall to either side.
        assert differing.sum() <= 3


def test_things_are_found_once_and_the_best_first() -> None:
    sam = ScriptedSam(Size(64, 64), discs((16, 16, 9), (45, 40, 12)))
    found = automatic_masks(sam, points_per_side=16)
    assert len(sam.asked) == 256
    assert [item.rect for item in found if item.rect.x < 30] == [Rect(7, 7, 18, 18)]
    assert len(found) == 2
    for item in found:
        assert item.iou == pytest.approx(0.95)
        assert item.stability == 1.0
        assert item.mask.shape == (item.rect.height, item.rect.width)
        assert item.area == item.mask.sum()


def test_what_sam_does_not_trust_or_is_too_small_is_left_out() -> None:
    sam = ScriptedSam(Size(64, 64), discs((16, 16, 9), (45, 40, 12)))
    assert automatic_masks(sam, points_per_side=8, filters=Filters(pred_iou=0.96)) == ()
    large = automatic_masks(sam, points_per_side=8, filters=Filters(min_area=0.08))
    assert [item.rect for item in large] == [Rect(33, 28, 24, 24)]


def test_a_mask_that_hangs_on_the_cut_is_left_out() -> None:
    class Vague(ScriptedSam):
        def batches(self, *args: object, **kwargs: object):
            for masks in ScriptedSam.batches(self, *args, **kwargs):
                yield type(masks)(masks.logits * 0.05, masks.iou)

    sam = Vague(Size(64, 64), discs((16, 16, 9)))
    assert automatic_masks(sam, points_per_side=8) == ()


def test_nothing_found() -> None:
    assert automatic_masks(ScriptedSam(Size(64, 64), discs()), points_per_side=4) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1)])
def test_odd_pictures(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    found = automatic_masks(
        look(image), image, points_per_side=2, small_grid=4, filters=Filters(0.0, 0.0)
    )
    for item in found:
        assert Rect(0, 0, shape[1], shape[0]).contains(item.rect)
        assert item.mask.shape == (item.rect.height, item.rect.width)


def test_progress_and_cancelling() -> None:
    told: list[float] = []
    cancel = CancelToken()

    def progress(fraction: float, *_: object) -> None:
        told.append(fraction)
        if fraction >= 0.5:
            cancel.cancel()

    sam = look(plain_photo())
    with pytest.raises(Cancelled):
        automatic_masks(sam, points_per_side=4, progress=progress, cancel=cancel)
    assert told == [index / 16 for index in range(9)]


class TestTheSecondGrid:
    @pytest.fixture
    def image(self) -> np.ndarray:
        """Plain, but for small things in the corner at the lower right."""
        image = np.full((1024, 1024, 3), 120, np.uint8)
        for x in range(640, 1000, 60):
            for y in range(640, 1000, 60):
                image[y : y + 16, x : x + 16] = 240
        return image

    def test_it_looks_only_where_there_is_detail(self, image: np.ndarray) -> None:
        from ovedit.engine.segmentation.automatic import _windows

        jobs = _windows(image, Size(1024, 1024), side=16, most=4)
        assert [job.window for job in jobs] == [Rect(512, 512, 512, 512)]
        x, y = (512 + job * 512 for job in jobs[0].points.T)
        assert min(x.min(), y.min()) > 600
        assert 16 < len(x) < 256
        assert _windows(np.full_like(image, 99), Size(1024, 1024), side=16, most=4) == []

    def test_windows_are_bounded_and_inside(self) -> None:
        from ovedit.engine.segmentation.automatic import _windows

        noise = np.random.default_rng(1).integers(0, 255, (100, 150, 3), np.uint8)
        image = np.asarray(noise.repeat(8, 0).repeat(8, 1))
        size = Size(1200, 800)
        jobs = _windows(image, size, side=8, most=3)
        assert len(jobs) == 3
        assert all(size.rect.contains(job.window) for job in jobs)
        assert all(0 < len(job.points) <= 64 for job in jobs)

    def test_what_it_finds_lies_where_it_is_in_the_picture(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = np.full((512, 512, 3), 120, np.uint8)
        for x in range(262, 508, 20):
            for y in range(262, 508, 20):
                image[y : y + 8, x : x + 8] = 240
        small, at_the_border, cut_off, large = (40, 40, 4), (61, 20, 4), (3, 20, 4), (30, 30, 20)
        seen: list[np.ndarray] = []

        def closer(model: object, crop: np.ndarray, size: Size, half: object) -> ScriptedSam:
            seen.append(crop)
            return ScriptedSam(size, discs(large, small, at_the_border, cut_off))

        monkeypatch.setattr(automatic, "embed", lambda model, crop, half: crop)
        monkeypatch.setattr(automatic, "SamImage", closer)
        sam = ScriptedSam(Size(128, 128), discs())
        found = automatic_masks(sam, image, points_per_side=2, small_grid=16, windows=1)
        (crop,) = seen
        assert np.array_equal(crop, image[256:, 256:])
        # The others are cut off by the window, or found from afar as well.
        assert sorted((item.rect for item in found), key=lambda rect: rect.x) == [
            Rect(64 + 36, 64 + 36, 8, 8),
            Rect(64 + 57, 64 + 16, 7, 8),
        ]

    def test_what_was_seen_closer_stays_before_the_same_seen_from_afar(self) -> None:
        from ovedit.engine.segmentation.automatic import _distinct, _Found

        bits = np.packbits(np.ones(100, bool))
        afar = _Found(Rect(40, 40, 10, 10), bits, 100, 0.97, 1.0)
        closer = _Found(Rect(9, 10, 10, 10), bits, 100, 0.9, 1.0).moved(31, 30)
        elsewhere = _Found(Rect(0, 0, 10, 10), bits, 100, 0.95, 1.0)
        kept = _distinct([afar, closer, elsewhere], 0.7)
        assert [item.rect for item in kept] == [Rect(0, 0, 10, 10), Rect(40, 40, 10, 10)]
        assert [item.iou for item in kept] == [0.95, 0.9]

    def test_cancelling_takes_effect_before_a_window_is_embedded(
        self, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cancel, see = CancelToken(), discs((16, 16, 9))

        def answer(prompt: Prompt) -> tuple[np.ndarray, list[float]]:
            cancel.cancel()
            return see(prompt)

        sam = ScriptedSam(Size(512, 512), answer)
        monkeypatch.setattr(automatic, "embed", lambda *_: pytest.fail("a window was embedded"))
        with pytest.raises(Cancelled):
            automatic_masks(sam, image, points_per_side=1, small_grid=16, cancel=cancel)
        assert len(sam.asked) == 1

    def test_it_needs_the_picture(self, image: np.ndarray) -> None:
        with pytest.raises(ValueError, match="picture"):
            automatic_masks(look(image), points_per_side=2, small_grid=4)


def test_the_lattice_is_that_of_the_publisher() -> None:
    from sam2.utils.amg import build_point_grid

    np.testing.assert_allclose(lattice(7), build_point_grid(7), atol=1e-12)


def test_regions_number_every_pixel_by_its_largest_mask() -> None:
    small = Proposal(np.ones((2, 2), bool), Rect(1, 1, 2, 2), 0.9, 1.0)
    large = Proposal(np.eye(4, dtype=bool), Rect(0, 0, 4, 4), 0.9, 1.0)
    larger = Proposal(np.ones((1, 5), bool), Rect(0, 3, 5, 1), 0.9, 1.0)
    labels = regions([larger, small, large], (5, 5))
    assert labels.dtype == np.int32
    expected = [
        [2, 0, 0, 0, 0],
        [0, 2, 1, 0, 0],
        [0, 1, 2, 0, 0],
        [3, 3, 3, 3, 3],
        [0, 0, 0, 0, 0],
    ]
    assert labels.tolist() == expected
    assert regions([], (2, 3)).tolist() == [[0] * 3] * 2
