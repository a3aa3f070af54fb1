"""Where the basic engine works: regions of a mask and the surroundings they get."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.engine.crop import context_crop, context_crops, mask_bounds
from ovedit.geometry import Rect, Size

sizes = st.integers(1, 400)


@st.composite
def pictures_with_holes(draw: st.DrawFn) -> tuple[Size, Rect]:
    width, height = draw(sizes), draw(sizes)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    hole = Rect(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    return Size(width, height), hole


@given(pictures_with_holes(), st.floats(0, 3), st.integers(0, 100))
def test_a_crop_holds_its_hole_and_lies_in_the_picture(
    case: tuple[Size, Rect], padding: float, least: int
) -> None:
    picture, hole = case
    crop = context_crop(hole, picture, padding, least)
    assert crop.contains(hole)
    assert picture.rect.contains(crop)


@given(pictures_with_holes(), st.integers(0, 100))
def test_a_crop_has_its_margin_or_reaches_the_border(case: tuple[Size, Rect], least: int) -> None:
    picture, hole = case
    crop = context_crop(hole, picture, 0.0, least)
    assert crop.contains(hole.padded(least).intersect(picture.rect))
    assert crop.width == min(hole.width + 2 * least, picture.width)
    assert crop.height == min(hole.height + 2 * least, picture.height)


masks = st.tuples(
    st.integers(1, 300),
    st.integers(1, 300),
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(1, 40), st.integers(1, 40)),
        max_size=6,
    ),
)


@settings(max_examples=60)
@given(masks, st.integers(0, 40))
def test_regions_hold_the_whole_mask_and_their_crops_are_apart(
    case: tuple[int, int, list[tuple[float, float, int, int]]], least: int
) -> None:
    height, width, boxes = case
    alpha = np.zeros((height, width), np.uint8)
    for y, x, h, w in boxes:
        top, left = int(y * (height - 1)), int(x * (width - 1))
        alpha[top : top + h, left : left + w] = 1
    regions = context_crops(alpha, 0.5, least)
    left_over = alpha.copy()
    for region in regions:
        left_over[region.hole.slices] = 0
        part = alpha[region.hole.slices]
        assert mask_bounds(part) == region.hole.size.rect
        assert region.crop.contains(region.hole)
    assert not left_over.any()
    for i, region in enumerate(regions):
        assert not any(region.crop.intersect(other.crop) for other in regions[:i])


@pytest.mark.parametrize(("gap", "count"), [(600, 2), (100, 1)])
def test_distant_regions_stay_apart_and_near_ones_join(gap: int, count: int) -> None:
    alpha = np.zeros((200, 1000), np.uint8)
    alpha[80:120, 50:90] = alpha[80:120, 90 + gap : 130 + gap] = 255
    assert len(context_crops(alpha)) == count


def test_an_empty_mask_has_no_region() -> None:
    assert context_crops(np.zeros((20, 30), np.uint8)) == []
    assert not mask_bounds(np.zeros((20, 30), np.uint8))


def test_the_faintest_single_pixel_is_a_region() -> None:
    alpha = np.zeros((2000, 3000), np.uint8)
    alpha[1999, 0] = 1
    (region,) = context_crops(alpha)
    assert region.hole == Rect(0, 1999, 1, 1)
    assert region.crop.size == Size(129, 129)
