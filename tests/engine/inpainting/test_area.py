"""What an inpainting model sees of a photograph: sizes, places, and the way there and back."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ovedit.engine.inpainting.area import (
    COARSE,
    ENLARGED,
    ModelShape,
    WorkArea,
    back,
    colours_of,
    glimpse,
    mask_back,
    mask_for,
    picture_for,
    work_areas,
)
from ovedit.errors import CannotDoError
from ovedit.geometry import Rect, Size

DIFFUSION = ModelShape((512,), multiple=64, cell=8)
LARGE = ModelShape((1024,), multiple=8, cell=8)
FIXED = ModelShape((512,), fixed=True)
ANY = ModelShape(multiple=8, most_pixels=512 * 512)
SMALL = ModelShape((64,), multiple=8, cell=8)
SHAPES = [DIFFUSION, LARGE, FIXED, ANY, SMALL]

sides = st.integers(1, 900)
shapes = st.sampled_from(SHAPES)


@st.composite
def holes(draw: st.DrawFn) -> np.ndarray:
    """A mask with one to three rectangles of faint or full alpha."""
    width, height = draw(sides), draw(sides)
    alpha = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        alpha[y : y + draw(st.integers(1, height - y)), x : x + draw(st.integers(1, width - x))] = (
            draw(st.sampled_from([1, 255]))
        )
    return alpha


def rectangle(width: int, height: int, hole: Rect) -> np.ndarray:
    alpha = np.zeros((height, width), np.uint8)
    alpha[hole.slices] = 255
    return alpha


def only(alpha: np.ndarray, shape: ModelShape, crop: Rect | None = None) -> WorkArea:
    (area,) = work_areas(alpha, shape, crop=crop)
    return area


@settings(max_examples=80, deadline=None)
@given(holes(), shapes, st.floats(0, 2))
def test_areas_hold_the_whole_mask_in_pictures_that_the_model_takes(
    alpha: np.ndarray, shape: ModelShape, padding: float
) -> None:
    areas = work_areas(alpha, shape, padding)
    left_over = alpha.copy()
    for area in areas:
        left_over[area.hole.slices] = 0
        assert area.crop.contains(area.hole)
        assert Rect(0, 0, alpha.shape[1], alpha.shape[0]).contains(area.crop)
        assert area.size.rect.contains(area.content)
        assert area.content
        if shape.fixed:
            assert area.size == Size(512, 512)
        else:
            assert area.size.width % shape.multiple == area.size.height % shape.multiple == 0
        if shape.sides:
            assert min(area.size.width, area.size.height) >= shape.sides[0] / 2
            assert area.size.area <= 1.25 * shape.sides[0] ** 2
    assert not left_over.any()


@settings(max_examples=80, deadline=None)
@given(holes(), shapes)
def test_nothing_is_stretched(alpha: np.ndarray, shape: ModelShape) -> None:
    for area in work_areas(alpha, shape):
        # At one scale, each side is off by less than a pixel of the photograph or of the model's.
        # A side that would be thinner than a pixel stays one.
        scale = min(area.size.width / area.crop.width, area.size.height / area.crop.height)
        for content, crop in (
            (area.content.width, area.crop.width),
            (area.content.height, area.crop.height),
        ):
            assert abs(content - max(1, crop * scale)) <= max(1.0, scale)


@settings(max_examples=80, deadline=None)
@given(holes(), shapes, st.floats(0, 1), st.floats(0, 1))
def test_places_survive_the_way_there_and_back(
    alpha: np.ndarray, shape: ModelShape, across: float, down: float
) -> None:
    for area in work_areas(alpha, shape):
        x, y = area.crop.x + across * area.crop.width, area.crop.y + down * area.crop.height
        there = area.to_model(x, y)
        assert area.to_photo(*there) == pytest.approx((x, y), abs=1e-9)
        assert area.content.x <= there[0] <= area.content.right + 1e-9
        assert area.content.y <= there[1] <= area.content.bottom + 1e-9


@settings(max_examples=80, deadline=None)
@given(holes(), shapes)
def test_a_crop_given_again_makes_the_same_area(alpha: np.ndarray, shape: ModelShape) -> None:
    areas = work_areas(alpha, shape)
    assume(len(areas) == 1)
    assert only(alpha, shape, areas[0].crop) == areas[0]


@settings(max_examples=60, deadline=None)
@given(holes(), shapes)
def test_every_changed_pixel_is_painted_and_the_way_back_covers_it(
    alpha: np.ndarray, shape: ModelShape
) -> None:
    for area in work_areas(alpha, shape):
        mask = mask_for(area, alpha)
        assert mask.shape == (area.size.height, area.size.width)
        assert set(np.unique(mask)) <= {0, 255}
        painted = mask_back(area, mask)
        inside = alpha[area.crop.slices]
        assert painted.shape == inside.shape
        assert (painted[inside > 0] == 255).all()


def blob(shape: tuple[int, int], x: float, y: float, spread: float) -> np.ndarray:
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    height = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * spread**2))
    return np.repeat((255 * height).astype(np.uint8)[..., None], 3, axis=2)


def centre(picture: np.ndarray) -> tuple[float, float]:
    weights = picture[..., 0].astype(float)
    rows, columns = np.mgrid[0 : weights.shape[0], 0 : weights.shape[1]] + 0.5
    return (
        float((weights * columns).sum() / weights.sum()),
        float((weights * rows).sum() / weights.sum()),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hole", [Rect(30, 40, 60, 90), Rect(0, 0, 640, 480), Rect(500, 380, 9, 9)])
def test_a_spot_stays_where_it_is_on_the_way_there_and_back(shape: ModelShape, hole: Rect) -> None:
    area = only(rectangle(640, 480, hole), shape)
    x, y = area.crop.x + 0.4 * area.crop.width, area.crop.y + 0.55 * area.crop.height
    colours = blob((480, 640), x, y, area.crop.width / 14)[area.crop.slices]
    seen = picture_for(area, colours)
    assert seen.shape == (area.size.height, area.size.width, 3)
    content = centre(seen[area.content.slices])
    spot = centre(colours)
    there = area.to_model(area.crop.x + spot[0], area.crop.y + spot[1])
    assert content[0] + area.content.x == pytest.approx(there[0], abs=0.5)
    assert content[1] + area.content.y == pytest.approx(there[1], abs=0.5)
    again = back(area, seen)
    assert again.shape == colours.shape
    assert centre(again) == pytest.approx(spot, abs=0.5)
    assert np.abs(again.astype(int) - colours).max() < 25


def test_a_model_at_its_native_size_gets_the_pixels_as_they_are() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    area = only(rectangle(512, 512, Rect(0, 0, 512, 512)), DIFFUSION)
    assert (back(area, picture_for(area, picture)) == picture).all()


def test_a_small_hole_is_enlarged_twice_and_a_large_one_reduced() -> None:
    small = only(rectangle(3000, 2000, Rect(1500, 1000, 20, 30)), DIFFUSION)
    assert small.scale == pytest.approx(ENLARGED, rel=0.01)
    assert not small.coarse
    large = only(rectangle(3000, 2000, Rect(500, 400, 1500, 1200)), DIFFUSION)
    assert large.scale < 1 / COARSE
    assert large.coarse


def test_a_crop_at_the_border_is_shifted_and_not_shrunk() -> None:
    middle = only(rectangle(3000, 2000, Rect(1500, 1000, 200, 200)), DIFFUSION)
    corner = only(rectangle(3000, 2000, Rect(2800, 1800, 200, 200)), DIFFUSION)
    assert corner.crop.size == middle.crop.size
    assert (corner.crop.right, corner.crop.bottom) == (3000, 2000)


def test_a_square_model_sees_a_square_where_there_is_one() -> None:
    area = only(rectangle(3000, 2000, Rect(1000, 900, 400, 100)), FIXED)
    assert area.crop.width == area.crop.height
    assert area.content == area.size.rect


def test_what_the_picture_lacks_is_mirrored() -> None:
    alpha = rectangle(900, 300, Rect(0, 100, 900, 100))
    area = only(alpha, FIXED)
    assert area.crop == Rect(0, 0, 900, 300)
    content = area.content
    assert (content.width, content.height) == (512, 171)
    colours = np.random.default_rng(1).integers(0, 255, (300, 900, 3), np.uint8)
    seen, mask = picture_for(area, colours), mask_for(area, alpha)
    above, below = content.y, content.bottom
    for array in (seen, mask):
        assert (array[above - 50 : above] == array[above : above + 50][::-1]).all()
        assert (array[below : below + 50] == array[below - 50 : below][::-1]).all()


def test_regions_far_apart_are_painted_one_by_one_and_near_ones_together() -> None:
    alpha = rectangle(3000, 2000, Rect(100, 1500, 60, 60))
    alpha[100:150, 2500:2580] = 255
    first, second = work_areas(alpha, DIFFUSION)
    assert (first.hole, second.hole) == (Rect(2500, 100, 80, 50), Rect(100, 1500, 60, 60))
    alpha[1700:1740, 250:300] = 255
    assert len(work_areas(alpha, DIFFUSION)) == 2


def test_regions_are_not_joined_where_that_would_cost_sharpness() -> None:
    alpha = rectangle(3000, 2000, Rect(100, 500, 400, 400))
    alpha[500:900, 1000:1400] = 255
    assert len(work_areas(alpha, DIFFUSION)) == 2
    assert len(work_areas(alpha, LARGE)) == 2
    alpha = rectangle(3000, 2000, Rect(100, 500, 100, 100))
    alpha[500:600, 400:500] = 255
    assert len(work_areas(alpha, LARGE)) == 1


def test_a_neighbours_hole_in_the_crop_is_painted_too() -> None:
    alpha = rectangle(3000, 2000, Rect(100, 500, 400, 400))
    alpha[500:900, 920:1400] = 255
    for area in work_areas(alpha, DIFFUSION, padding=0.25, crop=None):
        mask = mask_for(area, alpha)
        inside = alpha[area.crop.slices]
        share = (mask[area.content.slices] > 0).mean()
        assert share >= (inside > 0).mean()


def test_a_drawn_crop_is_taken_as_it_is() -> None:
    drawn = Rect(320, 410, 317, 222)
    area = only(rectangle(900, 800, Rect(400, 500, 50, 60)), DIFFUSION, drawn)
    assert area.crop == drawn
    assert area.note == ""


def test_a_drawn_crop_that_misses_the_mask_is_extended_and_that_is_said() -> None:
    alpha = rectangle(900, 800, Rect(400, 500, 50, 60))
    area = only(alpha, DIFFUSION, Rect(0, 0, 420, 520))
    assert area.crop == Rect(0, 0, 450, 560)
    assert "extended" in area.note
    assert only(alpha, DIFFUSION, Rect(2000, 2000, 50, 50)).crop == Rect(400, 500, 50, 60)


def test_two_regions_in_a_drawn_crop_are_painted_together() -> None:
    alpha = rectangle(3000, 2000, Rect(100, 100, 60, 60))
    alpha[1800:1850, 2500:2580] = 255
    area = only(alpha, DIFFUSION, Rect(0, 0, 3000, 2000))
    assert area.hole == Rect(100, 100, 2480, 1750)


def test_nothing_selected_is_said() -> None:
    with pytest.raises(CannotDoError, match="Nothing is selected"):
        work_areas(np.zeros((20, 30), np.uint8), DIFFUSION)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [Size(1, 1), Size(1, 3000), Size(3000, 1), Size(7, 5)])
def test_tiny_and_thin_pictures_make_the_whole_way(shape: ModelShape, size: Size) -> None:
    alpha = np.full((size.height, size.width), 255, np.uint8)
    area = only(alpha, shape)
    assert area.crop == size.rect
    colours = np.full((size.height, size.width, 3), 90, np.uint8)
    seen, mask = picture_for(area, colours), mask_for(area, alpha)
    assert seen.shape == (*mask.shape, 3) == (area.size.height, area.size.width, 3)
    assert (mask == 255).all()
    assert (seen == 90).all()
    assert (back(area, seen) == 90).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_one_pixel_is_not_lost(shape: ModelShape) -> None:
    alpha = np.zeros((2000, 3000), np.uint8)
    alpha[1234, 987] = 1
    area = only(alpha, shape, Rect(0, 0, 3000, 2000))
    mask = mask_for(area, alpha)
    x, y = area.to_model(987.5, 1234.5)
    assert mask[int(y), int(x)] == 255
    assert 1 <= (mask > 0).sum() <= 4 * shape.cell**2


def test_whole_latent_cells_are_painted() -> None:
    mask = mask_for(
        only(rectangle(512, 512, Rect(101, 203, 3, 2)), DIFFUSION, Rect(0, 0, 512, 512)),
        rectangle(512, 512, Rect(101, 203, 3, 2)),
    )
    assert (mask[200:208, 96:104] == 255).all()
    assert (mask > 0).sum() == 64


def test_what_is_invisible_does_not_leak_into_the_colours() -> None:
    image = np.zeros((40, 40, 4), np.uint8)
    image[...] = (255, 0, 255, 0)
    image[:, 20:] = (10, 20, 30, 255)
    image[:, 30:, 3] = 51
    area = only(rectangle(40, 40, Rect(5, 5, 10, 10)), SMALL)
    colours = colours_of(area, image)
    assert area.crop == Rect(0, 0, 40, 40)
    assert (colours[:, :20] == 128).all()
    assert (colours[:, 20:30] == (10, 20, 30)).all()
    assert (colours[:, 30:] == (104, 106, 108)).all()


def test_the_photograph_is_not_written_to() -> None:
    image = np.full((40, 40, 4), 77, np.uint8)
    image.flags.writeable = False
    area = only(rectangle(40, 40, Rect(0, 0, 40, 40)), SMALL)
    picture_for(area, colours_of(area, image))


@pytest.mark.parametrize("side", [16, 64, 300])
def test_a_glimpse_shows_the_hole_of_a_coarse_picture(side: int) -> None:
    hole = Rect(150, 120, 60, 90)
    area = only(rectangle(640, 480, hole), FIXED)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, axis=0).repeat(3, axis=2)
    coarse = np.asarray(cv2.resize(ramp, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    seen = glimpse(area, coarse)
    whole = back(area, coarse)[area.inside.slices]
    assert seen.shape == (90, 60, 3)
    assert np.abs(seen.astype(int) - whole).max() <= 4


def test_where_memory_is_short_the_next_smaller_size_is_taken() -> None:
    assert DIFFUSION.smaller is not None
    assert DIFFUSION.smaller.sides == (384,)
    between = ModelShape((1024, 512, 768), multiple=8)
    assert between.smaller is not None
    assert between.smaller.sides == (768, 512)
    assert FIXED.smaller is None
    shape: ModelShape | None = ANY
    pixels = []
    while shape is not None:
        pixels.append(shape.most_pixels)
        shape = shape.smaller
    assert pixels[1:] == sorted(pixels[1:], reverse=True)
    assert pixels[-1] >= 256 * 256


def test_a_very_large_photograph_is_never_made_as_floats() -> None:
    # One pixel that stands for all: only what is made of it takes memory.
    image = np.broadcast_to(np.array([200, 200, 200, 255], np.uint8), (9000, 12000, 4))
    alpha = np.broadcast_to(np.uint8(255), (9000, 12000))
    tracemalloc.start()
    area = only(alpha, LARGE)
    picture = picture_for(area, colours_of(area, image))
    mask = mask_for(area, alpha)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.all()
    assert (picture == 200).all()
    # The crop's colours are 324 MB; as floats they would be 1.3 GB.
    assert peak < 420e6
