"""Removing with the basic engine, through its one public function."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import skimage.data

from ovedit.engine.basic.remove import remove
from ovedit.engine.protocols import CancelToken, Preview, silent
from ovedit.engine.requests import PRESETS, EditKind, EditRequest, EditResult, Preset
from ovedit.errors import Cancelled, CannotDoError
from ovedit.geometry import Rect


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Opaque stripes with noise, (H, W, 4)."""
    random = np.random.default_rng(seed)
    ys, xs = np.indices((height, width))
    waves = 100 + 60 * np.sin((xs + ys) / 5)[..., None] + random.normal(0, 6, (height, width, 3))
    opaque = np.full((height, width, 1), 255)
    return np.concatenate([waves, opaque], 2).clip(0, 255).astype(np.uint8)


def alpha_of(height: int, width: int, *holes: Rect, value: int = 255) -> np.ndarray:
    alpha = np.zeros((height, width), np.uint8)
    for hole in holes:
        alpha[hole.slices] = value
    return alpha


def run(
    image: np.ndarray,
    alpha: np.ndarray,
    *,
    seed: int = 0,
    preset: Preset = "fast",
    crop: Rect | None = None,
) -> EditResult:
    request = EditRequest(EditKind.REMOVE, image, alpha, alpha, seed=seed, preset=preset, crop=crop)
    return remove(request, silent, CancelToken())


def applied(image: np.ndarray, alpha: np.ndarray, result: EditResult) -> np.ndarray:
    """The picture with the result where alpha > 0."""
    out = image.copy()
    part = alpha[result.rect.slices] > 0
    out[result.rect.slices][part] = result.pixels[part]
    return out


@pytest.mark.parametrize("preset", PRESETS)
def test_texture_comes_back(preset: Preset) -> None:
    photo = skimage.data.brick()
    image = np.dstack([photo, photo, photo, np.full_like(photo, 255)])[:256, :256]
    alpha = alpha_of(256, 256, Rect(100, 90, 60, 70))
    blind = image.copy()
    blind[alpha > 0] = (255, 0, 255, 255)
    out = applied(blind, alpha, run(blind, alpha, preset=preset))
    hole = alpha > 0
    error = ((out[hole, :3].astype(float) - image[hole, :3]) ** 2).mean()
    flat = ((image[hole, :3] - image[~hole, :3].mean(0)) ** 2).mean()
    assert error < 2 * flat
    assert out[hole, 0].std() > 0.6 * image[hole, 0].std()


def test_the_result_covers_the_mask_and_nothing_else_changes() -> None:
    image = picture(120, 160)
    alpha = alpha_of(120, 160, Rect(40, 30, 50, 20), value=1)
    before = image.copy()
    result = run(image, alpha)
    assert result.rect == Rect(40, 30, 50, 20)
    assert result.pixels.shape == (20, 50, 4)
    assert result.pixels.dtype == np.uint8
    assert (result.pixels[..., 3] == 255).all()
    assert result.engine == "basic"
    np.testing.assert_array_equal(image, before)


def test_what_is_under_the_mask_has_no_influence() -> None:
    image = picture(90, 110)
    alpha = alpha_of(90, 110, Rect(30, 30, 40, 25))
    other = image.copy()
    other[alpha > 0] = (0, 255, 0, 255)
    np.testing.assert_array_equal(run(image, alpha).pixels, run(other, alpha).pixels)


@pytest.mark.parametrize("seed", range(4))
def test_a_tall_hole_up_to_the_border_keeps_sky_above_and_ground_below(seed: int) -> None:
    random = np.random.default_rng(seed)
    image = np.full((240, 360, 4), 255, np.uint8)
    sky = np.linspace((60, 110, 200), (170, 200, 235), 120)[:, None]
    image[:120, :, :3] = sky + random.normal(0, 2, (120, 360, 1))
    ground = np.array([90, 140, 50]) + random.normal(0, 18, (120, 360, 1))
    image[120:, :, :3] = ground.clip(0, 255)
    sand = np.array([200, 180, 150]) + random.normal(0, 6, (40, 360, 1))
    image[200:, :, :3] = sand
    alpha = alpha_of(240, 360, Rect(220, 0, 140, 90), Rect(280, 90, 16, 80))
    out = applied(image, alpha, run(image, alpha, seed=seed)).astype(int)
    blue = out[:100, 220:, 2] > out[:100, 220:, 1] + 15
    assert blue.mean() > 0.99
    green = out[125:195, 280:296, 1] > out[125:195, 280:296, 2] + 15
    assert green.mean() > 0.95


def test_transparent_pixels_are_not_copied() -> None:
    image = picture(100, 140)
    alpha = alpha_of(100, 140, Rect(60, 40, 20, 20))
    image[:, :50] = (0, 255, 0, 0)
    other = image.copy()
    other[:, :50, :3] = (255, 0, 0)
    filled = run(image, alpha).pixels
    np.testing.assert_array_equal(filled, run(other, alpha).pixels)
    assert np.ptp(filled[..., :3].astype(int), axis=2).max() < 100


def test_only_colours_of_the_surroundings_appear() -> None:
    image = np.zeros((80, 80, 4), np.uint8)
    image[:] = (10, 200, 30, 255)
    alpha = alpha_of(80, 80, Rect(20, 20, 40, 40))
    image[alpha > 0] = (255, 0, 255, 255)
    assert (run(image, alpha).pixels == (10, 200, 30, 255)).all()


