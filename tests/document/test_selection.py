from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document.selection import magic_wand, polygon, rectangle
from ovedit.geometry import Rect, Size

SIZE = Size(80, 60)
points = st.tuples(st.floats(-30, 110), st.floats(-30, 90))


def whole(rect: Rect, coverage: np.ndarray) -> np.ndarray:
    assert coverage.shape == (rect.height, rect.width)
    out = np.zeros((SIZE.height, SIZE.width), np.uint8)
    out[rect.slices] = coverage
    return out


def test_a_polygon_covers_what_its_corners_enclose() -> None:
    found = whole(*polygon([(10, 10), (50, 10), (50, 40), (10, 40)], SIZE))
    assert (found[11:39, 11:49] == 255).all()
    inside = np.zeros_like(found)
    inside[9:41, 9:51] = 1
    assert not found[inside == 0].any()
    # OpenCV counts the outline as inside, which is up to a pixel all around.
    assert 40 * 30 <= found.sum() / 255 <= 42 * 32


def test_a_slanted_edge_is_antialiased() -> None:
    found = whole(*polygon([(10, 10), (60, 17), (60, 50), (10, 50)], SIZE))
    assert ((found > 0) & (found < 255)).sum() > 20


def test_fewer_than_three_corners_enclose_nothing() -> None:
    rect, coverage = polygon([(1, 1), (30, 30)], SIZE)
    assert not rect
    assert coverage.size == 0


@given(st.lists(points, min_size=3, max_size=8))
@settings(deadline=None)
def test_a_polygon_stays_in_the_picture_and_near_its_corners(
    corners: list[tuple[float, float]],
) -> None:
    rect, coverage = polygon(corners, SIZE)
    assert SIZE.rect.contains(rect) or not rect
    assert coverage.shape == (rect.height, rect.width)
    x, y = np.array(corners).T
    if rect:
        assert rect.x >= np.floor(x.min()) - 1 and rect.right <= np.ceil(x.max()) + 1
        assert rect.y >= np.floor(y.min()) - 1 and rect.bottom <= np.ceil(y.max()) + 1


@given(
    st.builds(
        Rect, st.integers(-30, 90), st.integers(-30, 70), st.integers(0, 90), st.integers(0, 90)
    )
)
def test_a_rectangle_is_cut_to_the_picture(rect: Rect) -> None:
    inside, coverage = rectangle(rect, SIZE)
    assert inside == rect.intersect(SIZE.rect)
    assert coverage.shape == (inside.height, inside.width)
    assert (coverage == 255).all()


def two_patches() -> np.ndarray:
    """Red patches at the left and right, one slightly darker, on blue."""
    pixels = np.full((60, 80, 4), 255, np.uint8)
    pixels[..., :3] = (0, 0, 255)
    pixels[10:50, 5:30, :3] = (200, 0, 0)
    pixels[10:50, 50:75, :3] = (190, 0, 0)
    return pixels


def test_the_wand_takes_what_hangs_together() -> None:
    found = magic_wand(two_patches(), 10, 20, 20)
    expected = np.zeros((60, 80), np.uint8)
    expected[10:50, 5:30] = 255
    assert np.array_equal(found, expected)


def test_the_wand_takes_similar_colours_everywhere() -> None:
    both = magic_wand(two_patches(), 10, 20, 20, contiguous=False)
    one = magic_wand(two_patches(), 10, 20, 5, contiguous=False)
    assert (both > 0).sum() == 2 * 40 * 25
    assert (one > 0).sum() == 40 * 25


@pytest.mark.parametrize("contiguous", [True, False])
def test_the_wand_does_not_change_the_picture(contiguous: bool) -> None:
    pixels = two_patches()
    found = magic_wand(pixels, 0, 0, 0, contiguous=contiguous)
    assert np.array_equal(pixels, two_patches())
    assert set(np.unique(found)) == {0, 255}
    assert found.shape == (60, 80) and found.dtype == np.uint8


def test_full_tolerance_takes_all() -> None:
    assert (magic_wand(two_patches(), 40, 30, 255) == 255).all()
    assert (magic_wand(two_patches(), 40, 30, 255, contiguous=False) == 255).all()
