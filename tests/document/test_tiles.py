from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovedit.document import TILE, Surface
from ovedit.geometry import Rect, Size

sizes = st.builds(Size, st.sampled_from([1, 255, 256, 257, 520]), st.sampled_from([1, 256, 300]))
rects = st.builds(
    Rect, st.integers(-40, 530), st.integers(-40, 310), st.integers(1, 300), st.integers(1, 300)
)
channels = st.sampled_from([1, 4])


def noise(size: Size, channels: int, seed: int = 0) -> np.ndarray:
    shape = (size.height, size.width) + ((4,) if channels == 4 else ())
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def cut(array: np.ndarray, rect: Rect) -> np.ndarray:
    """The part of an array under a rectangle, zero outside of it."""
    out = np.zeros((rect.height, rect.width, *array.shape[2:]), np.uint8)
    inside = rect.intersect(Rect(0, 0, array.shape[1], array.shape[0]))
    if inside:
        out[inside.translated(-rect.x, -rect.y).slices] = array[inside.slices]
    return out


@given(sizes, channels, rects)
@settings(max_examples=60, deadline=None)
def test_reading_is_cutting_out_of_the_array(size: Size, channels: int, rect: Rect) -> None:
    array = noise(size, channels)
    surface = Surface.from_array(array)
    assert np.array_equal(surface.array(), array)
    found = surface.read(rect)
    expected = cut(array, rect)
    assert np.array_equal(found if found is not None else np.zeros_like(expected), expected)


@given(sizes, channels, st.lists(st.tuples(rects, st.integers(0, 3)), max_size=4))
@settings(max_examples=60, deadline=None)
def test_writing_is_writing_into_the_array(
    size: Size, channels: int, writes: list[tuple[Rect, int]]
) -> None:
    array = noise(size, channels)
    start = array.copy()
    surface = Surface.from_array(array)
    expected = array.copy()
    for rect, seed in writes:
        pixels = noise(rect.size, channels, seed) if seed else noise(rect.size, channels) * 0
        surface.write(rect, pixels)
        inside = rect.intersect(size.rect)
        if inside:
            expected[inside.slices] = pixels[inside.translated(-rect.x, -rect.y).slices]
    assert np.array_equal(surface.array(), expected)
    assert np.array_equal(array, start), "the array given to from_array was written to"


@given(channels, rects, rects)
@settings(max_examples=40, deadline=None)
def test_copies_are_independent(channels: int, first: Rect, second: Rect) -> None:
    size = Size(520, 300)
    original = Surface.from_array(noise(size, channels))
    original.write(first, noise(first.size, channels, 1))
    before = original.array()
    copy = original.copy()
    copy.write(second, noise(second.size, channels, 2))
    copied = copy.array()
    assert np.array_equal(original.array(), before)
    original.write(second, noise(second.size, channels, 3))
    assert np.array_equal(copy.array(), copied)


def test_a_copy_shares_what_is_not_written() -> None:
    surface = Surface.from_array(noise(Size(520, 300), 4))
    copy = surface.copy()
    copy.write(Rect(0, 0, 3, 3), np.zeros((3, 3, 4), np.uint8))
    assert surface.changed_tiles(copy) == [(0, 0)]


def test_share_keeps_tiles_that_were_handed_out() -> None:
    surface = Surface(Size(10, 10), 1)
    surface.write(Rect(0, 0, 10, 10), np.full((10, 10), 5, np.uint8))
    tile = surface.tile(0, 0)
    assert tile is not None
    surface.share()
    surface.write(Rect(0, 0, 2, 2), np.zeros((2, 2), np.uint8))
    assert (tile == 5).all()


def test_zero_tiles_cost_nothing() -> None:
    array = np.zeros((600, 600, 4), np.uint8)
    array[300, 300] = 1
    surface = Surface.from_array(array)
    assert [key for key, _ in surface.tiles()] == [(1, 1)]
    assert surface.read(Rect(0, 0, 200, 200)) is None
    surface.write(Rect(TILE, TILE, TILE, TILE), np.zeros((TILE, TILE, 4), np.uint8))
    assert list(surface.tiles()) == []