def test_a_seed_repeats_and_another_varies() -> None:
    image = picture(120, 120)
    alpha = alpha_of(120, 120, Rect(30, 30, 60, 60))
    first = run(image, alpha, seed=1).pixels
    np.testing.assert_array_equal(first, run(image, alpha, seed=1).pixels)
    assert (first != run(image, alpha, seed=2).pixels).any()


EDGES = {
    "all borders": (60, 70, [Rect(0, 0, 70, 15), Rect(0, 45, 70, 15), Rect(0, 0, 20, 60),
                             Rect(50, 0, 20, 60)]),
    "one pixel": (40, 40, [Rect(39, 0, 1, 1)]),
    "one row": (1, 90, [Rect(20, 0, 12, 1)]),
    "one column": (90, 1, [Rect(0, 70, 1, 20)]),
    "two pixels": (1, 2, [Rect(0, 0, 1, 1)]),
    "all but a pixel": (50, 50, [Rect(0, 0, 50, 49), Rect(0, 49, 49, 1)]),
    "checked": (30, 30, [Rect(x, y, 1, 1) for y in range(30) for x in range(y % 2, 30, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("case", EDGES.values(), ids=EDGES.keys())
def test_every_pixel_is_filled_from_known_ones(case: tuple[int, int, list[Rect]]) -> None:
    height, width, holes = case
    image = picture(height, width)
    image[..., 2] = 0
    alpha = alpha_of(height, width, *holes)
    image[alpha > 0] = (0, 0, 255, 255)
    result = run(image, alpha)
    filled = result.pixels[alpha[result.rect.slices] > 0]
    known = image[alpha == 0]
    assert (filled[:, 2] == 0).all()
    assert (filled[:, :2] >= known[:, :2].min(0)).all()
    assert (filled[:, :2] <= known[:, :2].max(0)).all()


def test_regions_far_apart_are_filled_by_themselves() -> None:
    image = picture(100, 1000)
    image[:, :500, :3] //= 4
    holes = (Rect(100, 40, 20, 20), Rect(850, 30, 30, 30))
    alpha = alpha_of(100, 1000, *holes)
    result = run(image, alpha)
    assert result.rect == holes[0].union(holes[1])
    out = applied(image, alpha, result)
    assert out[holes[0].slices][..., :3].max() <= image[:, :500, :3].max()
    assert out[holes[1].slices][..., :3].min() >= image[:, 600:, :3].min()


def test_the_crop_of_the_request_bounds_what_is_copied() -> None:
    image = picture(100, 300)
    alpha = alpha_of(100, 300, Rect(30, 30, 20, 20))
    other = image.copy()
    other[:, 90:, :3] = 255
    crop = Rect(0, 0, 90, 100)
    np.testing.assert_array_equal(
        run(image, alpha, crop=crop).pixels, run(other, alpha, crop=crop).pixels
    )


def test_a_crop_without_known_pixels_falls_back_on_the_picture() -> None:
    image = picture(60, 300)
    alpha = alpha_of(60, 300, Rect(0, 0, 100, 60))
    assert run(image, alpha, crop=Rect(0, 0, 50, 60)).rect == Rect(0, 0, 100, 60)


@pytest.mark.parametrize(
    ("value", "opacity", "words"),
    [(0, 255, "Nothing is selected"), (255, 255, "no pixel"), (255, 0, "no pixel")],
)
def test_what_cannot_be_done_is_said(value: int, opacity: int, words: str) -> None:
    image = picture(40, 50)
    image[..., 3] = opacity
    inside = Rect(5, 5, 10, 10) if opacity == 0 else Rect(0, 0, 50, 40)
    with pytest.raises(CannotDoError, match=words) as caught:
        run(image, alpha_of(40, 50, inside, value=value))
    assert caught.value.hint


def test_progress_rises_to_one_and_shows_previews_of_the_mask() -> None:
    image = picture(150, 200)
    alpha = alpha_of(150, 200, Rect(60, 50, 70, 60), Rect(0, 0, 3, 3))
    fractions: list[float] = []
    steps: set[str] = set()
    previews: list[Preview] = []

    def listen(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        fractions.append(fraction)
        steps.add(step)
        if preview is not None:
            previews.append(preview)

    remove(EditRequest(EditKind.REMOVE, image, alpha, alpha), listen, CancelToken())
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    rises = np.diff(fractions)
    assert rises.max() < 0.1, "no part of the work goes unreported"
    assert 0 < fractions[1] < 0.1
    assert all(steps)
    assert previews
    for preview in previews:
        np.testing.assert_array_equal(preview.pixels[..., 3], alpha[preview.rect.slices])


@pytest.mark.parametrize("at", [0, 1, 5])
def test_a_cancel_ends_the_work_and_leaves_no_thread(at: int) -> None:
    image = picture(300, 300)
    alpha = alpha_of(300, 300, Rect(50, 50, 200, 200))
    token = CancelToken()
    calls = 0

    def listen(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        nonlocal calls
        if calls == at:
            token.cancel()
        calls += 1

    before = threading.active_count()
    with pytest.raises(Cancelled):
        remove(EditRequest(EditKind.REMOVE, image, alpha, alpha), listen, token)
    assert calls == at + 1
    assert threading.active_count() == before