@given(st.lists(rects, max_size=3), channels)
@settings(max_examples=40, deadline=None)
def test_bounds_are_those_of_what_shows(areas: list[Rect], channels: int) -> None:
    size = Size(520, 300)
    surface = Surface(size, channels)
    for rect in areas:
        surface.write(rect, np.full((rect.height, rect.width, 4)[: 2 + channels // 4], 7, np.uint8))
    array = surface.array()
    rows, columns = np.nonzero(array if channels == 1 else array[..., 3])
    if rows.size:
        expected = Rect.from_edges(
            int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
        )
        assert surface.bounds() == expected
    else:
        assert not surface.bounds()


def test_equality_is_of_pixels() -> None:
    array = noise(Size(300, 20), 4)
    surface = Surface.from_array(array)
    assert surface.equals(Surface.from_array(array.copy()))
    assert not surface.equals(Surface.from_array(array[:, :299].copy()))
    assert not surface.equals(Surface(Size(300, 20), 1))
    other = surface.copy()
    other.write(Rect(299, 19, 1, 1), array[19:20, 299:] ^ 1)
    assert not surface.equals(other)
    empty, zeroed = Surface(Size(9, 9), 1), Surface(Size(9, 9), 1)
    zeroed.write(Rect(0, 0, 3, 3), np.zeros((3, 3), np.uint8))
    assert empty.equals(zeroed) and zeroed.equals(empty)


# -- mip levels ------------------------------------------------------------------------------------


@given(st.integers(1, 700), st.integers(1, 300), st.integers(0, 6))
def test_each_level_halves_rounding_up(width: int, height: int, level: int) -> None:
    surface = Surface(Size(width, height), 1)
    expected = (width, height)
    for _ in range(level):
        expected = ((expected[0] + 1) // 2, (expected[1] + 1) // 2)
    found = surface.level_size(level)
    assert (found.width, found.height) == expected


def test_a_level_is_the_mean_of_two_by_two() -> None:
    array = noise(Size(520, 300), 1)
    found = Surface.from_array(array).read(Rect(0, 0, 260, 150), 1)
    assert found is not None
    expected = array.reshape(150, 2, 260, 2).mean((1, 3))
    assert np.abs(found - expected).max() <= 0.5


def test_an_odd_edge_keeps_its_weight() -> None:
    array = np.full((3, 3), 100, np.uint8)
    found = Surface.from_array(array).read(Rect(0, 0, 2, 2), 1)
    assert found is not None
    assert (found == 100).all()


def test_transparent_colour_does_not_bleed_into_a_level() -> None:
    array = np.zeros((2, 2, 4), np.uint8)
    array[...] = (255, 0, 0, 0)
    array[0, 0] = (0, 0, 200, 255)
    found = Surface.from_array(array).read(Rect(0, 0, 1, 1), 1)
    assert found is not None
    assert found[0, 0].tolist() == [0, 0, 200, 64]


@given(rects, st.integers(1, 4), channels)
@settings(max_examples=40, deadline=None)
def test_levels_follow_what_is_written(rect: Rect, level: int, channels: int) -> None:
    size = Size(520, 300)
    surface = Surface.from_array(noise(size, channels))
    whole = surface.level_size(level).rect
    surface.read(whole, level)
    copy = surface.copy()
    copy.write(rect, noise(rect.size, channels, 1))
    fresh = Surface.from_array(copy.array())
    assert np.array_equal(copy.read(whole, level), fresh.read(whole, level))
    untouched = Surface.from_array(noise(size, channels))
    assert np.array_equal(surface.read(whole, level), untouched.read(whole, level))


@pytest.mark.parametrize("forward", [True, False])
def test_levels_follow_replaced_tiles(forward: bool) -> None:
    surface = Surface.from_array(noise(Size(520, 300), 4))
    surface.read(Rect(0, 0, 65, 38), 3)
    tile = None if forward else np.full((TILE, TILE, 4), 255, np.uint8)
    surface.replace_tiles([((0, 1), tile)])
    fresh = Surface.from_array(surface.array())
    assert np.array_equal(surface.read(Rect(0, 0, 65, 38), 3), fresh.read(Rect(0, 0, 65, 38), 3))
